//! Uploads while a recording goes on.
//!
//! ```text
//! finished(segment 7) ─┐               ┌─▶ worker: destination 1: segments in order; a playlist when all that it names is there
//! replaced(playlist)  ─┼─▶ a queue for ┤
//! changed(events)     ─┘   each        └─▶ worker: destination 2
//! ```
//!
//! Whoever hands something over is never kept waiting. Queues are bounded: a destination that falls hours behind is given up until the
//! end. What was not uploaded by then is in the ledger, and is uploaded with the rest ([`super::upload`]).

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use wallflower_domain::destination::Naming;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::upload::{UploadReport, UploadState};

use super::backlog::Listener;
use super::ledger::{Line, OpenLedger};
use super::put::{Step, Terms};
use super::store::Store;

/// More than two hours of segments.
const MAX_WAITING: usize = 4096;
/// Names that are replaced or change; a recording has a handful.
const MAX_NAMES: usize = 64;
/// While recording, each try is short: the next file may fare better, and nothing is lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// Before a file that failed is tried again: longer each time.
const PAUSES_S: [u64; 4] = [1, 2, 5, 10];
const LAST_PAUSE_S: u64 = 30;

/// Uploads in the background.
pub struct Uploader {
    queues: Vec<Arc<Queue>>,
    workers: JoinSet<()>,
}

impl Uploader {
    /// Starts a worker for each of the ledger's destinations, in their order: `stores` are these, opened.
    pub fn start(stores: Vec<Store>, ledger: &OpenLedger, listener: &Listener) -> Self {
        let order = ledger.ask(|ledger| ledger.order.clone());
        let mut workers = JoinSet::new();
        let mut queues = Vec::new();
        for (index, store) in stores.into_iter().enumerate() {
            let queue = Arc::new(Queue::default());
            queues.push(Arc::clone(&queue));
            let worker = Worker {
                destination: store.destination().to_string(),
                store,
                index,
                naming: order.naming.clone(),
                terms: Terms { patience: PATIENCE, overwrite: order.overwrite, growing: false },
                ledger: ledger.clone(),
                queue,
                listener: Arc::clone(listener),
            };
            workers.spawn(worker.work());
        }
        Self { queues, workers }
    }

    /// Uploads a file that does not change any more, after those that were handed over before. It is in the ledger once its turn has
    /// come.
    pub fn finished(&self, file: &Path, name: &str) {
        self.each(|state| state.push(Item { file: file.to_owned(), name: name.to_owned() }));
    }

    /// Uploads the newest version of something small, such as a playlist, once all that was handed over before it is there. Versions
    /// in between are left out. It is not in the ledger: its last version is a file that is delivered.
    pub fn replaced(&self, name: &str, content: &Bytes) {
        self.each(|state| state.replace(name, content));
    }

    /// Uploads a file that grows, as it is when nothing else waits. It is not in the ledger either.
    pub fn changed(&self, file: &Path, name: &str) {
        self.each(|state| state.change(Item { file: file.to_owned(), name: name.to_owned() }));
    }

    /// Files that wait or are on their way, at the destination that is furthest behind.
    pub fn behind(&self) -> usize {
        self.queues.iter().map(|queue| queue.lock().waiting.len()).max().unwrap_or(0)
    }

    /// Takes nothing more, and waits so long for what is left. What is not uploaded then is left to the ledger.
    pub async fn finish(mut self, grace: Duration) {
        for queue in &self.queues {
            queue.lock().closed = true;
            queue.changed.notify_one();
            queue.closing.notify_one();
        }
        let drained = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, drained).await.is_err() {
            tracing::debug!("uploads are left to the end");
        }
        self.workers.shutdown().await;
    }

    fn each(&self, change: impl Fn(&mut State)) {
        for queue in &self.queues {
            let mut state = queue.lock();
            if !state.closed && !state.given_up {
                change(&mut state);
            }
            drop(state);
            queue.changed.notify_one();
        }
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Notify,
    /// A worker that waits to try again tries no more.
    closing: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    file: PathBuf,
    name: String,
}

