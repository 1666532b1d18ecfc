//! As much of an HTTP client as the harness needs to talk to servers of its own on loopback.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An order is answered after ten seconds at most.
const DEADLINE: Duration = Duration::from_secs(60);

/// Status and body of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Sends one request and reads the answer to its end.
pub(super) fn ask(server: SocketAddr, request_line: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
    let (status, body) = fetch(server, request_line, headers, body, DEADLINE)?;
    let body = String::from_utf8(body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Answer { status, body })
}

/// The same for an answer that may be no text, and may take its time.
pub(super) fn fetch(
    server: SocketAddr,
    request_line: &str,
    headers: &[(&str, &str)],
    body: &str,
    deadline: Duration,
) -> io::Result<(u16, Vec<u8>)> {
    const HEAD_ENDS: &[u8] = b"\r\n\r\n";
    let mut socket = TcpStream::connect_timeout(&server, DEADLINE)?;
    socket.set_read_timeout(Some(deadline))?;
    let mut request = format!("{request_line} HTTP/1.0\r\nHost: {server}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    socket.write_all(format!("{request}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "that is no HTTP answer");
    let end = answer.windows(HEAD_ENDS.len()).position(|bytes| bytes == HEAD_ENDS).ok_or_else(broken)?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok((status, answer.split_off(end + HEAD_ENDS.len())))
}
