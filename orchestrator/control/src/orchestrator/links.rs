//! Agents that are connected to this orchestrator: what is known of each in this moment, and how to wake the task that serves it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wallflower_domain::record::Record;
use wallflower_domain::wire::agent::AgentEvent;
use wallflower_domain::wire::control::Course;

/// All of them.
#[derive(Clone, Default)]
pub(crate) struct Links {
    by_recording: Arc<Mutex<HashMap<String, Link>>>,
    connections: Arc<AtomicU64>,
}

struct Link {
    /// Of the connection, never that of another; a newer one of the same recording takes the place of the older.
    number: u64,
    wake: Arc<Notify>,
    course: Course,
    /// The version that whoever serves it has seen.
    seen: u64,
    news: News,
}

/// What whoever serves a connection ought to know.
pub(crate) enum News {
    /// Nothing.
    None,
    /// The record has changed.
    Changed(Box<Record>),
    /// It was deleted.
    Deleted,
    /// Another orchestrator is to serve it.
    Elsewhere,
    /// A newer connection has taken the place of this one.
    Replaced,
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
        self.by_recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a connection.
    pub(crate) fn connect(&self, id: &str, course: Course) -> Connected {
        let wake = Arc::new(Notify::new());
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let link = Link { number, wake: wake.clone(), course, seen: 0, news: News::None };
        if let Some(older) = self.lock().insert(id.to_owned(), link) {
            older.wake.notify_one();
        }
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

    /// Recordings whose agents are connected here.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// What the agent of a recording has said, when it is connected here.
    pub(crate) fn course(&self, id: &str) -> Option<Course> {
        self.lock().get(id).map(|link| link.course.clone())
    }

    /// Wakes whoever serves this recording's agent here, and has not seen this version.
    pub(crate) fn tell(&self, record: &Record) {
        if let Some(link) = self.lock().get_mut(record.id()).filter(|link| link.seen < record.version) {
            link.seen = record.version;
            link.news = News::Changed(Box::new(record.clone()));
            link.wake.notify_one();
        }
    }

    /// Sends all of them elsewhere: nothing that they say can be stored here.
    pub(crate) fn part(&self) {
        for link in self.lock().values_mut() {
            link.news = News::Elsewhere;
            link.wake.notify_one();
        }
    }

    /// The same for a recording that was deleted.
    pub(crate) fn forget(&self, id: &str) {
        if let Some(link) = self.lock().get_mut(id) {
            link.news = News::Deleted;
            link.wake.notify_one();
        }
    }
}

impl Connected {
    fn with<T>(&self, act: impl FnOnce(&mut Link) -> T) -> Option<T> {
        self.links.lock().get_mut(&self.id).filter(|link| link.number == self.number).map(act)
    }

    /// Takes what the agent says, for whoever asks.
    pub(crate) fn hear(&self, event: &AgentEvent, at_us: i64) {
        self.with(|link| link.course.hear(event, at_us));
    }

    /// What the agent has said; none when a newer connection has taken the place of this one.
    pub(crate) fn course(&self) -> Option<Course> {
        self.with(|link| link.course.clone())
    }

    /// Begins with this version of the record.
    pub(crate) fn begin(&self, record: &Record) {
        self.with(|link| {
            link.seen = link.seen.max(record.version);
            link.course.clone_from(&record.course);
        });
    }

    /// This version of the record is no news.
    pub(crate) fn seen(&self, version: u64) {
        self.with(|link| {
            link.seen = link.seen.max(version);
            if matches!(&link.news, News::Changed(record) if record.version <= version) {
                link.news = News::None;
            }
        });
    }

    /// What is new since this was asked last.
    pub(crate) fn news(&self) -> News {
        self.with(|link| std::mem::replace(&mut link.news, News::None)).unwrap_or(News::Replaced)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(version: u64) -> Record {
        let request = serde_json::from_value(json!({"room": "demo:a"})).expect("valid");
        Record { version, ..Record::new("r", request, None, 0) }
    }

    #[test]
    fn news_are_told_once_and_only_to_the_newest_connection() {
        let links = Links::default();
        let older = links.connect("r", Course::default());
        older.begin(&record(3));
        links.tell(&record(3));
        assert!(matches!(older.news(), News::None), "it has seen that");
        links.tell(&record(4));
        assert!(matches!(older.news(), News::Changed(record) if record.version == 4));
        assert!(matches!(older.news(), News::None));
        let newer = links.connect("r", Course::default());
        assert!(matches!(older.news(), News::Replaced) && older.course().is_none());
        links.part();
        assert!(matches!(newer.news(), News::Elsewhere));
        drop(older);
        assert!(links.has("r"));
        links.forget("r");
        assert!(matches!(newer.news(), News::Deleted));
        drop(newer);
        assert_eq!(links.count(), 0);
    }

    /// One may be busy storing while others come and go.
    #[test]
    fn a_connection_that_lingers_is_never_taken_for_a_later_one() {
        let links = Links::default();
        let lingers = links.connect("r", Course::default());
        drop(links.connect("r", Course::default()));
        let newest = links.connect("r", Course::default());
        assert!(lingers.course().is_none(), "it is the newest one's");
        drop(lingers);
        assert!(links.has("r") && newest.course().is_some());
    }
}
