//! The spool: what a recording has captured, in a directory beside its file until that is delivered.
//!
//! ```text
//! OUT/.NAME.ID.part/wanted.json        what is to be made of it; no secrets
//!                   attempts.jsonl     a line an attempt: its number, when its first frame was grabbed, why there is an attempt
//!                   attempt-001.mp4    fragmented, grows while recording, playable at any time
//!                   attempt-002.mp4    …
//!                   lock               held by the agent that records, or by whoever finishes
//! ```
//!
//! Nothing in it is ever rewritten, so kill -9 of anything costs what is in flight and no more. All that knows this format is here.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::wire::agent::{Gaps, Job};

const WANTED: &str = "wanted.json";
const ATTEMPTS: &str = "attempts.jsonl";
const LOCK: &str = "lock";
/// A recording that dies more often than this is not worth going on with.
pub(crate) const MAX_ATTEMPTS: u32 = 200;

/// What is to be made of a spool: the part of the job that holds no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Absolute path of the MP4.
    pub(crate) file: PathBuf,
    pub(crate) overwrite: bool,
    pub(crate) size: FrameSize,
    pub(crate) fps: FrameRate,
    /// Colours of the slate.
    pub(crate) background: String,
    pub(crate) text: String,
    pub(crate) gaps: Gaps,
    pub(crate) max_duration_s: Option<f64>,
}

impl Wanted {
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            file: PathBuf::from(&job.file),
            overwrite: job.overwrite,
            size: job.size,
            fps: job.fps,
            background: job.theme.colors.background.clone(),
            text: job.theme.colors.text.clone(),
            gaps: job.gaps,
            max_duration_s: job.max_duration_s,
        }
    }
}

/// One attempt, as noted when its first frame had been grabbed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) first_frame_unix_us: i64,
    /// Why the attempt before it ended; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
}

/// An open spool. Whoever has it holds its lock.
pub(crate) struct Spool {
    folder: PathBuf,
    _lock: Flock<fs::File>,
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

/// Where the recording `id`, on its way to `file`, has its spool; none when there is nothing.
pub fn spool_of(file: &Path, id: &str) -> Option<PathBuf> {
    let folder = folder_of(file, id)?;
    has_media(&folder).then_some(folder)
}

/// The same when it holds nothing: what a disk without room let us begin.
pub(crate) fn empty_spool_of(file: &Path, id: &str) -> Option<PathBuf> {
    folder_of(file, id).filter(|folder| folder.is_dir() && !has_media(folder))
}

fn folder_of(file: &Path, id: &str) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(file.file_name()?);
    name.push(format!(".{id}.part"));
    Some(file.with_file_name(name))
}

fn is_attempt(name: &OsStr) -> bool {
    number_of(name).is_some()
}

fn number_of(name: &OsStr) -> Option<u32> {
    name.to_str()?.strip_prefix("attempt-")?.strip_suffix(".mp4")?.parse().ok()
}

fn has_media(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| is_attempt(&entry.file_name()))
        .any(|entry| entry.metadata().is_ok_and(|meta| meta.len() > 0))
}

/// Spools of this directory that hold media and that nobody holds: a dead run left them.
pub fn abandoned_spools(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join(WANTED).is_file() && has_media(path))
        .filter(|path| {
            fs::File::open(path.join(LOCK)).is_ok_and(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok())
        })
        .collect();
    found.sort();
    found
}

impl Spool {
    /// Opens the spool of a job beside its file; makes it unless an earlier agent of the same recording has.
    pub(crate) fn of(job: &Job) -> Result<Self, NotOpened> {
        let file = Path::new(&job.file);
        let folder = folder_of(file, &job.id)
            .ok_or_else(|| std::io::Error::new(ErrorKind::InvalidInput, "the path names no file"))?;
        fs::create_dir_all(&folder)?;
        let spool = Self::lock(folder)?;
        let wanted = spool.folder.join(WANTED);
        if !wanted.exists() {
            let mut json = serde_json::to_vec_pretty(&Wanted::of(job)).map_err(std::io::Error::from)?;
            json.push(b'\n');
            fs::write(wanted, json)?;
        }
        Ok(spool)
    }

    /// Opens a spool that a dead run left, with what was wanted of it. Its file goes beside it, wherever it has been moved to.
    pub(crate) fn left_in(folder: &Path) -> Result<(Self, Wanted), NotOpened> {
        let spool = Self::lock(folder.to_owned())?;
        let mut wanted: Wanted =
            serde_json::from_slice(&fs::read(folder.join(WANTED))?).map_err(std::io::Error::from)?;
        if let Some(name) = wanted.file.file_name() {
            wanted.file = folder.with_file_name(name);
        }
        Ok((spool, wanted))
    }

