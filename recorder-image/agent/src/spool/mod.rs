//! The spool: what a recording has captured, in a directory beside its file until that is delivered.
//!
//! ```text
//! OUT/.NAME.ID.part/wanted.json        what is to be made of it; no secrets
//!                   attempts.jsonl     a line an attempt: its number, where it begins, why there is an attempt
//!                   attempt-001.mp4    fragments of half a second, appended as they come; playable at any time
//!                   attempt-002.mp4    …; its times go on where they are in the recording, so its files are one timeline
//!                   segments.jsonl     a line a segment (2 s, beginning with a keyframe): where it lies, its media time, its UTC
//!                   pauses.jsonl       a line a beginning and an end of a pause
//!                   events.jsonl       the timeline
//!                   lock               held by the agent that records, or by whoever finishes
//! ```
//!
//! Nothing in it is ever rewritten, so kill -9 of anything costs the fragment in flight, and loss of power the segment. What can't be read
//! is never taken for what is not there. A spool that is not needed any more is first given a name that is none of a spool's, so that
//! there is all of it or nothing. All that knows this format is here.

mod reader;
mod writer;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use wallflower_domain::destination::Destination;
use wallflower_domain::encoding::Encoding;
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::output::{Output, audio_only};
use wallflower_domain::wire::agent::{Gaps, Job, PauseMode};

use crate::clock::Moment;
use crate::fragment::{Cutter, Offset, Piece};
use crate::placing::{sync_directory, write_durably};

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

const WANTED: &str = "wanted.json";
const ATTEMPTS: &str = "attempts.jsonl";
const SEGMENTS: &str = "segments.jsonl";
const EVENTS: &str = "events.jsonl";
const PAUSES: &str = "pauses.jsonl";
const PLACED: &str = "placed.jsonl";
const LOCK: &str = "lock";
/// How the name of a spool ends that is being removed.
const REMOVED: &str = ".wallflower-removed";
/// A recording that dies more often than this is not worth going on with.
pub(crate) const MAX_ATTEMPTS: u32 = 200;

/// What is to be made of a spool: the part of the job that holds no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Id of the recording.
    pub(crate) recording: String,
    /// What is recorded.
    pub(crate) room: String,
    pub(crate) outputs: Vec<Output>,
    /// Where all of it is uploaded to.
    #[serde(default)]
    pub(crate) uploads: Vec<Destination>,
    pub(crate) overwrite: bool,
    pub(crate) size: FrameSize,
    pub(crate) fps: FrameRate,
    pub(crate) encoding: Encoding,
    /// Colours of the slate.
    pub(crate) background: String,
    pub(crate) text: String,
    pub(crate) gaps: Gaps,
    pub(crate) max_duration_s: Option<f64>,
    /// Where the spool was when this was written.
    folder: PathBuf,
}

impl Wanted {
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            recording: job.id.clone(),
            room: job.room.clone(),
            outputs: job.outputs.clone(),
            uploads: job.uploads.clone(),
            overwrite: job.overwrite,
            size: job.size,
            fps: job.fps,
            encoding: job.encoding,
            background: job.theme.colors.background.clone(),
            text: job.theme.colors.text.clone(),
            gaps: job.gaps,
            max_duration_s: job.max_duration_s,
            folder: PathBuf::from(&job.spool),
        }
    }

    /// No pictures are captured.
    pub(crate) fn sound_only(&self) -> bool {
        is_sound_only(&self.outputs)
    }

    /// What lay beside the spool does so still, wherever both were moved to.
    fn moved_to(self, folder: &Path) -> Self {
        let outputs = self.outputs.into_iter().map(|output| {
            let moved = |path: PathBuf| {
                let inside = self.folder.parent().and_then(|parent| path.strip_prefix(parent).ok());
                match (inside, folder.parent()) {
                    (Some(inside), Some(parent)) => parent.join(inside),
                    _ => path,
                }
            };
            match output {
                Output::File { path } => Output::File { path: moved(path) },
                Output::Audio { path } => Output::Audio { path: moved(path) },
                Output::Hls { directory } => Output::Hls { directory: moved(directory) },
                Output::Images { directory, every_s } => Output::Images { directory: moved(directory), every_s },
                Output::Stream { .. } => output,
            }
        });
        Self { outputs: outputs.collect(), folder: folder.to_owned(), ..self }
    }
}

