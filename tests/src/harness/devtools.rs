//! Reaches into the browser of a recording, by its DevTools socket.

use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::run::Bench;

const DEADLINE: Duration = Duration::from_secs(30);

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

/// A session with the page that is recorded: what is enabled in it stays so until it is dropped.
pub struct Inspector {
    runtime: tokio::runtime::Runtime,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    asked: u64,
}

impl Inspector {
    /// Opens one.
    ///
    /// # Panics
    ///
    /// When there is no browser, or it opens none.
    #[must_use]
    #[track_caller]
    pub fn open(bench: &Bench) -> Self {
        let port = port(bench.runtime()).expect("a browser that has told its port");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let opened = runtime.block_on(async { tokio::time::timeout(DEADLINE, connect(port)).await });
        let socket = opened.expect("the browser answers in time").expect("the browser opens a session");
        Self { runtime, socket, asked: 0 }
    }

    /// What the browser answers to a command.
    ///
    /// # Panics
    ///
    /// When it does not answer, or by an error.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let (id, socket) = (self.asked, &mut self.socket);
        let answered =
            self.runtime.block_on(async { tokio::time::timeout(DEADLINE, ask(socket, id, method, params)).await });
        let mut answer = answered.expect("the browser answers in time").expect("the session holds");
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }
}

async fn ask(
    socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>,
    id: u64,
    method: &str,
    params: &Value,
) -> Result<Value, Box<dyn std::error::Error>> {
    let command = json!({ "id": id, "method": method, "params": params }).to_string();
    socket.send(Message::text(command)).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let said: Value = serde_json::from_str(&text)?;
        // Events have no number.
        if said["id"] == id {
            return Ok(said);
        }
    }
    Err("the browser has gone".into())
}

async fn tell(port: u16, method: &str, params: &Value) -> Result<(), Box<dyn std::error::Error>> {
    let mut socket = connect(port).await?;
    let command = json!({ "id": 1, "method": method, "params": params }).to_string();
    socket.send(Message::text(command)).await?;
    // Until the browser has read it.
    let _ = tokio::time::timeout(Duration::from_millis(300), socket.next()).await;
    Ok(())
}

async fn connect(port: u16) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Box<dyn std::error::Error>> {
    let list = get(port, "/json/list").await?;
    let targets: Vec<Value> = serde_json::from_str(&list)?;
    let page = targets.iter().find(|target| target["type"] == "page").ok_or("no page")?;
    let url = page["webSocketDebuggerUrl"].as_str().ok_or("a page without an address")?;
    Ok(tokio_tungstenite::connect_async(url).await?.0)
}

async fn get(port: u16, path: &str) -> Result<String, Box<dyn std::error::Error>> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
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
