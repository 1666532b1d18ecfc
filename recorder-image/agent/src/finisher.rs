//! From the spool's attempts to one MP4.
//!
//! ```text
//! one attempt, no gap:   stream copy, index in front
//! otherwise:  pictures   attempt ▸ slate ▸ attempt …   stream copy; every frame on the grid of the frame rate
//!             sound      each piece decoded, cut or padded to exactly its frames, silence for slates; encoded once over the whole
//! ```
//!
//! Joined sound can't be copied: AAC's priming and ends that don't meet would shift each further piece by 20 to 110 ms.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::FrameRate;
use wallflower_domain::wire::agent::{Gap, Gaps};

use crate::capture::{PICTURE, SOUND_OPTIONS, explain, picture_options};
use crate::child::{self, LineSink};
use crate::delivery::unwritable;
use crate::programs::Programs;
use crate::spool::{Spool, Wanted};

/// A copy goes at disk speed, sound is encoded 100 times faster than it lasts; hours of media take minutes at worst.
const DEADLINE: Duration = Duration::from_secs(900);
/// Attempts overlap by less when an agent died and its encoder lived on until it was swept. More is a clock that was set back, and
/// costs no media.
const LONGEST_OVERLAP_S: u64 = 10;
const SAMPLE_RATE: u64 = 48_000;

/// A finished file, still in the spool.
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
    pub(crate) duration_s: f64,
    pub(crate) frames: u64,
    pub(crate) gaps: Vec<Gap>,
}

/// One attempt, as measured.
#[derive(Clone, Debug)]
struct Measured {
    /// When its first picture is shown, by its file's clock, in seconds.
    start_s: f64,
    path: PathBuf,
    first_frame_unix_us: i64,
    frames: u64,
    after: Option<String>,
}

/// What the file is put together from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// The first frames of the attempt of this index.
    Media { attempt: usize, frames: u64 },
    /// So many frames of slate.
    Slate { frames: u64 },
}

#[derive(Debug, PartialEq)]
struct Plan {
    pieces: Vec<Piece>,
    gaps: Vec<Gap>,
    /// Some attempt is not taken whole.
    cut: bool,
}

/// Puts attempts and gaps on the grid of frames. `limit` is the most frames that the file may have; `until` is when the recording
/// ended, when that was in a gap.
fn plan(attempts: &[Measured], fps: FrameRate, policy: Gaps, limit: Option<u64>, until: Option<i64>) -> Plan {
    let rate = u64::from(fps.get());
    let origin = attempts.first().map_or(0, |attempt| attempt.first_frame_unix_us);
    let on_grid = |unix_us: i64| {
        let since = unix_us.saturating_sub(origin).max(0).unsigned_abs();
        (since.saturating_mul(rate) + 500_000) / 1_000_000
    };
    #[expect(clippy::cast_precision_loss, reason = "frames of one recording are far below 2^52")]
    let seconds = |frames: u64| frames as f64 / rate as f64;
    let mut plan = Plan { pieces: Vec::new(), gaps: Vec::new(), cut: false };
    // Wall time, and place in the file, in frames.
    let (mut wall, mut at) = (0, 0);
    let gap = |plan: &mut Plan, wall: &mut u64, at: &mut u64, end: u64, reason: String| {
        let length = end.saturating_sub(*wall);
        if length == 0 {
            return;
        }
        plan.gaps.push(Gap { at_s: seconds(*at), length_s: seconds(length), reason });
        *wall = end;
        if policy == Gaps::Slate {
            plan.pieces.push(Piece::Slate { frames: length });
            *at += length;
        }
    };
    for (index, attempt) in attempts.iter().enumerate() {
        let reason = attempt.after.clone().unwrap_or_else(|| "The recording was interrupted.".to_owned());
        gap(&mut plan, &mut wall, &mut at, on_grid(attempt.first_frame_unix_us), reason);
        let mut frames = attempt.frames;
        if let Some(next) = attempts.get(index + 1) {
            let room = on_grid(next.first_frame_unix_us).saturating_sub(wall);
            if frames > room && frames - room <= LONGEST_OVERLAP_S * rate {
                frames = room;
            }
        }
        if let Some(limit) = limit {
            frames = frames.min(limit.saturating_sub(at));
        }
        plan.cut |= frames < attempt.frames;
        if frames > 0 {
            plan.pieces.push(Piece::Media { attempt: index, frames });
            (wall, at) = (wall + frames, at + frames);
        }
    }
    if let Some(until) = until {
        gap(
            &mut plan,
            &mut wall,
            &mut at,
            on_grid(until),
            "The recording was stopped while it was interrupted.".into(),
        );
    }
    plan
}

