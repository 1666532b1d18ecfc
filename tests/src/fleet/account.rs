//! What the agents know of what happened.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wallflower_domain::wire::agent::AgentEvent;

/// Of all recordings; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Account(Arc<Mutex<HashMap<String, Entry>>>);

/// Of one recording.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Agents that were launched, by number; the same one is launched twice where a number is there twice.
    pub launched: Vec<u32>,
    /// When the first was.
    pub launched_at: Option<Instant>,
    /// Welcomes: when, and by whom.
    pub welcomes: Vec<(Instant, SocketAddr)>,
    /// It is connected.
    pub is_connected: bool,
    /// Requests that were carried out.
    pub done: Vec<u64>,
    /// The last event that the agent has said, and its number.
    pub said: u64,
    /// Events up to this number were acknowledged.
    pub heard: u64,
    /// Number of the event by which capture began.
    pub started: Option<u64>,
    /// Number of the last word.
    pub finished: Option<u64>,
    /// Whoever ended it did not ask.
    pub killed: bool,
}

impl Entry {
    /// It records, and nobody has told it to end.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.started.is_some() && self.finished.is_none() && !self.killed
    }

    /// Its start was acknowledged.
    #[must_use]
    pub fn start_is_heard(&self) -> bool {
        self.started.is_some_and(|number| number <= self.heard)
    }

    /// Its end was acknowledged.
    #[must_use]
    pub fn end_is_heard(&self) -> bool {
        self.finished.is_some_and(|number| number <= self.heard)
    }
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something of a recording.
    pub(super) fn note<T>(&self, id: &str, note: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.lock();
        match entries.get_mut(id) {
            Some(entry) => note(entry),
            None => note(entries.entry(id.to_owned()).or_default()),
        }
    }

    pub(super) fn said(&self, id: &str, number: u64, event: &AgentEvent) {
        self.note(id, |entry| {
            entry.said = number;
            match event {
                AgentEvent::Started { .. } => entry.started = Some(number),
                AgentEvent::Finished { .. } => entry.finished = Some(number),
                _ => {}
            }
        });
    }

    /// What is known of a recording.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<Entry> {
        self.lock().get(id).cloned()
    }

    /// How many there are of which something is true.
    #[must_use]
    pub fn count(&self, is_it: impl Fn(&Entry) -> bool) -> usize {
        self.lock().values().filter(|entry| is_it(entry)).count()
    }

    /// Those of which something is true.
    #[must_use]
    pub fn ids(&self, is_it: impl Fn(&Entry) -> bool) -> Vec<String> {
        self.lock().iter().filter(|(_, entry)| is_it(entry)).map(|(id, _)| id.clone()).collect()
    }

    /// All of it, as it is now.
    #[must_use]
    pub fn all(&self) -> HashMap<String, Entry> {
        self.lock().clone()
    }
}
