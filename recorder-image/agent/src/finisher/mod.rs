//! From the spool's attempts to one MP4.
//!
//! ```text
//! the beginning of one attempt:   stream copy, index in front
//! otherwise:  pictures   attempt ▸ slate ▸ attempt …   stream copy; every frame on the grid of the frame rate
//!             sound      attempt ▸ silence ▸ attempt …  stream copy, frame by frame: see [`sound`]
//! ```
//!
//! A piece that does not begin with a keyframe, as after a pause that is cut, has its head encoded anew up to the next one: two seconds
//! at most. Joined sound can't be copied: AAC's priming and ends that don't meet would shift each further piece by 20 to 110 ms.

mod plan;
mod sound;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::Container;

use crate::capture::SOUND_OPTIONS;
use crate::delivery::unwritable;
use crate::encoder::Encoder;
use crate::facts::{MediaFacts, facts};
use crate::ffmpeg::{self, Ffmpeg};
use crate::spool::{Input, Reader, Spool, Wanted};

use plan::{Captured, Piece, Wishes};

pub(crate) use plan::{Plan, Source, grid};

/// What is copied where there is no sound.
const SILENCE: &str = "silence.mp4";
const SILENCE_S: &str = "0.5";
/// Sound comes in frames of 21 ms, and an encoder's first ones are thrown away. What ffmpeg makes of both differs by less.
const SOUND_SLACK_S: f64 = 0.25;
/// What to do about a spool that can't be read.
const DAMAGED: &str =
    "look after the disk that holds it; each attempt-*.mp4 can be played by itself, as far as it can be read";
/// The sound of a joined file.
const SOUND: &str = "sound.mp4";

/// A finished file, still in the spool.
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
    /// MP4, or M4A when there are no pictures.
    pub(crate) container: Container,
    pub(crate) facts: MediaFacts,
    /// Why it is not all that was captured.
    pub(crate) shortfall: Option<Failure>,
}

/// What the file is to be. `until_us` is when the recording ended, in microseconds of media time, when that was in a gap.
pub(crate) fn plan_of(spool: &Reader, wanted: &Wanted, until_us: Option<i64>) -> io::Result<Plan> {
    let fps = grid(wanted.fps, wanted.sound_only());
    let mut attempts = Vec::new();
    for attempt in spool.attempts()? {
        // One that died before its first fragment was whole holds nothing; that time is part of the gap.
        let Some((start_s, end_s)) = spool.extent(attempt.number)? else { continue };
        let frames = frames_of(end_s - start_s, fps);
        attempts.push(Captured { number: attempt.number, at: attempt.frame, frames, after: attempt.after });
    }
    let pauses = spool.pauses()?;
    let wishes = Wishes { fps, gaps: wanted.gaps, pauses: &pauses, limit_s: wanted.max_duration_s, until_us };
    Ok(Plan::of(&attempts, &wishes))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "frames of a recording, not negative")]
fn frames_of(seconds: f64, fps: u32) -> u64 {
    (seconds * f64::from(fps)).round() as u64
}

/// Makes the file in the spool and checks it. `chapters` are in ffmpeg's metadata format.
pub(crate) async fn finish(
    ffmpeg: &Ffmpeg,
    spool: &Spool,
    wanted: &Wanted,
    encoder: &Encoder,
    plan: &Plan,
    chapters: Option<&Path>,
) -> Result<Finished, Failure> {
    if plan.pieces.is_empty() {
        return Err(match plan.pauses.is_empty() {
            true => Failure::new(
                FailureKind::ProgramDied,
                "Not even half a second was captured whole, so there is nothing to deliver.",
            ),
            false => Failure::new(
                FailureKind::BadRequest,
                "The recording was paused all the time, so there is nothing to deliver.",
            ),
        });
    }
    let sound_only = wanted.sound_only();
    let container = if sound_only { Container::M4a } else { Container::Mp4 };
    let finished = spool.folder().join(format!("finished.{}", container.extension()));
    let work = Work { ffmpeg, spool, wanted, encoder, plan, chapters, sound_only };
    match plan.is_plain() {
        Some(piece) => work.remux(piece, &finished).await?,
        None => work.join(&finished).await?,
    }
    let facts = facts(ffmpeg, &finished).await?;
    facts.demand(!sound_only, true)?;
    let shortfall = work.promise()?.demand(&facts).err();
    fs::File::open(&finished).and_then(|file| file.sync_all()).map_err(|error| unwritable(&finished, &error))?;
    Ok(Finished { path: finished, container, facts, shortfall })
}

