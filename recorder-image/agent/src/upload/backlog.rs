//! What ledgers say is still to be uploaded, and doing it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use wallflower_domain::destination::Destination;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::upload::{UploadReport, UploadState, Uploaded};

use super::credentials::Credentials;
use super::ledger::{Entry, Line, OpenLedger, folder_of, ledgers};
use super::put::{Step, Terms};
use super::store::Store;

/// Who is told how uploads go.
pub type Listener = Arc<dyn Fn(UploadReport) + Send + Sync>;

/// Uploads of a recording that were not finished.
#[derive(Clone, Debug)]
pub struct PendingUpload {
    /// The ledger, which [`retry`] wants.
    pub ledger: PathBuf,
    /// Id of the recording.
    pub id: String,
    /// Files that are not yet at all of their destinations.
    pub files_left: usize,
    /// Where they are to go.
    pub destinations: Vec<Destination>,
    /// Why they are not there, if it was tried.
    pub failure: Option<Failure>,
    /// A living process is at it.
    pub in_use: bool,
}

/// What came of a ledger's uploads.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was uploaded and verified this time.
    pub uploaded: Vec<Uploaded>,
    /// What went wrong: one for each destination that lacks something, and for each file that can't be had.
    pub failures: Vec<Failure>,
    /// Files that are not yet at all of their destinations. With none the ledger is removed.
    pub files_left: usize,
}

/// Uploads that were not finished, of recordings in this folder.
pub fn pending_uploads(folder: &Path) -> Vec<PendingUpload> {
    let found = ledgers(folder).into_iter();
    let pending = found.map(|(path, ledger, in_use)| PendingUpload {
        ledger: path,
        id: ledger.order.naming.id.clone(),
        files_left: ledger.files_left(),
        failure: ledger.failure().cloned(),
        destinations: ledger.order.destinations,
        in_use,
    });
    pending.collect()
}

/// Does again what a ledger says is left. Each destination is checked first, so what can't succeed fails within seconds.
pub async fn retry(
    ledger: &Path,
    credentials: &Credentials,
    terms: Terms,
    listener: &Listener,
) -> Result<Outcome, Failure> {
    let open = OpenLedger::at(ledger)?;
    Ok(run(&open, credentials, terms, listener, true).await)
}

/// Uploads what a ledger says is left to all of its destinations at once. One that fails does not hinder the others. When everything
/// is everywhere and verified, the ledger is removed; else it says why, and [`retry`] does the rest.
pub async fn upload(ledger: &OpenLedger, credentials: &Credentials, terms: Terms, listener: &Listener) -> Outcome {
    run(ledger, credentials, terms, listener, false).await
}

async fn run(
    ledger: &OpenLedger,
    credentials: &Credentials,
    terms: Terms,
    listener: &Listener,
    check: bool,
) -> Outcome {
    let order = ledger.ask(|ledger| ledger.order.clone());
    let terms = Terms { overwrite: terms.overwrite || order.overwrite, ..terms };
    let runs = order.destinations.iter().enumerate().map(|(index, destination)| async move {
        let mut run = Run { ledger, index, destination, listener, outcome: Outcome::default() };
        if let Err(failure) = run.all(credentials, terms, check).await {
            run.outcome.failures.push(failure);
        }
        run.outcome
    });
    let mut outcome = Outcome::default();
    for one in join_all(runs).await {
        outcome.uploaded.extend(one.uploaded);
        outcome.failures.extend(one.failures);
    }
    ledger.conclude();
    outcome.files_left = ledger.ask(|ledger| ledger.files_left());
    outcome
}

/// One destination of a ledger.
struct Run<'a> {
    ledger: &'a OpenLedger,
    index: usize,
    destination: &'a Destination,
    listener: &'a Listener,
    outcome: Outcome,
}

