//! Somebody who takes a stream by SRT, on loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::lacking;
use super::run::signal;
use super::server::{Server, free_udp_port};

const END_DEADLINE: Duration = Duration::from_secs(30);

/// ffmpeg that waits for one sender and writes what it receives to a file, byte by byte. It ends with its sender; killed when
/// dropped.
#[derive(Debug)]
pub struct SrtListener {
    server: Server,
    port: u16,
    file: PathBuf,
    _directory: TempDir,
}

impl SrtListener {
    /// Starts one that writes to a file that is not there yet, or says why not: see [`lacking`].
    ///
    /// # Panics
    ///
    /// When ffmpeg knows SRT and does not start.
    pub fn start(file: &Path) -> Option<Self> {
        if !ffmpeg_knows_srt() {
            lacking("an ffmpeg that knows SRT", "`make setup` installs ffmpeg; one of your own needs --enable-libsrt");
            return None;
        }
        assert!(!file.exists(), "{} is there already", file.display());
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mut ended = String::new();
        // Between finding a free UDP port and ffmpeg taking it another process may: then the next try finds others.
        for _ in 0..3 {
            let port = free_udp_port();
            let address = format!("srt://127.0.0.1:{port}?mode=listener");
            let mut command = Command::new("ffmpeg");
            // As data: MPEG-TS that was taken apart and written anew would look better than what was received.
            command.args(["-nostdin", "-v", "error", "-f", "data", "-i", &address]);
            command.args(["-map", "0", "-c", "copy", "-flush_packets", "1", "-f", "data"]).arg(file);
            match Server::start(command, &directory.path().join("log"), || is_taken(port)) {
                Ok(server) => return Some(Self { server, port, file: file.to_owned(), _directory: directory }),
                Err(reason) => ended = reason,
            }
        }
        panic!("three times, {ended}");
    }

    /// Address to which a stream is sent.
    pub fn url(&self) -> String {
        format!("srt://127.0.0.1:{}", self.port)
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Whether its sender has left, and it with that.
    pub fn has_ended(&mut self) -> bool {
        self.server.has_ended()
    }

    /// Ends it, if it goes on, and returns the file: MPEG-TS, as far as it was received. Without a sender there is none.
    ///
    /// # Panics
    ///
    /// When it does not end by being asked.
    #[track_caller]
    pub fn end(mut self) -> PathBuf {
        if !self.server.has_ended() {
            signal(self.pid(), "INT");
            assert!(self.server.ends_within(END_DEADLINE), "the SRT listener does not end within {END_DEADLINE:?}");
        }
        self.file.clone()
    }
}

fn ffmpeg_knows_srt() -> bool {
    let protocols = Command::new("ffmpeg").args(["-v", "error", "-protocols"]).stdin(Stdio::null()).output();
    protocols.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).lines().any(|line| line.trim() == "srt"))
}

/// Whether a process has this UDP port of loopback.
fn is_taken(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/udp").expect("Linux lists its sockets");
    let address = format!(" 0100007F:{port:04X} ");
    table.contains(&address)
}
