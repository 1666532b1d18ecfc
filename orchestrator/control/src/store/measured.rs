//! A store that tells how long it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use wallflower_domain::record::{Notice, Query, Record};

use super::{Changes, Created, Idempotency, Replaced, Settled, Store, StoreError};

/// What is told: an operation by its name in [`Store`], and its time.
type Tell = Box<dyn Fn(&'static str, Duration) + Send + Sync>;

/// See the module.
pub struct Measured {
    store: Arc<dyn Store>,
    tell: Tell,
}

impl Measured {
    /// Tells of every operation of this store.
    pub fn new(store: Arc<dyn Store>, tell: Box<dyn Fn(&'static str, Duration) + Send + Sync>) -> Self {
        Self { store, tell }
    }

    async fn measure<T>(&self, operation: &'static str, doing: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = doing.await;
        (self.tell)(operation, began.elapsed());
        done
    }
}

#[async_trait]
impl Store for Measured {
    async fn create(
        &self,
        record: &Record,
        once: Option<&Idempotency>,
        notices: &[Notice],
        now_us: i64,
    ) -> Result<Created, StoreError> {
        self.measure("create", self.store.create(record, once, notices, now_us)).await
    }

    async fn get(&self, id: &str) -> Result<Option<Record>, StoreError> {
        self.measure("get", self.store.get(id)).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        self.measure("list", self.store.list(query)).await
    }

    async fn replace(&self, record: &Record, notices: &[Notice]) -> Result<Replaced, StoreError> {
        self.measure("replace", self.store.replace(record, notices)).await
    }

    async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        self.measure("delete", self.store.delete(id)).await
    }

    async fn lease(&self, name: &str, holder: &str, time_to_live: Duration) -> Result<bool, StoreError> {
        self.measure("lease", self.store.lease(name, holder, time_to_live)).await
    }

    async fn notices(&self, due_by_us: Option<i64>, limit: usize) -> Result<Vec<Notice>, StoreError> {
        self.measure("notices", self.store.notices(due_by_us, limit)).await
    }

    async fn settle(&self, id: &str, settled: Settled) -> Result<(), StoreError> {
        self.measure("settle", self.store.settle(id, settled)).await
    }

    fn changes(&self) -> Changes {
        self.store.changes()
    }
}
