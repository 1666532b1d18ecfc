//! As much of an HTTP client as the harness needs to talk to servers of its own on loopback.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An order is answered after ten seconds at most.
const DEADLINE: Duration = Duration::from_secs(20);

/// Status and body of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Sends one request and reads the answer to its end.
pub(super) fn ask(server: SocketAddr, request_line: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
    let mut socket = TcpStream::connect_timeout(&server, DEADLINE)?;
    socket.set_read_timeout(Some(DEADLINE))?;
    let mut request = format!("{request_line} HTTP/1.0\r\nHost: {server}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    socket.write_all(format!("{request}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "that is no HTTP answer");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok(Answer { status, body: body.to_owned() })
}