/// Whether nothing that is made has a picture. What is only streamed has.
pub(crate) fn is_sound_only(outputs: &[Output]) -> bool {
    !outputs.is_empty() && audio_only(outputs)
}

/// What tells one file from all others, wherever it is moved to on its disk.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Placed {
    device: u64,
    inode: u64,
    bytes: u64,
}

impl Placed {
    fn of(file: &Path) -> std::io::Result<Self> {
        let meta = fs::symlink_metadata(file)?;
        Ok(Self { device: meta.dev(), inode: meta.ino(), bytes: meta.len() })
    }
}

/// One attempt, as noted before its first fragment was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    /// Media time of its first frame, in frames; of sound alone in hundredths of a second.
    pub(crate) frame: u64,
    /// When its first frame was grabbed.
    pub(crate) first_frame: Moment,
    /// Why the attempt before it ended; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
}

/// Two seconds of media, or less at the end of an attempt. A player can begin with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) attempt: u32,
    /// Where it lies in the attempt's file.
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    /// Media time, in seconds.
    pub(crate) start_s: f64,
    pub(crate) length_s: f64,
    pub(crate) unix_us: i64,
}

impl Segment {
    pub(crate) fn end_s(&self) -> f64 {
        self.start_s + self.length_s
    }

    #[expect(clippy::cast_possible_truncation, reason = "microseconds of a recording are far below 2^63")]
    fn beginning(attempt: u32, offset: u64, start_s: f64, began_unix_us: i64) -> Self {
        let unix_us = began_unix_us + (start_s * 1e6).round() as i64;
        Self { attempt, offset, bytes: 0, start_s, length_s: 0.0, unix_us }
    }
}

/// A stretch of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Input {
    /// In the words of ffmpeg's protocols.
    pub(crate) url: String,
    /// Media time of its first picture.
    pub(crate) start_s: f64,
}

/// A time in which a card was captured instead of the room, in microseconds of media time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) mode: PauseMode,
    pub(crate) from_us: i64,
    /// Absent while it lasts.
    pub(crate) until_us: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "pause", rename_all = "snake_case")]
enum PauseNote {
    Begins { mode: PauseMode, at_us: i64 },
    Ends { at_us: i64 },
}

fn append_line(path: &Path, value: &impl Serialize) -> std::io::Result<()> {
    let mut file = fs::File::options().create(true).read(true).append(true).open(path)?;
    let mut line = Vec::new();
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    // What a full disk or the loss of power has cut must not swallow the next line.
    if last != [b'\n'] {
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, value)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

/// The lines of a file that make sense: one that was being written when everything died is cut. None before there is a file.
fn lines<T: DeserializeOwned>(path: &Path) -> std::io::Result<Vec<T>> {
    Ok(parse_lines(&there(fs::read(path))?.unwrap_or_default()))
}

/// What is not there is no error.
fn there<T>(found: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse_lines<T: DeserializeOwned>(bytes: &[u8]) -> Vec<T> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// An open spool. Whoever has it holds its lock.
pub(crate) struct Spool {
    reader: Reader,
    /// How many segments there are.
    segments: watch::Sender<u64>,
    _lock: Flock<fs::File>,
}

/// Whoever writes can read, too.
impl Deref for Spool {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

/// Why a spool can't be opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// A living process has it.
    InUse,
    Broken(std::io::Error),
}

impl From<std::io::Error> for NotOpened {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Where the spool of the recording `id` is made, for an output at `path`: beside it, hidden.
pub fn spool_beside(path: &Path, id: &str) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(format!(".{id}.part"));
    Some(path.with_file_name(name))
}

fn media_name(number: u32) -> String {
    format!("attempt-{number:03}.mp4")
}

fn number_of(name: &OsStr) -> Option<u32> {
    name.to_str()?.strip_prefix("attempt-")?.strip_suffix(".mp4")?.parse().ok()
}

/// Numbers of the attempts that wrote something, in order; none where there is no spool.
fn media_of(folder: &Path) -> std::io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in there(fs::read_dir(folder))?.into_iter().flatten() {
        let entry = entry?;
        let Some(number) = number_of(&entry.file_name()) else { continue };
        if there(entry.metadata())?.is_some_and(|meta| meta.len() > 0) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a spool holds something that was captured. One that can't be read may.
pub fn has_media(folder: &Path) -> bool {
    media_of(folder).map_or(true, |numbers| !numbers.is_empty())
}

/// What a spool is called while it is removed.
fn removed_name(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(REMOVED);
    PathBuf::from(name)
}

fn is_removed(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::to_string_lossy);
    name.is_some_and(|name| name.starts_with('.') && name.ends_with(REMOVED))
}

/// Removes what is left of spools of this directory whose removal was cut short.
pub(crate) fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| is_removed(path)) {
        remove_all(&path);
    }
}

