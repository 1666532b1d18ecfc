//! Compares what is recorded with what runs, and mends the difference.
//!
//! ```text
//! record has media, its agent    ──┬─ is connected                       well
//!                                  ├─ is gone, and left its last word    that is taken into the record
//!                                  ├─ is gone, or can't be launched      the next agent, which records on or finishes; the fifth after the first
//!                                  │                                     is the last that records, and one more delivers what there is
//!                                  └─ runs, but is not connected         after 10 s it is killed, and so gone
//! record has an agent that nobody ─┬─ runs                               that is noted
//! has noted, after 15 s it         └─ does not                           the next agent
//! agent runs, but no record wants it                                     it is killed
//! record expires soon                                                    that is told, if it is to be
//! record has expired                                                     it and its files are deleted
//! ```
//!
//! Each replica looks after the agents that are, or were last, connected to it, as long as it is there: it holds a lease of its own name.
//! Who holds the lease `reconciler` looks after all others.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tracing::Instrument as _;
use wallflower_domain::record::{Query, Record};
use wallflower_domain::recording::{EndReason, Event, Recording, State, Succession, apply};
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
const LAUNCHING: Duration = Duration::from_secs(15);
/// Agents that may follow the first and record. When they are lost too, one more delivers what there is.
const FURTHER_AGENTS: u32 = 5;
/// Agents that are looked at at once.
const CONCURRENT: usize = 16;
/// Orphans are rare, and all agents have to be listed to find them.
const REAP_INTERVAL: Duration = Duration::from_secs(5);
/// Deleted at once.
const EXPIRED_AT_ONCE: usize = 100;
/// What has expired, but is not delivered, is looked at again after this.
const KEPT_UNDELIVERED_US: i64 = 24 * 3600 * 1_000_000;

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
            Err(error) => {
                tracing::warn!(%error, "records and agents can't be compared");
                // Who was not connected then may have been elsewhere since.
                unconnected.clear();
            }
        }
    }
}

/// Says that this orchestrator is there, for ever. As long as it does, nobody else looks after the agents that are connected here.
pub(crate) async fn be_present(orchestrator: Orchestrator) {
    let (store, lease) = (&orchestrator.records.store, presence(&orchestrator.name));
    let has_others = orchestrator.links_at.len() > 1;
    let mut renewed = Instant::now();
    loop {
        match store.lease(&lease, &orchestrator.name, LEASE).await {
            Ok(true) => renewed = Instant::now(),
            // Another looks whether we are there, for a moment.
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "others can't be told that this orchestrator is there"),
        }
        if has_others && renewed.elapsed() > LEASE {
            // They take these agents for lost soon, unless those come to them.
            orchestrator.watch.links.part();
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Gives whether we lead.
async fn look(orchestrator: &Orchestrator, unconnected: &mut HashMap<String, Instant>) -> Result<bool, StoreError> {
    let store = &orchestrator.records.store;
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
        let Some(record) = store.get(&id).await? else { return Ok(None) };
        let span = tracing::info_span!("look", recording = record.id());
        let is_another = look_after(orchestrator, &record, since.elapsed()).instrument(span).await;
        Ok::<_, StoreError>(is_another.then_some(id))
    });
    let others: Vec<Option<String>> = looks.buffer_unordered(CONCURRENT).try_collect().await?;
    for id in others.into_iter().flatten() {
        // Its time begins now.
        unconnected.insert(id, Instant::now());
    }
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

/// Of one that is not connected for so long. Whether it has another agent now.
async fn look_after(orchestrator: &Orchestrator, record: &Record, since: Duration) -> bool {
    let Some(agent) = &record.agent else { return false };
    if record.state().is_terminal() || orchestrator.watch.links.has(record.id()) {
        return false;
    }
    if agent.handle.is_null() {
        // Whoever launches it may be at it right now.
        return since > LAUNCHING && unnoted(orchestrator, record).await;
    }
    match orchestrator.launcher.look(&agent.handle).await {
        Ok(Life::Gone { how }) => return lost(orchestrator, record, &how).await,
        Ok(Life::Running) if since > UNCONNECTED => {
            tracing::warn!(recording = record.id(), "its agent runs but has not been heard of for 10 s: it is killed");
            if let Err(failure) = orchestrator.launcher.kill(&agent.handle).await {
                tracing::warn!(recording = record.id(), %failure, "it can't be killed");
            }
        }
        Ok(Life::Running) => {}
        Err(failure) => tracing::warn!(recording = record.id(), %failure, "its agent can't be looked at"),
    }
    false
}

/// Whoever launched the agent could not note it, or died before or after they had launched it: the launcher knows.
async fn unnoted(orchestrator: &Orchestrator, record: &Record) -> bool {
    let running = match orchestrator.launcher.agents().await {
        Ok(running) => running,
        Err(failure) => {
            tracing::warn!(recording = record.id(), %failure, "whether its agent runs can't be told");
            return false;
        }
    };
    let Some((_, handle)) = running.into_iter().find(|(id, _)| id == record.id()) else {
        return lost(orchestrator, record, "was never launched").await;
    };
    let number = record.agent.as_ref().map(|agent| agent.number);
    let noted = orchestrator.records.change(record.id(), |record| {
        if let Some(agent) = record.agent.as_mut().filter(|agent| Some(agent.number) == number) {
            agent.handle = handle.clone();
        }
        Ok::<(), std::convert::Infallible>(())
    });
    if let Err(error) = noted.await {
        tracing::warn!(recording = record.id(), %error, "its agent can't be noted");
    }
    true
}

/// What came of a lost agent.
enum Next {
    Launch(Secret),
    End,
    Nothing,
}

/// Whether another one follows.
async fn lost(orchestrator: &Orchestrator, record: &Record, how: &str) -> bool {
    let left = left_behind(orchestrator, record);
    let number = record.agent.as_ref().map_or(0, |agent| agent.number);
    let folder = orchestrator.planner.folder(record.id());
    let changed = orchestrator.records.change(record.id(), |record| {
        let Some(agent) = record.agent.as_ref().filter(|agent| agent.number == number) else {
            // Somebody else has seen to it.
            return Ok::<Next, std::convert::Infallible>(Next::Nothing);
        };
        let was_launched = !agent.handle.is_null();
        let mut course = record.course.clone();
        let known = record.agent.as_ref().map_or(0, |agent| agent.heard);
        left.iter().filter(|said| said.number > known).for_each(|said| course.hear(&said.event, said.at_us));
        agents::take(record, number, &left, &course);
        if record.state().is_terminal() {
            return Ok(Next::Nothing);
        }
        if !was_launched && record.state() <= State::Joining && number <= FURTHER_AGENTS {
            return Ok(Next::Launch(next_agent(record)));
        }
        let succession = succession(&record.recording, number);
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
            return true;
        }
        Ok((_, Next::End)) => orchestrator.meters.lost(),
        Ok((_, Next::Nothing)) | Err(ChangeError::Missing) => {}
        Err(error) => tracing::warn!(recording = record.id(), %error, "that its agent is lost can't be stored"),
    }
    false
}

/// What the agent after this one does.
fn succession(recording: &Recording, number: u32) -> Succession {
    match recording.succession() {
        any if number <= FURTHER_AGENTS => any,
        Succession::Record if number == FURTHER_AGENTS + 1 => Succession::Finish(EndReason::Failure),
        Succession::Finish(end) if number == FURTHER_AGENTS + 1 => Succession::Finish(end),
        _ => Succession::Nobody,
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
        } else if record.state().is_terminal() && holds_media(&orchestrator.planner.folder(record.id())) {
            tracing::warn!(
                recording = record.id(),
                "it has expired, but not all of it is delivered: it is kept for another day"
            );
            let kept = orchestrator.records.change(record.id(), |record| {
                record.expires_us = Some(now_us() + KEPT_UNDELIVERED_US);
                Ok::<(), std::convert::Infallible>(())
            });
            if let Err(error) = kept.await {
                tracing::warn!(recording = record.id(), %error, "that it is kept can't be noted");
            }
        } else if record.state().is_terminal() {
            orchestrator.delete_files(record.id());
            orchestrator.records.store.delete(record.id()).await?;
            tracing::info!(recording = record.id(), "deleted: it has expired");
        }
    }
    Ok(())
}

