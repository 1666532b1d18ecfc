//! The encoder: one ffmpeg that grabs the display and the sink's monitor and writes fragments of MP4 to us.
//!
//! ```text
//! ffmpeg ──stdout: fragmented MP4──▶ flow ──▶ spool
//!   ▲ stdin: q, volume                  └───▶ tap
//! ```

use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
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
use crate::programs::Programs;
use crate::spool::{Attempt, Spool};
use crate::tap::Tap;
use crate::workdir::WorkDir;

const READY_DEADLINE: Duration = Duration::from_secs(10);
/// Microseconds of a fragment: what kill -9 may cost, and what a live stream lags behind.
const FRAGMENT_US: &str = "500000";
/// Raw frames that may wait for the encoder: half a second. At 720p one is 3.7 MB, and what was once needed for them stays allocated.
const FRAME_QUEUE: &str = "16";
/// One less this many frames is how far a picture may come before its place in the file; beyond, it is left out. x11grab waits whole
/// microseconds, so it takes 30 frames a second every 33,333 µs, 10 ppm too fast, and by itself ffmpeg lets pictures slide by 2.1 frames.
/// With 0.5 a picture would go to the nearest place, and the least tremble halfway would leave one out and repeat another.
const DROP_THRESHOLD: &str = "0.45";
/// Sound packets that may wait.
const SOUND_QUEUE: &str = "256";
/// An encoder that obeys a command does so within a frame and its own look at stdin, ten times a second.
const OBEY_DEADLINE: Duration = Duration::from_secs(2);

/// Seconds by which the sound is delayed, because a picture takes longer to the file than its sound does. Measured with the test page on
/// an idle machine, in 24 browsers' lives: without it the flash comes -3 to +30 ms after its beep, 13 on the average. They differ because
/// the page's 60 Hz and the grab's 30 Hz keep the phase in which they happen to start, and because the compositor is one frame deeper in
/// some. What comes through WebRTC has its sound some 25 ms later already, so this is no more than the page needs.
const PICTURE_LAG_S: f64 = 0.012;

/// Makes sound keep wall time. Without `res` the resampler would only be made when it is first needed, and that sets the sound back to
/// `first_pts`: as much silence again as was recorded until then.
const KEEP_TIME: &str = "aresample=async=8:min_hard_comp=0.04:first_pts=0:flags=res";

/// What is captured, and where to.
pub(crate) struct Plan<'a> {
    pub(crate) size: FrameSize,
    pub(crate) fps: FrameRate,
    pub(crate) encoder: &'a Encoder,
    /// No pictures.
    pub(crate) sound_only: bool,
    /// Silence from the beginning.
    pub(crate) silent: bool,
    pub(crate) spool: &'a Spool,
    pub(crate) tap: &'a Tap,
    pub(crate) number: u32,
    /// Why the attempt before this one ended.
    pub(crate) after: Option<&'a str>,
}

/// A running encoder.
pub(crate) struct Capture {
    encoder: Child,
    progress: watch::Receiver<Progress>,
    flow: watch::Receiver<Flow>,
    flowing: JoinHandle<Result<(), Failure>>,
    /// Answers to commands: whether a filter took one.
    answers: mpsc::Receiver<bool>,
}