/// What waits for one destination. Pure.
#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Item>,
    /// How many items were ever pushed, and are done.
    pushed: u64,
    done: u64,
    replaced: BTreeMap<String, Versions>,
    changed: VecDeque<Item>,
    closed: bool,
    given_up: bool,
}

/// Of something that is replaced again and again, the oldest version that waits, and the newest. If only the newest were kept, a
/// destination that is behind would never get one: there always is a segment to be waited for.
#[derive(Debug)]
struct Versions {
    next: Version,
    newest: Option<Version>,
}

#[derive(Clone, Debug)]
struct Version {
    /// So many items have to be done before.
    after: u64,
    content: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Task {
    Replace { name: String, content: Bytes },
    Finished(Item),
    Changed(Item),
}

impl State {
    fn push(&mut self, item: Item) {
        if self.waiting.len() == MAX_WAITING {
            self.given_up = true;
            return;
        }
        self.waiting.push_back(item);
        self.pushed += 1;
    }

    fn replace(&mut self, name: &str, content: &Bytes) {
        let version = Version { after: self.pushed, content: content.clone() };
        if let Some(versions) = self.replaced.get_mut(name) {
            // Nothing came between the two: the older one is of no use to anybody.
            if versions.next.after == version.after {
                *versions = Versions { next: version, newest: None };
            } else {
                versions.newest = Some(version);
            }
        } else if self.replaced.len() < MAX_NAMES {
            self.replaced.insert(name.to_owned(), Versions { next: version, newest: None });
        }
    }

    fn change(&mut self, item: Item) {
        if !self.changed.contains(&item) && self.changed.len() < MAX_NAMES {
            self.changed.push_back(item);
        }
    }

    /// What is to be done next. It stays until it is [`State::finish`]ed, but for what changes: that may change while it is on its way.
    fn next(&mut self) -> Option<Task> {
        if self.given_up {
            return None;
        }
        let due = self.replaced.iter().find(|(_, versions)| versions.next.after <= self.done);
        let replace =
            due.map(|(name, versions)| Task::Replace { name: name.clone(), content: versions.next.content.clone() });
        let finished = || self.waiting.front().cloned().map(Task::Finished);
        replace.or_else(finished).or_else(|| self.changed.pop_front().map(Task::Changed))
    }

    /// It is done, or given up.
    fn finish(&mut self, task: &Task) {
        match task {
            Task::Replace { name, content } => {
                let Some(versions) = self.replaced.get_mut(name) else { return };
                // It may have been replaced while it was on its way.
                if versions.next.content != *content {
                    return;
                }
                match versions.newest.take() {
                    Some(newest) => versions.next = newest,
                    None => drop(self.replaced.remove(name)),
                }
            }
            Task::Finished(_) => {
                self.waiting.pop_front();
                self.done += 1;
            }
            Task::Changed(_) => {}
        }
    }
}

struct Worker {
    store: Store,
    destination: String,
    index: usize,
    naming: Naming,
    terms: Terms,
    ledger: OpenLedger,
    queue: Arc<Queue>,
    listener: Listener,
}

impl Worker {
    async fn work(self) {
        let mut failed_in_a_row = 0;
        loop {
            let (task, given_up, closed) = {
                let mut state = self.queue.lock();
                (state.next(), state.given_up, state.closed)
            };
            if given_up {
                self.give_up();
                return;
            }
            let Some(task) = task else {
                if closed {
                    return;
                }
                self.queue.changed.notified().await;
                continue;
            };
            match self.perform(&task).await {
                Ok(()) => failed_in_a_row = 0,
                Err(failure) => {
                    self.tell(name_of(&task), UploadState::Failed { failure: failure.clone() });
                    // What is no file any more, or may not be replaced, will not be uploaded by trying again.
                    let lost = failure.kind == FailureKind::BadRequest;
                    if !lost {
                        let pause = PAUSES_S.get(failed_in_a_row).copied().unwrap_or(LAST_PAUSE_S);
                        failed_in_a_row += 1;
                        if let Task::Changed(item) = task {
                            self.queue.lock().change(item);
                        }
                        tokio::select! {
                            () = tokio::time::sleep(Duration::from_secs(pause)) => continue,
                            () = self.queue.closing.notified() => return,
                        }
                    }
                }
            }
            self.queue.lock().finish(&task);
        }
    }

