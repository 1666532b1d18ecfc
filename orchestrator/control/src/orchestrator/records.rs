//! The one way in which records are changed: read, change, store; and again, when somebody else was faster.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use wallflower_domain::record::Record;
use wallflower_domain::share::Term;

use super::announce::Teller;
use super::meters::Meters;
use super::notices::Announcer;
use super::roster::Watch;
use crate::store::{Replaced, Store, StoreError};

/// Others were faster so often that something else must be wrong.
const MAX_TRIES: u32 = 50;

/// Microseconds since 1970 UTC.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Changes records, and tells those who are to be told in the same transaction.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) store: Arc<dyn Store>,
    announcer: Arc<Announcer>,
    keep: Option<Duration>,
    expiry_notice: Option<Term>,
    meters: Meters,
    watch: Watch,
    teller: Teller,
}

/// Why a record was not changed.
#[derive(Debug, Error)]
pub(crate) enum ChangeError<E> {
    /// There is none of this id.
    #[error("there is no such recording")]
    Missing,
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever changes it says so.
    #[error("{0}")]
    Refused(E),
}

impl Records {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        announcer: Arc<Announcer>,
        keep: Option<Duration>,
        expiry_notice: Option<Term>,
        meters: Meters,
        watch: Watch,
        teller: Teller,
    ) -> Self {
        Self { store, announcer, keep, expiry_notice, meters, watch, teller }
    }

    /// Changes a record. What `change` leaves as it was is not stored. It may be called several times.
    pub(crate) async fn change<T, E>(
        &self,
        id: &str,
        change: impl FnMut(&mut Record) -> Result<T, E>,
    ) -> Result<(Record, T), ChangeError<E>> {
        let before = self.store.get(id).await?.ok_or(ChangeError::Missing)?;
        self.change_from(before, change).await
    }

    /// The same of a record that was read already. When somebody has changed it since, it is read again.
    pub(crate) async fn change_from<T, E>(
        &self,
        mut before: Record,
        mut change: impl FnMut(&mut Record) -> Result<T, E>,
    ) -> Result<(Record, T), ChangeError<E>> {
        for _ in 0..MAX_TRIES {
            let mut after = before.clone();
            let answer = change(&mut after).map_err(ChangeError::Refused)?;
            if after == before {
                return Ok((after, answer));
            }
            let now_us = now_us();
            after.version += 1;
            after.changed_us = now_us;
            if after.state().is_terminal() && after.expires_us.is_none() {
                after.expires_us = self.keep.map(|keep| now_us.saturating_add(micros(keep)));
                let told = after.expires_us.zip(self.expiry_notice);
                after.expiry_notice_us = told.map(|(expires_us, notice)| expires_us - notice.micros());
            }
            let notices = self.announcer.of_change(Some(&before), &mut after, now_us);
            match self.store.replace(&after, &notices).await? {
                Replaced::Stored => {
                    self.meters.changed(before.state(), &after);
                    self.teller.changed(before.state(), &after);
                    self.watch.tell(&after);
                    return Ok((after, answer));
                }
                Replaced::Stale(newer) => before = *newer,
                Replaced::Gone => return Err(ChangeError::Missing),
            }
        }
        Err(StoreError::Unavailable("the record is changed by too many at once".to_owned()).into())
    }

    /// Notices of a record that is created.
    pub(crate) fn announcement(&self, record: &Record) -> Vec<wallflower_domain::record::Notice> {
        self.announcer.of_new(record, record.created_us)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
