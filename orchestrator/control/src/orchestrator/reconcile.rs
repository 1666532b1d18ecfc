//! Compares what is recorded with what runs, and mends the difference.
//!
//! ```text
//! record has media, its agent    ──┬─ is connected                       well
//!                                  ├─ is gone, and left its last word    that is taken into the record
//!                                  ├─ is gone                            the next agent, which records on or finishes; the fifth after the first was the last
//!                                  └─ runs, but is not connected         after 10 s it is killed, and so gone
//! agent runs, but no record wants it                                     it is killed
//! record expires soon                                                    that is told, if it is to be
//! record has expired                                                     it and its files are deleted
//! ```
//!
//! Each replica looks after the agents that are, or were last, connected to it, as long as it is there: it holds a lease of its own name.
//! Who holds the lease `reconciler` looks after all others.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tracing::Instrument as _;
use wallflower_domain::record::{Query, Record};
use wallflower_domain::recording::{Event, Succession, apply};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::link::Said;

use super::records::{ChangeError, now_us};
use super::scheduler::{events_of, launch, next_agent};
use super::{Orchestrator, agents};
use crate::launcher::Life;
use crate::store::StoreError;

const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(3);
/// An agent redials within a second, and a replica is taken for dead after a few: this is longer than both.
const UNCONNECTED: Duration = Duration::from_secs(10);
/// An agent that was just launched is not yet there to be connected.
const LAUNCHING_US: i64 = 15_000_000;
/// Agents that may follow the first.
const FURTHER_AGENTS: u32 = 5;
/// Agents that are looked at at once.
const CONCURRENT: usize = 16;
/// Orphans are rare, and all agents have to be listed to find them.
const REAP_INTERVAL: Duration = Duration::from_secs(5);
/// Deleted at once.
const EXPIRED_AT_ONCE: usize = 100;

/// Reconciles for ever.
pub(crate) async fn reconcile(orchestrator: Orchestrator) {
    let mut unconnected: HashMap<String, Instant> = HashMap::new();
    let mut reaped_at = Instant::now();
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        match look(&orchestrator, &mut unconnected).await {
            Ok(true) if reaped_at.elapsed() > REAP_INTERVAL => {
                reap(&orchestrator).await;
                reaped_at = Instant::now();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "records and agents can't be compared"),
        }
    }
}

/// Gives whether we lead.
async fn look(orchestrator: &Orchestrator, unconnected: &mut HashMap<String, Instant>) -> Result<bool, StoreError> {
    let store = &orchestrator.records.store;
    // As long as this is ours, nobody else looks after the agents that are connected here.
    store.lease(&presence(&orchestrator.name), &orchestrator.name, LEASE).await?;
    let leads = store.lease("reconciler", &orchestrator.name, LEASE).await?;
    let mut is_there: HashMap<String, bool> = HashMap::new();
    let mut without = HashMap::new();
    for (id, holder) in orchestrator.watch.roster.under_way() {
        if orchestrator.watch.links.has(&id) {
            continue;
        }
        let is_ours = match holder {
            Some(holder) if holder == orchestrator.name => true,
            Some(holder) if leads => {
                let known = is_there.get(&holder).copied();
                let known = match known {
                    Some(known) => known,
                    None => is_present(orchestrator, &holder).await?,
                };
                is_there.insert(holder, known);
                !known
            }
            Some(_) => false,
            None => leads,
        };
        if is_ours {
            let since = unconnected.get(&id).copied().unwrap_or_else(Instant::now);
            without.insert(id, since);
        }
    }
    *unconnected = without;
    let each: Vec<(String, Instant)> = unconnected.iter().map(|(id, since)| (id.clone(), *since)).collect();
    let looks = stream::iter(each).map(|(id, since)| async move {
        if let Some(record) = store.get(&id).await? {
            let span = tracing::info_span!("look", recording = record.id());
            look_after(orchestrator, &record, since.elapsed()).instrument(span).await;
        }
        Ok::<(), StoreError>(())
    });
    looks.buffer_unordered(CONCURRENT).try_collect::<()>().await?;
    if leads {
        expire(orchestrator).await?;
    }
    Ok(leads)
}

/// The lease that an orchestrator has as long as it is there.
pub(crate) fn presence(name: &str) -> String {
    format!("orchestrator/{name}")
}

/// Whether another orchestrator is there. One that was away for a moment may have its lease again.
async fn is_present(orchestrator: &Orchestrator, name: &str) -> Result<bool, StoreError> {
    let (store, lease) = (&orchestrator.records.store, presence(name));
    let is_free = store.lease(&lease, &orchestrator.name, LEASE).await?;
    if is_free {
        store.lease(&lease, &orchestrator.name, Duration::ZERO).await?;
    }
    Ok(!is_free)
}

