//! What is known here of all recordings that have not ended, so that nobody has to ask the store for all of them.
//!
//! ```text
//! store ── changes ──▶ follow ──▶ roster ──▶ scheduler   what waits, what is taken
//!                        │           ├─────▶ reconcile   who ought to have an agent
//!                        │           └─────▶ metrics     how many there are
//!                        ├──▶ links: the record, for whoever serves its agent
//!                        └──▶ costs: what a recording that has ended took
//! ```
//!
//! What is changed here is known at once; what others change as late as it is told. So nobody decides by it alone: who changes a record does so by its
//! version. It is read anew when changes were missed, and now and then without a reason.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use wallflower_domain::record::{Query, Record};
use wallflower_domain::recording::State;
use wallflower_domain::request::Moment;

use super::Orchestrator;
use super::capacity::{Costs, Profile};
use super::links::Links;
use crate::store::StoreError;

/// Changes that are taken in at once.
const AT_ONCE: usize = 256;
/// Records that are asked for at the same time.
const CONCURRENT: usize = 16;
/// Records that are read at once, when all are.
const PAGE: usize = 500;
/// All are read again after so long, though nothing should have been missed.
const READ_INTERVAL: Duration = Duration::from_secs(120);
const RETRY: Duration = Duration::from_millis(500);
/// What the newest that have ended took is known from the beginning.
const LEARNED_FROM: usize = 200;

/// See the module. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Roster(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// None until all were read once.
    briefs: Mutex<Option<HashMap<String, Brief>>>,
    stirred: Notify,
}

/// A recording in brief.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Brief {
    version: u64,
    pub(crate) state: State,
    pub(crate) priority: i8,
    pub(crate) start_at: Option<Moment>,
    pub(crate) waiting: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) profile: Profile,
    /// The orchestrator that its agent is or was connected to.
    pub(crate) holder: Option<String>,
}

impl Brief {
    fn of(record: &Record) -> Self {
        Self {
            version: record.version,
            state: record.state(),
            priority: record.request.priority,
            start_at: record.request.start_at,
            waiting: record.waiting.clone(),
            owner: record.owner.clone(),
            profile: Profile::of(&record.request),
            holder: record.agent.as_ref().and_then(|agent| agent.holder.clone()),
        }
    }

    fn is_under_way(&self) -> bool {
        self.state != State::Queued && !self.state.is_terminal()
    }
}

/// What the scheduler looks at.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// With their ids, in no order.
    pub(crate) queued: Vec<(String, Brief)>,
    /// How many of each size run.
    pub(crate) running: HashMap<Profile, usize>,
    /// How many of each owner run.
    pub(crate) of_owner: HashMap<String, usize>,
}

impl Roster {
    fn lock(&self) -> MutexGuard<'_, Option<HashMap<String, Brief>>> {
        self.0.briefs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all were read once: before, nothing can be decided.
    pub(crate) fn is_known(&self) -> bool {
        self.lock().is_some()
    }

    /// There may be something to be launched, or room for it.
    pub(crate) async fn stirred(&self) {
        self.0.stirred.notified().await;
    }

    /// Takes what a recording is, unless that is older than what is known. One that has ended stays for a while, so that what is late is
    /// known to be so.
    fn take(&self, record: &Record) {
        let mut briefs = self.lock();
        let Some(briefs) = briefs.as_mut() else { return };
        if briefs.get(record.id()).is_some_and(|known| known.version >= record.version) {
            return;
        }
        briefs.insert(record.id().to_owned(), Brief::of(record));
        if record.state() == State::Queued || record.state().is_terminal() {
            self.0.stirred.notify_one();
        }
    }

    /// Whether this version of a recording, or a later one, is known.
    fn knows(&self, id: &str, version: u64) -> bool {
        // 0 is one that was deleted.
        let briefs = self.lock();
        version > 0 && briefs.as_ref().and_then(|briefs| briefs.get(id)).is_some_and(|brief| brief.version >= version)
    }