    fn lock(folder: PathBuf) -> Result<Self, NotOpened> {
        let file = fs::File::options().create(true).append(true).open(folder.join(LOCK))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { folder, _lock: lock }),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(NotOpened::InUse),
            Err((_, error)) => Err(NotOpened::Broken(error.into())),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the attempt of this number writes.
    pub(crate) fn media(&self, number: u32) -> PathBuf {
        self.folder.join(format!("attempt-{number:03}.mp4"))
    }

    /// Number of the next attempt: no file of that name is there.
    pub(crate) fn next(&self) -> u32 {
        self.numbers().last().map_or(1, |last| last + 1)
    }

    fn numbers(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut numbers: Vec<u32> = entries.filter_map(|entry| number_of(&entry.file_name())).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Notes that an attempt's first frame was grabbed.
    pub(crate) fn note(&self, attempt: &Attempt) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(attempt)?;
        line.push(b'\n');
        let mut file = fs::File::options().create(true).append(true).open(self.folder.join(ATTEMPTS))?;
        file.write_all(&line)?;
        file.sync_data()
    }

    /// Attempts that hold media, in order. One that was killed before it was noted is placed by its file's last write.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        let text = fs::read_to_string(self.folder.join(ATTEMPTS)).unwrap_or_default();
        // The last line may be cut.
        let noted: Vec<Attempt> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let with_media = self.numbers().into_iter().filter(|number| self.bytes(*number) > 0);
        with_media
            .map(|number| {
                let known = noted.iter().find(|attempt| attempt.number == number).cloned();
                known.unwrap_or_else(|| Attempt { number, first_frame_unix_us: self.written(number), after: None })
            })
            .collect()
    }

    /// When the recording's first frame was grabbed, in microseconds since 1970; none before there is media.
    pub(crate) fn began(&self) -> Option<i64> {
        self.attempts().first().map(|attempt| attempt.first_frame_unix_us)
    }

    pub(crate) fn has_media(&self) -> bool {
        has_media(&self.folder)
    }

    /// Size of what an attempt wrote so far.
    pub(crate) fn bytes(&self, number: u32) -> u64 {
        fs::metadata(self.media(number)).map_or(0, |meta| meta.len())
    }

    fn written(&self, number: u32) -> i64 {
        let modified = fs::metadata(self.media(number)).and_then(|meta| meta.modified()).ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// Removes it: everything was delivered, or there never was anything.
    pub(crate) fn remove(self) {
        if let Err(error) = fs::remove_dir_all(&self.folder)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = %self.folder.display(), %error, "the spool can't be removed");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use wallflower_domain::layout::Layout;
    use wallflower_domain::theme::Theme;
    use wallflower_domain::wire::agent::{JobPage, Standing};

    pub(crate) fn job(file: &Path) -> Job {
        Job {
            id: "id".into(),
            page: JobPage::Page { url: "http://h/?token=secret".into(), await_start: false },
            layout: Layout::Grid,
            theme: Theme::default(),
            size: FrameSize::HD,
            fps: FrameRate::DEFAULT,
            file: file.to_str().expect("UTF-8").into(),
            overwrite: false,
            gaps: Gaps::Slate,
            max_duration_s: None,
            start_deadline_s: 20.0,
            standing: Standing::default(),
        }
    }

    #[test]
    fn the_next_agent_goes_on_where_the_last_one_ended() {
        let folder = tempfile::tempdir().expect("temp dir");
        let job = job(&folder.path().join("a.mp4"));
        let spool = Spool::of(&job).expect("made");
        assert_eq!((spool.next(), spool.began()), (1, None));
        fs::write(spool.media(1), b"media").expect("written");
        let attempt = Attempt { number: 1, first_frame_unix_us: 7, after: None };
        spool.note(&attempt).expect("noted");
        // A line that was cut by a kill.
        let mut file = fs::File::options().append(true).open(spool.folder.join(ATTEMPTS)).expect("there");
        file.write_all(b"{\"number\":2,\"fir").expect("written");
        drop(spool);
        let spool = Spool::of(&job).expect("opened");
        assert_eq!((spool.next(), spool.began(), spool.attempts()), (2, Some(7), vec![attempt]));
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
        let (_spool, wanted) = Spool::left_in(&path).expect("opened");
        assert_eq!(wanted.file, folder.path().join("a.mp4"));
    }
}
