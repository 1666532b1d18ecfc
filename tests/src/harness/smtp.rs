//! A real mail server on loopback, which takes mail or does not.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::lacking;
use super::server::{Server, TcpPort};

/// By whom mail may be sent.
pub const USER: &str = "recorder";
/// Their password.
pub const PASSWORD: &str = "correct horse";

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// It takes mail.
    Take,
    /// It asks to be asked later.
    Busy,
    /// It refuses for good.
    Reject,
    /// It says nothing once it has the message.
    Stall,
}

/// aiosmtpd; killed when dropped.
#[derive(Debug)]
pub struct SmtpServer {
    _server: Server,
    port: TcpPort,
    directory: TempDir,
}

impl SmtpServer {
    /// Starts one, or says why not: see [`lacking`].
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    pub fn start(mode: Mode) -> Option<Self> {
        Self::launch(mode, None)
    }

    /// Starts one that wants STARTTLS, with a certificate of its own for this name.
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    pub fn start_with_tls(mode: Mode, name: &str) -> Option<Self> {
        Self::launch(mode, Some(name))
    }

    fn launch(mode: Mode, certified: Option<&str>) -> Option<Self> {
        let Some(python) = python() else {
            lacking(
                "aiosmtpd",
                "`make setup` installs it, or name its environment's bin/aiosmtpd by WALLFLOWER_AIOSMTPD",
            );
            return None;
        };
        let (port, directory) = (TcpPort::take(), tempfile::tempdir().expect("a temporary directory can be made"));
        let script = directory.path().join("smtp.py");
        fs::write(&script, include_str!("smtp.py")).expect("a temporary directory can be written to");
        set(&directory, mode);
        let mut command = Command::new(python);
        command.arg(script).arg(port.number().to_string()).arg(directory.path());
        if let Some(name) = certified {
            let signed = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
            for (file, text) in [("cert.pem", signed.cert.pem()), ("key.pem", signed.signing_key.serialize_pem())] {
                fs::write(directory.path().join(file), text).expect("a temporary directory can be written to");
            }
            command.arg("tls");
        }
        let ready = || TcpStream::connect(port.address()).is_ok();
        let server = Server::start(command, &directory.path().join("log"), ready);
        let server = server.unwrap_or_else(|reason| panic!("{reason}"));
        Some(Self { _server: server, port, directory })
    }

    /// What is written into a configuration to send mail by it; the password is [`PASSWORD`].
    #[must_use]
    pub fn config(&self) -> String {
        let address = self.port.address();
        format!(
            "[email]\nsmtp = \"smtp://{address}\"\ninsecure = true\nuser = \"{USER}\"\nfrom = \"rec@example.org\"\n"
        )
    }

    /// The same, but over TLS: by STARTTLS, or from the start where a front before it sees to that.
    #[must_use]
    pub fn config_with_tls(&self, front: Option<u16>) -> String {
        let (scheme, port) = front.map_or(("smtp", self.port.number()), |port| ("smtps", port));
        format!("[email]\nsmtp = \"{scheme}://localhost:{port}\"\nuser = \"{USER}\"\nfrom = \"rec@example.org\"\n")
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Who trusts this certificate trusts a server that was [started with TLS](Self::start_with_tls).
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    /// Has it behave otherwise from now on.
    pub fn behave(&self, mode: Mode) {
        set(&self.directory, mode);
    }

    /// All that it was asked to take, in order, with how it behaved then.
    ///
    /// # Panics
    ///
    /// When what it has written can't be read.
    #[must_use]
    pub fn mail(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.path().join("mail.jsonl")).unwrap_or_default();
        // The last line may be being written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Waits until it was asked to take so many.
    ///
    /// # Panics
    ///
    /// When it is not in time.
    #[track_caller]
    #[must_use]
    pub fn wait(&self, count: usize, deadline: Duration) -> Vec<Value> {
        let until = Instant::now() + deadline;
        loop {
            let mail = self.mail();
            if mail.len() >= count {
                return mail;
            }
            assert!(Instant::now() < until, "not {count} messages within {deadline:?}: {mail:#?}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn set(directory: &TempDir, mode: Mode) {
    let word = match mode {
        Mode::Take => "take",
        Mode::Busy => "busy",
        Mode::Reject => "reject",
        Mode::Stall => "stall",
    };
    let (new, file) = (directory.path().join("mode.new"), directory.path().join("mode"));
    fs::write(&new, word).and_then(|()| fs::rename(&new, &file)).expect("a temporary directory can be written to");
}

/// Of the environment that aiosmtpd is installed in.
fn python() -> Option<PathBuf> {
    let program = std::env::var_os("WALLFLOWER_AIOSMTPD").map(PathBuf::from).or_else(|| {
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
        Some(cache.join("wallflower/aiosmtpd/bin/aiosmtpd"))
    })?;
    Some(program.with_file_name("python")).filter(|python| python.exists())
}