    fn forget(&self, id: &str) {
        if let Some(briefs) = self.lock().as_mut() {
            briefs.remove(id);
        }
    }

    fn replace(&self, briefs: HashMap<String, Brief>) {
        *self.lock() = Some(briefs);
        self.0.stirred.notify_one();
    }

    /// What waits and what runs; none until that is known.
    pub(crate) fn line(&self) -> Option<Line> {
        let briefs = self.lock();
        let mut line = Line::default();
        for (id, brief) in briefs.as_ref()?.iter().filter(|(_, brief)| !brief.state.is_terminal()) {
            if brief.state == State::Queued {
                line.queued.push((id.clone(), brief.clone()));
                continue;
            }
            *line.running.entry(brief.profile).or_default() += 1;
            if let Some(owner) = &brief.owner {
                match line.of_owner.get_mut(owner) {
                    Some(count) => *count += 1,
                    None => drop(line.of_owner.insert(owner.clone(), 1)),
                }
            }
        }
        Some(line)
    }

    /// Whether a recording has begun and not ended, as far as that is known.
    pub(crate) fn is_under_way(&self, id: &str) -> bool {
        let briefs = self.lock();
        briefs.as_ref().and_then(|briefs| briefs.get(id)).is_some_and(Brief::is_under_way)
    }

    /// Those that ought to have an agent, with whom that is or was connected to.
    pub(crate) fn under_way(&self) -> Vec<(String, Option<String>)> {
        let briefs = self.lock();
        let under_way = briefs.iter().flatten().filter(|(_, brief)| brief.is_under_way());
        under_way.map(|(id, brief)| (id.clone(), brief.holder.clone())).collect()
    }

    /// How many are in each state that is none of an end.
    pub(crate) fn counts(&self) -> BTreeMap<State, usize> {
        let states = State::ALL.into_iter().filter(|state| !state.is_terminal());
        let mut counts: BTreeMap<State, usize> = states.map(|state| (state, 0)).collect();
        for brief in self.lock().iter().flat_map(HashMap::values).filter(|brief| !brief.state.is_terminal()) {
            *counts.entry(brief.state).or_default() += 1;
        }
        counts
    }
}

/// Whoever ought to know what a record is.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    pub(crate) roster: Roster,
    pub(crate) links: Links,
    pub(crate) costs: Arc<Mutex<Costs>>,
}

impl Watch {
    /// Tells them. What was changed here need not be read to be known here.
    pub(crate) fn tell(&self, record: &Record) {
        if !self.roster.knows(record.id(), record.version) {
            self.roster.take(record);
            self.learn(record);
        }
        self.links.tell(record);
    }

    /// What a recording took that has ended is what others like it are taken to cost.
    fn learn(&self, record: &Record) {
        let usage = record.recording.delivery.as_ref().and_then(|delivery| delivery.usage);
        if let Some(usage) = usage.filter(|_| record.state().is_terminal()) {
            self.costs.lock().unwrap_or_else(PoisonError::into_inner).learn(&record.request, &usage);
        }
    }
}

