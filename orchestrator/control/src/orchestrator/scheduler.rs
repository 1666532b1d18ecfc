//! Launches what is queued, in order, as long as there is room; and says of everything else what it waits for.
//!
//! One replica at a time does this: it holds the lease `scheduler`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::Instrument as _;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::FrameRate;
use wallflower_domain::record::{AgentRecord, Record};
use wallflower_domain::recording::{Event, State, apply};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::Job;
use wallflower_domain::wire::link::{Assignment, Link};

use super::Orchestrator;
use super::capacity::{Profile, Room, machine};
use super::records::{ChangeError, now_us};
use super::roster::Line;
use crate::digest::sha256;

/// Nothing that is due waits longer for a look.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const LEASE: Duration = Duration::from_secs(2);
/// How often those who wait are told of what.
const SAY_INTERVAL: Duration = Duration::from_secs(1);
/// So many of them; others are told a while later.
const SAID_AT_ONCE: usize = 100;
/// For an agent that can't tell its end.
const LINGER_S: f64 = 6.0 * 3600.0;

/// Schedules for ever.
pub(crate) async fn schedule(orchestrator: Orchestrator) {
    let launching = Launching::default();
    let (mut leads, mut asked_at, mut said_at): (_, Option<Instant>, Option<Instant>) = (false, None, None);
    loop {
        let interval = if leads { LEASE / 3 } else { LOOK_INTERVAL };
        if asked_at.is_none_or(|at| at.elapsed() >= interval) {
            leads = orchestrator.records.store.lease("scheduler", &orchestrator.name, LEASE).await.unwrap_or_else(
                |error| {
                    tracing::warn!(%error, "the scheduler's lease can't be had");
                    false
                },
            );
            asked_at = Some(Instant::now());
        }
        if leads {
            let says = said_at.is_none_or(|at| at.elapsed() > SAY_INTERVAL);
            look(&orchestrator, &launching, says).await;
            said_at = if says { Some(Instant::now()) } else { said_at };
        } else {
            // Whoever launches nothing needs none.
            orchestrator.warm.want(0);
        }
        // Both are reasons to look.
        let _ = tokio::time::timeout(LOOK_INTERVAL, orchestrator.watch.roster.stirred()).await;
    }
}

/// Recordings that are being launched, whatever the roster says yet.
#[derive(Clone, Default)]
struct Launching(Arc<Mutex<HashSet<String>>>);

