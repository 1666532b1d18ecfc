//! Many recordings for many users: takes requests, launches agents when there is room, follows them, and keeps a record of it all whose
//! state is always true.
//!
//! ```text
//! request ─▶ Orchestrator ─▶ store ◀─ scheduler ─▶ launcher ─▶ agent        scheduler   launches what is queued
//!                              ▲                                  │         agents      hears agents, asks them
//!                              ├── agents ◀──────── WebSocket ────┘         reconcile   mends what differs
//!                              ├── reconcile ─▶ launcher                    notices     posts webhooks from the outbox
//!                              ├── notices ─▶ webhooks                      roster      knows what has not ended
//!                              └── roster
//! ```
//!
//! Nothing of a recording is kept here that can't be lost: the store has the records, agents have the media, and both find each other
//! again after any restart. Several orchestrators on one store divide the work by leases.

mod agents;
mod announce;
mod capacity;
mod command;
mod config;
mod links;
mod mail;
mod meters;
mod notices;
mod plan;
mod policies;
mod reach;
mod reconcile;
mod records;
mod resource;
mod roster;
mod scheduler;
mod shares;
mod warm;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::ws::WebSocket;
use thiserror::Error;
use tokio::task::JoinSet;
use uuid::Uuid;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::record::{OrderRecord, Query, Record};
use wallflower_domain::recording::{Event, State, apply};
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::AgentCommand;

use crate::digest::sha256;
use crate::launcher::{Launcher, LogPart};
use crate::store::{Created, Idempotency, Measured, Store, StoreError};

pub use announce::TOPIC as RECORDING_TOPIC;
pub use config::{
    AuditConfig, CapacityConfig, Config, EmailConfig, HooksConfig, JitsiConfig, LivekitConfig, REFERENCE,
    RecordingConfig, ShareConfig, WarmConfig, WebhookConfig,
};
pub(crate) use meters::Meters;
pub use policies::{Policy, Requester};
pub use reach::PublicOnly;
pub(crate) use resource::title;
pub use resource::{DeliveryResource, FailureResource, OrderResource, Resource};
pub use shares::Unshared;

use announce::Teller;
use capacity::Costs;
use mail::Mailer;
use notices::Announcer;
use plan::Planner;
use policies::Policies;
use reach::Reach;
pub(crate) use records::now_us;
use records::{ChangeError, Records};
use roster::Watch;
use shares::Signer;

/// How long an idempotency key is remembered.
const IDEMPOTENT_FOR_US: i64 = 24 * 3600 * 1_000_000;
/// An agent that has not answered by then may still do so; the answer says that it is open.
const ORDER_DEADLINE: Duration = Duration::from_secs(10);
/// More orders that wait are one too many.
const MAX_OPEN_ORDERS: usize = 16;

/// An orchestrator. Clones are the same one.
#[derive(Clone)]
pub struct Orchestrator {
    name: String,
    records: Records,
    launcher: Arc<dyn Launcher>,
    planner: Arc<Planner>,
    teller: Teller,
    meters: Meters,
    watch: Watch,
    warm: warm::Wanted,
    policies: Policies,
    links_at: Vec<String>,
    webhook_client: reqwest::Client,
    webhook_secret: Option<Secret>,
    signer: Signer,
    /// What links for people begin with.
    public_url: String,
    mailer: Option<Mailer>,
}

/// What an orchestrator is made of.
pub struct Parts {
    /// Its configuration.
    pub config: Config,
    /// Its records.
    pub store: Arc<dyn Store>,
    /// Its agents.
    pub launcher: Arc<dyn Launcher>,
    /// Where it listens.
    pub listening: SocketAddr,
    /// Where demo rooms are.
    pub demo: Option<SocketAddr>,
    /// Keys for LiveKit deployments that the configuration does not name.
    pub livekit: Option<(String, Secret)>,
    /// Signs webhooks.
    pub webhook_secret: Option<Secret>,
    /// By which mail is sent, in place of the one in a file.
    pub smtp_password: Option<Secret>,
    /// Posts webhooks. Where private addresses are not allowed it has to look names up by [`PublicOnly`].
    pub client: reqwest::Client,
}

