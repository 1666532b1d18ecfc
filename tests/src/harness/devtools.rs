//! Reaches into the browser of a recording, by its DevTools socket.

use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::run::Bench;

const DEADLINE: Duration = Duration::from_secs(5);

/// Sends a command of the DevTools protocol to the page that is recorded. What it answers is not waited for: a page that is made to hang
/// or to crash does not answer.
///
/// # Panics
///
/// When there is no browser, or it does not take the command.
#[track_caller]
pub fn tell_page(bench: &Bench, method: &str, params: &Value) {
    let port = port(bench.runtime()).expect("a browser that has told its port");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let told = runtime.block_on(async { tokio::time::timeout(DEADLINE, tell(port, method, params)).await });
    told.expect("the browser answers in time").expect("the browser takes the command");
}

async fn tell(port: u16, method: &str, params: &Value) -> Result<(), Box<dyn std::error::Error>> {
    let list = get(port, "/json/list").await?;
    let targets: Vec<Value> = serde_json::from_str(&list)?;
    let page = targets.iter().find(|target| target["type"] == "page").ok_or("no page")?;
    let url = page["webSocketDebuggerUrl"].as_str().ok_or("a page without an address")?;
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
    let command = json!({ "id": 1, "method": method, "params": params }).to_string();
    socket.send(Message::text(command)).await?;
    // Until the browser has read it.
    let _ = tokio::time::timeout(Duration::from_millis(300), socket.next()).await;
    Ok(())
}

async fn get(port: u16, path: &str) -> Result<String, Box<dyn std::error::Error>> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // The browser keeps the connection, whatever it is asked.
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(usize::MAX) {
                return Ok(body.to_owned());
            }
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("the answer ends too soon".into());
        }
    }
}

/// Of the youngest browser: an attempt before may have left its file.
fn port(folder: &Path) -> Option<u16> {
    let mut found = Vec::new();
    look(folder, &mut found);
    found.sort();
    let (_, text) = found.pop()?;
    text.lines().next()?.parse().ok()
}

fn look(folder: &Path, found: &mut Vec<(std::time::SystemTime, String)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == "DevToolsActivePort" {
            let modified = entry.metadata().and_then(|meta| meta.modified());
            if let (Ok(modified), Ok(text)) = (modified, std::fs::read_to_string(path)) {
                found.push((modified, text));
            }
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            look(&path, found);
        }
    }
}