impl Launching {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look(orchestrator: &Orchestrator, launching: &Launching, says: bool) {
    let Some(Line { mut queued, running, mut of_owner }) = orchestrator.watch.roster.line() else { return };
    let config = &orchestrator.planner.config;
    if queued.is_empty() && config.warm.agents == 0 {
        return;
    }
    queued.sort_by(|(a_id, a), (b_id, b)| b.priority.cmp(&a.priority).then_with(|| a_id.cmp(b_id)));
    let (cores, mib) = machine();
    let capacity = &config.capacity;
    let most_of_owner = usize::try_from(capacity.recordings_per_key).ok().filter(|most| *most > 0);
    let mut room = Room::of(capacity, cores, mib);
    let cost_of = |profile| orchestrator.costs(|costs| costs.of(profile));
    running.into_iter().for_each(|(profile, count)| room.take(cost_of(profile), count));
    let now_us = now_us();
    let (mut ahead, mut reasons) = (0, Vec::new());
    for (id, brief) in queued {
        let cost = cost_of(brief.profile);
        let owned = brief.owner.as_ref().map(|owner| of_owner.entry(owner.clone()).or_default());
        if launching.lock().contains(&id) {
            room.take(cost, 1);
            owned.into_iter().for_each(|count| *count += 1);
            continue;
        }
        let is_full = most_of_owner.filter(|most| owned.as_ref().is_some_and(|count| **count >= *most));
        let reason = if let Some(at) = brief.start_at.filter(|at| at.unix_us() > now_us) {
            format!("starts at {at}")
        } else if capacity.paused {
            "launching is paused".to_owned()
        } else if let Some(most) = is_full {
            // Whoever is behind it waits for nothing of that.
            format!("all {most} places of its API key are taken")
        } else {
            // Who is behind one that waits waits too: otherwise small ones would keep a large one out for ever.
            match room.lacks(cost) {
                None if ahead == 0 => {
                    room.take(cost, 1);
                    owned.into_iter().for_each(|count| *count += 1);
                    launching.lock().insert(id.clone());
                    tokio::spawn(launch_first(orchestrator.clone(), launching.clone(), id));
                    continue;
                }
                lack => {
                    let lack = lack.unwrap_or_else(|| "its turn has not come".to_owned());
                    ahead += 1;
                    format!("{} ahead, {lack}", ahead - 1)
                }
            }
        };
        if brief.waiting.as_ref() != Some(&reason) {
            reasons.push((id, reason));
        }
    }
    // Those that wait for a recording give way to those that wait for room.
    let warm = if ahead > 0 || capacity.paused { 0 } else { usize::try_from(config.warm.agents).unwrap_or(0) };
    let kind = Profile::at(config.warm.size, FrameRate::DEFAULT);
    orchestrator.warm.want(room.fits(cost_of(kind), warm));
    if says {
        // A few at a time: nobody who could be launched waits for this.
        for (id, reason) in reasons.into_iter().take(SAID_AT_ONCE) {
            say_why(orchestrator, &id, reason).await;
        }
    }
}

async fn say_why(orchestrator: &Orchestrator, id: &str, why: String) {
    let changed = orchestrator.records.change(id, |record| {
        if record.state() == State::Queued {
            record.waiting = Some(why.clone());
        }
        Ok::<(), std::convert::Infallible>(())
    });
    if let Err(error) = changed.await {
        tracing::debug!(recording = id, %error, "why it waits can't be said");
    }
}

async fn launch_first(orchestrator: Orchestrator, launching: Launching, id: String) {
    let span = tracing::info_span!("launch", recording = %id);
    claim_and_launch(&orchestrator, &id).instrument(span).await;
    launching.lock().remove(&id);
}

async fn claim_and_launch(orchestrator: &Orchestrator, id: &str) {
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

/// Launches the agent that a record has noted. A failure ends what has not begun: the machine can't do better in a moment. What has begun
/// goes on waiting for an agent; [`super::reconcile`] tries again.
pub(crate) async fn launch(orchestrator: &Orchestrator, record: &Record, token: Secret) {
    let id = record.id();
    let number = record.agent.as_ref().map_or(1, |agent| agent.number);
    let launched = async {
        // A name may lead elsewhere by now. Where nothing is captured any more, nothing is opened.
        if record.standing.ending.is_none() {
            let mut request = record.request.clone();
            if number > 1 {
                // Whether those who are told of it can be found says nothing of what is recorded.
                request.webhooks.clear();
            }
            orchestrator.reach().check(&request).await.map_err(|(_, why)| why)?;
        }
        let job = orchestrator.planner.job(record)?;
        prepare(orchestrator, &job)?;
        let assignment = Assignment {
            job,
            link: Link {
                urls: turned(&orchestrator.links_at),
                token,
                events: events_of(orchestrator, id)?,
                heard: record.agent.as_ref().map_or(0, |agent| agent.heard),
                linger_s: LINGER_S,
            },
        };
        // All that took its time.
        if !is_wanted(orchestrator, id, number).await {
            return Ok(None);
        }
        orchestrator.launcher.launch(number, &assignment).await.map(Some)
    };
    let noted = match launched.await {
        Ok(None) => {
            tracing::info!(recording = id, agent = number, "nobody waits for it any more: it is not launched");
            return;
        }
        Ok(Some(handle)) => {
            tracing::info!(recording = id, agent = number, "launched");
            if number == 1 {
                orchestrator.meters.launched(record);
            }
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
            tracing::warn!(recording = id, agent = number, %failure, "it can't start");
            orchestrator
                .records
                .change(id, |record| {
                    if record.agent.as_ref().is_some_and(|agent| agent.number == number) {
                        apply(&mut record.recording, Event::CantStart { failure: failure.clone() });
                    }
                    Ok(())
                })
                .await
        }
    };
    if let Err(error) = noted {
        tracing::warn!(recording = id, %error, "what came of a launch can't be stored");
    }
}

/// Whether a recording still waits for the agent of this number. Who can't be asked is not launched for: that is tried again.
async fn is_wanted(orchestrator: &Orchestrator, id: &str, number: u32) -> bool {
    match orchestrator.records.store.get(id).await {
        Ok(record) => record.is_some_and(|record| {
            !record.state().is_terminal() && record.agent.is_some_and(|agent| agent.number == number)
        }),
        Err(error) => {
            tracing::warn!(recording = id, %error, "whether it is still wanted can't be read");
            false
        }
    }
}

/// Each agent begins with another replica.
fn turned(urls: &[String]) -> Vec<String> {
    let mut urls = urls.to_vec();
    if !urls.is_empty() {
        let first = rand::random_range(0..urls.len());
        urls.rotate_left(first);
    }
    urls
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
