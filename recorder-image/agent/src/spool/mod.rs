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
mod wanted;
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
use wallflower_domain::wire::agent::{Job, PauseMode};

use crate::clock::Moment;
use crate::fragment::{Cutter, Offset, Piece};
use crate::placing::{sync_directory, write_durably};

pub(crate) use reader::Reader;
pub(crate) use wanted::Wanted;
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
pub(crate) mod tests;