/// The failure of a spool that can't be read.
pub(crate) fn unreadable(spool: &Path, error: &io::Error) -> Failure {
    let message = format!("{} can't be read ({error}); {DAMAGED}.", spool.display());
    Failure::new(FailureKind::DestinationUnwritable, message)
}

/// What the plan and the spool say that the file holds. ffmpeg takes what it can't read for the end of its input, and calls that a
/// success: only what has come out tells. Pieces are never longer than they are to be, so none is short where the whole is not.
struct Promise {
    /// None where there are no pictures.
    frames: Option<u64>,
    /// So many more or less it may be.
    cut: u64,
    /// When the sound ends, in seconds.
    sound_s: f64,
}

impl Promise {
    fn demand(&self, facts: &MediaFacts) -> Result<(), Failure> {
        let broken = |what: String| {
            let message = format!(
                "The file is not all that was captured: {what}, because part of the spool can't be read; {DAMAGED}."
            );
            Err(Failure::new(FailureKind::DestinationUnwritable, message))
        };
        if let Some(frames) = self.frames
            && facts.frames().abs_diff(frames) > self.cut
        {
            return broken(format!("it has {} of {frames} frames", facts.frames()));
        }
        let found_s = facts.audio.as_ref().map_or(0.0, |sound| sound.start_s.max(0.0) + sound.duration_s);
        if (found_s - self.sound_s).abs() > SOUND_SLACK_S {
            return broken(format!("its sound ends at {found_s:.2} s instead of {:.2} s", self.sound_s));
        }
        Ok(())
    }
}

/// What every step needs.
struct Work<'a> {
    ffmpeg: &'a Ffmpeg,
    spool: &'a Spool,
    wanted: &'a Wanted,
    encoder: &'a Encoder,
    plan: &'a Plan,
    chapters: Option<&'a Path>,
    sound_only: bool,
}

