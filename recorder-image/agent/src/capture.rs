//! The encoder: one ffmpeg that takes our pictures of the display, grabs the sink's monitor, and writes fragments of MP4 to us.
//!
//! ```text
//! grabber ──pipe──▶ ffmpeg ──stdout: fragmented MP4──▶ flow ──▶ spool
//!                     ▲ stdin: q, volume                  └───▶ tap
//! ```
//!
//! It is started before there is anything to be captured ([`Waiting`]): it waits for its first picture, and opens the sound when that has come.

use std::os::fd::{AsRawFd, RawFd};
use std::process::ExitStatus;
use std::time::Duration;

use command_fds::CommandFdExt;
use nix::sys::signal::Signal;
use tokio::process::ChildStdout;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::wire::agent::Progress;

use crate::audio::Audio;
use crate::child::{Child, LineSink, Rung, Tail, death};
use crate::clock::Moment;
use crate::display::Display;
use crate::encoder::Encoder;
use crate::finisher::grid;
use crate::flow::{Flow, Flowing};
use crate::grabber::{Grabber, Watcher};
use crate::programs::Programs;
use crate::spool::{Attempt, Spool};
use crate::tap::Tap;
use crate::workdir::WorkDir;

const READY_DEADLINE: Duration = Duration::from_secs(10);
/// Microseconds of a fragment: what kill -9 may cost, and what a live stream lags behind.
const FRAGMENT_US: &str = "500000";
/// Raw frames that may wait for the encoder. At 720p one is 1.4 MB, and what was once needed for them stays allocated.
const FRAME_QUEUE: &str = "16";
/// Sound packets that may wait.
const SOUND_QUEUE: &str = "256";
/// An encoder that obeys a command does so within a frame and its own look at stdin, ten times a second.
const OBEY_DEADLINE: Duration = Duration::from_secs(2);

/// Seconds by which the sound is delayed, because a picture takes longer to the file than its sound does. Measured with the test page on
/// an idle machine, in 15 browsers' lives: without it the flash comes -12 to +21 ms after its beep, 3 on the average. They differ because
/// the compositor is one frame of 60 Hz deeper in some. What comes through WebRTC has its sound some 25 ms later already.
const PICTURE_LAG_S: f64 = 0.004;

/// Makes sound keep wall time. Without `res` the resampler would only be made when it is first needed, and that sets the sound back to
/// `first_pts`: as much silence again as was recorded until then.
const KEEP_TIME: &str = "aresample=async=8:min_hard_comp=0.04:first_pts=0:flags=res";

/// What an attempt is, and where to it is captured.
pub(crate) struct Plan<'a> {
    pub(crate) setup: Setup<'a>,
    pub(crate) spool: &'a Spool,
    pub(crate) tap: &'a Tap,
    pub(crate) number: u32,
    /// Why the attempt before this one ended.
    pub(crate) after: Option<&'a str>,
}

/// A running encoder.
pub(crate) struct Capture {
    encoder: Child,
    /// None where no pictures are taken.
    grabber: Option<Grabber>,
    progress: watch::Receiver<Progress>,
    flow: watch::Receiver<Flow>,
    /// None when what came of it was told.
    flowing: Option<JoinHandle<Result<(), Failure>>>,
    /// Answers to commands: whether a filter took one.
    answers: mpsc::Receiver<bool>,
}

/// An encoder that waits for its first picture.
pub(crate) struct Waiting {
    encoder: Child,
    stdout: ChildStdout,
    watcher: Option<Watcher>,
    silent: bool,
    progress: watch::Receiver<Progress>,
    starts: mpsc::Receiver<i64>,
    answers: mpsc::Receiver<bool>,
}

/// How the encoder is set up.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) size: FrameSize,
    pub(crate) fps: FrameRate,
    pub(crate) encoder: &'a Encoder,
    /// No pictures.
    pub(crate) sound_only: bool,
    /// Silence from the beginning.
    pub(crate) silent: bool,
}

