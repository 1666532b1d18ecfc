//! SRT: an ffmpeg that gets fragments on its stdin and sends them as MPEG-TS, because libsrt is the one implementation that everybody
//! has tested against.
//!
//! A passphrase and a stream id must not stand on a command line, which every user of the machine can read. ffmpeg takes them, as all
//! options, from a preset file (`-fpre`): one that only we can read, in the run's private directory, removed as soon as ffmpeg has
//! opened its output or has ended. What goes on the command line is the address of the server.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wallflower_domain::wire::agent::StreamState;

use super::address::{Address, SrtOptions};
use super::feed::Feed;
use super::status::Status;
use super::{Patience, Policy};
use crate::child::{Child, LineSink, Rung, Tail};
use crate::workdir::Lasting;

/// Most that is waited for a receiver to play what it holds back; it drops that when the connection ends.
const LONGEST_HOLD: Duration = Duration::from_millis(900);
/// That, and what the sender itself still has in hand.
const IN_HAND: Duration = Duration::from_millis(if cfg!(test) { 2000 } else { 300 });
/// From the end of reading to the end of the process.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Starts what sends SRT.
pub(crate) struct Sender {
    pub(crate) ffmpeg: PathBuf,
    pub(crate) lasting: Lasting,
}

impl Sender {
    /// Streams until the feed is over. An error is a sentence.
    pub(crate) async fn publish(
        &self,
        (address, options): (&Address, &SrtOptions),
        (policy, patience): (Policy, Patience),
        feed: &mut Feed,
        status: &Status,
        init: &Bytes,
    ) -> Result<(), String> {
        // Looked up here, so that what is connected to is what was allowed.
        let place = tokio::select! {
            biased;
            () = feed.end() => return Ok(()),
            places = timeout(patience.setup, address.look_up(policy)) => match places {
                Ok(places) => *places?.first().ok_or("The server has no address.")?,
                Err(_) => return Err(format!("{} can't be looked up: the DNS does not answer.", address.host())),
            },
        };
        let failed = |error: std::io::Error| format!("ffmpeg can't be told where to stream ({error}).");
        let preset = match options.is_empty() {
            true => None,
            false => Some(Preset::write(self.lasting.folder(), &status.get().id, options).map_err(failed)?),
        };
        let mut command = self.lasting.command(&self.ffmpeg);
        command.args(["-nostdin", "-hide_banner", "-nostats", "-v", "info"]);
        command.args(["-progress", "pipe:1", "-stats_period", "0.25"]);
        command.args(["-f", "mp4", "-i", "pipe:0", "-map", "0", "-c", "copy", "-f", "mpegts"]);
        // What comes in goes out: nothing is held back for a better packed stream.
        command.args(["-flush_packets", "1", "-muxdelay", "0", "-pes_payload_size", "0"]);
        if let Some(preset) = &preset {
            command.arg("-fpre").arg(&preset.0);
        }
        command.arg(format!("srt://{place}"));
        let (tell, told) = watch::channel(Told::default());
        let tell_open = tell.clone();
        let on_stdout: LineSink = Box::new(move |line| {
            if let Some(bytes) = line.strip_prefix("total_size=").and_then(|bytes| bytes.trim().parse().ok()) {
                tell.send_modify(|told| told.bytes = bytes);
            }
        });
        // It describes its output when that is open: then the server has accepted the stream.
        let on_stderr: LineSink = Box::new(move |line| {
            if line.starts_with("Output #0") {
                tell_open.send_modify(|told| told.is_open = true);
            }
        });
        let mut child = Child::spawn("ffmpeg", command, on_stdout, on_stderr).map_err(|failure| failure.message)?;
        let stdin = child.take_stdin().ok_or("ffmpeg has no stdin.")?;
        let mut sending = Sending { server: address.server(), patience, stdin, told, preset, live: false, bytes: 0 };
        let result = tokio::select! {
            result = sending.run(feed, status, init) => result,
            _ = child.exited() => Err(String::new()),
        };
        if result.is_ok() && !sending.live {
            let _ = child.stop(&[]).await;
            return Ok(());
        }
        if let Err(trouble) = result {
            // That it reads no more may be the first sign of its end, and its last words tell more.
            if timeout(LAST_WORDS, child.exited()).await.is_ok() {
                return Err(reason(&address.server(), &child.tail()));
            }
            let _ = child.stop(&[]).await;
            return Err(trouble);
        }
        sleep(Duration::from_millis(options.latency_ms()).min(LONGEST_HOLD) + IN_HAND).await;
        // It finishes when its input ends.
        drop(sending);
        match timeout(patience.goodbye, child.exited()).await {
            Ok(exit) if exit.success() => Ok(()),
            Ok(_) => Err(reason(&address.server(), &child.tail())),
            Err(_) => {
                let _ = child.stop(&[(Rung::Send(Signal::SIGTERM), Duration::from_millis(200))]).await;
                Err(format!("{} did not take the end of the stream.", address.server()))
            }
        }
    }
}

/// What an ffmpeg says of itself.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    is_open: bool,
    /// Bytes that it has sent.
    bytes: u64,
}

/// An ffmpeg that is being fed.
struct Sending {
    server: String,
    patience: Patience,
    stdin: ChildStdin,
    told: watch::Receiver<Told>,
    preset: Option<Preset>,
    live: bool,
    bytes: u64,
}

