//! `wallflower upload`: uploads what could not be uploaded when it was recorded.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use wallflower_agent::upload::{Credentials, Listener, Outcome, PendingUpload, Terms, pending_uploads, retry};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::upload::{UploadReport, UploadState};

use crate::args::UploadArgs;
use crate::exit;

/// Zero when nothing is left to be uploaded. What can't be uploaded stays where it is.
pub(crate) async fn upload(args: UploadArgs) -> ExitCode {
    let (folder, id) = match &args.recording {
        // Whoever names a directory means what is in it.
        Some(text) if args.folder.is_none() && Path::new(text).is_dir() => (PathBuf::from(text), None),
        id => (args.folder.clone().unwrap_or_else(|| ".".into()), id.as_deref()),
    };
    let pending = match chosen(&folder, id) {
        Ok(pending) => pending,
        Err(failure) => {
            exit::explain(&failure);
            return ExitCode::from(failure.fault().exit_code());
        }
    };
    if pending.is_empty() {
        eprintln!("{} holds nothing that is still to be uploaded", folder.display());
    }
    let terms = Terms { patience: args.patience, overwrite: args.force, ..Terms::default() };
    let mut code = ExitCode::SUCCESS;
    for one in pending {
        let view = View::new(args.json);
        let outcome = retry(&one.ledger, &Credentials::from_env(), terms, &view.listener()).await;
        view.close();
        let failures = match outcome {
            Ok(Outcome { failures, files_left, .. }) => {
                if files_left > 0 {
                    eprintln!("{files_left} of {}'s files are still to be uploaded; they are kept", one.id);
                }
                failures
            }
            Err(failure) => vec![failure],
        };
        for failure in failures {
            exit::explain(&failure);
            code = ExitCode::from(failure.fault().exit_code());
        }
    }
    code
}

/// All that is pending there, or that of the one recording whose id begins so.
fn chosen(folder: &Path, id: Option<&str>) -> Result<Vec<PendingUpload>, Failure> {
    let mut pending = pending_uploads(folder);
    let Some(id) = id else { return Ok(pending) };
    let folder = folder.display();
    let known = pending.iter().map(|one| one.id.clone()).collect::<Vec<_>>().join(", ");
    pending.retain(|one| one.id.starts_with(id));
    let sentence = match pending.len() {
        1 => return Ok(pending),
        0 if known.is_empty() => {
            format!("{folder} holds nothing that is still to be uploaded; name its directory by --in.")
        }
        0 => format!("{folder} holds nothing of {id} that is still to be uploaded, but of {known}."),
        _ => format!("Several recordings in {folder} begin with {id}: {known}."),
    };
    Err(Failure::new(FailureKind::BadRequest, sentence))
}

/// Where reports go: lines of JSON on stdout, or lines for a person on stderr, with a bar where there is a terminal.
enum View {
    Json,
    Person(Arc<Person>),
}

struct Person {
    bar: ProgressBar,
    /// What was said last of a destination's troubles, so as not to say it again.
    troubles: Mutex<BTreeMap<String, String>>,
}

impl View {
    fn new(json: bool) -> Self {
        if json {
            return Self::Json;
        }
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg}  {bytes}/{total_bytes}  {bytes_per_sec}") {
            bar.set_style(style);
        }
        Self::Person(Arc::new(Person { bar, troubles: Mutex::default() }))
    }

    fn listener(&self) -> Listener {
        match self {
            Self::Json => Arc::new(|report| match serde_json::to_string(&report) {
                Ok(line) => println!("{line}"),
                Err(error) => tracing::error!(%error, "a report can't be written as JSON"),
            }),
            Self::Person(person) => {
                let person = Arc::clone(person);
                Arc::new(move |report| person.show(&report))
            }
        }
    }

    fn close(&self) {
        if let Self::Person(person) = self {
            person.bar.finish_and_clear();
        }
    }
}

impl Person {
    fn show(&self, report: &UploadReport) {
        match &report.state {
            UploadState::Sending { sent, bytes } => {
                self.bar.set_length(*bytes);
                self.bar.set_position(*sent);
                self.bar.set_message(report.name.clone());
            }
            UploadState::Done { uploaded } => {
                self.troubles().remove(&report.destination);
                let (bytes, how) = (HumanBytes(uploaded.bytes), uploaded.verified_by);
                self.say(&format!("{}  {bytes}  {how}", uploaded.url));
            }
            UploadState::Retrying { reason } => {
                let known = self.troubles().insert(report.destination.clone(), reason.clone());
                if known.as_ref() != Some(reason) {
                    self.say(&format!("{reason} Trying again."));
                }
            }
            // What failed is explained at the end.
            UploadState::Queued { .. } | UploadState::Failed { .. } => {}
        }
    }

    fn say(&self, text: &str) {
        if self.bar.is_hidden() {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    fn troubles(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