/// Keeps the roster true, for ever.
pub(crate) async fn follow(orchestrator: Orchestrator) {
    let mut changes = orchestrator.records.store.changes();
    let mut read_at: Option<Instant> = None;
    loop {
        if read_at.is_none_or(|at| at.elapsed() > READ_INTERVAL) {
            match read_all(&orchestrator).await {
                Ok(()) => read_at = Some(Instant::now()),
                Err(error) => {
                    tracing::warn!(%error, "recordings can't be read; trying again");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
        }
        let mut changed = HashSet::new();
        match tokio::time::timeout(READ_INTERVAL, changes.recv()).await {
            Err(_) => continue,
            Ok(Ok(one)) => drop(changed.insert(one)),
            Ok(Err(RecvError::Lagged(_))) => {
                read_at = None;
                continue;
            }
            Ok(Err(RecvError::Closed)) => return,
        }
        while changed.len() < AT_ONCE {
            match changes.try_recv() {
                Ok(one) => drop(changed.insert(one)),
                Err(TryRecvError::Lagged(_)) => read_at = None,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let unknown = changed.into_iter().filter(|one| !orchestrator.watch.roster.knows(&one.id, one.version));
        if let Err(error) = read(&orchestrator, unknown.map(|one| one.id).collect()).await {
            tracing::warn!(%error, "recordings that have changed can't be read; all will be");
            read_at = None;
        }
    }
}

async fn read(orchestrator: &Orchestrator, ids: HashSet<String>) -> Result<(), StoreError> {
    let store = &orchestrator.records.store;
    let mut records = stream::iter(ids)
        .map(|id| async move {
            let record = store.get(&id).await;
            (id, record)
        })
        .buffer_unordered(CONCURRENT);
    while let Some((id, record)) = records.next().await {
        match record? {
            Some(record) => orchestrator.watch.tell(&record),
            None => {
                orchestrator.watch.roster.forget(&id);
                orchestrator.watch.links.forget(&id);
            }
        }
    }
    Ok(())
}

async fn read_all(orchestrator: &Orchestrator) -> Result<(), StoreError> {
    let store = &orchestrator.records.store;
    let Watch { roster, links, .. } = &orchestrator.watch;
    if !roster.is_known() {
        let ended = Query { states: vec![State::Completed], ..Query::newest(LEARNED_FROM) };
        for record in store.list(&ended).await?.iter().rev() {
            orchestrator.watch.learn(record);
        }
    }
    let mut briefs = HashMap::new();
    let mut query = Query::unfinished(PAGE);
    loop {
        let page = store.list(&query).await?;
        query.after = page.last().map(|record| record.id().to_owned());
        let is_last = page.len() < PAGE;
        for record in page {
            briefs.insert(record.id().to_owned(), Brief::of(&record));
            links.tell(&record);
        }
        if is_last {
            break;
        }
    }
    let ended = links.ids().into_iter().filter(|id| !briefs.contains_key(id)).collect();
    // What changes meanwhile is told afterwards.
    roster.replace(briefs);
    read(orchestrator, ended).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wallflower_domain::recording::{Event, apply};

    fn record(id: &str, owner: Option<&str>) -> Record {
        let request = serde_json::from_value(json!({"room": "demo:a"})).expect("valid");
        Record::new(id, request, owner.map(str::to_owned), 0)
    }

    #[tokio::test]
    async fn nothing_is_known_before_all_was_read_and_what_ends_is_forgotten() {
        let roster = Roster::default();
        let mut one = record("one", Some("key"));
        roster.take(&one);
        assert!(!roster.is_known() && roster.line().is_none());
        roster.replace(HashMap::new());
        roster.stirred().await;
        roster.take(&one);
        roster.stirred().await;
        let line = roster.line().expect("known");
        assert_eq!((line.queued.len(), line.running.len()), (1, 0));
        apply(&mut one.recording, Event::Launched);
        one.version += 1;
        roster.take(&one);
        let line = roster.line().expect("known");
        assert_eq!((line.queued.len(), line.of_owner.get("key")), (0, Some(&1)));
        assert_eq!(roster.under_way(), [("one".to_owned(), None)]);
        assert_eq!(roster.counts()[&State::Starting], 1);
        assert!(roster.knows("one", 2) && !roster.knows("one", 3) && !roster.knows("one", 0));
        let late = one.clone();
        apply(&mut one.recording, Event::AgentGone { how: "ended".into() });
        one.version += 1;
        roster.take(&one);
        // There is room.
        roster.stirred().await;
        roster.take(&late);
        assert!(roster.under_way().is_empty() && !roster.is_under_way("one"), "what is late is known to be so");
    }
}