/// Makes the file in the spool and checks it.
pub(crate) async fn finish(
    programs: &Programs,
    spool: &Spool,
    wanted: &Wanted,
    until: Option<i64>,
) -> Result<Finished, Failure> {
    let mut attempts = Vec::new();
    let mut unreadable = None;
    for attempt in spool.attempts() {
        let path = spool.media(attempt.number);
        match facts(programs, &path).await {
            Ok(facts) => attempts.push(Measured {
                start_s: facts.start_s,
                path,
                first_frame_unix_us: attempt.first_frame_unix_us,
                frames: facts.frames,
                after: attempt.after,
            }),
            // One that died before its first fragment was whole holds nothing; that time is part of the gap.
            Err(failure) => unreadable = Some(failure),
        }
    }
    if let (true, Some(failure)) = (attempts.is_empty(), unreadable) {
        return Err(failure);
    }
    let rate = f64::from(wanted.fps.get());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a week of frames at most, not negative"
    )]
    let limit = wanted.max_duration_s.map(|seconds| (seconds * rate).round().max(1.0) as u64);
    // One attempt ends by itself where it should.
    let limit = limit.filter(|_| attempts.len() > 1);
    let plan = plan(&attempts, wanted.fps, wanted.gaps, limit, until);
    let finished = spool.folder().join("finished.mp4");
    match (plan.pieces.as_slice(), plan.cut) {
        ([Piece::Media { attempt, .. }], false) => remux(programs, &attempts[*attempt].path, &finished).await?,
        _ => join(programs, spool, wanted, &attempts, &plan, &finished).await?,
    }
    let facts = facts(programs, &finished).await?;
    fs::File::open(&finished).and_then(|file| file.sync_all()).map_err(|error| unwritable(&finished, &error))?;
    Ok(Finished { path: finished, duration_s: facts.duration_s, frames: facts.frames, gaps: plan.gaps })
}

async fn remux(programs: &Programs, from: &Path, to: &Path) -> Result<(), Failure> {
    let mut command = quiet(programs);
    command.arg("-i").arg(from);
    command.args(["-map", "0", "-c", "copy", "-movflags", "+faststart", "-f", "mp4"]).arg(to);
    run(command).await
}

fn quiet(programs: &Programs) -> Command {
    let mut command = Command::new(&programs.ffmpeg);
    command.args(["-hide_banner", "-nostats", "-loglevel", "error", "-y"]);
    command
}

async fn run(command: Command) -> Result<(), Failure> {
    let (status, tail) = child::run("ffmpeg", command, DEADLINE, child::ignore()).await?;
    if status.success() { Ok(()) } else { Err(explain(&tail, status)) }
}

async fn join(
    programs: &Programs,
    spool: &Spool,
    wanted: &Wanted,
    attempts: &[Measured],
    plan: &Plan,
    to: &Path,
) -> Result<(), Failure> {
    let write = |name: &str, text: &str| {
        let path = spool.folder().join(name);
        fs::write(&path, text).map_err(|error| unwritable(&path, &error)).map(|()| path)
    };
    // The slate's text is in a file of its own: a filter's own language is no place for free text.
    let text = write("slate.txt", "Recording interrupted")?;
    for (index, piece) in plan.pieces.iter().enumerate() {
        let path = spool.folder().join(made_name(index));
        match *piece {
            Piece::Slate { frames } => slate(programs, wanted, frames, &text, &path).await?,
            Piece::Media { attempt, frames } if frames < attempts[attempt].frames => {
                first_frames(programs, &attempts[attempt].path, frames, &path).await?;
            }
            Piece::Media { .. } => {}
        }
    }
    let list = write("pieces.txt", &list(attempts, plan, wanted.fps))?;
    let graph = write("sound.txt", &sound_graph(attempts, plan, wanted.fps))?;
    let rate = wanted.fps.get();
    let mut command = quiet(programs);
    // Otherwise an attempt's clock is moved to where its AAC priming begins, and its sound comes 21 ms late.
    command.arg("-copyts");
    command.args(["-f", "concat", "-safe", "0", "-i"]).arg(&list);
    for piece in &plan.pieces {
        if let Piece::Media { attempt, .. } = piece {
            command.arg("-i").arg(&attempts[*attempt].path);
        }
    }
    command.arg("-filter_complex_script").arg(&graph);
    command.args(["-map", "0:v", "-map", "[sound]", "-c:v", "copy"]);
    // Without B-frames the frames are stored in the order in which they are shown: the Nth is shown at N / rate, whatever the
    // pieces' own clocks said.
    command.arg("-bsf:v").arg(format!("setts=pts=N/({rate}*TB):dts=N/({rate}*TB):duration=1/({rate}*TB)"));
    command.args(SOUND_OPTIONS).args(["-movflags", "+faststart", "-f", "mp4"]).arg(to);
    run(command).await
}

