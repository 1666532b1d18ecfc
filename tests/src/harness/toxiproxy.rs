//! Connections that are cut, slow or silent: toxiproxy between a client and its server, on loopback.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{self, Server, TcpPort};
use super::{http, lacking};

/// A running toxiproxy; killed when dropped, and its proxies with it.
#[derive(Debug)]
pub struct Toxiproxy {
    server: Server,
    api: TcpPort,
    _directory: TempDir,
}

/// A way to a server that can be spoilt.
#[derive(Debug)]
pub struct Proxy {
    /// Where clients connect instead of to the server.
    pub address: SocketAddr,
    api: SocketAddr,
    name: String,
    _port: TcpPort,
}

/// What can be wrong with connections, those that are open included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toxic {
    /// No more than this passes; the sender is slowed down. Nothing passes at 0: who sends blocks.
    Bandwidth {
        /// In thousands of bytes.
        kilobytes_per_second: u32,
    },
    /// All arrives later by this.
    Latency(Duration),
    /// Connections stay open, and what is sent is lost: the sender does not notice, the other side hears nothing. They end when
    /// this is removed.
    Silence,
    /// As [`Toxic::Silence`], and connections end after this.
    Timeout(Duration),
    /// Connections are reset this long after something was sent; those that were open before are closed instead.
    ResetPeer(Duration),
}

/// Whose bytes it befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From client to server.
    Upstream,
    /// From server to client.
    Downstream,
}

impl Toxic {
    fn kind_and_attributes(self) -> (&'static str, Value) {
        match self {
            Self::Bandwidth { kilobytes_per_second } => ("bandwidth", json!({ "rate": kilobytes_per_second })),
            Self::Latency(by) => ("latency", json!({ "latency": milliseconds(by) })),
            Self::Silence => ("timeout", json!({ "timeout": 0 })),
            // There, 0 is forever.
            Self::Timeout(after) => ("timeout", json!({ "timeout": milliseconds(after).max(1) })),
            Self::ResetPeer(after) => ("reset_peer", json!({ "timeout": milliseconds(after) })),
        }
    }
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}

impl Toxiproxy {
    /// Starts one, or says why not: see [`lacking`].
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    pub fn start() -> Option<Self> {
        let Some(program) = server::installed("toxiproxy-server") else {
            lacking("toxiproxy", "`make setup` installs it, or name it by WALLFLOWER_TOXIPROXY_SERVER");
            return None;
        };
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let api = TcpPort::take();
        let mut command = Command::new(program);
        command.args(["-host", "127.0.0.1", "-port", &api.number().to_string()]);
        let answers = || http::ask(api.address(), "GET /version", &[], "").is_ok_and(|answer| answer.status == 200);
        let server = Server::start(command, &directory.path().join("log"), answers);
        let server = server.unwrap_or_else(|reason| panic!("{reason}"));
        Some(Self { server, api, _directory: directory })
    }

    /// Opens a way to a server, which may come up later. It lets everything through.
    ///
    /// # Panics
    ///
    /// When toxiproxy does not answer.
    #[track_caller]
    pub fn proxy(&self, upstream: SocketAddr) -> Proxy {
        let port = TcpPort::take();
        let (address, name) = (port.address(), port.number().to_string());
        let request = json!({ "name": name, "listen": address, "upstream": upstream, "enabled": true });
        call(self.api.address(), "POST", "/proxies", Some(&request));
        Proxy { address, api: self.api.address(), name, _port: port }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }
}

impl Proxy {
    /// Cuts all connections, and refuses new ones.
    ///
    /// # Panics
    ///
    /// When toxiproxy does not answer.
    #[track_caller]
    pub fn disable(&self) {
        self.call("POST", "", Some(&json!({ "enabled": false })));
    }

    /// Takes connections again.
    ///
    /// # Panics
    ///
    /// When toxiproxy does not answer.
    #[track_caller]
    pub fn enable(&self) {
        self.call("POST", "", Some(&json!({ "enabled": true })));
    }

    /// Spoils what goes in one direction, until [`heal`](Self::heal).
    ///
    /// # Panics
    ///
    /// When toxiproxy does not answer, or has such a toxic in this direction already.
    #[track_caller]
    pub fn toxic(&self, toxic: Toxic, direction: Direction) {
        let (kind, attributes) = toxic.kind_and_attributes();
        let request = json!({ "type": kind, "stream": direction.name(), "attributes": attributes });
        self.call("POST", "/toxics", Some(&request));
    }

    /// Removes all toxics.
    ///
    /// # Panics
    ///
    /// When toxiproxy does not answer.
    #[track_caller]
    pub fn heal(&self) {
        for toxic in self.call("GET", "/toxics", None).as_array().into_iter().flatten() {
            let name = toxic["name"].as_str().expect("a toxic has a name");
            self.call("DELETE", &format!("/toxics/{name}"), None);
        }
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, request: Option<&Value>) -> Value {
        call(self.api, method, &format!("/proxies/{}{path}", self.name), request)
    }
}

#[track_caller]
fn call(api: SocketAddr, method: &str, path: &str, request: Option<&Value>) -> Value {
    let body = request.map(Value::to_string).unwrap_or_default();
    let line = format!("{method} {path}");
    let answer = http::ask(api, &line, &[("Content-Type", "application/json")], &body);
    let answer = answer.unwrap_or_else(|error| panic!("toxiproxy does not answer {line}: {error}"));
    assert!((200..300).contains(&answer.status), "{line} {body}: {}", answer.body);
    // What is deleted is answered by nothing.
    serde_json::from_str(&answer.body).unwrap_or_default()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a test takes less than an age")
}