impl Work<'_> {
    /// An ffmpeg in the spool's folder: inputs are bare names there, whatever the folder is called.
    fn ffmpeg(&self) -> Command {
        let mut command = self.ffmpeg.command();
        command.current_dir(self.spool.folder());
        command
    }

    fn input(&self, number: u32, from_s: f64, until_s: f64) -> Result<Input, Failure> {
        let found = self.spool.input(number, from_s, until_s).map_err(|error| self.unreadable(&error))?;
        found.ok_or_else(|| {
            Failure::new(FailureKind::Internal, format!("The spool's index lacks attempt {number}, which it has."))
        })
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        unreadable(self.spool.folder(), error)
    }

    /// What the file must hold.
    fn promise(&self) -> Result<Promise, Failure> {
        let (frames, length_s) = (self.plan.frames(), self.plan.seconds(self.plan.frames()));
        // What is cut at a time may end with the frame before or after; what is put together is counted.
        let (cut, sound_s) = match self.plan.is_plain() {
            Some(Piece { source: Source::Attempt(number), .. }) => {
                let sound = sound::end_s(self.spool, number).map_err(|error| self.unreadable(&error))?;
                // Its sound may have ended before its pictures did.
                (1, sound.map_or(length_s, |end_s| end_s.min(length_s)))
            }
            // Silence is where there is no sound.
            _ => (0, length_s),
        };
        Ok(Promise { frames: (!self.sound_only).then_some(frames), cut, sound_s })
    }

    async fn remux(&self, piece: Piece, to: &Path) -> Result<(), Failure> {
        let Source::Attempt(number) = piece.source else { return Ok(()) };
        let length_s = self.plan.seconds(piece.frames);
        let input = self.input(number, 0.0, length_s)?;
        let mut command = self.ffmpeg();
        // Otherwise the whole clock is moved to where AAC's priming begins, 21 ms before the first frame.
        command.args(["-copyts", "-i", &input.url]);
        self.add_chapters(&mut command, 1);
        command.args(["-map", "0", "-c", "copy", "-t", &format!("{length_s:.6}")]);
        command.args(["-avoid_negative_ts", "disabled", "-movflags", "+faststart", "-f", "mp4"]).arg(to);
        ffmpeg::run(command).await
    }

    /// Makes the chapters an input, the one of this index.
    fn add_chapters(&self, command: &mut Command, index: usize) {
        if let Some(chapters) = self.chapters {
            command.args(["-f", "ffmetadata", "-i"]).arg(chapters).args(["-map_chapters", &index.to_string()]);
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.spool.folder().join(name);
        fs::write(&path, text).map_err(|error| unwritable(&path, &error))
    }

    async fn join(&self, to: &Path) -> Result<(), Failure> {
        let mut list = PictureList::default();
        if !self.sound_only {
            // The slate's text is in a file of its own: a filter's own language is no place for free text.
            self.write("slate.txt", "Recording interrupted")?;
            for piece in &self.plan.pieces {
                self.pictures(*piece, &mut list).await?;
            }
            self.write("pieces.txt", &list.text(self.plan))?;
        }
        self.sound().await?;
        let mut command = self.ffmpeg();
        // Otherwise the whole clock is moved to where AAC's priming begins, 21 ms before the first frame.
        command.arg("-copyts");
        if !self.sound_only {
            command.args(["-f", "concat", "-safe", "0", "-i", "pieces.txt"]);
        }
        command.args(["-i", SOUND]);
        let sound = usize::from(!self.sound_only);
        self.add_chapters(&mut command, sound + 1);
        if !self.sound_only {
            let rate = self.wanted.fps.get();
            command.args(["-map", "0:v", "-c:v", "copy"]);
            // Without B-frames the frames are stored in the order in which they are shown: the Nth is shown at N / rate, whatever
            // the pieces' own clocks said.
            command.arg("-bsf:v").arg(format!("setts=pts=N/({rate}*TB):dts=N/({rate}*TB):duration=1/({rate}*TB)"));
        }
        command.args(["-map", &format!("{sound}:a"), "-c:a", "copy"]);
        command.args(["-avoid_negative_ts", "disabled", "-movflags", "+faststart", "-f", "mp4"]).arg(to);
        let joined = ffmpeg::run(command).await;
        for name in list.files.iter().map(|(name, _)| name.as_str()).chain([SOUND, SILENCE]) {
            let _ = fs::remove_file(self.spool.folder().join(name));
        }
        joined
    }

    /// Makes the file of all pieces' sound.
    async fn sound(&self) -> Result<(), Failure> {
        let mut command = self.ffmpeg();
        command.args(["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", SILENCE_S]).args(SOUND_OPTIONS);
        command.args(["-f", "mp4", "-movflags", "+frag_keyframe+delay_moov+default_base_moof", SILENCE]);
        ffmpeg::run(command).await?;
        let to = self.spool.folder().join(SOUND);
        let silence = self.spool.folder().join(SILENCE);
        let (plan, spool) = (self.plan.clone(), self.spool.reader());
        let written = tokio::task::spawn_blocking(move || {
            let pattern = sound::Pattern::of(&fs::read(silence)?)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the encoder's silence can't be read"))?;
            sound::write(&plan, &spool, &pattern, &to)
        });
        match written.await {
            Ok(written) => written.map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => self.unreadable(&error),
                _ => unwritable(&self.spool.folder().join(SOUND), &error),
            }),
            Err(error) => Err(Failure::new(FailureKind::Internal, format!("The sound could not be joined: {error}."))),
        }
    }

    /// Makes the files of a piece's pictures.
    async fn pictures(&self, piece: Piece, list: &mut PictureList) -> Result<(), Failure> {
        let Source::Attempt(number) = piece.source else {
            let name = list.add(piece.frames);
            return self.slate(piece.frames, &name).await;
        };
        let (from_s, end_s) = (self.plan.seconds(piece.wall), self.plan.seconds(piece.end()));
        let keyframe = self.spool.keyframe_after(number, from_s).map_err(|error| self.unreadable(&error))?;
        let keyframe_s = keyframe.map_or(end_s, |keyframe_s| keyframe_s.min(end_s));
        let head = frames_of(keyframe_s - from_s, self.wanted.fps.get());
        if head > 0 {
            let input = self.input(number, from_s, keyframe_s)?;
            let skipped = frames_of(from_s - input.start_s, self.wanted.fps.get());
            let name = list.add(head);
            self.head(&input, skipped, head, &name).await?;
        }
        let rest = piece.frames - head;
        if rest > 0 {
            let input = self.input(number, keyframe_s, end_s)?;
            let name = list.add(rest);
            self.first_frames(&input, rest, &name).await?;
        }
        Ok(())
    }

    /// Pictures that are copied. An out point in the list would do, were it not for the sound between the pictures: the first packet of
    /// any stream that reaches it ends the piece.
    async fn first_frames(&self, input: &Input, frames: u64, name: &str) -> Result<(), Failure> {
        let mut command = self.ffmpeg();
        command.args(["-i", &input.url, "-map", "0:v", "-c", "copy", "-frames:v", &frames.to_string(), "-f", "mp4"]);
        command.arg(name);
        ffmpeg::run(command).await
    }

    /// Pictures that are encoded anew, because the keyframe before them is not part of the piece.
    async fn head(&self, input: &Input, skipped: u64, frames: u64, name: &str) -> Result<(), Failure> {
        let mut command = self.ffmpeg();
        command.args(self.encoder.device_options());
        command.args(["-i", &input.url, "-map", "0:v"]);
        let rate = self.wanted.fps;
        command
            .arg("-vf")
            .arg(format!("trim=start_frame={skipped},setpts=N/({rate}*TB),setsar=0,{}", self.encoder.filter()));
        command
            .args(self.encoder.picture_options(self.wanted.fps))
            .args(["-frames:v", &frames.to_string(), "-f", "mp4"])
            .arg(name);
        ffmpeg::run(command).await
    }

    async fn slate(&self, frames: u64, name: &str) -> Result<(), Failure> {
        let wanted = self.wanted;
        let (background, foreground) = (color(&wanted.background, "0x0e1116"), color(&wanted.text, "0xf4f6fa"));
        let mut command = self.ffmpeg();
        command.args(self.encoder.device_options());
        command.args(["-f", "lavfi", "-i"]).arg(format!("color=c={background}:s={}:r={}", wanted.size, wanted.fps));
        let height = wanted.size.height().min(wanted.size.width()) / 16;
        // A screen's pixels have no aspect ratio, and a stream that is copied can't begin to have one: setsar=0.
        command.arg("-vf").arg(format!(
            "format=bgr0,drawtext=font=Noto Sans:textfile=slate.txt:fontcolor={foreground}:fontsize={height}:x=(w-tw)/2:y=(h-th)/2,setsar=0,{}", self.encoder.filter()
        ));
        command.args(self.encoder.picture_options(wanted.fps));
        command.args(["-frames:v", &frames.to_string(), "-f", "mp4"]).arg(name);
        ffmpeg::run(command).await
    }
}

/// Files of pictures, in order, with their frames.
#[derive(Default)]
struct PictureList {
    files: Vec<(String, u64)>,
}

impl PictureList {
    fn add(&mut self, frames: u64) -> String {
        let name = format!("piece-{:03}.mp4", self.files.len());
        self.files.push((name.clone(), frames));
        name
    }

    /// For ffmpeg's concat demuxer; paths are beside the list.
    fn text(&self, plan: &Plan) -> String {
        let mut text = String::from("ffconcat version 1.0\n");
        for (name, frames) in &self.files {
            text.push_str(&format!("file {name}\nduration {:.6}\n", plan.seconds(*frames)));
        }
        text
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_colours_reach_a_filter() {
        assert_eq!(color("#0e1116", "d"), "0x0e1116");
        assert_eq!(color("#fff", "d"), "0xffffff");
        for other in ["red", "#12345", "#12345g", "rgb(1,2,3)", "#fff:s=1x1"] {
            assert_eq!(color(other, "d"), "d");
        }
    }
}
