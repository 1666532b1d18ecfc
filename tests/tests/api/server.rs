//! `wallflower serve` on a free port, with a data directory of its own, and as much of an HTTP client as it takes to send it what no
//! client would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use wallflower_tests::harness::Bench;
use wallflower_tests::harness::run::wallflower;

/// For anything that has to happen, on a machine that does other things as well.
pub(crate) const SOON: Duration = Duration::from_secs(120);

/// A running server; killed when dropped, and the agents it launched with it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    bench: Bench,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is a problem document of this status, and gives it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{self:?}");
        problem
    }
}

impl Server {
    /// One that launches nothing.
    pub(crate) fn paused() -> Self {
        Self::start(Bench::new(), "[capacity]\npaused = true\n")
    }

    /// One whose agents are those of [`hollow_agents`].
    pub(crate) fn with_hollow_agents() -> Self {
        let bench = Bench::new();
        let programs = hollow_agents(&bench);
        let path = std::env::var("PATH").unwrap_or_default();
        Self::start(bench.with("PATH", &format!("{}:{path}", programs.display())), "")
    }

    fn start(bench: Bench, config: &str) -> Self {
        let file = bench.file("wallflower.toml");
        std::fs::write(&file, config).expect("the configuration can be written");
        let mut command = bench.command(&wallflower());
        command.args(["serve", "--listen=127.0.0.1:0", "--demo-listen=127.0.0.1:0", "--data=data", "--config"]);
        command.arg(&file).env("RUST_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // What it posts reaches nobody, whoever is named.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            command.env(name, "http://127.0.0.1:9");
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        let mut child = command.spawn().expect("the binary starts");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (said, lines) = mpsc::channel();
        // To its end, so that the server can always write.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(said.send(line))));
        let mut heard = Vec::new();
        let address = loop {
            let line =
                lines.recv_timeout(SOON).unwrap_or_else(|error| panic!("it does not listen ({error}): {heard:#?}"));
            let rest = line.split_once("http://").map(|(_, rest)| rest.to_owned());
            heard.push(line);
            if let Some(address) = rest.and_then(|rest| rest.split('/').next()?.parse().ok()) {
                break address;
            }
        };
        Self { address, child, bench }
    }

    /// Makes a key.
    #[track_caller]
    pub(crate) fn key(&self, scope: &str) -> String {
        let mut command = self.bench.command(&wallflower());
        let made = command.args(["keys", "create", scope, "--scope", scope, "--data=data"]).output().expect("it runs");
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).expect("text").trim().to_owned()
    }

    /// Takes a key back.
    pub(crate) fn revoke(&self, key: &str) {
        let id = key.split('_').nth(1).expect("a key names itself");
        let mut command = self.bench.command(&wallflower());
        let done = command.args(["keys", "revoke", id, "--data=data"]).output().expect("it runs");
        assert!(done.status.success(), "{done:?}");
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.bench.file("data")
    }

    /// Directory of a recording.
    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.data().join("recordings").join(id)
    }

    /// Directory of what [`hollow_agents`] have left.
    pub(crate) fn agents(&self) -> PathBuf {
        self.bench.file("agents")
    }

    /// Sends a request line, headers and a body as they are.
    pub(crate) fn send(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut socket = TcpStream::connect_timeout(&self.address, SOON).expect("it listens");
        socket.set_read_timeout(Some(SOON)).expect("a deadline can be set");
        let mut head = format!("{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // It may answer before it has read all.
        let _ = socket.write_all(format!("{head}\r\n{body}").as_bytes());
        let mut answer = Vec::new();
        let mut piece = [0; 8192];
        let until = Instant::now() + SOON;
        loop {
            assert!(Instant::now() < until, "no end of an answer to {request}");
            match socket.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(_) if !answer.is_empty() => break,
                Err(error) => panic!("no answer to {request}: {error}"),
            }
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("that is no answer to {request}: {answer}"));
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> Answer {
        self.send(&format!("GET {path}"), &[("Authorization", &bearer(key))], "")
    }

    pub(crate) fn delete(&self, path: &str, key: &str) -> Answer {
        self.send(&format!("DELETE {path}"), &[("Authorization", &bearer(key))], "")
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &str) -> Answer {
        let headers = [("Authorization", bearer(key)), ("Content-Type", "application/json".to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(&format!("POST {path}"), &headers, body)
    }

    /// Asks for a recording, and gives its id.
    #[track_caller]
    pub(crate) fn record(&self, key: &str) -> String {
        let made = self.post("/v1/recordings", key, r#"{"room": "demo:lobby"}"#);
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Asks a server that has no key.
    pub(crate) fn open(&self, request: &str) -> Answer {
        self.send(request, &[], "")
    }

    /// The same of a server that has no key.
    #[track_caller]
    pub(crate) fn record_openly(&self) -> String {
        let made =
            self.send("POST /v1/recordings", &[("Content-Type", "application/json")], r#"{"room": "demo:lobby"}"#);
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_str().expect("an id").to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let agents = std::fs::read_dir(self.agents()).into_iter().flatten().flatten();
        for agent in agents {
            let name = agent.file_name().to_string_lossy().trim_start_matches('.').to_owned();
            // It may have ended already.
            let _ = Command::new("kill").args(["-KILL", &name]).stderr(Stdio::null()).status();
        }
    }
}

pub(crate) fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

/// A directory with a `setsid` that starts no agent, but keeps what an agent would be told, in a file that is named by its process
/// id, and stays there.
fn hollow_agents(bench: &Bench) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let (programs, told) = (bench.file("programs"), bench.file("agents"));
    for folder in [&programs, &told] {
        std::fs::create_dir(folder).expect("a directory can be made");
    }
    let script = format!("#!/bin/sh\ncat >\"{0}/.$$\"\nmv \"{0}/.$$\" \"{0}/$$\"\nexec sleep 120\n", told.display());
    let program = programs.join("setsid");
    std::fs::write(&program, script).expect("a program can be written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    programs
}

/// Waits until something is there.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
