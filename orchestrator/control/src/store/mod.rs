//! Where an orchestrator keeps its records.
//!
//! ```text
//! records    by id; replaced only by whoever has seen the version that is replaced
//! notices    what is to be posted, written in the same transaction as the change that it tells
//! leases     names that one holder at a time may have, for a while
//! changes    ids and versions of records as they change, whoever changed them
//! ```
//!
//! What a store has acknowledged survives kill -9 of it and of us. Both backends pass one suite, `tests/store`.
//!
//! * [`sqlite`]: the embedded default, for one orchestrator.
//! * [`redis`]: for one orchestrator or many.

mod changes;
mod document;
mod measured;
pub mod redis;
pub mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;
use wallflower_domain::record::{Notice, Query, Record};

pub use changes::{Announcer, Changes};
pub use measured::Measured;

/// Whatever does not answer for so long has failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// Dead notices are kept up to so many; beyond, the oldest are forgotten.
pub const DEAD_NOTICES: usize = 10_000;

/// A record has changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Changed {
    /// Id of the recording.
    pub id: String,
    /// The version that it has now; 0 when it was deleted.
    pub version: u64,
}

/// Why a store did not do what it was to do; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// It can't be reached, or did not answer in time; a change may have been made all the same.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// It holds something that this version can't read, or refuses what it is given.
    #[error("the store can't be used: {0}")]
    Broken(String),
}

/// What came of [`Store::create`].
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// It is stored.
    New,
    /// Something was created with this idempotency key before.
    Before {
        /// The digest that was given then; another one means that the key was used for something else.
        digest: String,
        /// What was created, as it is now; absent when it was deleted since.
        record: Option<Box<Record>>,
    },
}

/// What came of [`Store::replace`].
#[derive(Clone, Debug, PartialEq)]
pub enum Replaced {
    /// It is stored.
    Stored,
    /// Somebody else was faster: the record as it is now. Nothing was stored, no notice either.
    Stale(Box<Record>),
    /// There is none of this id.
    Gone,
}

/// That what is created is created once, however often it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Chosen by the client; of one owner.
    pub key: String,
    /// Digest of what was asked for.
    pub digest: String,
    /// When it is forgotten, in microseconds since 1970 UTC.
    pub expires_us: i64,
}

/// What becomes of a notice that was tried.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// It was taken: forget it.
    Told,
    /// It was not: this is what it is now.
    Kept(Notice),
}

/// A store. All of it can be called at any time from many tasks.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Stores a new record and its notices. An idempotency key is of the record's owner. An id or a notice that is there already is
    /// refused as [`StoreError::Broken`].
    async fn create(
        &self,
        record: &Record,
        once: Option<&Idempotency>,
        notices: &[Notice],
        now_us: i64,
    ) -> Result<Created, StoreError>;

    /// The record of this id.
    async fn get(&self, id: &str) -> Result<Option<Record>, StoreError>;

    /// Records, newest first (by id, which sorts by time). A record that is due to expire at exactly [`Query::expired_by_us`] is one
    /// of them.
    async fn list(&self, query: &Query) -> Result<Vec<Record>, StoreError>;

    /// Replaces the record of this id by one whose version is one higher, when nobody else has replaced it since; with it, notices.
    async fn replace(&self, record: &Record, notices: &[Notice]) -> Result<Replaced, StoreError>;

    /// Deletes a record. Its notices stay until they are told.
    async fn delete(&self, id: &str) -> Result<bool, StoreError>;

    /// Takes a lease or renews one's own; false when another has it. A time to live of zero gives one's own back.
    async fn lease(&self, name: &str, holder: &str, time_to_live: Duration) -> Result<bool, StoreError>;

    /// Notices that are due, at most one of each recording and address, the oldest of them: the order in which they are told. With
    /// `None` those that are dead, newest first; they hold nobody up.
    async fn notices(&self, due_by_us: Option<i64>, limit: usize) -> Result<Vec<Notice>, StoreError>;

    /// Says what became of a notice; one that is not there any more stays so. Its recording and address never change.
    async fn settle(&self, id: &str, settled: Settled) -> Result<(), StoreError>;

    /// All changes from now on.
    fn changes(&self) -> Changes;
}

/// Opens the store that is named: `sqlite:PATH` or a path; `redis://HOST[:PORT][/DATABASE][?prefix=wf]`, or `rediss://` for TLS.
///
/// # Errors
///
/// When it can't be reached, or holds what this version does not know. No sentence holds the password of the address.
pub async fn open(address: &str) -> Result<Arc<dyn Store>, StoreError> {
    match address.split_once(':') {
        Some(("redis" | "rediss", _)) => Ok(Arc::new(redis::Redis::connect(address).await?)),
        Some(("sqlite", path)) => Ok(Arc::new(sqlite::Sqlite::open(path.as_ref()).await?)),
        Some((scheme, rest)) if rest.starts_with("//") => Err(StoreError::Broken(format!(
            "\"{scheme}://\" is no store that this version knows; write sqlite:PATH, redis://host:6379/0 or rediss://host:6379/0"
        ))),
        _ => Ok(Arc::new(sqlite::Sqlite::open(address.as_ref()).await?)),
    }
}