/// The first pictures of an attempt. An out point in the list would do, were it not for the sound between the pictures: the first
/// packet of any stream that reaches it ends the piece.
async fn first_frames(programs: &Programs, from: &Path, frames: u64, to: &Path) -> Result<(), Failure> {
    let mut command = quiet(programs);
    command
        .arg("-i")
        .arg(from)
        .args(["-map", "0:v", "-c", "copy", "-frames:v", &frames.to_string(), "-f", "mp4"])
        .arg(to);
    run(command).await
}

/// Pictures of a piece that is no whole attempt.
fn made_name(piece: usize) -> String {
    format!("piece-{piece:03}.mp4")
}

/// The pictures' pieces for ffmpeg's concat demuxer; paths are beside the list.
fn list(attempts: &[Measured], plan: &Plan, fps: FrameRate) -> String {
    let mut list = String::from("ffconcat version 1.0\n");
    for (index, piece) in plan.pieces.iter().enumerate() {
        let (name, frames) = match piece {
            Piece::Media { attempt, frames } if *frames == attempts[*attempt].frames => {
                (attempts[*attempt].path.file_name().unwrap_or_default().to_string_lossy().into_owned(), *frames)
            }
            Piece::Media { frames, .. } | Piece::Slate { frames } => (made_name(index), *frames),
        };
        let micros = frames * 1_000_000 / u64::from(fps.get());
        list.push_str(&format!("file {name}\nduration {}.{:06}\n", micros / 1_000_000, micros % 1_000_000));
    }
    list
}

/// Sound of every piece, exactly as long as its frames: the samples up to each boundary are rounded once, so nothing adds up.
fn sound_graph(attempts: &[Measured], plan: &Plan, fps: FrameRate) -> String {
    let rate = u64::from(fps.get());
    let sample = |frame: u64| (frame * SAMPLE_RATE + rate / 2) / rate;
    let mut graph = String::new();
    let (mut at, mut input) = (0, 0);
    for (index, piece) in plan.pieces.iter().enumerate() {
        let frames = match piece {
            Piece::Media { frames, .. } | Piece::Slate { frames } => *frames,
        };
        let samples = sample(at + frames) - sample(at);
        at += frames;
        let source = match piece {
            Piece::Media { attempt, .. } => {
                input += 1;
                let start = attempts[*attempt].start_s;
                format!("[{input}:a]asetpts=PTS-{start:.6}/TB,aresample={SAMPLE_RATE}:async=1:first_pts=0,apad")
            }
            Piece::Slate { .. } => format!("anullsrc=r={SAMPLE_RATE}:cl=stereo"),
        };
        graph.push_str(&format!(
            "{source},aformat=sample_fmts=fltp:channel_layouts=stereo,atrim=end_sample={samples}[p{index}];\n"
        ));
    }
    for index in 0..plan.pieces.len() {
        graph.push_str(&format!("[p{index}]"));
    }
    graph + &format!("concat=n={}:v=0:a=1[sound]", plan.pieces.len())
}

