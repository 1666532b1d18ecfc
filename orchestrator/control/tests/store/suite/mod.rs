//! What every store does.

mod changes;
mod leases;
mod lists;
mod notices;
mod records;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use wallflower_control::store::{Created, Store};
use wallflower_domain::record::{Notice, Query, Record};

pub(crate) use self::changes::*;
pub(crate) use self::leases::*;
pub(crate) use self::lists::*;
pub(crate) use self::notices::*;
pub(crate) use self::records::*;
pub(crate) use crate::model::random_operations_come_out_as_in_the_model;

/// What takes longer is not coming.
const PATIENCE: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

async fn create(store: &Arc<dyn Store>, record: &Record, notices: &[Notice]) {
    assert_eq!(store.create(record, None, notices, 0).await, Ok(Created::New));
}

async fn ids(store: &Arc<dyn Store>, query: &Query) -> Vec<String> {
    store.list(query).await.unwrap().iter().map(|record| record.id().to_owned()).collect()
}

async fn due(store: &Arc<dyn Store>, by_us: i64) -> Vec<String> {
    store.notices(Some(by_us), 100).await.unwrap().into_iter().map(|notice| notice.id).collect()
}

/// Does it at once in so many tasks.
async fn race<T, F>(tasks: usize, store: &Arc<dyn Store>, run: impl Fn(usize, Arc<dyn Store>) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut racing = JoinSet::new();
    for number in 0..tasks {
        racing.spawn(run(number, Arc::clone(store)));
    }
    tokio::time::timeout(3 * PATIENCE, racing.join_all()).await.expect("the race ends")
}