impl Waiting {
    /// Starts the encoder. Where there are no pictures it begins at once.
    pub(crate) fn start(
        programs: &Programs,
        work: &WorkDir,
        display: &Display,
        audio: &Audio,
        setup: Setup<'_>,
    ) -> Result<Self, Failure> {
        let mut command = work.command(&programs.ffmpeg);
        audio.attach(&mut command);
        let mut pictures = None;
        let watcher = match setup.sound_only {
            true => None,
            false => {
                let (reader, writer) = std::io::pipe().map_err(|error| {
                    Failure::new(FailureKind::Internal, format!("This machine makes no further pipe: {error}."))
                })?;
                pictures = Some(reader.as_raw_fd());
                command.preserved_fds(vec![reader.into()]);
                Some(Watcher::start(display.entrance(), setup.size, setup.fps, writer)?)
            }
        };
        command.env("PULSE_LATENCY_MSEC", "20").args(arguments(pictures, setup));
        let (progress_sender, progress) = watch::channel(Progress::default());
        let (start_sender, starts) = mpsc::channel(4);
        let (answer_sender, answers) = mpsc::channel(8);
        let mut block = ProgressBlock::default();
        let on_stderr: LineSink = Box::new(move |line| {
            if let Some(progress) = block.take(line) {
                progress_sender.send_replace(progress);
            } else if let Some(start) = input_start_us(line) {
                let _ = start_sender.try_send(start);
            } else if let Some(taken) = command_reply(line) {
                let _ = answer_sender.try_send(taken);
            }
        });
        let (encoder, stdout) = Child::spawn_piped("ffmpeg", command, on_stderr)?;
        Ok(Self { encoder, stdout, watcher, silent: setup.silent, progress, starts, answers })
    }

    /// What may have changed since it was started has not, and it lives.
    pub(crate) fn suits(&mut self, setup: Setup<'_>) -> bool {
        let lives = !self.encoder.has_exited() && self.watcher.as_mut().is_none_or(Watcher::watches);
        lives && self.silent == setup.silent
    }

    /// Begins an attempt, with what the display shows now, and waits until something is encoded.
    pub(crate) async fn begin(self, plan: &Plan<'_>) -> Result<(Capture, Attempt), Failure> {
        let Self { encoder, stdout, watcher, progress, mut starts, answers, .. } = self;
        let Setup { size, fps, sound_only, .. } = plan.setup;
        let too_slow = |what: &str| {
            let message = format!("{what} within 10 s; is the machine overloaded?");
            Failure::new(FailureKind::ProgramDied, message)
        };
        let deadline = tokio::time::Instant::now() + READY_DEADLINE;
        let begun = async {
            match watcher {
                Some(watcher) => watcher.begin().await.map(|(grabber, start)| (Some(grabber), start)),
                None => match starts.recv().await {
                    Some(start) => Ok((None, start)),
                    // The encoder has ended, which is told below.
                    None => std::future::pending().await,
                },
            }
        };
        let (grabber, start) = tokio::select! {
            begun = begun => begun?,
            status = encoder.exited() => return Err(explain(&encoder.tail(), status)),
            () = tokio::time::sleep_until(deadline) => return Err(too_slow(match sound_only {
                true => "ffmpeg did not begin to listen",
                false => "The display gave no picture",
            })),
        };
        let begun = plan.spool.begin(plan.number, Moment::at_unix_us(start), grid(fps, sound_only), plan.after);
        let (attempt, offset, writer) =
            begun.map_err(|error| crate::delivery::unwritable(plan.spool.folder(), &error))?;
        let (flowing, mut flow) = Flowing::begin(stdout, offset, size, writer, plan.tap.clone());
        let flowing = Some(tokio::spawn(flowing.run()));
        let mut capture = Capture { encoder, grabber, progress, flow: flow.clone(), flowing, answers };
        let first = async {
            // It fails only when the flow has ended, which is when the encoder has.
            if flow.wait_for(|flow| flow.frames > 0).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = first => Ok((capture, attempt)),
            failure = dried_up(&mut capture.flowing) => match failure {
                Some(failure) => Err(failure),
                None => Err(explain(&capture.encoder.tail(), capture.encoder.exited().await)),
            },
            failure = blind(&mut capture.grabber) => Err(failure),
            () = tokio::time::sleep_until(deadline) => Err(too_slow("ffmpeg did not encode a frame")),
        }
    }
}

impl Capture {
    pub(crate) fn encoder(&self) -> &Child {
        &self.encoder
    }

    /// How it goes, by what ffmpeg says; changes about twice a second.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// What has come of it; changes with every fragment, so at least twice a second.
    pub(crate) fn flow(&self) -> watch::Receiver<Flow> {
        self.flow.clone()
    }

    /// Resolves when the display gives no more pictures. Cancel safe.
    pub(crate) async fn blind(&mut self) -> Failure {
        blind(&mut self.grabber).await
    }

    /// Resolves when nothing comes any more: with a failure when what came could not be kept, which is told once. Cancel safe.
    pub(crate) async fn dried_up(&mut self) -> Option<Failure> {
        dried_up(&mut self.flowing).await
    }

    /// Captures silence, or sound again. Returns when the encoder has done so.
    pub(crate) async fn silence(&mut self, silent: bool) -> Result<(), Failure> {
        while self.answers.try_recv().is_ok() {}
        let volume = u8::from(!silent);
        let told = self.encoder.say(format!("cvolume -1 volume {volume}\n").as_bytes()).await;
        let taken = async {
            // Filters of the picture answer too, that they don't know the command.
            while let Some(taken) = self.answers.recv().await {
                if taken {
                    return;
                }
            }
            std::future::pending().await
        };
        if told.is_ok() && tokio::time::timeout(OBEY_DEADLINE, taken).await.is_ok() {
            return Ok(());
        }
        Err(Failure::new(FailureKind::ProgramDied, "ffmpeg did not change the volume within 2 s."))
    }