    async fn perform(&self, task: &Task) -> Result<(), Failure> {
        let name = name_of(task);
        let key = self.store.key(&self.naming, name);
        match task {
            Task::Replace { content, .. } => {
                self.note_ours(name).await?;
                self.store.put_bytes(content.clone(), &key).await
            }
            Task::Changed(item) => {
                self.note_ours(name).await?;
                let terms = Terms { growing: true, ..self.terms };
                self.store.put(&item.file, &key, terms, &|step| self.told(name, step)).await.map(|_| ())
            }
            Task::Finished(item) => {
                self.note_file(item).await?;
                if self.ledger.ask(|ledger| ledger.is_done(self.index, name)) {
                    return Ok(());
                }
                let uploaded = self.store.put(&item.file, &key, self.terms, &|step| self.told(name, step)).await?;
                let line = Line::Done { destination: self.index, name: name.to_owned(), uploaded: uploaded.clone() };
                self.ledger.note_aside(line).await?;
                self.tell(name, UploadState::Done { uploaded });
                Ok(())
            }
        }
    }

    /// Before it is there, because whether it came to be there may never be known.
    async fn note_ours(&self, name: &str) -> Result<(), Failure> {
        if self.ledger.ask(|ledger| ledger.is_ours(self.index, name)) {
            return Ok(());
        }
        self.ledger.note_aside(Line::Ours { destination: self.index, name: name.to_owned() }).await
    }

    async fn note_file(&self, item: &Item) -> Result<(), Failure> {
        let (ledger, item) = (self.ledger.clone(), item.clone());
        let noted = tokio::task::spawn_blocking(move || ledger.add(&item.file, &item.name)).await;
        noted.unwrap_or_else(|error| Err(Failure::new(FailureKind::Internal, format!("{error}."))))
    }

    fn told(&self, name: &str, step: Step) {
        match step {
            Step::Begun(id) => {
                let line = Line::Begun { destination: self.index, name: name.to_owned(), id };
                if let Err(failure) = self.ledger.note(line) {
                    tracing::warn!(%failure, "an upload in parts could not be noted");
                }
            }
            Step::Sent { sent, bytes } => self.tell(name, UploadState::Sending { sent, bytes }),
            Step::Retrying(reason) => self.tell(name, UploadState::Retrying { reason }),
        }
    }

    fn give_up(&self) {
        let sentence = format!(
            "Uploads to {} are more than {MAX_WAITING} files behind; what is left is uploaded when the recording has ended.",
            self.destination
        );
        self.tell("", UploadState::Failed { failure: Failure::new(FailureKind::UploadFailed, sentence) });
    }

