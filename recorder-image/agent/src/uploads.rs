//! A recording's uploads: checked before the room is joined, done when everything is made.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wallflower_domain::destination::{Destination, DestinationError, Naming};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::timeline::Delivered;
use wallflower_domain::upload::{UploadReport, Uploaded};
use wallflower_domain::wire::agent::AgentEvent;

use crate::digest;
use crate::report::Report;
use crate::spool::Wanted;
use crate::upload::{Credentials, Listener, OpenLedger, Order, Store, Terms, Uploader, upload};

/// Where a recording's files are uploaded to.
pub(crate) struct Uploads {
    order: Order,
    credentials: Credentials,
    report: Report,
}

impl Uploads {
    /// None when nothing is to be uploaded. `began_unix_us` is for names.
    pub(crate) fn of(wanted: &Wanted, began_unix_us: i64, report: &Report) -> Result<Option<Self>, Failure> {
        if wanted.uploads.is_empty() {
            return Ok(None);
        }
        let credentials = Credentials::from_env();
        let settle = |destination: &Destination| credentials.settle(destination.clone());
        let destinations: Result<Vec<Destination>, _> = wanted.uploads.iter().map(settle).collect();
        let naming = Naming {
            room: wanted.room.clone(),
            id: wanted.recording.clone(),
            began_unix_s: began_unix_us.div_euclid(1_000_000),
        };
        let order = Order { naming, destinations: destinations.map_err(refused)?, overwrite: wanted.overwrite };
        Ok(Some(Self { order, credentials, report: report.clone() }))
    }

    /// Fails when one of the destinations will not take anything: wrong keys, no such bucket.
    pub(crate) async fn check(&self) -> Result<(), Failure> {
        for destination in &self.order.destinations {
            Store::open(destination, &self.credentials)?.check().await?;
        }
        Ok(())
    }

    /// Uploads files, under their names, and says what went wrong. What can't be uploaded stays in the ledger beside `beside`; what that
    /// says is uploaded, as by [`Self::follow`], is not uploaded again unless it is another file since.
    pub(crate) async fn upload(
        &self,
        beside: &Path,
        files: &[(PathBuf, String)],
    ) -> Result<(Vec<Uploaded>, Option<Failure>), Failure> {
        let ledger = self.ledger(beside, files).await?;
        let outcome = upload(&ledger, &self.credentials, Terms::default(), &self.listener()).await;
        Ok((ledger.ledger().uploaded().cloned().collect(), outcome.failures.into_iter().next()))
    }

    /// Uploads what is made in a directory while it is made.
    pub(crate) fn follow(&self, directory: &Path) -> Result<Uploader, Failure> {
        let opened = self.order.destinations.iter().map(|destination| Store::open(destination, &self.credentials));
        let stores = opened.collect::<Result<Vec<Store>, Failure>>()?;
        let ledger = OpenLedger::of(directory, self.order.clone())?;
        Ok(Uploader::start(stores, &ledger, &self.listener()))
    }

    fn listener(&self) -> Listener {
        let report = self.report.clone();
        Arc::new(move |told: UploadReport| report.send(AgentEvent::Upload { upload: told }))
    }

    /// Notes what is to be uploaded by `wallflower upload`, later.
    pub(crate) async fn leave(&self, beside: &Path, files: &[(PathBuf, String)]) -> Result<(), Failure> {
        self.ledger(beside, files).await.map(|_| ())
    }

    async fn ledger(&self, beside: &Path, files: &[(PathBuf, String)]) -> Result<OpenLedger, Failure> {
        let ledger = OpenLedger::of(beside, self.order.clone())?;
        let known = ledger.ledger();
        for (file, name) in files {
            match known.sha256(name) {
                Some(uploaded) if digest::of_file(file).await.is_ok_and(|(_, now)| now != uploaded) => {
                    ledger.replace(file, name)?;
                }
                _ => ledger.add(file, name)?,
            }
        }
        Ok(ledger)
    }
}

fn refused(error: DestinationError) -> Failure {
    Failure::new(FailureKind::BadRequest, format!("{error}."))
}

/// The files of what was delivered, with the names under which they are uploaded: those of a directory keep it in their names.
pub(crate) fn files_of(output: &Delivered) -> Vec<(PathBuf, String)> {
    let path = Path::new(&output.location);
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !path.is_dir() {
        return vec![(path.to_owned(), name(path))];
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|file| file.is_file() && !name(file).starts_with('.'));
    let mut files: Vec<(PathBuf, String)> =
        files.map(|file| (file.clone(), format!("{}/{}", name(path), name(&file)))).collect();
    // Playlists after what they name.
    files.sort_by_key(|(file, name)| (file.extension().is_some_and(|extension| extension == "m3u8"), name.clone()));
    files
}
