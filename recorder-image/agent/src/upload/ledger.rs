//! The ledger of a recording's uploads, beside its file until all of it is where it was to go.
//!
//! ```text
//! OUT/.NAME.ID.upload.jsonl
//!     {"order": {…}}      once: destinations, what their keys are made of; no secrets
//!     {"file": {…}}       a file that is to be uploaded; again, when it is another one since
//!     {"begun": {…}}      parts of it are kept at the store under this id
//!     {"ours": {…}}       a version of it was or is being put there while it grew, and may be replaced
//!     {"done": {…}}       it is there, and verified
//!     {"failed": {…}}     why it is not
//! ```
//!
//! It comes into being by a rename, with its order; from then on lines are added and nothing is rewritten, so that a kill or a loss of
//! power costs a line at most. What that line told is then done again. Its lock tells who is at it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use wallflower_domain::destination::{Destination, Naming};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::upload::Uploaded;

use crate::delivery::unwritable;

const ENDING: &str = ".upload.jsonl";
/// A ledger is a few lines a file; one that is larger is none.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// What is to be done with a recording's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What keys are made of, the recording's id among it.
    pub naming: Naming,
    /// Where each file is to go; all of them are tried, whatever comes of the others. As settled by [`Credentials::settle`].
    ///
    /// [`Credentials::settle`]: super::Credentials::settle
    pub destinations: Vec<Destination>,
    /// Replace what is there already and is something else.
    pub overwrite: bool,
}

/// What is known of a recording's uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// What is to be done.
    pub order: Order,
    files: Vec<Entry>,
    by_name: HashMap<String, usize>,
    ours: HashSet<(usize, String)>,
}

/// A file of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Relative to the ledger's folder, where it is in it.
    path: PathBuf,
    pub(super) name: String,
    /// One for each destination.
    pub(super) ways: Vec<Way>,
}

/// A file's way to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) done: Option<Uploaded>,
    pub(super) begun: Option<String>,
    pub(super) failure: Option<Failure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Order(Order),
    File { path: PathBuf, name: String },
    Begun { destination: usize, name: String, id: String },
    Ours { destination: usize, name: String },
    Done { destination: usize, name: String, uploaded: Uploaded },
    Failed { destination: usize, name: String, failure: Failure },
}

impl Ledger {
    /// A ledger without files.
    pub fn new(order: Order) -> Self {
        Self { order, files: Vec::new(), by_name: HashMap::new(), ours: HashSet::new() }
    }

    /// Reads a ledger's text. What can't be read is left out: the last line may be cut.
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(serde_json::from_str::<Line>);
        let Some(Ok(Line::Order(order))) = lines.next() else { return None };
        let mut ledger = Self::new(order);
        lines.flatten().for_each(|line| ledger.apply(line));
        Some(ledger)
    }

    fn apply(&mut self, line: Line) {
        match line {
            Line::Order(_) => {}
            Line::File { path, name } => {
                let ways = vec![Way::default(); self.order.destinations.len()];
                let index = *self.by_name.entry(name.clone()).or_insert(self.files.len());
                let entry = Entry { path, name, ways };
                match self.files.get_mut(index) {
                    Some(known) => *known = entry,
                    None => self.files.push(entry),
                }
            }
            Line::Begun { destination, name, id } => self.change(destination, &name, |way| way.begun = Some(id)),
            Line::Ours { destination, name } => drop(self.ours.insert((destination, name))),
            Line::Done { destination, name, uploaded } => self.change(destination, &name, |way| {
                *way = Way { done: Some(uploaded), ..Way::default() };
            }),
            Line::Failed { destination, name, failure } => {
                self.change(destination, &name, |way| way.failure = Some(failure));
            }
        }
    }

    fn change(&mut self, destination: usize, name: &str, change: impl FnOnce(&mut Way)) {
        let entry = self.by_name.get(name).and_then(|index| self.files.get_mut(*index));
        if let Some(way) = entry.and_then(|entry| entry.ways.get_mut(destination)) {
            change(way);
        }
    }

    /// Whether a file of this name is known, whatever came of it.
    pub fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Whether the file of this name is at this destination.
    pub(super) fn is_done(&self, destination: usize, name: &str) -> bool {
        let entry = self.by_name.get(name).and_then(|index| self.files.get(*index));
        entry.and_then(|entry| entry.ways.get(destination)).is_some_and(|way| way.done.is_some())
    }

    /// Whether what is at this destination under this name, if anything, is of this recording.
    pub(super) fn is_ours(&self, destination: usize, name: &str) -> bool {
        self.ours.contains(&(destination, name.to_owned()))
    }

    /// Digest of the file that was uploaded under this name.
    pub fn sha256(&self, name: &str) -> Option<&str> {
        let entry = self.by_name.get(name).and_then(|index| self.files.get(*index))?;
        entry.ways.iter().find_map(|way| way.done.as_ref()).map(|uploaded| uploaded.sha256.as_str())
    }

    /// Files that are not yet at this destination, in the order in which they were added.
    pub(super) fn left(&self, destination: usize) -> impl Iterator<Item = &Entry> {
        let is_left = move |entry: &&Entry| entry.ways.get(destination).is_some_and(|way| way.done.is_none());
        self.files.iter().filter(is_left)
    }

    /// How many files are not everywhere yet.
    pub fn files_left(&self) -> usize {
        self.files.iter().filter(|entry| entry.ways.iter().any(|way| way.done.is_none())).count()
    }

    /// What is where it was to go.
    pub fn uploaded(&self) -> impl Iterator<Item = &Uploaded> {
        self.files.iter().flat_map(|entry| &entry.ways).filter_map(|way| way.done.as_ref())
    }

    /// The last failure of a file that is still to be uploaded.
    pub fn failure(&self) -> Option<&Failure> {
        self.files.iter().flat_map(|entry| &entry.ways).find_map(|way| way.failure.as_ref())
    }
}