/// Removes what is left of this spool when its removal was cut short.
pub(crate) fn remove_rest(folder: &Path) {
    remove_all(&removed_name(folder));
}

fn remove_all(folder: &Path) {
    if let Err(error) = there(fs::remove_dir_all(folder)) {
        tracing::warn!(path = %folder.display(), %error, "what is left of a spool can't be removed");
    }
}

/// Spools of this directory that hold media and that nobody holds: a dead run left them.
pub fn abandoned_spools(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| !is_removed(path) && path.join(WANTED).is_file() && has_media(path))
        .filter(|path| {
            fs::File::open(path.join(LOCK)).is_ok_and(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok())
        })
        .collect();
    found.sort();
    found
}

impl Spool {
    /// Opens the spool of a job; makes it unless an earlier agent of the same recording has.
    pub(crate) fn of(job: &Job) -> Result<Self, NotOpened> {
        let folder = PathBuf::from(&job.spool);
        fs::create_dir_all(&folder)?;
        // What is left of one of this name that was removed.
        remove_rest(&folder);
        let spool = Self::lock(folder)?;
        let wanted = spool.folder().join(WANTED);
        let known = there(fs::read(&wanted))?;
        // An agent that died before it could make it durable may have left half of it.
        if known.is_none_or(|json| serde_json::from_slice::<Wanted>(&json).is_err()) {
            let mut json = serde_json::to_vec_pretty(&Wanted::of(job)).map_err(std::io::Error::from)?;
            json.push(b'\n');
            write_durably(&wanted, &json)?;
            // The spool itself is an entry, too.
            if let Some(parent) = spool.folder().parent() {
                sync_directory(parent)?;
            }
        }
        Ok(spool)
    }

    /// Opens a spool that a dead run left, with what was wanted of it.
    pub(crate) fn left_in(folder: &Path) -> Result<(Self, Wanted), NotOpened> {
        let spool = Self::lock(folder.to_owned())?;
        let wanted: Wanted = serde_json::from_slice(&fs::read(folder.join(WANTED))?).map_err(std::io::Error::from)?;
        Ok((spool, wanted.moved_to(folder)))
    }