/// Why something was not done.
#[derive(Debug, Error)]
pub enum Denied {
    /// There is no recording of this id.
    #[error("There is no recording of this id.")]
    Missing,
    /// What is asked for is impossible, or not allowed.
    #[error("{0}")]
    Refused(Failure),
    /// The same of this field of the request.
    #[error("{1}")]
    Unfit(&'static str, Failure),
    /// A policy does not let this caller, or anybody, do that.
    #[error("{0}")]
    Forbidden(String),
    /// It contradicts what the recording is doing.
    #[error("{0}")]
    Conflict(String),
    /// The idempotency key was used for another request.
    #[error("This Idempotency-Key was used for another request; choose a new one.")]
    KeyReused,
    /// The store fails.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// What came of an order.
pub struct Ordered {
    /// The recording afterwards.
    pub record: Record,
    /// The order, with its outcome unless the agent has not answered yet.
    pub order: OrderRecord,
}

impl<E: std::fmt::Display> From<ChangeError<E>> for Denied {
    fn from(error: ChangeError<E>) -> Self {
        match error {
            ChangeError::Missing => Self::Missing,
            ChangeError::Store(error) => Self::Store(error),
            ChangeError::Refused(refused) => Self::Conflict(refused.to_string()),
        }
    }
}

impl Orchestrator {
    /// An orchestrator that does not work yet: see [`Self::run`].
    pub fn new(parts: Parts) -> Result<Self, Failure> {
        let refused = |sentence: String| Failure::new(FailureKind::BadRequest, sentence);
        let keep = parts.config.keep().map_err(refused)?;
        let links_at = parts.config.links(parts.listening);
        let public_url = parts.config.public_url(parts.listening);
        let signer = Signer::open(&parts.config.data).map_err(|error| {
            let data = parts.config.data.display();
            Failure::new(
                FailureKind::DestinationUnwritable,
                format!("{data} can't be used ({error}); choose another --data."),
            )
        })?;
        let mailer = parts.config.email.as_ref().map(|email| Mailer::new(email, parts.smtp_password)).transpose()?;
        if mailer.is_some() && parts.config.public_url.is_none() && parts.listening.ip().is_unspecified() {
            return Err(refused("E-mails need \"public_url\" in the configuration, for the links in them.".to_owned()));
        }
        let announcer = Announcer {
            urls: parts.config.webhooks.iter().map(|webhook| webhook.url.clone()).collect(),
            mail_to: parts.config.email.as_ref().map(|email| email.to.clone()),
            has_command: !parts.config.hooks.finalize.is_empty(),
            signer: signer.clone(),
            public_url: public_url.clone(),
            links_hold: parts.config.share.expires,
        };
        let expiry_notice = parts.config.recording.expiry_notice;
        let policies = Policies::new(parts.config.policies.clone());
        let planner = Planner { config: parts.config, other_livekit: parts.livekit, demo: parts.demo };
        let (meters, watch) = (Meters::default(), Watch::default());
        let tell = meters.clone();
        let store: Arc<dyn Store> =
            Arc::new(Measured::new(parts.store, Box::new(move |operation, took| tell.stored(operation, took))));
        let planner = Arc::new(planner);
        let teller = Teller::new(store.clone(), planner.clone(), policies.clone(), parts.client.clone());
        Ok(Self {
            name: Uuid::now_v7().simple().to_string(),
            records: Records::new(
                store,
                Arc::new(announcer),
                keep,
                expiry_notice,
                meters.clone(),
                watch.clone(),
                teller.clone(),
            ),
            launcher: parts.launcher,
            planner,
            teller,
            meters,
            watch,
            warm: warm::Wanted::default(),
            policies,
            links_at,
            webhook_client: parts.client,
            webhook_secret: parts.webhook_secret,
            signer,
            public_url,
            mailer,
        })
    }

    /// Works: schedules, reconciles, posts, until the tasks are aborted.
    pub fn run(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(roster::follow(self.clone()));
        tasks.spawn(scheduler::schedule(self.clone()));
        tasks.spawn(reconcile::be_present(self.clone()));
        tasks.spawn(reconcile::reconcile(self.clone()));
        tasks.spawn(notices::Poster { orchestrator: self.clone() }.post_all());
        if self.config().warm.agents > 0 {
            tasks.spawn(warm::keep(self.clone()));
        }
        tasks
    }

    /// Lets others do the work at once, ends agents that have none, and tells rooms what they have not been told. To be called when nothing of [`Self::run`] runs any more.
    pub async fn leave(&self) {
        tokio::join!(warm::end(self), self.teller.leave());
        let presence = reconcile::presence(&self.name);
        for lease in ["scheduler", "reconciler", "notices", &presence] {
            // What can't be given back ends by itself.
            if let Err(error) = self.records.store.lease(lease, &self.name, Duration::ZERO).await {
                tracing::debug!(lease, %error, "a lease can't be given back");
            }
        }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.records.store
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.planner.config
    }

    /// Agents that are connected here.
    pub fn connected(&self) -> usize {
        self.watch.links.count()
    }

    /// Where the files of a recording are.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.planner.folder(id)
    }

    fn reach(&self) -> Reach {
        Reach { allow_private: self.planner.config.allows_private() }
    }

    fn costs<T>(&self, ask: impl FnOnce(&Costs) -> T) -> T {
        ask(&self.watch.costs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    /// How many recordings are in each state that is none of an end; none until all were read once after the start.
    pub fn counts(&self) -> Option<BTreeMap<State, usize>> {
        self.watch.roster.is_known().then(|| self.watch.roster.counts())
    }

    /// Takes a request: the recording, and whether it is a new one.
    pub async fn create(
        &self,
        mut request: RecordingRequest,
        requester: &Requester,
        once: Option<(String, String)>,
    ) -> Result<(Record, bool), Denied> {
        if let Some(policy) = self.policies.of(&request.room.room) {
            request = policy.applied_to(&request, requester).map_err(|no| Denied::Forbidden(no.to_string()))?;
        }
        let owner = requester.owner();
        let id = Uuid::now_v7().simple().to_string();
        self.planner.check(&id, &request).map_err(|(field, why)| Denied::Unfit(field, why))?;
        mail::check(self.config().email.as_ref(), &request).map_err(|why| Denied::Unfit("emails", why))?;
        self.reach().check(&request).await.map_err(|(field, why)| Denied::Unfit(field, why))?;
        let now_us = now_us();
        let once = once.map(|(key, digest)| {
            let key = format!("{}/{key}", owner.as_deref().unwrap_or_default());
            Idempotency { key, digest, expires_us: now_us + IDEMPOTENT_FOR_US }
        });
        let record = Record::new(id, request, owner, now_us);
        let notices = self.records.announcement(&record);
        match self.records.store.create(&record, once.as_ref(), &notices, now_us).await? {
            Created::New => {
                self.watch.tell(&record);
                Ok((record, true))
            }
            Created::Before { digest, .. } if once.is_some_and(|once| once.digest != digest) => Err(Denied::KeyReused),
            Created::Before { record: Some(record), .. } => Ok((*record, false)),
            Created::Before { record: None, .. } => Err(Denied::Missing),
        }
    }

    /// A LiveKit room has begun: records it if its policy says so. The same room makes one recording, however often it is told.
    pub async fn room_began(&self, at: &LivekitConfig, name: &str, sid: &str) -> Result<Option<Record>, Denied> {
        let refused = |sentence| Denied::Refused(Failure::new(FailureKind::BadRequest, sentence));
        let room = at.room(name).map_err(refused)?;
        if !self.policies.of(&room).is_some_and(|policy| policy.record) {
            return Ok(None);
        }
        let once = (format!("livekit-room/{sid}"), String::new());
        let request = RecordingRequest::of(room);
        let (record, is_new) = self.create(request, &Requester::Ourselves, Some(once)).await?;
        tracing::info!(recording = record.id(), room = name, is_new, "a room has begun that is recorded by itself");
        Ok(Some(record))
    }

    /// Replaces all policies. What runs keeps what it began with.
    pub fn set_policies(&self, policies: Vec<Policy>) {
        self.policies.replace(policies);
    }

    /// A recording.
    pub async fn get(&self, id: &str) -> Result<Record, Denied> {
        self.records.store.get(id).await?.ok_or(Denied::Missing)
    }

    /// Recordings, newest first.
    pub async fn list(&self, query: &Query) -> Result<Vec<Record>, Denied> {
        Ok(self.records.store.list(query).await?)
    }

    /// A recording as clients see it, with what its agent has just said.
    pub fn resource(&self, record: &Record) -> Resource {
        let live = self.watch.links.course(record.id()).filter(|_| !record.state().is_terminal());
        Resource::of(record, live.as_ref())
    }

    /// What a recording's agents say beside their events; none where that is not kept.
    pub async fn log(&self, id: &str, from: Option<u64>) -> Result<Option<LogPart>, Denied> {
        self.launcher.log(id, from).await.map_err(Denied::Refused)
    }

    /// Ends a recording; one that has ended, or is asked to, stays as it is.
    pub async fn stop(&self, record: Record) -> Result<Record, Denied> {
        let stopped = self.records.change_from(record, |record| {
            if !record.state().is_terminal() && !record.recording.stop_requested {
                apply(&mut record.recording, Event::StopRequested);
                if !record.state().is_terminal() {
                    record.order(AgentCommand::Stop, now_us());
                }
            }
            Ok::<(), std::convert::Infallible>(())
        });
        Ok(stopped.await?.0)
    }

    /// Orders something of a running recording, and waits a while for the agent's answer.
    pub async fn order(&self, id: &str, command: AgentCommand) -> Result<Ordered, Denied> {
        if let AgentCommand::Look { change } = &command {
            let room = self.get(id).await?.request.room.room;
            let allowed = self.policies.of(&room).map_or(Ok(()), |policy| policy.allows(change));
            allowed.map_err(|no| Denied::Forbidden(no.to_string()))?;
        }
        let mut changes = self.records.store.changes();
        let (mut record, number) = self
            .records
            .change(id, |record| {
                refuse(record, &command)?;
                let mut command = command.clone();
                if let AgentCommand::AddStream { id, .. } = &mut command {
                    *id = next_stream(record);
                }
                Ok::<u64, String>(record.order(command, now_us()))
            })
            .await?;
        let deadline = tokio::time::Instant::now() + ORDER_DEADLINE;
        loop {
            let order = record.orders.iter().find(|order| order.id == number).cloned();
            let Some(order) = order else {
                return Err(Denied::Conflict("The order was forgotten before its answer was read.".to_owned()));
            };
            if order.outcome.is_some() || record.state().is_terminal() {
                return Ok(Ordered { record, order });
            }
            // A lag is a reason to look.
            match tokio::time::timeout_at(deadline, changes.recv()).await {
                Err(_) => return Ok(Ordered { record, order }),
                Ok(Ok(changed)) if changed.id != id => continue,
                Ok(_) => {}
            }
            record = self.get(id).await?;
        }
    }

    /// Waits a while for a version after this one, and gives what there is.
    pub async fn wait(&self, id: &str, after_version: u64, patience: Duration) -> Result<Record, Denied> {
        let mut changes = self.records.store.changes();
        let deadline = tokio::time::Instant::now() + patience;
        let mut record = self.get(id).await?;
        while record.version <= after_version && !record.state().is_terminal() {
            match tokio::time::timeout_at(deadline, changes.recv()).await {
                Err(_) => break,
                Ok(Ok(changed)) if changed.id != id => continue,
                Ok(_) => record = self.get(id).await?,
            }
        }
        Ok(record)
    }

    /// Deletes a recording that has ended, and its files.
    pub async fn delete(&self, id: &str) -> Result<(), Denied> {
        let record = self.get(id).await?;
        if !record.state().is_terminal() {
            return Err(Denied::Conflict("The recording has not ended; stop it first.".to_owned()));
        }
        self.delete_files(id);
        self.records.store.delete(id).await?;
        Ok(())
    }

    fn delete_files(&self, id: &str) {
        let folder = self.planner.folder(id);
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %folder.display(), %error, "files of a deleted recording can't be removed");
        }
        // Nobody waits for it: a launcher that hangs, or does not know how, keeps nothing from being deleted.
        let (launcher, recording) = (self.launcher.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(failure) = launcher.forget(&recording).await {
                tracing::warn!(recording, %failure, "its launcher has not forgotten a deleted recording");
            }
        });
    }

