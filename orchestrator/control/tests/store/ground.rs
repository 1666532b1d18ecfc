//! Stores to be tested, each with a directory of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use wallflower_control::store::{self, Store};
use wallflower_domain::record::{Notice, Record};
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::room::Room;

use crate::redis_server::RedisServer;

/// Where a store keeps what it is given.
pub(crate) struct Ground {
    /// Before the directory, so that it ends first.
    pub(crate) redis: Option<RedisServer>,
    directory: TempDir,
    fresh: AtomicU32,
}

impl Ground {
    pub(crate) fn sqlite() -> Self {
        Self { redis: None, directory: tempfile::tempdir().unwrap(), fresh: AtomicU32::new(0) }
    }

    /// `None` where Redis is missing; in CI that fails.
    pub(crate) fn redis() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let redis = RedisServer::start(directory.path())?;
        Some(Self { redis: Some(redis), directory, fresh: AtomicU32::new(0) })
    }

    /// By what [`store::open`] opens it.
    pub(crate) fn address(&self) -> String {
        match &self.redis {
            Some(redis) => redis.address(),
            None => format!("sqlite:{}", self.database().display()),
        }
    }

    /// A handle; all of them have the same store.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        store::open(&self.address()).await.unwrap()
    }

    /// An empty store, another one each time.
    pub(crate) async fn open_fresh(&self) -> Arc<dyn Store> {
        let number = self.fresh.fetch_add(1, Ordering::Relaxed);
        let address = match &self.redis {
            Some(redis) => format!("{}?prefix=fresh{number}", redis.address()),
            None => format!("{}-{number}", self.address()),
        };
        store::open(&address).await.unwrap()
    }

    /// The file of an embedded store.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("store.db")
    }
}

/// A queued recording of the demo room `a`.
pub(crate) fn record(id: &str) -> Record {
    record_of(id, "demo:a", None)
}

pub(crate) fn record_of(id: &str, room: &str, owner: Option<&str>) -> Record {
    Record::new(id, RecordingRequest::of(room.parse::<Room>().unwrap()), owner.map(str::to_owned), 1_000)
}

/// The version after this one.
pub(crate) fn next(record: &Record) -> Record {
    Record { version: record.version + 1, changed_us: record.changed_us + 1, ..record.clone() }
}

pub(crate) fn notice(id: &str, recording: &str, url: &str, due_us: i64) -> Notice {
    Notice {
        id: id.into(),
        recording: recording.into(),
        url: url.into(),
        body: format!(r#"{{"notice": "{id}"}}"#),
        due_us,
        tries: 0,
        trouble: None,
        dead: false,
    }
}