    fn lock(folder: PathBuf) -> Result<Self, NotOpened> {
        let file = fs::File::options().create(true).append(true).open(folder.join(LOCK))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                let (segments, count) = watch::channel(0);
                let spool = Self { reader: Reader::of(folder, count), segments, _lock: lock };
                spool.mend_index()?;
                Ok(spool)
            }
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(NotOpened::InUse),
            Err((_, error)) => Err(NotOpened::Broken(error.into())),
        }
    }

    /// For those who read while this grows.
    pub(crate) fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Notes that an attempt's first frame was grabbed, and begins its file. `fps` is the grid of its frames.
    pub(crate) fn begin(
        &self,
        number: u32,
        first_frame: Moment,
        fps: u32,
        after: Option<&str>,
    ) -> std::io::Result<(Attempt, Offset, Writer)> {
        let began = self.first_moment()?.unwrap_or_else(|| first_frame.clone());
        let since_us = began.until(&first_frame).max(0).unsigned_abs();
        let frame = (since_us.saturating_mul(u64::from(fps)) + 500_000) / 1_000_000;
        // Never into what is there already: fragments that were encoded ahead of a clock that was set may reach further.
        let frame = frame.max(self.end_frame(fps)?);
        let attempt = Attempt { number, frame, first_frame, after: after.map(str::to_owned) };
        append_line(&self.folder().join(ATTEMPTS), &attempt)?;
        let writer = Writer::begin(writer::Target {
            media: self.media(number),
            index: self.folder().join(SEGMENTS),
            attempt: number,
            began_unix_us: began.unix_us,
            segments: self.segments.clone(),
        })?;
        Ok((attempt, Offset { frames: frame, fps }, writer))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "frames of a recording, not negative")]
    fn end_frame(&self, fps: u32) -> std::io::Result<u64> {
        let end_s = self.segments()?.iter().map(Segment::end_s).fold(0.0, f64::max);
        Ok((end_s * f64::from(fps)).round() as u64)
    }

    /// Adds to the index the segment that was being written when everything died, or that a full disk kept out of it. Fragments that are
    /// not whole are no part of it. Nobody writes any more.
    pub(crate) fn mend_index(&self) -> std::io::Result<()> {
        let known = self.segments()?;
        let began = self.first_moment()?;
        for attempt in self.attempts()? {
            let indexed = indexed(&known, attempt.number);
            if fs::metadata(self.media(attempt.number))?.len() > indexed {
                let began_unix_us = began.as_ref().map_or(attempt.first_frame.unix_us, |began| began.unix_us);
                for segment in self.unindexed(attempt.number, indexed, began_unix_us)? {
                    append_line(&self.folder().join(SEGMENTS), &segment)?;
                }
            }
        }
        self.segments.send_replace(self.segments()?.len() as u64);
        Ok(())
    }

    /// Attempts of whose media something is in no segment, although it is more than the fragment in flight: nobody knows where it
    /// belongs, or it can't be read.
    pub(crate) fn unaccounted(&self) -> std::io::Result<Vec<u32>> {
        let known = self.segments()?;
        let noted: Vec<u32> = self.attempts()?.iter().map(|attempt| attempt.number).collect();
        let mut found = Vec::new();
        for number in media_of(self.folder())? {
            if !noted.contains(&number) || self.holds_more_after(number, indexed(&known, number))? {
                found.push(number);
            }
        }
        Ok(found)
    }

    /// Whether two fragments or more begin in an attempt's file from a place on. One may have been in flight.
    fn holds_more_after(&self, number: u32, place: u64) -> std::io::Result<bool> {
        const BEGINNING: &[u8] = b"moof";
        let mut file = fs::File::open(self.media(number))?;
        file.seek(SeekFrom::Start(place))?;
        let (mut bytes, mut begun) = (Vec::new(), 0);
        while (&mut file).take(1 << 20).read_to_end(&mut bytes)? > 0 {
            begun += bytes.windows(BEGINNING.len()).filter(|window| *window == BEGINNING).count();
            if begun > 1 {
                return Ok(true);
            }
            // A name may lie across two reads.
            bytes.drain(..bytes.len().saturating_sub(BEGINNING.len() - 1));
        }
        Ok(false)
    }

    fn unindexed(&self, number: u32, indexed: u64, began_unix_us: i64) -> std::io::Result<Vec<Segment>> {
        let mut cutter = Cutter::new(Offset { frames: 0, fps: 1 });
        let mut file = fs::File::open(self.media(number))?;
        let mut buffer = vec![0; 1 << 20];
        let (mut at, mut found) = (0, Vec::<Segment>::new());
        loop {
            let read = file.read(&mut buffer)?;
            // What can't be read is not whole: it ends here.
            let Ok(pieces) = cutter.push(&buffer[..read]) else { return Ok(found) };
            if read == 0 {
                return Ok(found);
            }
            for piece in pieces {
                let (bytes, fragment) = match piece {
                    Piece::Init(init) => (init.bytes.len() as u64, None),
                    Piece::Fragment(fragment) => (fragment.bytes.len() as u64, Some(fragment)),
                };
                if let Some(fragment) = fragment.filter(|_| at >= indexed) {
                    if fragment.starts_segment || found.is_empty() {
                        found.push(Segment::beginning(number, at, fragment.start_s(), began_unix_us));
                    }
                    if let Some(segment) = found.last_mut() {
                        segment.bytes += bytes;
                        segment.length_s = fragment.end_s() - segment.start_s;
                    }
                }
                at += bytes;
            }
        }
    }

    /// A pause begins, `at_us` of media time.
    pub(crate) fn note_pause(&self, mode: PauseMode, at_us: i64) -> std::io::Result<()> {
        append_line(&self.folder().join(PAUSES), &PauseNote::Begins { mode, at_us })
    }

    /// The pause that lasts ends, `at_us` of media time.
    pub(crate) fn note_resume(&self, at_us: i64) -> std::io::Result<()> {
        append_line(&self.folder().join(PAUSES), &PauseNote::Ends { at_us })
    }

    /// Notes a file that is about to become an output.
    pub(crate) fn note_placing(&self, file: &Path) -> std::io::Result<()> {
        append_line(&self.folder().join(PLACED), &Placed::of(file)?)
    }

    /// Whether what is there is an output of this recording, placed by an agent that was lost before it could say so.
    pub(crate) fn has_placed(&self, path: &Path) -> bool {
        let Ok(there) = Placed::of(path) else { return false };
        let notes = fs::read_to_string(self.folder().join(PLACED)).unwrap_or_default();
        notes.lines().filter_map(|line| serde_json::from_str::<Placed>(line).ok()).any(|placed| placed == there)
    }

    /// Removes it: everything was delivered, or there never was anything. Whoever looks meanwhile finds all of it or nothing.
    pub(crate) fn remove(self) {
        let removed = removed_name(self.folder());
        remove_all(&removed);
        match there(fs::rename(self.folder(), &removed)) {
            Ok(_) => remove_all(&removed),
            Err(error) => {
                tracing::warn!(path = %self.folder().display(), %error, "the spool can't be renamed before it is removed");
                remove_all(self.folder());
            }
        }
    }
}