    /// Lets it finish what it has grabbed, and waits until that is on disk. A failure tells why it could not; what was written until
    /// then stays.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.end(&[
            (Rung::Say(b"q\n"), Duration::from_secs(10)),
            (Rung::Send(Signal::SIGINT), Duration::from_secs(5)),
            (Rung::Send(Signal::SIGTERM), Duration::from_secs(2)),
        ])
        .await
    }

    /// The same when the next attempt waits: what `hangs` is killed, at once or soon, and costs the fragment in flight.
    pub(crate) async fn salvage(self, hangs: bool) {
        let patience = Duration::from_millis(300);
        let polite = [(Rung::Say(b"q\n".as_slice()), patience), (Rung::Send(Signal::SIGINT), patience)];
        let _ = self.end(if hangs { &[] } else { &polite }).await;
    }

    async fn end(self, ladder: &[(Rung, Duration)]) -> Result<(), Failure> {
        let Self { encoder, mut flowing, .. } = self;
        let tail = encoder.tail();
        let status = encoder.stop(ladder).await;
        // Its output is closed now, so this ends. It may have ended already, and not well: the disk takes what came last when it can.
        match dried_up(&mut flowing).await {
            Some(failure) => Err(failure),
            None if status.success() => Ok(()),
            None => Err(explain(&tail, status)),
        }
    }
}

async fn dried_up(flowing: &mut Option<JoinHandle<Result<(), Failure>>>) -> Option<Failure> {
    let ended = flowing.as_mut()?.await;
    *flowing = None;
    match ended {
        Ok(kept) => kept.err(),
        Err(_) => Some(Failure::new(FailureKind::Internal, "What reads the encoder's output ended unexpectedly.")),
    }
}

async fn blind(grabber: &mut Option<Grabber>) -> Failure {
    match grabber {
        Some(grabber) => grabber.lost().await,
        None => std::future::pending().await,
    }
}

/// Whether ffmpeg says that a filter took a command.
fn command_reply(line: &str) -> Option<bool> {
    let (_, rest) = line.split_once("Command reply for stream ")?;
    Some(rest.contains("ret:0 "))
}

/// Why ffmpeg ended.
pub(crate) fn explain(tail: &Tail, status: ExitStatus) -> Failure {
    if tail.contains("No space left on device") {
        return Failure::new(
            FailureKind::DiskFull,
            "The disk that takes the recording is full; make room or choose another output directory.",
        );
    }
    Failure::new(FailureKind::ProgramDied, death("ffmpeg", status, tail))
}

/// How sound is encoded.
pub(crate) const SOUND_OPTIONS: [&str; 8] = ["-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2"];

/// `pictures` is the descriptor from which it reads pictures; none for sound alone.
fn arguments(pictures: Option<RawFd>, setup: Setup<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["-hide_banner", "-nostats", "-loglevel", "info", "-progress", "pipe:2", "-stats_period", "0.5"]);
    if let Some(descriptor) = pictures {
        let device = setup.encoder.device_options();
        add(&device.iter().map(String::as_str).collect::<Vec<_>>());
        // By itself ffmpeg looks at twenty frames to guess the rate that it is told, and opens the sound only then: two thirds of a second
        // of it, at 10 frames a second two, would be missing at the beginning of each attempt.
        add(&["-fpsprobesize", "0"]);
        // By its name as a pipe ffmpeg would take it for stdin, and obey no command any more.
        add(&["-thread_queue_size", FRAME_QUEUE, "-f", "matroska", "-i", &format!("/dev/fd/{descriptor}")]);
    }
    // Sound is stamped by the wall clock; pictures by what it was at the first, and the monotonic clock since: an attempt ends when the
    // two part (`ClockWatch`). By itself ffmpeg sets each input to zero and so forgets which one began first; -isync keeps the difference.
    add(&["-thread_queue_size", SOUND_QUEUE, "-f", "pulse", "-fragment_size", "3840"]);
    add(&["-sample_rate", "48000", "-channels", "2"]);
    if pictures.is_none() {
        add(&["-i", Audio::MONITOR, "-map", "0:a"]);
    } else {
        add(&["-isync", "0", "-i", Audio::MONITOR, "-map", "0:v", "-map", "1:a"]);
        add(&["-vf", &setup.encoder.capture_filter()]);
        arguments.extend(setup.encoder.picture_options(setup.fps));
    }
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    // PulseAudio's null sink makes some 95 samples too many of each million (it rounds the length of each block down to microseconds),
    // while the stamps follow the wall clock. `async` may stretch by 8 samples a second, 167 ppm, which nobody hears; silence is put in
    // or sound left out only where 40 ms are missing or too many: before the first sample, or when some were lost.
    let volume = u8::from(!setup.silent);
    add(&["-af", &format!("volume={volume},asetpts=PTS{PICTURE_LAG_S:+}/TB,{KEEP_TIME}")]);
    add(&SOUND_OPTIONS);
    add(&["-f", "mp4", "-movflags", "+frag_keyframe+delay_moov+default_base_moof", "-frag_duration", FRAGMENT_US]);
    add(&["-flush_packets", "1", "pipe:1"]);
    arguments
}

