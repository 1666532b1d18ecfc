//! The sound server: a PulseAudio daemon of our own with one null sink.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::net::UnixStream;
use tokio::process::Command;
use wallflower_domain::failure::{Failure, FailureKind};

use crate::child::{Child, Rung, ignore};
use crate::programs::Programs;
use crate::workdir::WorkDir;

const READY_DEADLINE: Duration = Duration::from_secs(20);
const SINK: &str = "wallflower";

/// A running sound server. What is played on it can be captured from [`Audio::MONITOR`].
pub(crate) struct Audio {
    server: Child,
    socket: PathBuf,
}

impl Audio {
    /// The source from which ffmpeg captures.
    pub(crate) const MONITOR: &'static str = "wallflower.monitor";

    /// Starts the daemon and waits until it takes clients.
    pub(crate) async fn start(programs: &Programs, work: &WorkDir) -> Result<Self, Failure> {
        let socket = work.scratch().join("pulse.sock");
        let mut command = work.command(&programs.pulseaudio);
        command
            .env("PULSE_RUNTIME_PATH", work.scratch().join("pulse"))
            .env("PULSE_STATE_PATH", work.scratch().join("pulse"))
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--log-target=stderr"])
            .args(["--high-priority=no", "--realtime=no", "--disallow-module-loading=yes"])
            // Without norewinds the sink renegotiates its latency, from 2 s, when the browser first plays: the sound then begins with
            // a burst and stays 160 ms off.
            .arg(format!("--load=module-null-sink sink_name={SINK} rate=48000 channels=2 norewinds=1"))
            // The sink is loaded before the socket, so whoever can connect finds it. The directory keeps other users out.
            .arg(format!("--load=module-native-protocol-unix auth-anonymous=1 socket={}", socket.display()));
        let server = Child::spawn("PulseAudio", command, ignore(), ignore())?;
        let answers = async {
            while UnixStream::connect(&socket).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = answers => {}
            status = server.exited() => return Err(server.died(status)),
            () = tokio::time::sleep(READY_DEADLINE) => {
                return Err(Failure::new(FailureKind::ProgramDied, "PulseAudio did not answer within 10 s; is the machine overloaded?"));
            }
        }
        Ok(Self { server, socket })
    }

    /// Makes a command's process play to, or capture from, this server.
    pub(crate) fn attach(&self, command: &mut Command) {
        command.env("PULSE_SERVER", format!("unix:{}", self.socket.display())).env("PULSE_SINK", SINK);
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
