//! A web server for test pages.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What is answered to a path.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This document.
    Html(String),
    /// This script.
    Script(String),
    /// This status, and no more.
    Status(u16),
    /// Nothing, ever.
    Silence,
}

/// A running server on a free port of loopback. It serves until the process ends.
pub struct Pages {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Pages {
    /// Serves the pages; every other path is answered 404.
    ///
    /// # Panics
    ///
    /// When no port of loopback is free.
    #[must_use]
    pub fn serve(pages: &[(&str, Answer)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port of loopback");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let pages: Arc<Vec<(String, Answer)>> =
            Arc::new(pages.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, log) = (Arc::clone(&pages), Arc::clone(&log));
                thread::spawn(move || answer(stream, &pages, &log));
            }
        });
        Self { addr, seen }
    }

    /// Serves the pages and scripts of a folder, whose `index.html` is at `/`, and of the folders in it.
    ///
    /// # Panics
    ///
    /// When there is no such folder.
    #[must_use]
    pub fn of_folder(folder: &Path) -> Self {
        let mut pages = Vec::new();
        gather(folder, "", &mut pages);
        let pages: Vec<(&str, Answer)> = pages.iter().map(|(path, answer)| (path.as_str(), answer.clone())).collect();
        Self::serve(&pages)
    }

    /// Address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Paths with their queries that were asked for, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn gather(folder: &Path, at: &str, pages: &mut Vec<(String, Answer)>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let text = || std::fs::read_to_string(&path).expect("it can be read");
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => gather(&path, &format!("{at}/{name}"), pages),
            Some("html") if name == "index.html" => pages.push((format!("{at}/"), Answer::Html(text()))),
            Some("html") => pages.push((format!("{at}/{name}"), Answer::Html(text()))),
            Some("js") => pages.push((format!("{at}/{name}"), Answer::Script(text()))),
            _ => {}
        }
    }
}

fn answer(mut stream: TcpStream, pages: &[(String, Answer)], log: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut byte = [0; 1];
    while !request.ends_with(b"\r\n\r\n") && request.len() < 65_536 {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request);
    let target = text.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
    let path = target.split('?').next().unwrap_or_default();
    let mut kind = "text/html; charset=utf-8";
    let (status, body) = match pages.iter().find(|(known, _)| known == path).map(|(_, answer)| answer) {
        Some(Answer::Html(body)) => (200, body.as_str()),
        Some(Answer::Script(body)) => {
            kind = "text/javascript";
            (200, body.as_str())
        }
        Some(Answer::Status(status)) => (*status, ""),
        Some(Answer::Silence) => {
            // Until the browser gives up.
            let _ = stream.read(&mut byte);
            return;
        }
        None => (404, ""),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}