/// `Duration: N/A, start: 1763700000.123456, bitrate: …` of an input's description.
fn input_start_us(line: &str) -> Option<i64> {
    let (_, rest) = line.split_once(", start: ")?;
    let (seconds, rest) = rest.split_once('.')?;
    let micros = rest.split(',').next()?;
    if micros.len() != 6 {
        return None;
    }
    Some(seconds.parse::<i64>().ok()? * 1_000_000 + micros.parse::<i64>().ok()?)
}

/// Collects the `key=value` lines that ffmpeg prints with `-progress`; a block ends with `progress=…`.
#[derive(Default)]
struct ProgressBlock {
    current: Progress,
}

impl ProgressBlock {
    fn take(&mut self, line: &str) -> Option<Progress> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        let whole = || value.parse::<u64>().unwrap_or(0);
        match key {
            "frame" => self.current.frames = whole(),
            "fps" => self.current.fps = value.parse().unwrap_or(0.0),
            "total_size" => self.current.bytes = whole(),
            // Microseconds; N/A, and for an instant negative, at the start.
            "out_time_us" => self.current.media_s = value.parse::<f64>().map_or(0.0, |micros| (micros / 1e6).max(0.0)),
            "dup_frames" => self.current.duplicated = whole(),
            "drop_frames" => self.current.dropped = whole(),
            "speed" => self.current.speed = value.trim_end_matches('x').trim().parse().unwrap_or(0.0),
            // What the encoder does not know is added by whoever reads its output.
            "progress" => return Some(self.current),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_block_is_read_whole() {
        let mut block = ProgressBlock::default();
        let lines = "frame=45\nfps=29.97\nstream_0_0_q=20.0\nbitrate= 812.3kbits/s\ntotal_size=152000\nout_time_us=1500000\n\
                     out_time=00:00:01.500000\ndup_frames=1\ndrop_frames=2\nspeed=1.01x\nprogress=continue";
        let progress: Vec<Progress> = lines.lines().filter_map(|line| block.take(line)).collect();
        let expected = Progress {
            media_s: 1.5,
            frames: 45,
            fps: 29.97,
            speed: 1.01,
            dropped: 2,
            duplicated: 1,
            bytes: 152_000,
            ..Progress::default()
        };
        assert_eq!(progress, [expected]);
    }

    #[test]
    fn values_that_ffmpeg_does_not_know_yet_are_zero() {
        let mut block = ProgressBlock::default();
        let lines = ["frame=0", "out_time_us=N/A", "speed=N/A", "total_size=N/A", "progress=continue"];
        let progress: Vec<Progress> = lines.iter().filter_map(|line| block.take(line)).collect();
        assert_eq!(progress, [Progress::default()]);
    }

    #[test]
    fn an_answer_to_a_command_is_told_from_the_rest() {
        assert_eq!(command_reply("Command reply for stream 1: ret:0 res:"), Some(true));
        assert_eq!(command_reply("Command reply for stream 0: ret:-38 res:"), Some(false));
        assert_eq!(command_reply("Enter command: <target>|all <time>|-1 <command>[ <argument>]"), None);
    }

    #[test]
    fn the_first_frame_s_time_is_read_from_the_input_s_description() {
        let line = "  Duration: N/A, start: 1763700000.123456, bitrate: 884736 kb/s";
        assert_eq!(input_start_us(line), Some(1_763_700_000_123_456));
        assert_eq!(input_start_us("  Duration: N/A, bitrate: N/A"), None);
    }

    #[tokio::test]
    async fn that_the_disk_took_no_more_is_told_also_when_it_happened_a_while_ago() {
        let flowing = tokio::spawn(async { Err(Failure::new(FailureKind::DiskFull, "The disk is full.")) });
        while !flowing.is_finished() {
            tokio::task::yield_now().await;
        }
        let mut flowing = Some(flowing);
        assert_eq!(dried_up(&mut flowing).await.map(|failure| failure.kind), Some(FailureKind::DiskFull));
        assert_eq!(dried_up(&mut flowing).await, None, "it was told");
    }
}
