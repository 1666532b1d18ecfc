//! Launches what is queued, in order, as long as there is room; and says of everything else what it waits for.
//!
//! One replica at a time does this: it holds the lease `scheduler`.

use std::time::Duration;

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::record::{AgentRecord, Query, Record};
use wallflower_domain::recording::{Event, State, apply};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::Job;
use wallflower_domain::wire::link::{Assignment, Link};

use super::Orchestrator;
use super::capacity::{Costs, Room, machine};
use super::records::{ChangeError, now_us};
use crate::digest::sha256;

/// Nothing that is due waits longer for a look.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const LEASE: Duration = Duration::from_secs(3);
/// More wait their turn to be looked at.
const LOOKED_AT: usize = 5_000;
/// For an agent that can't tell its end.
const LINGER_S: f64 = 6.0 * 3600.0;

/// Schedules for ever.
pub(crate) async fn schedule(orchestrator: Orchestrator) {
    let mut changes = orchestrator.records.store.changes();
    loop {
        match orchestrator.records.store.lease("scheduler", &orchestrator.name, LEASE).await {
            Ok(true) => {
                if let Err(error) = look(&orchestrator).await {
                    tracing::warn!(%error, "the queue can't be looked at");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the scheduler's lease can't be had"),
        }
        // A lag or a closed channel is no more than a reason to look.
        let _ = tokio::time::timeout(LOOK_INTERVAL, changes.recv()).await;
    }
}

async fn look(orchestrator: &Orchestrator) -> Result<(), crate::store::StoreError> {
    let unfinished = orchestrator.records.store.list(&Query::unfinished(LOOKED_AT)).await?;
    let (mut queued, running): (Vec<Record>, Vec<Record>) =
        unfinished.into_iter().partition(|record| record.state() == State::Queued);
    if queued.is_empty() {
        return Ok(());
    }
    queued.sort_by(|a, b| b.request.priority.cmp(&a.request.priority).then_with(|| a.id().cmp(b.id())));
    let (cores, mib) = machine();
    let mut room = Room::of(&orchestrator.planner.config.capacity, cores, mib);
    let costs = |costs: &Costs, record: &Record| costs.of(&record.request);
    running.iter().for_each(|record| room.take(orchestrator.costs(|known| costs(known, record))));
    let now_us = now_us();
    let mut ahead = 0;
    for record in queued {
        if let Some(at) = record.request.start_at.filter(|at| at.unix_us() > now_us) {
            say_why(orchestrator, &record, format!("starts at {at}")).await;
            continue;
        }
        if orchestrator.planner.config.capacity.paused {
            say_why(orchestrator, &record, "launching is paused".to_owned()).await;
            continue;
        }
        let cost = orchestrator.costs(|known| costs(known, &record));
        // Who is behind one that waits waits too: otherwise small ones would keep a large one out for ever.
        match room.lacks(cost) {
            None if ahead == 0 => {
                room.take(cost);
                let orchestrator = orchestrator.clone();
                tokio::spawn(async move { launch_first(&orchestrator, record.id()).await });
            }
            lack => {
                let lack = lack.unwrap_or_else(|| "its turn has not come".to_owned());
                say_why(orchestrator, &record, format!("{ahead} ahead, {lack}")).await;
                ahead += 1;
            }
        }
    }
    Ok(())
}

async fn say_why(orchestrator: &Orchestrator, record: &Record, why: String) {
    if record.waiting.as_ref() == Some(&why) {
        return;
    }
    let changed = orchestrator.records.change(record.id(), |record| {
        if record.state() == State::Queued {
            record.waiting = Some(why.clone());
        }
        Ok::<(), std::convert::Infallible>(())
    });
    if let Err(error) = changed.await {
        tracing::debug!(recording = record.id(), %error, "why it waits can't be said");
    }
}

async fn launch_first(orchestrator: &Orchestrator, id: &str) {
    let claimed = orchestrator.records.change(id, |record| {
        if record.state() != State::Queued {
            return Err("it is queued no more");
        }
        apply(&mut record.recording, Event::Launched);
        record.waiting = None;
        record.standing = super::plan::standing(&record.request);
        Ok(next_agent(record))
    });
    match claimed.await {
        Ok((record, token)) => launch(orchestrator, &record, token).await,
        // Another was faster, or it was stopped.
        Err(ChangeError::Refused(_) | ChangeError::Missing) => {}
        Err(error) => tracing::warn!(recording = id, %error, "it can't be launched"),
    }
}

/// Notes the next agent of a record, and makes the token by which that proves itself.
pub(crate) fn next_agent(record: &mut Record) -> Secret {
    let token: [u8; 32] = rand::random();
    let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
    let (number, heard) = record.agent.as_ref().map_or((1, 0), |agent| (agent.number + 1, agent.heard));
    record.agent = Some(AgentRecord {
        number,
        handle: serde_json::Value::Null,
        token_sha256: sha256(token.as_bytes()),
        launched_us: now_us(),
        heard,
        holder: None,
    });
    Secret::new(token)
}

/// Launches the agent that a record has noted. A failure ends the recording: the machine can't do better in a moment.
pub(crate) async fn launch(orchestrator: &Orchestrator, record: &Record, token: Secret) {
    let id = record.id();
    let number = record.agent.as_ref().map_or(1, |agent| agent.number);
    let launched = async {
        // A name may lead elsewhere by now.
        orchestrator.reach().check(&record.request).await?;
        let job = orchestrator.planner.job(record)?;
        prepare(orchestrator, &job)?;
        let assignment = Assignment {
            job,
            link: Link {
                urls: orchestrator.links_at.clone(),
                token,
                events: events_of(orchestrator, id)?,
                linger_s: LINGER_S,
            },
        };
        orchestrator.launcher.launch(number, &assignment).await
    };
    let noted = match launched.await {
        Ok(handle) => {
            tracing::info!(recording = id, agent = number, "launched");
            orchestrator
                .records
                .change(id, |record| {
                    if let Some(agent) = record.agent.as_mut().filter(|agent| agent.number == number) {
                        agent.handle = handle.clone();
                    }
                    Ok::<(), std::convert::Infallible>(())
                })
                .await
        }
        Err(failure) => {
            tracing::warn!(recording = id, %failure, "it can't start");
            orchestrator
                .records
                .change(id, |record| {
                    let event = if record.state() <= State::Joining {
                        Event::CantStart { failure: failure.clone() }
                    } else {
                        Event::AgentGone { how: format!("could not be followed by another: {failure}") }
                    };
                    apply(&mut record.recording, event);
                    Ok(())
                })
                .await
        }
    };
    if let Err(error) = noted {
        tracing::warn!(recording = id, %error, "what came of a launch can't be stored");
    }
}

fn prepare(orchestrator: &Orchestrator, job: &Job) -> Result<(), Failure> {
    let folder = orchestrator.planner.folder(&job.id);
    std::fs::create_dir_all(&folder).map_err(|error| {
        let sentence = format!("{} can't be made ({error}).", folder.display());
        Failure::new(FailureKind::DestinationUnwritable, sentence)
    })
}

/// Where a recording's agents keep what is not heard yet; none of it is a client's business.
pub(crate) fn events_of(orchestrator: &Orchestrator, id: &str) -> Result<String, Failure> {
    let path = orchestrator.planner.folder(id).join(".events.jsonl");
    let absolute = std::path::absolute(&path).ok();
    absolute.as_deref().and_then(std::path::Path::to_str).map(str::to_owned).ok_or_else(|| {
        Failure::new(FailureKind::Internal, format!("{} is no path in UTF-8; choose another --data.", path.display()))
    })
}
