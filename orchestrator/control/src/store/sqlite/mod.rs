//! The embedded store: a file of SQLite, for one orchestrator on one machine.
//!
//! ```text
//! create replace delete lease settle ──▶ queue ──▶ writer ── BEGIN, a savepoint each, COMMIT ──▶ fsync ──▶ changes, answers
//! get list notices                   ──▶ queue ──▶ readers (read-only; they see what is committed, and wait for no fsync)
//! ```
//!
//! WAL with `synchronous=FULL`: what is answered has been synced, so it survives the end of the process and of the power. What waits while
//! the disk syncs shares the next transaction; an operation that fails takes back its own savepoint only.
//!
//! More than one process may open the file, and more than one `Sqlite` in a process: every operation is one transaction, so nothing is
//! lost and no version is won twice. What another one has changed is not told by id: [`Changes`] say within a quarter of a second that
//! something was missed. So a replacement may be started before its predecessor has ended; for replicas that work together there is
//! [`redis`](super::redis).
//!
//! The file is its owner's alone (mode 0600): requests hold secrets.

mod file;
mod notices;
mod records;
mod workers;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use wallflower_domain::record::{Notice, Query, Record};

use self::workers::{Readers, Writer};
use super::document::{NoticeRow, RecordRow, once_name};
use super::{Changed, Changes, Created, Idempotency, Replaced, Settled, Store, StoreError};

/// A database. Its threads end when it is dropped and what was waiting is done.
#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    /// Opens a database, or makes one. Its directory must be there.
    ///
    /// # Errors
    ///
    /// When the file can't be used: it is another program's, a newer version's, damaged, or out of reach.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let connection = file::open(&path)?;
            let readers = Readers::start(|| file::open_to_read(&path))?;
            Ok(Self { writer: Writer::start(connection)?, readers })
        });
        opened.await.map_err(|error| StoreError::Broken(format!("opening the database ended early: {error}")))?
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn create(
        &self,
        record: &Record,
        once: Option<&Idempotency>,
        notices: &[Notice],
        now_us: i64,
    ) -> Result<Created, StoreError> {
        let row = RecordRow::of(record)?;
        let notices = NoticeRow::all(notices)?;
        let once = once.map(|once| records::Once {
            name: once_name(record.owner.as_deref(), &once.key),
            digest: once.digest.clone(),
            expires_us: once.expires_us,
            now_us,
        });
        let version = record.version;
        self.writer
            .ask(move |connection| {
                if let Some(before) = records::created_before(connection, once.as_ref(), &row.id)? {
                    return Ok((before, None));
                }
                records::insert(connection, &row)?;
                notices::insert(connection, &notices)?;
                Ok((Created::New, Some(Changed { id: row.id, version })))
            })
            .await
    }

    async fn get(&self, id: &str) -> Result<Option<Record>, StoreError> {
        let id = id.to_owned();
        self.readers.ask(move |connection| records::get(connection, &id)).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        let query = query.clone();
        self.readers.ask(move |connection| records::list(connection, &query)).await
    }

    async fn replace(&self, record: &Record, notices: &[Notice]) -> Result<Replaced, StoreError> {
        let row = RecordRow::of(record)?;
        let notices = NoticeRow::all(notices)?;
        let version = record.version;
        self.writer
            .ask(move |connection| {
                let replaced = records::replace(connection, &row)?;
                if replaced != Replaced::Stored {
                    return Ok((replaced, None));
                }
                notices::insert(connection, &notices)?;
                Ok((replaced, Some(Changed { id: row.id, version })))
            })
            .await
    }

    async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .ask(move |connection| {
                let deleted = records::delete(connection, &id)?;
                Ok((deleted, deleted.then_some(Changed { id, version: 0 })))
            })
            .await
    }

    async fn lease(&self, name: &str, holder: &str, time_to_live: Duration) -> Result<bool, StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.writer
            .ask(move |connection| {
                Ok((records::lease(connection, &name, &holder, now_us(), microseconds(time_to_live))?, None))
            })
            .await
    }

    async fn notices(&self, due_by_us: Option<i64>, limit: usize) -> Result<Vec<Notice>, StoreError> {
        self.readers.ask(move |connection| notices::list(connection, due_by_us, limit)).await
    }

    async fn settle(&self, id: &str, settled: Settled) -> Result<(), StoreError> {
        let id = id.to_owned();
        let kept = match &settled {
            Settled::Told => None,
            Settled::Kept(notice) => Some(NoticeRow::of(notice)?),
        };
        self.writer.ask(move |connection| Ok((notices::settle(connection, &id, kept.as_ref())?, None))).await
    }

    fn changes(&self) -> Changes {
        self.writer.changes()
    }
}

/// Leases are by the wall clock, which processes share.
fn now_us() -> i64 {
    microseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// What became of an operation, in our words.
fn said(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as Code;
    match error.sqlite_error_code() {
        Some(Code::DiskFull) => StoreError::Unavailable("the disk of the database is full".into()),
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            StoreError::Unavailable("another process holds the database".into())
        }
        Some(Code::SystemIoFailure | Code::CannotOpen | Code::OutOfMemory | Code::OperationInterrupted) => {
            StoreError::Unavailable(error.to_string())
        }
        _ => StoreError::Broken(error.to_string()),
    }
}
