//! A real Redis on loopback, which syncs what it acknowledges.

use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::lacking;
use super::server::{Server, TcpPort};

const PROGRAM: &str = "redis-server";

/// Killed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    server: Option<Server>,
    port: TcpPort,
    directory: TempDir,
}

impl RedisServer {
    /// Starts one, or says why not: see [`lacking`].
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    pub fn start() -> Option<Self> {
        if Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status().is_err() {
            lacking("Redis", "`make setup` installs it");
            return None;
        }
        let (port, directory) = (TcpPort::take(), tempfile::tempdir().expect("a temporary directory can be made"));
        let file = directory.path().join("redis.conf");
        let settings = format!(
            "bind 127.0.0.1\nport {}\ndir {}\nappendonly yes\nappendfsync always\nsave \"\"\n",
            port.number(),
            directory.path().display()
        );
        fs::write(&file, settings).expect("a temporary directory can be written to");
        let mut redis = Self { server: None, port, directory };
        redis.start_again();
        Some(redis)
    }

    /// Starts it with what it has written, after a [`kill`](Self::kill).
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs already");
        let mut command = Command::new(PROGRAM);
        command.arg(self.directory.path().join("redis.conf"));
        let ready = || TcpStream::connect(self.port.address()).is_ok();
        let server = Server::start(command, &self.directory.path().join("log"), ready);
        self.server = Some(server.unwrap_or_else(|reason| panic!("{reason}")));
    }

    /// As `kill -9` does it.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// By which a store finds it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/0", self.port.address())
    }
}
