//! `wallflower design`: the workshop, as its page asks it.

use std::time::Duration;

use serde_json::Value;

use super::http;
use super::run::{Bench, signal, wallflower};
use super::server::{Server, TcpPort};

/// A recording of ten seconds, on a machine that has more to do.
const DEADLINE: Duration = Duration::from_secs(90);

/// A running workshop; killed when dropped.
#[derive(Debug)]
pub struct Workshop {
    server: Server,
    port: TcpPort,
}

impl Workshop {
    /// Opens the workshop of a folder of the bench.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn open(bench: &Bench, folder: &str) -> Self {
        let port = TcpPort::take();
        let address = port.address();
        let mut command = bench.command(&wallflower());
        command.args(["design", folder, "--listen", &address.to_string()]);
        let ready = || http::ask(address, "GET /api/state", &[], "").is_ok_and(|answer| answer.status == 200);
        let server = Server::start(command, &bench.file("workshop.log"), ready);
        Self { server: server.unwrap_or_else(|reason| panic!("{reason}")), port }
    }

    /// Status and body of an answer.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn fetch(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Vec<u8>) {
        let headers = [&[("Content-Type", "application/json")], headers].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let line = format!("{method} {path}");
        http::fetch(self.port.address(), &line, &headers, &body, DEADLINE).expect("the workshop answers")
    }

    /// The same for an answer of JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.fetch(method, path, &[], body);
        let json = serde_json::from_slice(&body);
        (status, json.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body))))
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn end(mut self) {
        signal(self.server.pid(), "TERM");
        assert!(self.server.ends_within(Duration::from_secs(20)), "the workshop does not end when it is asked to");
    }
}