    fn tell(&self, name: &str, state: UploadState) {
        (self.listener)(UploadReport { destination: self.destination.clone(), name: name.to_owned(), state });
    }
}

fn name_of(task: &Task) -> &str {
    match task {
        Task::Replace { name, .. } => name,
        Task::Finished(item) | Task::Changed(item) => &item.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::Credentials;
    use crate::upload::backlog::upload;
    use crate::upload::ledger::tests::order;
    use std::fs;

    fn item(name: &str) -> Item {
        Item { file: name.into(), name: name.into() }
    }

    /// What a worker does with a state, until it has nothing more to do.
    fn drain(state: &mut State) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(task) = state.next() {
            done.push(match &task {
                Task::Replace { content, .. } => String::from_utf8_lossy(content).into_owned(),
                task => name_of(task).to_owned(),
            });
            state.finish(&task);
        }
        done
    }

    #[test]
    fn a_playlist_comes_after_its_segments_and_before_later_ones() {
        let mut state = State::default();
        for number in 1..=3 {
            state.push(item(&format!("s{number}")));
            state.replace("list", &Bytes::from(format!("up to {number}")));
            state.change(item("events"));
        }
        assert_eq!(drain(&mut state), ["s1", "up to 1", "s2", "s3", "up to 3", "events"]);
    }

    #[test]
    fn a_destination_that_is_always_behind_gets_playlists_all_the_same() {
        let mut state = State::default();
        let mut lists = 0;
        for number in 0..100 {
            state.push(item("a"));
            state.push(item("b"));
            state.replace("list", &Bytes::from(number.to_string()));
            // One thing is done while three come.
            let task = state.next().expect("something");
            lists += usize::from(matches!(task, Task::Replace { .. }));
            state.finish(&task);
        }
        assert!(lists >= 5, "{lists}");
        assert!(state.replaced.len() == 1, "versions do not pile up");
    }

    #[test]
    fn a_version_that_came_while_the_last_was_on_its_way_is_not_lost() {
        let mut state = State::default();
        state.replace("list", &Bytes::from_static(b"1"));
        let task = state.next().expect("due");
        state.replace("list", &Bytes::from_static(b"2"));
        state.finish(&task);
        assert_eq!(drain(&mut state), ["2"]);
    }

    #[test]
    fn a_file_that_changes_while_it_is_on_its_way_is_uploaded_once_more() {
        let mut state = State::default();
        state.change(item("events"));
        let task = state.next().expect("something");
        state.change(item("events"));
        state.change(item("events"));
        state.finish(&task);
        assert_eq!(drain(&mut state), ["events"]);
    }

    #[test]
    fn queues_are_bounded() {
        let mut state = State::default();
        for number in 0..=MAX_WAITING {
            state.push(item(&number.to_string()));
        }
        assert!(state.given_up && state.waiting.len() == MAX_WAITING);
        assert_eq!(state.next(), None);
    }

    fn silent() -> Listener {
        Arc::new(|_| {})
    }

    #[tokio::test]
    async fn what_comes_while_recording_is_uploaded_and_the_rest_at_the_end() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = |name: &str| folder.path().join(name);
        for made in ["out", "one", "two"] {
            fs::create_dir(path(made)).expect("made");
        }
        let urls = ["one", "two"].map(|name| format!("file://{}/", path(name).display()));
        let ledger = OpenLedger::of(&path("out/a.mp4"), order(&[&urls[0], &urls[1]])).expect("made");
        let open = |url: &String| Store::open(&url.parse().expect("a destination"), &Credentials::default());
        let stores: Vec<Store> = urls.iter().map(|url| open(url).expect("opened")).collect();
        let uploader = Uploader::start(stores, &ledger, &silent());
        for name in ["s1.m4s", "s2.m4s", "gone.m4s"] {
            fs::write(path("out").join(name), name).expect("written");
        }
        fs::remove_file(path("out/gone.m4s")).expect("removed");
        fs::write(path("out/events.jsonl"), "{}\n").expect("written");
        for name in ["s1.m4s", "gone.m4s", "s2.m4s"] {
            uploader.finished(&path("out").join(name), &format!("live/{name}"));
            uploader.replaced("live/index.m3u8", &Bytes::from(format!("up to {name}")));
        }
        uploader.changed(&path("out/events.jsonl"), "events.jsonl");
        uploader.finish(Duration::from_secs(30)).await;
        for one in ["one", "two"] {
            let read = |name: &str| fs::read_to_string(path(one).join(name)).unwrap_or_default();
            assert_eq!(read("live/s2.m4s"), "s2.m4s");
            assert_eq!(read("live/index.m3u8"), "up to s2.m4s");
            assert_eq!(read("events.jsonl"), "{}\n");
        }
        assert_eq!(ledger.ledger().files_left(), 1, "what was gone is told");
        // What was uploaded is not uploaded again; what is added is.
        fs::write(path("out/gone.m4s"), "back").expect("written");
        ledger.add(&path("out/s1.m4s"), "live/s1.m4s").expect("noted");
        let outcome = upload(&ledger, &Credentials::default(), Terms::default(), &silent()).await;
        assert_eq!((outcome.uploaded.len(), outcome.files_left), (2, 0), "{:?}", outcome.failures);
    }
}