impl Capture {
    /// Starts the encoder and waits until it has encoded something.
    pub(crate) async fn start(
        programs: &Programs,
        work: &WorkDir,
        display: &Display,
        audio: &Audio,
        plan: &Plan<'_>,
    ) -> Result<(Self, Attempt), Failure> {
        let mut command = work.command(&programs.ffmpeg);
        display.attach(&mut command);
        audio.attach(&mut command);
        command.env("PULSE_LATENCY_MSEC", "20").args(arguments(&display.name(), plan));
        let (progress_sender, progress) = watch::channel(Progress::default());
        let (start_sender, mut starts) = mpsc::channel(4);
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
        let too_slow = || {
            Failure::new(
                FailureKind::ProgramDied,
                "ffmpeg did not encode a frame within 10 s; is the machine overloaded?",
            )
        };
        let deadline = tokio::time::Instant::now() + READY_DEADLINE;
        let start = tokio::select! {
            // The display is the first input, so its start is printed first.
            Some(start) = starts.recv() => start,
            status = encoder.exited() => return Err(explain(&encoder.tail(), status)),
            () = tokio::time::sleep_until(deadline) => return Err(too_slow()),
        };
        let begun =
            plan.spool.begin(plan.number, Moment::at_unix_us(start), grid(plan.fps, plan.sound_only), plan.after);
        let (attempt, offset, writer) =
            begun.map_err(|error| crate::delivery::unwritable(plan.spool.folder(), &error))?;
        let (flowing, mut flow) = Flowing::begin(stdout, offset, plan.size, writer, plan.tap.clone());
        let mut capture = Self { encoder, progress, flow: flow.clone(), flowing: tokio::spawn(flowing.run()), answers };
        let first = async {
            // It fails only when the flow has ended, which is when the encoder has.
            if flow.wait_for(|flow| flow.frames > 0).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = first => Ok((capture, attempt)),
            ended = &mut capture.flowing => match ended {
                Ok(Err(failure)) => Err(failure),
                _ => Err(explain(&capture.encoder.tail(), capture.encoder.exited().await)),
            },
            () = tokio::time::sleep_until(deadline) => Err(too_slow()),
        }
    }

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

    /// Resolves when nothing comes any more: with a failure when what came could not be kept.
    pub(crate) async fn dried_up(&mut self) -> Option<Failure> {
        match (&mut self.flowing).await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(Failure::new(FailureKind::Internal, "What reads the encoder's output ended unexpectedly.")),
        }
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

    async fn end(mut self, ladder: &[(Rung, Duration)]) -> Result<(), Failure> {
        let tail = self.encoder.tail();
        let status = self.encoder.stop(ladder).await;
        // Its output is closed now, so this ends.
        let kept = match self.flowing.is_finished() {
            true => None,
            false => (&mut self.flowing).await.ok().and_then(Result::err),
        };
        match kept {
            Some(failure) => Err(failure),
            None if status.success() => Ok(()),
            None => Err(explain(&tail, status)),
        }
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

fn arguments(display: &str, plan: &Plan<'_>) -> Vec<String> {
    let (size, fps) = (plan.size.to_string(), plan.fps.to_string());
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["-hide_banner", "-nostats", "-loglevel", "info", "-progress", "pipe:2", "-stats_period", "0.5"]);
    if !plan.sound_only {
        let device = plan.encoder.device_options();
        add(&device.iter().map(String::as_str).collect::<Vec<_>>());
        add(&["-frame_drop_threshold", DROP_THRESHOLD]);
        // By itself ffmpeg looks at twenty frames to guess the rate that it is told, and opens the sound only then: two thirds of a second
        // of it, at 10 frames a second two, would be missing at the beginning of each attempt.
        add(&["-fpsprobesize", "0"]);
        add(&["-thread_queue_size", FRAME_QUEUE, "-f", "x11grab", "-draw_mouse", "0"]);
        add(&["-framerate", &fps, "-video_size", &size, "-i", display]);
    }
    // Both inputs are stamped by the same wall clock. By itself ffmpeg sets each to zero and so forgets which one began first;
    // -isync keeps the difference.
    add(&["-thread_queue_size", SOUND_QUEUE, "-f", "pulse", "-fragment_size", "3840"]);
    add(&["-sample_rate", "48000", "-channels", "2"]);
    if plan.sound_only {
        add(&["-i", Audio::MONITOR, "-map", "0:a"]);
    } else {
        add(&["-isync", "0", "-i", Audio::MONITOR, "-map", "0:v", "-map", "1:a", "-vf", &plan.encoder.filter()]);
        arguments.extend(plan.encoder.picture_options(plan.fps));
    }
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    // PulseAudio's null sink makes some 95 samples too many of each million (it rounds the length of each block down to microseconds),
    // while the stamps follow the wall clock. `async` may stretch by 8 samples a second, 167 ppm, which nobody hears; silence is put in
    // or sound left out only where 40 ms are missing or too many: before the first sample, or when some were lost.
    let volume = u8::from(!plan.silent);
    add(&["-af", &format!("volume={volume},asetpts=PTS+{PICTURE_LAG_S}/TB,{KEEP_TIME}")]);
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
}