async fn slate(programs: &Programs, wanted: &Wanted, frames: u64, text: &Path, to: &Path) -> Result<(), Failure> {
    let (background, foreground) = (color(&wanted.background, "0x0e1116"), color(&wanted.text, "0xf4f6fa"));
    let mut command = quiet(programs);
    // The text's path stands in the filter's language too; the directory may have any name, so it is given as a bare name.
    command.current_dir(text.parent().unwrap_or(Path::new(".")));
    command.args(["-f", "lavfi", "-i"]).arg(format!("color=c={background}:s={}:r={}", wanted.size, wanted.fps));
    let height = wanted.size.height().min(wanted.size.width()) / 16;
    // A screen's pixels have no aspect ratio, and a stream that is copied can't begin to have one: setsar=0.
    command.arg("-vf").arg(format!(
        "format=bgr0,drawtext=font=Noto Sans:textfile=slate.txt:fontcolor={foreground}:fontsize={height}:x=(w-tw)/2:y=(h-th)/2,setsar=0,{PICTURE}"
    ));
    command.args(picture_options(wanted.fps));
    command.args(["-frames:v", &frames.to_string(), "-f", "mp4"]).arg(to);
    run(command).await
}

/// A CSS colour in ffmpeg's words; of CSS only `#rgb` and `#rrggbb` are understood.
fn color(css: &str, default: &str) -> String {
    match css.trim().strip_prefix('#') {
        Some(hex) if hex.chars().all(|digit| digit.is_ascii_hexdigit()) && hex.len() == 6 => format!("0x{hex}"),
        Some(hex) if hex.chars().all(|digit| digit.is_ascii_hexdigit()) && hex.len() == 3 => {
            format!("0x{}", hex.chars().flat_map(|digit| [digit, digit]).collect::<String>())
        }
        _ => default.to_owned(),
    }
}

/// What the finished file holds, by its packets.
struct Facts {
    start_s: f64,
    duration_s: f64,
    frames: u64,
}

#[derive(Deserialize)]
struct Probe {
    streams: Vec<ProbedStream>,
}

#[derive(Deserialize)]
struct ProbedStream {
    codec_type: String,
    #[serde(default)]
    start_time: String,
    #[serde(default)]
    duration: String,
    #[serde(default)]
    nb_read_packets: String,
}