/// Of one that is not connected for so long.
async fn look_after(orchestrator: &Orchestrator, record: &Record, since: Duration) {
    let Some(agent) = &record.agent else { return };
    if record.state().is_terminal() || orchestrator.watch.links.has(record.id()) {
        return;
    }
    if agent.handle.is_null() {
        // Whoever launches it may be at it right now, or may have died over it.
        if now_us() - agent.launched_us > LAUNCHING_US {
            lost(orchestrator, record, "was never launched").await;
        }
        return;
    }
    match orchestrator.launcher.look(&agent.handle).await {
        Ok(Life::Gone { how }) => lost(orchestrator, record, &how).await,
        Ok(Life::Running) if since > UNCONNECTED => {
            tracing::warn!(recording = record.id(), "its agent runs but has not been heard of for 10 s: it is killed");
            if let Err(failure) = orchestrator.launcher.kill(&agent.handle).await {
                tracing::warn!(recording = record.id(), %failure, "it can't be killed");
            }
        }
        Ok(Life::Running) => {}
        Err(failure) => tracing::warn!(recording = record.id(), %failure, "its agent can't be looked at"),
    }
}

/// What came of a lost agent.
enum Next {
    Launch(Secret),
    End,
    Nothing,
}

async fn lost(orchestrator: &Orchestrator, record: &Record, how: &str) {
    let left = left_behind(orchestrator, record);
    let number = record.agent.as_ref().map_or(0, |agent| agent.number);
    let folder = orchestrator.planner.folder(record.id());
    let changed = orchestrator.records.change(record.id(), |record| {
        if record.agent.as_ref().is_none_or(|agent| agent.number != number) {
            // Somebody else has seen to it.
            return Ok::<Next, std::convert::Infallible>(Next::Nothing);
        }
        let mut course = record.course.clone();
        let known = record.agent.as_ref().map_or(0, |agent| agent.heard);
        left.iter().filter(|said| said.number > known).for_each(|said| course.hear(&said.event, said.at_us));
        agents::take(record, number, &left, &course);
        if record.state().is_terminal() {
            return Ok(Next::Nothing);
        }
        let succession = if number <= FURTHER_AGENTS { record.recording.succession() } else { Succession::Nobody };
        if succession != Succession::Nobody {
            if let Succession::Finish(end) = succession {
                record.standing.ending = Some(end);
            }
            let event = succession.told(how);
            record.course.hear(&event, now_us());
            apply(&mut record.recording, Event::Agent(event));
            return Ok(Next::Launch(next_agent(record)));
        }
        apply(&mut record.recording, Event::AgentGone { how: how.to_owned() });
        if let Some(failure) = record.recording.failure.as_mut() {
            let kept = format!(" What it captured is kept; `wallflower recover {}` finishes it.", folder.display());
            failure.message.push_str(&kept);
        }
        Ok(Next::End)
    });
    match changed.await {
        Ok((record, Next::Launch(token))) => {
            orchestrator.meters.lost();
            tracing::warn!(recording = record.id(), how, "its agent is lost, another one follows");
            launch(orchestrator, &record, token).await;
        }
        Ok((_, Next::End)) => orchestrator.meters.lost(),
        Ok((_, Next::Nothing)) | Err(ChangeError::Missing) => {}
        Err(error) => tracing::warn!(recording = record.id(), %error, "that its agent is lost can't be stored"),
    }
}

/// What an agent could not tell any more.
fn left_behind(orchestrator: &Orchestrator, record: &Record) -> Vec<Said> {
    let text = events_of(orchestrator, record.id()).ok().and_then(|path| fs::read_to_string(path).ok());
    // The last line may be cut.
    text.iter().flat_map(|text| text.lines()).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Kills agents that no record wants.
async fn reap(orchestrator: &Orchestrator) {
    let running = match orchestrator.launcher.agents().await {
        Ok(running) => running,
        Err(failure) => {
            tracing::warn!(%failure, "agents can't be listed");
            return;
        }
    };
    for (id, handle) in running {
        if orchestrator.watch.roster.is_under_way(&id) {
            continue;
        }
        // One that has ended may still tell so, and goes then; one that is queued may just be launched.
        if matches!(orchestrator.records.store.get(&id).await, Ok(None)) {
            tracing::warn!(recording = id, "an agent runs for a recording that does not exist: it is killed");
            if let Err(failure) = orchestrator.launcher.kill(&handle).await {
                tracing::warn!(recording = id, %failure, "it can't be killed");
            }
        }
    }
}

async fn expire(orchestrator: &Orchestrator) -> Result<(), StoreError> {
    let query = Query { expired_by_us: Some(now_us()), ..Query::newest(EXPIRED_AT_ONCE) };
    for record in orchestrator.records.store.list(&query).await? {
        if record.expiry_notice_us.is_some() {
            // Told once: with the change that forgets it.
            let told = orchestrator.records.change(record.id(), |record| {
                record.expiry_notice_us = None;
                Ok::<(), std::convert::Infallible>(())
            });
            if let Err(error) = told.await {
                tracing::warn!(recording = record.id(), %error, "that it expires can't be told");
            }
        } else if record.state().is_terminal() {
            orchestrator.delete_files(record.id());
            orchestrator.records.store.delete(record.id()).await?;
            tracing::info!(recording = record.id(), "deleted: it has expired");
        }
    }
    Ok(())
}