impl Sending {
    async fn run(&mut self, feed: &mut Feed, status: &Status, init: &Bytes) -> Result<(), String> {
        self.hand_over(init, status).await?;
        loop {
            let next = tokio::select! {
                biased;
                () = changed(&mut self.told) => {
                    self.heard(status);
                    continue;
                }
                next = feed.next() => next,
            };
            let Some(fragment) = next else { break };
            self.hand_over(&fragment.bytes, status).await?;
            // What is handed over before the server takes anything may go nowhere.
            if self.live {
                feed.sent(0);
            }
        }
        // A stream may end so soon after its beginning that it is not even connected yet.
        while feed.owes() {
            if self.live {
                feed.sent(0);
            } else {
                changed(&mut self.told).await;
                self.heard(status);
            }
        }
        Ok(())
    }

    /// Writes to ffmpeg, which stops reading when its server does.
    async fn hand_over(&mut self, mut bytes: &[u8], status: &Status) -> Result<(), String> {
        let mut progress = Instant::now();
        while !bytes.is_empty() {
            // It connects only when it has seen some media.
            let patience = if self.live { self.patience.stall } else { self.patience.setup };
            tokio::select! {
                // What it has taken or said while we were not looking counts before the time since.
                biased;
                () = changed(&mut self.told) => {
                    let was_live = self.live;
                    self.heard(status);
                    if self.live && !was_live {
                        // However long that took.
                        progress = Instant::now();
                    }
                }
                wrote = self.stdin.write(bytes) => {
                    let wrote = wrote.map_err(|error| format!("The ffmpeg that streams takes nothing any more ({error})."))?;
                    bytes = bytes.get(wrote..).unwrap_or_default();
                    progress = Instant::now();
                }
                () = sleep_until(progress + patience) => {
                    return Err(format!("{} has taken nothing for {} s.", self.server, patience.as_secs_f64()));
                }
            }
        }
        Ok(())
    }

    fn heard(&mut self, status: &Status) {
        let told = *self.told.borrow_and_update();
        status.sent(0.0, told.bytes.saturating_sub(self.bytes));
        self.bytes = told.bytes;
        if told.is_open && !self.live {
            self.live = true;
            self.preset = None;
            status.is_now(StreamState::Live);
        }
    }
}

/// Never resolves when nothing more can come: then ffmpeg has ended, which is noticed elsewhere.
async fn changed(told: &mut watch::Receiver<Told>) {
    if told.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What is told from an ffmpeg's last words.
fn reason(server: &str, tail: &Tail) -> String {
    if tail.contains("passphrase") || tail.contains("Password") {
        return format!("{server} refuses the passphrase.");
    }
    if tail.contains("REJECT") {
        return format!("{server} rejects the stream; is its streamid right, and nobody streaming with it already?");
    }
    if tail.contains("Connection to srt:") {
        return format!("{server} does not answer; is the server running?");
    }
    if tail.contains("av_interleaved_write_frame") || tail.contains("Error closing file") {
        return format!("{server} has gone.");
    }
    match tail.last() {
        Some(last) => format!("The ffmpeg that streams to {server} ended, saying: {last}."),
        None => format!("The ffmpeg that streams to {server} ended without a word."),
    }
}

/// A file with options, for our eyes and ffmpeg's; gone when this is.
struct Preset(PathBuf);

impl Preset {
    fn write(folder: &Path, id: &str, options: &SrtOptions) -> std::io::Result<Self> {
        let path = folder.join(format!("stream-{id}.ffpreset"));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let preset = Self(path);
        file.write_all(options.preset().as_bytes())?;
        Ok(preset)
    }
}

impl Drop for Preset {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::sync::mpsc;

    use super::*;
    use crate::report::Report;

    #[tokio::test]
    async fn a_server_that_took_long_to_come_has_the_time_of_a_stall_from_then_on() {
        // More than a pipe holds is taken once the server has come, which took longer than a stall may.
        let folder = tempfile::tempdir().expect("temp dir");
        let go = folder.path().join("go");
        let mut reader = tokio::process::Command::new("sh")
            .args(["-c", "while [ ! -e \"$0\" ]; do sleep 0.05; done; exec cat >/dev/null"])
            .arg(&go)
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("sh starts");
        let (tell, told) = watch::channel(Told::default());
        let patience =
            Patience { setup: Duration::from_secs(60), stall: Duration::from_secs(4), ..Patience::default() };
        let stdin = reader.stdin.take().expect("piped");
        let server = "srt://h:1".to_owned();
        let mut sending = Sending { server, patience, stdin, told, preset: None, live: false, bytes: 0 };
        let (sender, _events) = mpsc::unbounded_channel();
        let status = Status::new("s1", "srt://h:1".to_owned(), Report::new(sender));
        tokio::spawn(async move {
            sleep(Duration::from_millis(4500)).await;
            tell.send_modify(|told| told.is_open = true);
            std::fs::write(go, "").expect("written");
            tell.closed().await;
        });
        sending.hand_over(&vec![0; 1 << 20], &status).await.expect("it is taken in time");
        assert_eq!(status.state(), StreamState::Live);
    }
}