/// Counts the packets of the file; a file without both streams, or without packets, is not delivered.
async fn facts(programs: &Programs, file: &Path) -> Result<Facts, Failure> {
    let mut command = Command::new(&programs.ffprobe);
    command.args([
        "-v",
        "error",
        "-count_packets",
        "-show_entries",
        "stream=codec_type,start_time,duration,nb_read_packets",
    ]);
    command.args(["-of", "json"]).arg(file);
    let (sender, mut lines) = mpsc::unbounded_channel();
    let on_stdout: LineSink = Box::new(move |line| drop(sender.send(line.to_owned())));
    let (status, tail) = child::run("ffprobe", command, DEADLINE, on_stdout).await?;
    let mut json = String::new();
    while let Ok(line) = lines.try_recv() {
        json.push_str(&line);
    }
    let broken = |why: String| {
        Failure::new(FailureKind::ProgramDied, format!("The finished file did not pass its check: {why}."))
    };
    if !status.success() {
        return Err(broken(tail.last().unwrap_or_else(|| status.to_string())));
    }
    let probe: Probe =
        serde_json::from_str(&json).map_err(|error| broken(format!("ffprobe's answer can't be read: {error}")))?;
    let stream = |kind: &str| probe.streams.iter().find(|stream| stream.codec_type == kind);
    let (Some(video), Some(audio)) = (stream("video"), stream("audio")) else {
        return Err(broken("it lacks picture or sound".into()));
    };
    let count = |stream: &ProbedStream| stream.nb_read_packets.parse::<u64>().unwrap_or(0);
    if count(video) == 0 || count(audio) == 0 {
        return Err(broken("its picture or sound is empty".into()));
    }
    let duration_s = video.duration.parse().map_err(|_| broken("its duration is unknown".into()))?;
    Ok(Facts { start_s: video.start_time.parse().unwrap_or(0.0), duration_s, frames: count(video) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(first_frame_s: f64, frames: u64) -> Measured {
        Measured {
            start_s: 0.0,
            path: PathBuf::from("/x/attempt-001.mp4"),
            first_frame_unix_us: 1_700_000_000_000_000 + (first_frame_s * 1e6) as i64,
            frames,
            after: (first_frame_s > 0.0).then(|| "Xvfb died.".to_owned()),
        }
    }

    fn media(attempt: usize, frames: u64) -> Piece {
        Piece::Media { attempt, frames }
    }

    #[test]
    fn attempts_and_gaps_lie_where_they_were_in_wall_time() {
        let fps = FrameRate::DEFAULT;
        let slate = |frames| Piece::Slate { frames };
        type Case = (&'static str, Vec<Measured>, Gaps, Option<u64>, Vec<Piece>, Vec<(f64, f64)>);
        let cases: Vec<Case> = vec![
            ("one attempt", vec![attempt(0.0, 90)], Gaps::Slate, None, vec![media(0, 90)], vec![]),
            (
                "a gap becomes a slate",
                vec![attempt(0.0, 90), attempt(4.5, 60)],
                Gaps::Slate,
                None,
                vec![media(0, 90), slate(45), media(1, 60)],
                vec![(3.0, 1.5)],
            ),
            (
                "or is cut, but told",
                vec![attempt(0.0, 90), attempt(4.5, 60), attempt(7.0, 30)],
                Gaps::Cut,
                None,
                vec![media(0, 90), media(1, 60), media(2, 30)],
                vec![(3.0, 1.5), (5.0, 0.5)],
            ),
            (
                "less than a frame is no gap",
                vec![attempt(0.0, 90), attempt(3.016, 60)],
                Gaps::Slate,
                None,
                vec![media(0, 90), media(1, 60)],
                vec![],
            ),
            (
                "an encoder that outlived its agent gives way",
                vec![attempt(0.0, 120), attempt(3.0, 60)],
                Gaps::Slate,
                None,
                vec![media(0, 90), media(1, 60)],
                vec![],
            ),
            (
                "a clock that was set back costs nothing",
                vec![attempt(0.0, 900), attempt(-500.0, 60)],
                Gaps::Slate,
                None,
                vec![media(0, 900), media(1, 60)],
                vec![],
            ),
            (
                "the limit holds",
                vec![attempt(0.0, 90), attempt(4.0, 90)],
                Gaps::Slate,
                Some(150),
                vec![media(0, 90), slate(30), media(1, 30)],
                vec![(3.0, 1.0)],
            ),
        ];
        for (name, attempts, policy, limit, pieces, gaps) in cases {
            let plan = plan(&attempts, fps, policy, limit, None);
            assert_eq!(plan.pieces, pieces, "{name}");
            let found: Vec<_> = plan.gaps.iter().map(|gap| (gap.at_s, gap.length_s)).collect();
            assert_eq!(found, gaps, "{name}");
        }
    }

    #[test]
    fn a_recording_that_ends_in_a_gap_lasts_until_its_end() {
        let plan = plan(&[attempt(0.0, 90)], FrameRate::DEFAULT, Gaps::Slate, None, Some(1_700_000_005_000_000));
        assert_eq!(plan.pieces, [media(0, 90), Piece::Slate { frames: 60 }]);
        assert_eq!(plan.gaps.len(), 1);
    }

    #[test]
    fn samples_never_drift_from_frames() {
        // At 7 frames a second a frame has 6857.14 samples.
        let fps = FrameRate::try_from(7).expect("valid");
        let attempts = [attempt(0.0, 1), attempt(1.0, 1)];
        let plan = plan(&attempts, fps, Gaps::Slate, None, None);
        let graph = sound_graph(&attempts, &plan, fps);
        let samples: u64 =
            graph.split("end_sample=").skip(1).filter_map(|rest| rest.split('[').next()?.parse::<u64>().ok()).sum();
        assert_eq!(samples, (8 * SAMPLE_RATE + 3) / 7, "{graph}");
    }

    #[test]
    fn only_plain_colours_reach_a_filter() {
        assert_eq!(color("#0e1116", "d"), "0x0e1116");
        assert_eq!(color("#fff", "d"), "0xffffff");
        for other in ["red", "#12345", "#12345g", "rgb(1,2,3)", "#fff:s=1x1"] {
            assert_eq!(color(other, "d"), "d");
        }
    }
}