/// Whether something is there that `wallflower recover` or `wallflower upload` would still deliver. What can't be read may be.
fn holds_media(folder: &Path) -> bool {
    let is_media = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("attempt-") && entry.metadata().map_or(true, |file| file.len() > 0)
        })
    };
    let has_spool = match fs::read_dir(folder.join(".spool")) {
        Ok(mut entries) => entries.any(is_media),
        Err(error) => error.kind() != ErrorKind::NotFound,
    };
    has_spool || holds_ledger(folder)
}

/// The ledger of uploads is beside the recording's first file, until all are where they were to go.
fn holds_ledger(folder: &Path) -> bool {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return error.kind() != ErrorKind::NotFound,
    };
    entries.flatten().any(|entry| {
        entry.file_name().to_string_lossy().ends_with(".upload.jsonl")
            || (entry.file_type().is_ok_and(|kind| kind.is_dir()) && holds_ledger(&entry.path()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_delivered_is_seen_in_its_folder() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (root, spool) = (folder.path().join("r"), folder.path().join("r/.spool"));
        assert!(!holds_media(&root), "there is nothing");
        fs::create_dir_all(&spool).expect("made");
        fs::write(spool.join("attempt-001.mp4"), "").expect("written");
        fs::write(root.join("recording.mp4"), "delivered").expect("written");
        assert!(!holds_media(&root), "nothing was captured");
        fs::write(spool.join("attempt-002.mp4"), "media").expect("written");
        assert!(holds_media(&root));
        fs::remove_dir_all(&spool).expect("removed");
        assert!(!holds_media(&root));
        fs::create_dir(root.join("a")).expect("made");
        fs::write(root.join("a/.b.mp4.r.upload.jsonl"), "{}").expect("written");
        assert!(holds_media(&root), "uploads are pending");
    }

    #[test]
    fn the_last_agent_delivers_what_there_is() {
        let in_state = |state| Recording { state, ..Recording::new("r") };
        let recording = in_state(State::Recording);
        assert_eq!(succession(&recording, 5), Succession::Record);
        assert_eq!(succession(&recording, 6), Succession::Finish(EndReason::Failure));
        assert_eq!(succession(&recording, 7), Succession::Nobody);
        let stopped = Recording { end: Some(EndReason::Stopped), ..in_state(State::Finalizing) };
        assert_eq!(succession(&stopped, 6), Succession::Finish(EndReason::Stopped));
        assert_eq!(succession(&in_state(State::Joining), 6), Succession::Nobody);
    }
}