impl Entry {
    /// Where the file is, for a ledger in this folder.
    pub(super) fn file(&self, folder: &Path) -> PathBuf {
        folder.join(&self.path)
    }
}

/// A ledger that is open. Whoever has it holds its lock.
#[derive(Clone, Debug)]
pub struct OpenLedger(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: Flock<File>,
    ledger: Ledger,
}

impl OpenLedger {
    /// Opens the ledger of the recording that is delivered to `file`; makes it unless there is one from an earlier attempt.
    pub fn of(file: &Path, order: Order) -> Result<Self, Failure> {
        let path = ledger_of(file, &order.naming.id);
        match Self::open(&path) {
            Err(NotOpened::Missing) => Self::create(&path, order).map_err(|error| unwritable(&path, &error)),
            opened => opened.map_err(|error| error.explain(&path)),
        }
    }

    /// Opens a ledger that is there.
    pub fn at(path: &Path) -> Result<Self, Failure> {
        Self::open(path).map_err(|error| error.explain(path))
    }

    fn create(path: &Path, order: Order) -> std::io::Result<Self> {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&new)?;
        let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
        file.write_all(&text(&Line::Order(order.clone()))?)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder_of(path))?.sync_all()?;
        Ok(Self::with(path, file, Ledger::new(order)))
    }

    fn open(path: &Path) -> Result<Self, NotOpened> {
        let file = File::options().read(true).write(true).open(path)?;
        let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            nix::errno::Errno::EWOULDBLOCK => NotOpened::InUse,
            errno => NotOpened::Broken(errno.into()),
        })?;
        if file.metadata()?.nlink() == 0 {
            // Whoever had it has just finished it.
            return Err(NotOpened::Missing);
        }
        let mut text = String::new();
        (&*file).take(MAX_BYTES).read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let ledger = Ledger::read(&text[..whole]).ok_or(NotOpened::NoLedger)?;
        // The next line is not to be written onto one that was cut.
        file.set_len(whole as u64)?;
        std::io::Seek::seek(&mut *file, std::io::SeekFrom::End(0))?;
        Ok(Self::with(path, file, ledger))
    }

    fn with(path: &Path, file: Flock<File>, ledger: Ledger) -> Self {
        Self(Arc::new(Mutex::new(Inner { path: path.to_owned(), file, ledger })))
    }

    /// What it says now.
    pub fn ledger(&self) -> Ledger {
        self.lock().ledger.clone()
    }

    /// Asks it something without a copy of it.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Ledger) -> T) -> T {
        question(&self.lock().ledger)
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.lock().path.clone()
    }

    /// Adds a file. `name` is its name in keys: a file name, or a relative path. One that is known already is not added again.
    pub fn add(&self, file: &Path, name: &str) -> Result<(), Failure> {
        if self.lock().ledger.knows(name) { Ok(()) } else { self.add_again(file, name) }
    }

    /// Adds a file that is to be uploaded even if it has been: it is another one since.
    pub fn add_again(&self, file: &Path, name: &str) -> Result<(), Failure> {
        let folder = folder_of(&self.path());
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let file = absolute(file);
        let path = file.strip_prefix(absolute(&folder)).map(Path::to_owned).unwrap_or(file);
        self.note(Line::File { path, name: name.to_owned() })
    }

    /// Adds a file of this recording that takes the place of another one, which was uploaded.
    pub fn replace(&self, file: &Path, name: &str) -> Result<(), Failure> {
        for destination in 0..self.ask(|ledger| ledger.order.destinations.len()) {
            self.note(Line::Ours { destination, name: name.to_owned() })?;
        }
        self.add_again(file, name)
    }

    /// Adds a line, which is on the disk when this returns.
    pub(super) fn note(&self, line: Line) -> Result<(), Failure> {
        let mut inner = self.lock();
        let written = text(&line).and_then(|text| {
            inner.file.write_all(&text)?;
            inner.file.sync_data()
        });
        written.map_err(|error| unwritable(&inner.path, &error))?;
        inner.ledger.apply(line);
        Ok(())
    }

    /// The same from where nothing may block.
    pub(super) async fn note_aside(&self, line: Line) -> Result<(), Failure> {
        let ledger = self.clone();
        let noted = tokio::task::spawn_blocking(move || ledger.note(line)).await;
        noted.unwrap_or_else(|error| Err(Failure::new(FailureKind::Internal, format!("{error}."))))
    }

    /// Removes it, if there is nothing left to be uploaded, and says whether there is not.
    pub(super) fn conclude(&self) -> bool {
        let inner = self.lock();
        if inner.ledger.files_left() > 0 {
            return false;
        }
        if let Err(error) = fs::remove_file(&inner.path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = %inner.path.display(), %error, "a ledger of uploads that are done can't be removed");
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a ledger can't be opened.
#[derive(Debug)]
enum NotOpened {
    Missing,
    /// A living process has it.
    InUse,
    NoLedger,
    Broken(std::io::Error),
}

impl From<std::io::Error> for NotOpened {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == ErrorKind::NotFound { Self::Missing } else { Self::Broken(error) }
    }
}