impl Run<'_> {
    /// Uploads what is left. An error is one after which no other file would fare better.
    async fn all(&mut self, credentials: &Credentials, terms: Terms, check: bool) -> Result<(), Failure> {
        let left: Vec<Entry> = self.ledger.ask(|ledger| ledger.left(self.index).cloned().collect());
        if left.is_empty() {
            return Ok(());
        }
        if let Some(first) = left.first() {
            self.tell(&first.name, UploadState::Queued { files: left.len() });
        }
        let store = match Store::open(self.destination, credentials) {
            Ok(store) if check => store.check().await.map(|()| store),
            opened => opened,
        };
        let store = match store {
            Ok(store) => store,
            Err(failure) => {
                for entry in &left {
                    self.failed(&entry.name, &failure).await?;
                }
                return Err(failure);
            }
        };
        for entry in left {
            match self.one(&store, &entry, terms).await {
                Ok(uploaded) => {
                    let (destination, name) = (self.index, entry.name.clone());
                    self.ledger.note_aside(Line::Done { destination, name, uploaded: uploaded.clone() }).await?;
                    self.tell(&entry.name, UploadState::Done { uploaded: uploaded.clone() });
                    self.outcome.uploaded.push(uploaded);
                }
                Err(failure) => {
                    self.failed(&entry.name, &failure).await?;
                    // Patience was had with it already, and is not to be had once for each file.
                    if failure.kind == FailureKind::UploadFailed {
                        return Err(failure);
                    }
                    self.outcome.failures.push(failure);
                }
            }
        }
        Ok(())
    }

    async fn one(&self, store: &Store, entry: &Entry, terms: Terms) -> Result<Uploaded, Failure> {
        let naming = self.ledger.ask(|ledger| ledger.order.naming.clone());
        let key = store.key(&naming, &entry.name);
        if let Some(id) = entry.ways.get(self.index).and_then(|way| way.begun.as_deref()) {
            store.forget(&key, id).await;
        }
        let on = |step: Step| match step {
            Step::Begun(id) => {
                let line = Line::Begun { destination: self.index, name: entry.name.clone(), id };
                if let Err(failure) = self.ledger.note(line) {
                    tracing::warn!(%failure, "an upload in parts could not be noted");
                }
            }
            Step::Sent { sent, bytes } => self.tell(&entry.name, UploadState::Sending { sent, bytes }),
            Step::Retrying(reason) => self.tell(&entry.name, UploadState::Retrying { reason }),
        };
        let file = entry.file(&folder_of(&self.ledger.path()));
        let is_ours = self.ledger.ask(|ledger| ledger.is_ours(self.index, &entry.name));
        let terms = Terms { overwrite: terms.overwrite || is_ours, ..terms };
        store.put(&file, &key, terms, &on).await
    }

    async fn failed(&self, name: &str, failure: &Failure) -> Result<(), Failure> {
        self.tell(name, UploadState::Failed { failure: failure.clone() });
        let line = Line::Failed { destination: self.index, name: name.to_owned(), failure: failure.clone() };
        self.ledger.note_aside(line).await
    }

    fn tell(&self, name: &str, state: UploadState) {
        (self.listener)(UploadReport { destination: self.destination.to_string(), name: name.to_owned(), state });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::ledger::tests::order;
    use std::fs;
    use std::sync::Mutex;
    use std::time::Duration;
    use wallflower_domain::upload::VerifiedBy;

    const SHORT: Terms = Terms { patience: Duration::from_millis(1), overwrite: false, growing: false };

    struct Bench {
        folder: tempfile::TempDir,
        heard: Arc<Mutex<Vec<UploadReport>>>,
        listener: Listener,
    }

    impl Bench {
        fn new() -> Self {
            let heard = Arc::new(Mutex::new(Vec::new()));
            let hearer = Arc::clone(&heard);
            let listener: Listener = Arc::new(move |report| hearer.lock().expect("sound").push(report));
            let bench = Self { folder: tempfile::tempdir().expect("temp dir"), heard, listener };
            for folder in ["out", "one", "two"] {
                fs::create_dir(bench.path(folder)).expect("made");
            }
            bench
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn url(&self, rest: &str) -> String {
            format!("file://{}/{rest}", self.folder.path().display())
        }

        fn ledger(&self, destinations: &[&str]) -> OpenLedger {
            let urls: Vec<String> = destinations.iter().map(|rest| self.url(rest)).collect();
            let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
            let file = self.path("out/a.mp4");
            fs::write(&file, b"media").expect("written");
            fs::write(self.path("out/a.manifest.json"), b"{}").expect("written");
            let ledger = OpenLedger::of(&file, order(&urls)).expect("made");
            ledger.add(&file, "a.mp4").expect("noted");
            ledger.add(&self.path("out/a.manifest.json"), "a.manifest.json").expect("noted");
            ledger
        }

        fn states(&self, destination: &str) -> Vec<UploadState> {
            let heard = self.heard.lock().expect("sound");
            let of = heard.iter().filter(|report| report.destination.contains(destination));
            of.map(|report| report.state.clone()).collect()
        }

        fn names(&self, folder: &str) -> Vec<String> {
            let entries = fs::read_dir(self.path(folder)).expect("readable").flatten();
            let mut names: Vec<String> =
                entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }
    }

    #[tokio::test]
    async fn what_was_put_there_while_it_grew_is_replaced() {
        let bench = Bench::new();
        fs::write(bench.path("one/a.mp4"), b"an earlier version").expect("written");
        let ledger = bench.ledger(&["one"]);
        ledger.note(Line::Ours { destination: 0, name: "a.mp4".into() }).expect("noted");
        let outcome = upload(&ledger, &Credentials::default(), SHORT, &bench.listener).await;
        assert_eq!((outcome.files_left, outcome.failures.len()), (0, 0), "{outcome:?}");
        assert_eq!(fs::read(bench.path("one/a.mp4")).expect("there"), b"media");
    }

    #[tokio::test]
    async fn what_is_delivered_is_uploaded_verified_and_the_ledger_goes() {
        let bench = Bench::new();
        let ledger = bench.ledger(&["one/{room}/{name}", "two"]);
        let outcome = upload(&ledger, &Credentials::default(), SHORT, &bench.listener).await;
        assert_eq!((outcome.failures, outcome.files_left), (vec![], 0));
        let urls: Vec<&str> = outcome.uploaded.iter().map(|uploaded| uploaded.url.as_str()).collect();
        let expected = ["one/stand-up/a.mp4", "one/stand-up/a.manifest.json", "two/a.mp4", "two/a.manifest.json"];
        assert_eq!(urls, expected.map(|rest| bench.url(rest)));
        let first = &outcome.uploaded[0];
        // By sha256sum.
        assert_eq!(first.sha256, "721c9525ade2ea8903d343ef25cf68b9bf4ab0aad56bb7b01fbe48d09bc7fcf4");
        assert_eq!((first.bytes, first.verified_by), (5, VerifiedBy::ReadBack));
        assert_eq!(bench.names("out"), ["a.manifest.json", "a.mp4"]);
        assert_eq!(bench.names("two"), ["a.manifest.json", "a.mp4"]);
        let states = bench.states("two");
        assert_eq!(states.first(), Some(&UploadState::Queued { files: 2 }));
        assert!(matches!(states.last(), Some(UploadState::Done { .. })), "{states:?}");
    }

    #[tokio::test]
    async fn a_destination_that_fails_does_not_hinder_the_other_and_is_retried_later() {
        let bench = Bench::new();
        fs::remove_dir(bench.path("two")).expect("removed");
        let ledger = bench.ledger(&["one", "two/{name}"]);
        let outcome = upload(&ledger, &Credentials::default(), SHORT, &bench.listener).await;
        assert_eq!((outcome.uploaded.len(), outcome.files_left), (2, 2));
        assert!(outcome.failures[0].message.contains("is no directory"), "{:?}", outcome.failures);
        drop(ledger);
        let [pending] = pending_uploads(&bench.path("out")).try_into().expect("one");
        assert_eq!((pending.id.as_str(), pending.files_left, pending.in_use), ("id7", 2, false));
        assert_eq!(pending.failure.as_ref(), outcome.failures.first());
        // What is tried too early fails as before and keeps everything.
        let again = retry(&pending.ledger, &Credentials::default(), SHORT, &bench.listener).await.expect("opened");
        assert_eq!((again.uploaded.len(), again.files_left), (0, 2));
        fs::create_dir(bench.path("two")).expect("made");
        let last = retry(&pending.ledger, &Credentials::default(), SHORT, &bench.listener).await.expect("opened");
        assert_eq!((last.uploaded.len(), last.files_left), (2, 0));
        assert_eq!(bench.names("out"), ["a.manifest.json", "a.mp4"]);
        assert!(pending_uploads(&bench.path("out")).is_empty());
    }

    #[tokio::test]
    async fn what_is_there_already_is_not_replaced_unasked_but_taken_when_it_is_the_same() {
        let bench = Bench::new();
        fs::write(bench.path("one/a.mp4"), b"other").expect("written");
        fs::write(bench.path("one/a.manifest.json"), b"{}").expect("written");
        let ledger = bench.ledger(&["one"]);
        let outcome = upload(&ledger, &Credentials::default(), SHORT, &bench.listener).await;
        assert_eq!((outcome.uploaded.len(), outcome.files_left), (1, 1));
        assert!(outcome.failures[0].message.contains("is there already"), "{:?}", outcome.failures);
        assert_eq!(fs::read(bench.path("one/a.mp4")).expect("there"), b"other");
        let overwrite = Terms { overwrite: true, ..SHORT };
        let outcome = upload(&ledger, &Credentials::default(), overwrite, &bench.listener).await;
        assert_eq!((outcome.uploaded.len(), outcome.files_left), (1, 0));
        assert_eq!(fs::read(bench.path("one/a.mp4")).expect("there"), b"media");
    }

    #[tokio::test]
    async fn a_file_that_was_lost_does_not_hinder_the_others() {
        let bench = Bench::new();
        let ledger = bench.ledger(&["one"]);
        fs::remove_file(bench.path("out/a.mp4")).expect("removed");
        let outcome = upload(&ledger, &Credentials::default(), SHORT, &bench.listener).await;
        assert_eq!((outcome.uploaded.len(), outcome.files_left), (1, 1));
        assert_eq!(outcome.failures[0].kind, FailureKind::BadRequest);
        assert!(ledger.path().is_file());
    }
}