    /// The number of the agent that this token belongs to.
    pub async fn admit(&self, id: &str, token: &str) -> Result<(Record, u32), Denied> {
        let record = self.get(id).await?;
        // Digests of random tokens: how long a comparison takes tells nothing of use.
        let agent = record.agent.as_ref().filter(|agent| agent.token_sha256 == sha256(token.as_bytes()));
        let number = agent.map(|agent| agent.number).ok_or(Denied::Missing)?;
        Ok((record, number))
    }

    /// Serves an agent that was admitted.
    pub async fn serve_agent(&self, record: Record, number: u32, socket: WebSocket) {
        agents::serve(self.clone(), record, number, socket).await;
    }
}

/// What contradicts the state of a recording.
fn refuse(record: &Record, command: &AgentCommand) -> Result<(), String> {
    let state = match record.state() {
        State::Queued => "is still queued",
        State::Starting | State::Joining => match command {
            AgentCommand::AddStream { .. }
            | AgentCommand::RemoveStream { .. }
            | AgentCommand::Look { .. }
            | AgentCommand::Mute
            | AgentCommand::Unmute => "",
            _ => "has not begun yet",
        },
        State::Recording | State::Paused | State::Interrupted => "",
        State::Stopping | State::Finalizing => "is ending",
        State::Completed | State::Failed | State::Aborted => "has ended",
    };
    if !state.is_empty() {
        return Err(format!("The recording {state}, so this can't be done."));
    }
    if record.open_orders().count() >= MAX_OPEN_ORDERS {
        return Err("Too many orders wait for the agent's answer; try again in a moment.".to_owned());
    }
    Ok(())
}

/// An id that no stream of the recording has had.
fn next_stream(record: &Record) -> String {
    let known = record.course.streams.iter().map(|stream| stream.id.as_str());
    let standing = record.standing.streams.iter().map(|stream| stream.id.as_str());
    let ordered = record.orders.iter().filter_map(|order| match &order.command {
        AgentCommand::AddStream { id, .. } => Some(id.as_str()),
        _ => None,
    });
    let numbers = known.chain(standing).chain(ordered).filter_map(|id| id.strip_prefix('s')?.parse::<u32>().ok());
    format!("s{}", numbers.max().unwrap_or(0) + 1)
}