/// Where in an attempt's file the index ends.
fn indexed(known: &[Segment], number: u32) -> u64 {
    let last = known.iter().rfind(|segment| segment.attempt == number);
    last.map_or(0, |segment| segment.offset + segment.bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use wallflower_domain::layout::Layout;
    use wallflower_domain::theme::Theme;
    use wallflower_domain::watchdog::WatchdogConfig;
    use wallflower_domain::wire::agent::{JobPage, Standing};

    pub(crate) fn job(file: &Path) -> Job {
        Job {
            id: "id".into(),
            page: JobPage::Page { url: "http://h/?token=secret".into(), await_start: false },
            layout: Layout::Grid,
            theme: Theme::default(),
            size: FrameSize::HD,
            fps: FrameRate::DEFAULT,
            room: "http://h/".into(),
            encoding: Encoding::default(),
            spool: spool_beside(file, "id").expect("a file").to_str().expect("UTF-8").into(),
            outputs: vec![Output::File { path: file.to_owned() }],
            uploads: Vec::new(),
            overwrite: false,
            gaps: Gaps::Slate,
            public_only: false,
            max_duration_s: None,
            start_deadline_s: 20.0,
            standing: Standing::default(),
            watchdog: WatchdogConfig::default(),
        }
    }

    /// Writes media as an agent does that is killed before it can end its last segment.
    async fn spooled(spool: &Spool, seconds: u32) -> (Attempt, Vec<u8>) {
        spooled_at(spool, Moment::now(), seconds).await
    }

    /// An attempt whose first frame was grabbed at that moment, of ten frames a second.
    pub(crate) async fn spooled_at(spool: &Spool, first_frame: Moment, seconds: u32) -> (Attempt, Vec<u8>) {
        spooled_as(spool, first_frame, crate::fragment::tests::encoded(seconds, 10), 10).await
    }

    /// An attempt that was encoded so, on a grid of so many frames a second.
    pub(crate) async fn spooled_as(
        spool: &Spool,
        first_frame: Moment,
        encoded: Vec<u8>,
        fps: u32,
    ) -> (Attempt, Vec<u8>) {
        let number = spool.next();
        let (attempt, offset, writer) = spool.begin(number, first_frame, fps, None).expect("begun");
        for piece in Cutter::new(offset).push(&encoded).expect("valid") {
            match piece {
                Piece::Init(init) => writer.init(init.bytes).await.expect("open"),
                Piece::Fragment(fragment) => writer.append(std::sync::Arc::new(fragment)).await.expect("open"),
            }
        }
        tokio::task::spawn_blocking(|| writer.close()).await.expect("ran").expect("written");
        (attempt, encoded)
    }

    #[tokio::test]
    async fn segments_are_indexed_by_place_and_time() {
        let folder = tempfile::tempdir().expect("temp dir");
        let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
        let mut count = spool.segment_count();
        let (attempt, _) = spooled(&spool, 5).await;
        let segments = spool.segments().expect("readable");
        assert_eq!(*count.borrow_and_update(), 3);
        let times: Vec<_> = segments.iter().map(|segment| (segment.start_s, segment.length_s)).collect();
        assert_eq!(times, [(0.0, 2.0), (2.0, 2.0), (4.0, 1.0)]);
        assert_eq!(segments[1].unix_us, attempt.first_frame.unix_us + 2_000_000);
        for segment in &segments {
            assert_eq!(&spool.segment_bytes(segment).expect("there")[4..8], b"moof");
        }
        assert_eq!(&spool.init_section(1).expect("there")[4..8], b"ftyp");
    }

    #[tokio::test]
    async fn a_reader_follows_the_index_and_leaves_a_line_that_is_being_written() {
        let folder = tempfile::tempdir().expect("temp dir");
        let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
        let reader = spool.reader();
        assert_eq!(reader.segments_after(0).expect("nothing is there yet"), (vec![], 0));
        spooled(&spool, 5).await;
        let whole = spool.segments().expect("readable");
        let index = spool.folder().join(SEGMENTS);
        let text = fs::read_to_string(&index).expect("there");
        fs::write(&index, &text[..text.len() - 1]).expect("written");
        let (first, place) = reader.segments_after(0).expect("readable");
        assert_eq!(first, whole[..2]);
        fs::write(&index, text).expect("written");
        assert_eq!(reader.segments_after(place).expect("readable").0, whole[2..]);
        spool.remove();
        assert!(reader.segments().expect("nothing is there").is_empty() && reader.began().is_none());
    }

    #[tokio::test]
    async fn what_the_index_lacks_is_found_in_the_media() {
        let folder = tempfile::tempdir().expect("temp dir");
        let job = job(&folder.path().join("a.mp4"));
        let spool = Spool::of(&job).expect("made");
        spooled(&spool, 5).await;
        let (whole, index) = (spool.segments().expect("readable"), spool.folder().join(SEGMENTS));
        drop(spool);
        // The last line was being written.
        for (lines_left, cut) in
            [(0, "{\"attempt\":1,\"off\n"), (1, "{\"attempt\":1,\"off"), (2, "{"), (0, "{\"attempt\":1")]
        {
            let text = fs::read_to_string(&index).expect("there");
            let left: String = text.split_inclusive('\n').take(lines_left).collect();
            fs::write(&index, left + cut).expect("written");
            let mended = Spool::of(&job).expect("opened").segments().expect("readable");
            assert_eq!(mended, whole, "{lines_left} lines were left");
        }
    }

    #[tokio::test]
    async fn a_fragment_that_is_not_whole_is_no_part_of_a_segment() {
        let folder = tempfile::tempdir().expect("temp dir");
        let job = job(&folder.path().join("a.mp4"));
        let spool = Spool::of(&job).expect("made");
        spooled(&spool, 5).await;
        let (media, index) = (spool.media(1), spool.folder().join(SEGMENTS));
        drop(spool);
        let bytes = fs::read(&media).expect("there");
        fs::write(&media, &bytes[..bytes.len() - 10]).expect("written");
        fs::write(index, "").expect("written");
        let segments = Spool::of(&job).expect("opened").segments().expect("readable");
        let end = segments.last().map(|segment| segment.start_s + segment.length_s);
        assert_eq!(end, Some(4.5), "{segments:?}");
    }

    #[tokio::test]
    async fn the_next_agent_goes_on_where_the_last_one_ended() {
        let folder = tempfile::tempdir().expect("temp dir");
        let job = job(&folder.path().join("a.mp4"));
        let spool = Spool::of(&job).expect("made");
        assert_eq!((spool.next(), spool.began()), (1, None));
        let (first, _) = spooled(&spool, 2).await;
        // A line that was cut by a kill.
        let mut file = fs::File::options().append(true).open(spool.folder().join(ATTEMPTS)).expect("there");
        file.write_all(b"{\"number\":2,\"fr\n").expect("written");
        drop(spool);
        let spool = Spool::of(&job).expect("opened");
        assert_eq!((spool.next(), spool.began()), (2, Some(first.first_frame.clone())));
        let (second, _) = spooled(&spool, 2).await;
        assert!(second.frame >= 20, "it does not overlap what the first encoded ahead of the clock: {second:?}");
        assert_eq!(spool.attempts().expect("readable"), [first, second]);
    }

    #[test]
    fn a_pause_that_never_ended_lasts() {
        let folder = tempfile::tempdir().expect("temp dir");
        let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
        spool.note_pause(PauseMode::Cut, 5).expect("noted");
        spool.note_resume(9).expect("noted");
        spool.note_pause(PauseMode::Hold, 20).expect("noted");
        // By the next agent, which begins paused.
        spool.note_pause(PauseMode::Hold, 30).expect("noted");
        let pause = |mode, from_us, until_us| Pause { mode, from_us, until_us };
        assert_eq!(
            spool.pauses().expect("readable"),
            [pause(PauseMode::Cut, 5, Some(9)), pause(PauseMode::Hold, 20, None)]
        );
    }

    #[test]
    fn only_spools_of_the_dead_are_abandoned_and_they_tell_no_secret() {
        let folder = tempfile::tempdir().expect("temp dir");
        let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
        fs::write(spool.media(1), b"media").expect("written");
        assert!(matches!(Spool::left_in(spool.folder()), Err(NotOpened::InUse)));
        assert_eq!(abandoned_spools(folder.path()), Vec::<PathBuf>::new());
        let path = spool.folder().to_owned();
        drop(spool);
        assert_eq!(abandoned_spools(folder.path()), std::slice::from_ref(&path));
        let text = fs::read_to_string(path.join(WANTED)).expect("readable");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn what_lay_beside_a_spool_does_so_wherever_both_are_moved_to() {
        let folder = tempfile::tempdir().expect("temp dir");
        let mut job = job(&folder.path().join("old/a.mp4"));
        job.outputs.push(Output::Hls { directory: folder.path().join("old/live") });
        job.outputs.push(Output::Audio { path: "/elsewhere/a.mp3".into() });
        drop(Spool::of(&job).expect("made"));
        let moved = folder.path().join("new");
        fs::rename(folder.path().join("old"), &moved).expect("moved");
        let (_spool, wanted) =
            Spool::left_in(&spool_beside(&moved.join("a.mp4"), "id").expect("path")).expect("opened");
        let paths: Vec<_> = wanted.outputs.iter().filter_map(Output::path).collect();
        assert_eq!(paths, [moved.join("a.mp4"), moved.join("live"), "/elsewhere/a.mp3".into()]);
    }

    #[test]
    fn what_can_t_be_read_may_be_media() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("no directory");
        assert!(!has_media(&file), "nothing is there");
        fs::write(&file, b"x").expect("written");
        assert!(has_media(&file));
    }

    #[tokio::test]
    async fn notes_that_can_t_be_read_are_not_taken_for_none() {
        let folder = tempfile::tempdir().expect("temp dir");
        let job = job(&folder.path().join("a.mp4"));
        let spool = Spool::of(&job).expect("made");
        spooled(&spool, 2).await;
        for name in [ATTEMPTS, SEGMENTS, PAUSES] {
            let (path, aside) = (spool.folder().join(name), folder.path().join(name));
            let was_there = path.exists();
            if was_there {
                fs::rename(&path, &aside).expect("moved");
            }
            fs::create_dir(&path).expect("made");
            assert!(crate::finisher::plan_of(&spool, &Wanted::of(&job), None).is_err(), "{name}");
            fs::remove_dir(&path).expect("removed");
            if was_there {
                fs::rename(&aside, &path).expect("moved");
            }
        }
        let plan = crate::finisher::plan_of(&spool, &Wanted::of(&job), None).expect("readable");
        assert_eq!(plan.pieces.len(), 1);
    }

    fn places_of_fragments(media: &[u8]) -> Vec<usize> {
        media.windows(4).enumerate().filter(|(_, window)| *window == b"moof").map(|(at, _)| at - 4).collect()
    }

    #[tokio::test]
    async fn media_that_no_segment_holds_is_told_of_unless_it_is_the_fragment_in_flight() {
        let folder = tempfile::tempdir().expect("temp dir");
        let job = job(&folder.path().join("a.mp4"));
        let spool = Spool::of(&job).expect("made");
        spooled(&spool, 5).await;
        assert_eq!(spool.unaccounted().expect("readable"), Vec::<u32>::new());
        let (media, index) = (spool.media(1), spool.folder().join(SEGMENTS));
        drop(spool);
        let whole = fs::read(&media).expect("there");
        let places = places_of_fragments(&whole);
        let cases: [(&str, Vec<u8>, &[u32]); 4] = [
            ("killed before the first fragment", whole[..places[0]].to_vec(), &[]),
            ("killed in the first fragment", whole[..places[1] - 9].to_vec(), &[]),
            ("killed in the last one", whole[..whole.len() - 9].to_vec(), &[]),
            ("damaged in the middle", [&whole[..places[3]], &[0xff; 50][..], &whole[places[3] + 50..]].concat(), &[1]),
        ];
        for (name, bytes, expected) in cases {
            fs::write(&media, bytes).expect("written");
            let _ = fs::remove_file(&index);
            let spool = Spool::of(&job).expect("opened");
            assert_eq!(spool.unaccounted().expect("readable"), expected, "{name}");
        }
        fs::write(&media, whole).expect("written");
        let spool = Spool::of(&job).expect("opened");
        fs::write(spool.folder().join(ATTEMPTS), "{\"number\":1,\"fr").expect("written");
        assert_eq!(spool.unaccounted().expect("readable"), [1], "its line was cut");
    }

    #[test]
    fn what_is_left_of_a_removal_is_no_spool() {
        let folder = tempfile::tempdir().expect("temp dir");
        let job = job(&folder.path().join("a.mp4"));
        let spool = Spool::of(&job).expect("made");
        fs::write(spool.media(1), b"media").expect("written");
        let (path, removed) = (spool.folder().to_owned(), removed_name(spool.folder()));
        drop(spool);
        fs::rename(&path, &removed).expect("renamed");
        assert_eq!(abandoned_spools(folder.path()), Vec::<PathBuf>::new());
        let spool = Spool::of(&job).expect("made anew");
        assert!(!removed.exists() && !spool.has_media());
        drop(spool);
        fs::rename(&path, &removed).expect("renamed");
        sweep(folder.path());
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn half_of_what_is_wanted_is_written_again() {
        let folder = tempfile::tempdir().expect("temp dir");
        let job = job(&folder.path().join("a.mp4"));
        let path = Spool::of(&job).expect("made").folder().to_owned();
        fs::write(path.join(WANTED), "{\"recording\": \"i").expect("written");
        drop(Spool::of(&job).expect("opened"));
        assert_eq!(Spool::left_in(&path).expect("opened").1, Wanted::of(&job));
    }
}
