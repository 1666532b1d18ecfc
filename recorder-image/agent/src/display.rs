//! The X display: an Xvfb of our own.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::FrameSize;
use x11rb::errors::ConnectError;
use x11rb::rust_connection::{DefaultStream, RustConnection};

use crate::browser::MIN_WINDOW_WIDTH;
use crate::child::{Child, LineSink, Rung, ignore};
use crate::programs::Programs;
use crate::workdir::{WorkDir, write_private};

const READY_DEADLINE: Duration = Duration::from_secs(20);

/// A running X server; the frame is the top left of its screen.
pub(crate) struct Display {
    server: Child,
    authority: PathBuf,
    entrance: Entrance,
}

/// How this process itself gets in.
#[derive(Clone)]
pub(crate) struct Entrance {
    number: u32,
    cookie: Cookie,
}

impl Display {
    /// Starts the server on a free display number of its own choosing and waits until it takes clients.
    pub(crate) async fn start(programs: &Programs, work: &WorkDir, size: FrameSize) -> Result<Self, Failure> {
        let authority = work.scratch().join("xauthority");
        let cookie = Cookie::new()?;
        write_private(&authority, &cookie.authority()).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("{} can't be written: {error}.", authority.display()))
        })?;
        let mut command = work.command(&programs.xvfb);
        command.args(["-displayfd", "1", "-screen", "0", &screen(size), "-auth"]).arg(&authority).args([
            "-nolisten",
            "tcp",
            "-noreset",
            "-nocursor",
        ]);
        let (number_sender, mut number_receiver) = mpsc::channel(1);
        let on_stdout: LineSink = Box::new(move |line| {
            if let Ok(number) = line.trim().parse::<u32>() {
                let _ = number_sender.try_send(number);
            }
        });
        let server = Child::spawn("Xvfb", command, on_stdout, ignore())?;
        let number = tokio::select! {
            Some(number) = number_receiver.recv() => number,
            status = server.exited() => return Err(server.died(status)),
            () = tokio::time::sleep(READY_DEADLINE) => {
                return Err(Failure::new(FailureKind::ProgramDied, "Xvfb did not offer a display within 10 s; is the machine overloaded?"));
            }
        };
        work.note_display(number, server.pid()).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("The work directory can't be written: {error}."))
        })?;
        Ok(Self { server, authority, entrance: Entrance { number, cookie } })
    }

    /// Makes a command's process draw on, or grab from, this display.
    pub(crate) fn attach(&self, command: &mut Command) {
        command.env("DISPLAY", self.name()).env("XAUTHORITY", &self.authority);
    }

    /// `:N`
    pub(crate) fn name(&self) -> String {
        format!(":{}", self.entrance.number)
    }

    pub(crate) fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }

    pub(crate) fn server(&self) -> &Child {
        &self.server
    }

    /// Ends it at once.
    pub(crate) async fn kill(self) {
        let _ = self.server.stop(&[]).await;
    }

    pub(crate) async fn shutdown(self) {
        let _ = self.server.stop(&[(Rung::Send(Signal::SIGTERM), Duration::from_secs(2))]).await;
    }
}

impl Entrance {
    /// Connects. Blocks until the display answers, which one that hangs never does.
    pub(crate) fn connect(&self) -> Result<RustConnection, ConnectError> {
        // Where that folder can't be written to, a server has the abstract name alone.
        let path = format!("/tmp/.X11-unix/X{}", self.number);
        let abstractly = || SocketAddr::from_abstract_name(&path).and_then(|name| UnixStream::connect_addr(&name));
        let (stream, _) = DefaultStream::from_unix_stream(UnixStream::connect(&path).or_else(|_| abstractly())?)?;
        RustConnection::connect_to_stream_with_auth_info(stream, 0, COOKIE_NAME.to_vec(), self.cookie.0.to_vec())
    }
}

/// Two pixels larger than the window: without a window manager Chromium makes a window of the screen's own size a pixel smaller.
fn screen(size: FrameSize) -> String {
    format!("{}x{}x24", size.width().max(MIN_WINDOW_WIDTH) + 2, size.height() + 2)
}

const COOKIE_NAME: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// What a client of the display has to know. Without it, every user of the machine could look at the meeting.
#[derive(Clone)]
struct Cookie([u8; 16]);

impl Cookie {
    fn new() -> Result<Self, Failure> {
        let mut cookie = [0; 16];
        std::fs::File::open("/dev/urandom")
            .and_then(|mut random| std::io::Read::read_exact(&mut random, &mut cookie))
            .map_err(|error| {
                Failure::new(FailureKind::Internal, format!("No random bytes from this machine: {error}."))
            })?;
        Ok(Self(cookie))
    }

    /// One record of an Xauthority file, for any host and any display number.
    fn authority(&self) -> Vec<u8> {
        const FAMILY_WILD: u16 = 0xffff;
        let mut record = FAMILY_WILD.to_be_bytes().to_vec();
        for field in [b"".as_slice(), b"", COOKIE_NAME, &self.0] {
            record.extend(u16::try_from(field.len()).unwrap_or(0).to_be_bytes());
            record.extend(field);
        }
        record
    }
}
