//! A server that a test needs, as a child of the test: found on this machine, awaited until it answers, killed when dropped.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

/// A program of 150 MB that is read from a cold disk, beside a recording.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// Where `scripts/setup` puts a program, or the path that a variable names: for `livekit-server` it is
/// `WALLFLOWER_LIVEKIT_SERVER`.
pub(super) fn installed(name: &str) -> Option<PathBuf> {
    kept(name, &format!("bin/{name}"))
}

/// What `scripts/setup` keeps at this place of its own, or the path that the variable of this name says.
pub(super) fn kept(name: &str, place: &str) -> Option<PathBuf> {
    let variable = format!("WALLFLOWER_{}", name.to_uppercase().replace('-', "_"));
    let path = match env::var_os(variable) {
        Some(named) => PathBuf::from(named),
        None => {
            let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
            let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
            cache.join("wallflower").join(place)
        }
    };
    Some(path).filter(|path| path.exists())
}

/// Whether a program of this name would be found. Some do not answer when they are only asked for their version.
pub(super) fn is_on_path(name: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// A TCP port of loopback that is ours until this is dropped, whether or not a server has it.
///
/// The socket is bound and never listens. Linux gives such a port to nobody who asks for any port, refuses connections to it, and
/// lets a server bind it as well if that says `SO_REUSEADDR`, which servers do. So a server can end and come back at its address.
#[derive(Debug)]
pub(super) struct TcpPort {
    socket: TcpSocket,
}

impl TcpPort {
    pub(super) fn take() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.set_reuseaddr(true).expect("a socket that is not bound takes options");
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port of loopback is free");
        Self { socket }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }

    pub(super) fn number(&self) -> u16 {
        self.address().port()
    }
}

/// A UDP port that was free a moment ago.
pub(super) fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback is free");
    socket.local_addr().expect("it is bound").port()
}

/// A running server. It stays in the group of the test, so that a terminal's Ctrl-C ends both.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts it, with what it prints appended to `log`, and waits until it is ready; what it printed, when it ends before.
    ///
    /// # Panics
    ///
    /// When it can't be started, or is not ready in time.
    #[track_caller]
    pub(super) fn start(mut command: Command, log: &Path, is_ready: impl Fn() -> bool) -> Result<Self, String> {
        let open = || File::options().create(true).append(true).open(log).expect("the log can be written");
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(open()).stderr(open());
        let child = command.spawn().unwrap_or_else(|error| panic!("{program} can't be started: {error}"));
        let mut server = Self { child };
        let printed = || fs::read_to_string(log).unwrap_or_default();
        let began = Instant::now();
        while !is_ready() {
            if server.has_ended() {
                return Err(format!("{program} ended at once:\n{}", printed()));
            }
            let waited = began.elapsed();
            assert!(waited < START_DEADLINE, "{program} is not ready within {START_DEADLINE:?}:\n{}", printed());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for it to end by itself; false if it does not in time.
    pub(super) fn ends_within(&mut self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        while !self.has_ended() {
            if Instant::now() >= until {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