impl NotOpened {
    fn explain(self, path: &Path) -> Failure {
        let path = path.display();
        let (kind, sentence) = match self {
            Self::Missing => (FailureKind::BadRequest, format!("{path} is not there: its uploads are done.")),
            Self::InUse => (FailureKind::UploadFailed, format!("What {path} tells of is being uploaded right now.")),
            Self::NoLedger => {
                (FailureKind::BadRequest, format!("{path} is no ledger of uploads that this version can read."))
            }
            Self::Broken(error) => (FailureKind::BadRequest, format!("{path} can't be read ({error}).")),
        };
        Failure::new(kind, sentence)
    }
}

/// Where the ledger of a recording is.
fn ledger_of(file: &Path, id: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.{id}{ENDING}"))
}

/// The folder that a ledger is in.
pub(super) fn folder_of(ledger: &Path) -> PathBuf {
    match ledger.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Ledgers in a folder, by name, with what they say and whether somebody is at them.
pub(super) fn ledgers(folder: &Path) -> Vec<(PathBuf, Ledger, bool)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_ledger = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING));
    let mut found: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(is_ledger)
        .filter_map(|path| {
            let mut text = String::new();
            let file = File::open(&path).ok()?;
            (&file).take(MAX_BYTES).read_to_string(&mut text).ok()?;
            let ledger = Ledger::read(&text)?;
            let in_use = Flock::lock(file, FlockArg::LockSharedNonblock).is_err();
            Some((path, ledger, in_use))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn text(line: &Line) -> std::io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use wallflower_domain::upload::VerifiedBy;

    pub(in crate::upload) fn order(destinations: &[&str]) -> Order {
        Order {
            naming: Naming { room: "stand-up".into(), id: "id7".into(), began_unix_s: 0 },
            destinations: destinations.iter().map(|text| text.parse().expect("a destination")).collect(),
            overwrite: false,
        }
    }

    fn done(destination: usize, name: &str) -> Line {
        let uploaded =
            Uploaded { url: "s3://a/x".into(), bytes: 1, sha256: "00".into(), verified_by: VerifiedBy::EntityTag };
        Line::Done { destination, name: name.into(), uploaded }
    }

    fn left(ledger: &Ledger, destination: usize) -> Vec<&str> {
        ledger.left(destination).map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn what_was_noted_is_there_after_a_kill_in_the_middle_of_a_line() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("a.mp4");
        let open = OpenLedger::of(&file, order(&["s3://one", "s3://two"])).expect("made");
        open.add(&file, "a.mp4").expect("noted");
        open.add(&folder.path().join("a.manifest.json"), "a.manifest.json").expect("noted");
        open.note(done(0, "a.mp4")).expect("noted");
        let path = open.path();
        drop(open);
        let mut torn = File::options().append(true).open(&path).expect("there");
        torn.write_all(b"{\"done\":{\"destination\":1,\"na").expect("written");
        let open = OpenLedger::of(&file, order(&["s3://other"])).expect("opened, not made anew");
        open.note(done(1, "a.manifest.json")).expect("noted");
        drop(open);
        let ledger = OpenLedger::at(&path).expect("opened").ledger();
        assert_eq!(ledger.order, order(&["s3://one", "s3://two"]));
        assert_eq!((left(&ledger, 0), left(&ledger, 1)), (vec!["a.manifest.json"], vec!["a.mp4"]));
        assert_eq!(ledger.files_left(), 2);
    }

    #[test]
    fn it_is_removed_only_when_everything_is_everywhere() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("a.mp4");
        let open = OpenLedger::of(&file, order(&["s3://one", "s3://two"])).expect("made");
        open.add(&file, "a.mp4").expect("noted");
        open.note(done(0, "a.mp4")).expect("noted");
        assert!(!open.conclude());
        open.note(done(1, "a.mp4")).expect("noted");
        open.add(&file, "a.mp4").expect("known");
        assert!(open.conclude());
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_file_that_is_another_one_since_is_uploaded_again() {
        let mut ledger = Ledger::new(order(&["s3://one"]));
        let file = || Line::File { path: "a.m3u8".into(), name: "a.m3u8".into() };
        ledger.apply(file());
        ledger.apply(done(0, "a.m3u8"));
        assert_eq!(left(&ledger, 0), Vec::<&str>::new());
        ledger.apply(file());
        assert_eq!(left(&ledger, 0), ["a.m3u8"]);
        // What speaks of destinations or files that there are not changes nothing.
        ledger.apply(done(7, "a.m3u8"));
        ledger.apply(done(0, "b.m3u8"));
        assert_eq!(left(&ledger, 0), ["a.m3u8"]);
    }

    #[test]
    fn files_are_found_wherever_their_folder_has_been_moved_to() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::create_dir(&old).expect("made");
        let open = OpenLedger::of(&old.join("a.mp4"), order(&["s3://one"])).expect("made");
        open.add(&old.join("a.mp4"), "a.mp4").expect("noted");
        open.add(Path::new("/elsewhere/b.mp4"), "b.mp4").expect("noted");
        drop(open);
        fs::rename(&old, &new).expect("moved");
        let found = ledgers(&new);
        let [(path, ledger, false)] = found.as_slice() else { panic!("{found:?}") };
        let files: Vec<PathBuf> = ledger.left(0).map(|entry| entry.file(&folder_of(path))).collect();
        assert_eq!(files, [new.join("a.mp4"), PathBuf::from("/elsewhere/b.mp4")]);
    }

    #[test]
    fn a_ledger_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("a.mp4");
        let open = OpenLedger::of(&file, order(&["s3://one"])).expect("made");
        let refused = OpenLedger::at(&open.path()).expect_err("in use");
        assert!(refused.message.contains("right now"), "{refused}");
        assert!(matches!(ledgers(folder.path()).as_slice(), [(_, _, true)]));
        let path = open.path();
        drop(open);
        assert!(OpenLedger::at(&path).is_ok());
        assert!(matches!(ledgers(folder.path()).as_slice(), [(_, _, false)]));
    }

    #[test]
    fn what_is_no_ledger_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join(".a.mp4.id.upload.jsonl");
        fs::write(&path, "{\"order\":{\"surprise\":1}}\n").expect("written");
        assert!(OpenLedger::at(&path).is_err());
        assert_eq!(ledgers(folder.path()), []);
        assert_eq!(fs::read_to_string(&path).expect("there"), "{\"order\":{\"surprise\":1}}\n");
    }
}
