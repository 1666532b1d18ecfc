//! Agents that are connected to this orchestrator: what is known of each in this moment, and how to wake the task that serves it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, broadcast};
use wallflower_domain::wire::control::Course;

use crate::store::Store;

/// All of them.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<HashMap<String, Link>>>);

struct Link {
    /// Connections are counted; a newer one of the same recording takes the place of the older.
    number: u64,
    wake: Arc<Notify>,
    course: Course,
}

/// One connection; gone when dropped.
pub(crate) struct Connected {
    links: Links,
    id: String,
    number: u64,
    pub(crate) wake: Arc<Notify>,
}

impl Links {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a connection.
    pub(crate) fn connect(&self, id: &str, course: Course) -> Connected {
        let wake = Arc::new(Notify::new());
        let mut links = self.lock();
        let number = links.get(id).map_or(1, |older| {
            older.wake.notify_one();
            older.number + 1
        });
        links.insert(id.to_owned(), Link { number, wake: wake.clone(), course });
        Connected { links: self.clone(), id: id.to_owned(), number, wake }
    }

    /// Whether a recording's agent is connected here.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.lock().contains_key(id)
    }

    /// How many are connected here.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// What the agent of a recording has said, when it is connected here.
    pub(crate) fn course(&self, id: &str) -> Option<Course> {
        self.lock().get(id).map(|link| link.course.clone())
    }

    fn wake(&self, id: &str) {
        if let Some(link) = self.lock().get(id) {
            link.wake.notify_one();
        }
    }

    fn wake_all(&self) {
        for link in self.lock().values() {
            link.wake.notify_one();
        }
    }

    /// Wakes those whose records change, for ever.
    pub(crate) async fn watch(self, store: Arc<dyn Store>) {
        let mut changes = store.changes();
        loop {
            match changes.recv().await {
                Ok(changed) => self.wake(&changed.id),
                Err(broadcast::error::RecvError::Lagged(_)) => self.wake_all(),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

impl Connected {
    /// Keeps what the agent has said for whoever asks.
    pub(crate) fn show(&self, course: &Course) {
        if let Some(link) = self.links.lock().get_mut(&self.id).filter(|link| link.number == self.number) {
            link.course = course.clone();
        }
    }

    /// A newer connection has taken its place.
    pub(crate) fn is_replaced(&self) -> bool {
        self.links.lock().get(&self.id).is_none_or(|link| link.number != self.number)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut links = self.links.lock();
        if links.get(&self.id).is_some_and(|link| link.number == self.number) {
            links.remove(&self.id);
        }
    }
}
