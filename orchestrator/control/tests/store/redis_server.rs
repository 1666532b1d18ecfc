//! A real Redis on loopback, which syncs what it acknowledges.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::TcpSocket;

const PROGRAM: &str = "redis-server";
const START_DEADLINE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "hunter2";

/// Killed when dropped.
pub(crate) struct RedisServer {
    child: Option<Child>,
    /// Bound and never listening, so that the port stays ours while no server has it.
    port: TcpSocket,
    directory: PathBuf,
}

impl RedisServer {
    /// Starts one that keeps its files in this directory. `None`, and a sentence, when it is not installed; in CI that fails.
    pub(crate) fn start(directory: &Path) -> Option<Self> {
        if Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status().is_err() {
            lacking("Redis is missing on this machine; `make setup` installs it");
            return None;
        }
        let port = TcpSocket::new_v4().unwrap();
        port.set_reuseaddr(true).unwrap();
        port.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let mut server = Self { child: None, port, directory: directory.to_owned() };
        server.start_again();
        Some(server)
    }

    /// Starts it with what is in its files, after a [`kill`](Self::kill).
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let configuration = format!(
            "bind 127.0.0.1\nport {}\ndir {}\nrequirepass {PASSWORD}\nappendonly yes\nappendfsync always\nsave \"\"\n",
            self.socket_address().port(),
            self.directory.display()
        );
        // Not in its arguments, which all can see.
        let file = self.directory.join("redis.conf");
        fs::write(&file, configuration).unwrap();
        let log = File::options().create(true).append(true).open(self.directory.join("redis.log")).unwrap();
        let child =
            Command::new(PROGRAM).arg(file).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.child = Some(child.unwrap());
        let began = Instant::now();
        while !self.answers() {
            let said = || fs::read_to_string(self.directory.join("redis.log")).unwrap_or_default();
            assert!(began.elapsed() < START_DEADLINE, "Redis does not answer:\n{}", said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// As `kill -9` does it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It stays, and does nothing until it may [go on](Self::go_on).
    pub(crate) fn halt(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// By what a store is opened.
    pub(crate) fn address(&self) -> String {
        format!("redis://:{PASSWORD}@{}/0", self.socket_address())
    }

    fn socket_address(&self) -> SocketAddr {
        self.port.local_addr().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    }

    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut connection = TcpStream::connect(self.socket_address())?;
            connection.set_read_timeout(Some(Duration::from_secs(1)))?;
            connection.write_all(format!("AUTH {PASSWORD}\r\nPING\r\nQUIT\r\n").as_bytes())?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.contains("PONG"))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

#[expect(clippy::print_stdout, reason = "a test says why it is skipped")]
fn lacking(sentence: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{sentence}");
    println!("skipped: {sentence}");
}
