//! What is told to the outside: a notice for each change of a recording's state and each address, from the outbox of the store.
//!
//! ```text
//! POST URL
//! Wallflower-Event: recording.completed
//! Wallflower-Delivery: 0192…                       the notice's id, the same with every try
//! Wallflower-Signature: t=1763700000,v1=HEX        HMAC-SHA256 of "1763700000." + body, by the server's secret
//!
//! {"id": "0192…", "event": "recording.completed", "created_at": "…", "recording": {…}}
//! ```
//!
//! Notices of one recording reach an address in their order: a later one waits for the one before. Taken is what is answered by 2xx.
//! Everything else is tried again, later each time, for about a day; then the notice is dead, and listed as such.
//!
//! The same outbox holds e-mails ([`super::mail`]) and runs of the server's own command ([`super::command`]). What finds its way full,
//! or its host, is looked at again later, so that it hides nothing that could go.
//!
//! One replica sends what is due: whoever holds the lease `notices`. A command is finished by whoever has begun it, who holds the lease
//! `command/NOTICE` as long as it runs.

mod announcer;
mod places;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wallflower_domain::record::Notice;
use wallflower_domain::secret::Secret;

use super::Orchestrator;
use super::command::Run;
use super::reach::forbids;
use super::records::{ChangeError, now_us};
use super::resource::Resource;
use crate::store::{Settled, StoreError};

pub(crate) use announcer::{Announcer, Told, state_name};

use places::{Lane, OnTheirWay, PASSED_OVER_US, Places, Way};

/// A receiver that has not answered by then has failed.
const DEADLINE: Duration = Duration::from_secs(10);
/// Seconds before the next try; the last one again and again.
const PAUSES_S: [i64; 8] = [1, 5, 15, 60, 300, 900, 1800, 3600];
/// With these pauses, a day and an hour.
const MAX_TRIES: u32 = 32;
/// The same for what will not be taken later either, for all that one can tell: 21 seconds.
const MAX_LASTING: u32 = 4;
/// Notices that are looked at, at once.
const LOOKED_AT: usize = 256;
/// So often one after the other, before what is found is sent.
const LOOKS: usize = 16;
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// When a replica dies, another one goes on after so long.
const LEASE: Duration = Duration::from_secs(3);
/// When a replica dies with a command, it is run again after so long. Longer than a store is out of reach for most of the time.
const COMMAND_LEASE: Duration = Duration::from_secs(30);
/// What a command came to waits so long for a store that is out of reach, and is tried to be stored that often.
const STORED_WITHIN: Duration = Duration::from_secs(600);
const STORED_AGAIN: Duration = Duration::from_secs(1);

/// Whether we lead, by what the store says of the lease.
#[derive(Debug, Default)]
struct Lead {
    until: Option<Instant>,
}

impl Lead {
    /// What came of asking for the lease at this time. That nothing came of it takes nothing from a lease that was had.
    fn hear(&mut self, asked_at: Instant, answer: Result<bool, StoreError>) {
        match answer {
            Ok(true) => self.until = Some(asked_at + LEASE),
            Ok(false) => self.until = None,
            Err(error) => tracing::warn!(%error, "the lease of who sends notices can't be renewed"),
        }
    }

    fn holds(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// Why a notice was not taken.
pub(crate) struct Trouble {
    /// A sentence.
    pub(crate) why: String,
    /// It will not be taken later either, as far as one can tell.
    pub(crate) lasts: bool,
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self { why, lasts: false }
    }
}

/// Sees to what is due.
pub(crate) struct Poster {
    pub(crate) orchestrator: Orchestrator,
}

impl Poster {
    /// For ever. A receiver that is slow keeps none but its own waiting.
    pub(crate) async fn post_all(self) {
        let mut changes = self.orchestrator.store().changes();
        let (mut posting, mut running) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut on_their_way = OnTheirWay::default();
        let (mut lead, mut asked_at): (_, Option<Instant>) = (Lead::default(), None);
        loop {
            // One replica at a time keeps the order.
            if asked_at.is_none_or(|at| at.elapsed() > LEASE / 3) {
                let now = Instant::now();
                asked_at = Some(now);
                lead.hear(now, self.ask_for_lead().await);
            }
            if lead.holds() {
                // Reading them may take longer than the lease holds.
                for notice in self.due(&on_their_way).await.into_iter().filter(|_| lead.holds()) {
                    let lane = Lane::of(&notice.url);
                    let way = lane.way;
                    on_their_way.begin(&notice.id, lane);
                    match way {
                        Way::Post | Way::Mail => posting.push(self.post(notice)),
                        Way::Command => running.push(self.run(notice)),
                    }
                }
            } else {
                // What is on its way may arrive, and then again from whoever leads now. What runs is not begun by anybody else.
                posting = FuturesUnordered::new();
                on_their_way.keep_only(Way::Command);
            }
            tokio::select! {
                Some(id) = posting.next() => on_their_way.end(&id),
                Some(id) = running.next() => on_their_way.end(&id),
                // A lag or a closed channel is no more than a reason to look.
                _ = tokio::time::timeout(LOOK_INTERVAL, changes.recv()) => {}
            }
        }
    }

    async fn ask_for_lead(&self) -> Result<bool, StoreError> {
        let asked = self.orchestrator.store().lease("notices", &self.orchestrator.name, LEASE);
        // Who waits longer for one answer misses the time for the next question.
        let answer = tokio::time::timeout(LEASE / 3, asked).await;
        answer.unwrap_or_else(|_| Err(StoreError::Unavailable("it takes too long".to_owned())))
    }

    /// What is due and not on its way, as much as fits.
    async fn due(&self, on_their_way: &OnTheirWay) -> Vec<Notice> {
        let (mut places, mut chosen) = (Places::new(on_their_way), Vec::<Notice>::new());
        let now_us = now_us();
        for _ in 0..LOOKS {
            let mut due = match self.orchestrator.store().notices(Some(now_us), LOOKED_AT).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!(%error, "notices can't be read");
                    break;
                }
            };
            let is_more = due.len() >= LOOKED_AT;
            due.retain(|notice| !on_their_way.holds(&notice.id) && chosen.iter().all(|one| one.id != notice.id));
            let mut later = Vec::new();
            for notice in due {
                match places.take(&Lane::of(&notice.url)) {
                    Ok(()) => chosen.push(notice),
                    Err(wait_us) => later.push(Notice { due_us: now_us + wait_us, ..notice }),
                }
            }
            // What waits for a place must not hide what is behind it.
            if !is_more || later.is_empty() || !self.pass_over(later).await {
                break;
            }
        }
        chosen
    }

    /// Whether all of them are due later now.
    async fn pass_over(&self, later: Vec<Notice>) -> bool {
        let settled = later.into_iter().map(|notice| async move {
            let id = notice.id.clone();
            self.settle(&id, Settled::Kept(notice)).await
        });
        join_all(settled).await.into_iter().all(|is_settled| is_settled)
    }

    /// Gives the notice's id back.
    async fn post(&self, notice: Notice) -> String {
        let id = notice.id.clone();
        let settled = match self.send(&notice).await {
            Ok(()) => Settled::Told,
            Err(Trouble { why, lasts }) => {
                tracing::info!(recording = %notice.recording, trouble = %why, "a notice was not taken");
                let tries = notice.tries + 1;
                let pause_s = PAUSES_S.get(notice.tries as usize).or(PAUSES_S.last()).copied().unwrap_or_default();
                let due_us = now_us() + pause_s * 1_000_000;
                let dead = tries >= if lasts { MAX_LASTING } else { MAX_TRIES };
                Settled::Kept(Notice { tries, due_us, trouble: Some(why), dead, ..notice })
            }
        };
        self.settle(&id, settled).await;
        id
    }

    /// Gives back whether that is stored.
    async fn settle(&self, id: &str, settled: Settled) -> bool {
        let stored = self.orchestrator.store().settle(id, settled).await;
        if let Err(error) = &stored {
            // It is told once more, which receivers have to bear.
            tracing::warn!(%error, "what became of a notice can't be stored");
        }
        stored.is_ok()
    }

    async fn send(&self, notice: &Notice) -> Result<(), Trouble> {
        if Way::of(&notice.url) == Way::Post {
            return self.post_webhook(notice).await.map_err(Trouble::from);
        }
        match &self.orchestrator.mailer {
            Some(mailer) => mailer.send(notice).await,
            None => Err("This server sends no e-mail any more.".to_owned().into()),
        }
    }

    /// Runs the command unless another replica does, and gives the notice's id back.
    async fn run(&self, notice: Notice) -> String {
        let id = notice.id.clone();
        let lease = format!("command/{id}");
        if !self.hold(&lease).await {
            self.pass_over(vec![Notice { due_us: now_us() + PASSED_OVER_US, ..notice }]).await;
            return id;
        }
        let held = async {
            loop {
                tokio::time::sleep(COMMAND_LEASE / 3).await;
                if !self.hold(&lease).await {
                    tracing::warn!(recording = %notice.recording, "others can't be kept from running its command again");
                }
            }
        };
        let run = async {
            self.run_command(&notice).await;
            let store = self.orchestrator.store();
            let settled = insist(|| store.settle(&id, Settled::Told), is_passing);
            if let Err(error) = settled.await {
                tracing::warn!(%error, "that a finalize command was run can't be stored, so it is run once more");
            }
        };
        // The lease ends by itself: whoever has just read that the command is due must not get it now.
        tokio::select! {
            () = run => {}
            () = held => {}
        }
        id
    }

    /// Whether the lease is ours.
    async fn hold(&self, lease: &str) -> bool {
        let asked = self.orchestrator.store().lease(lease, &self.orchestrator.name, COMMAND_LEASE).await;
        asked.unwrap_or_else(|error| {
            tracing::warn!(lease, %error, "a lease can't be had");
            false
        })
    }

    /// What it came to is the record's, whatever it is.
    async fn run_command(&self, notice: &Notice) {
        let config = self.orchestrator.config();
        let recording = serde_json::from_str::<Resource>(&notice.body).ok();
        let run = Run {
            line: &config.hooks.finalize,
            timeout: config.hooks.timeout.duration(),
            recording: &notice.recording,
            state: &recording.map(|recording| state_name(recording.state)).unwrap_or_default(),
            folder: &self.orchestrator.folder(&notice.recording),
            json: &notice.body,
        };
        if run.line.is_empty() {
            return;
        }
        let report = run.finished().await;
        if let Some(trouble) = &report.trouble {
            tracing::warn!(recording = %notice.recording, trouble, "the finalize command failed");
        }
        let kept = || {
            self.orchestrator.records.change(&notice.recording, |record| {
                record.hook = Some(report.clone());
                Ok::<(), std::convert::Infallible>(())
            })
        };
        match insist(kept, |error| matches!(error, ChangeError::Store(error) if is_passing(error))).await {
            Ok(_) | Err(ChangeError::Missing) => {}
            Err(error) => tracing::warn!(%error, "what the finalize command came to can't be stored"),
        }
    }

    async fn post_webhook(&self, notice: &Notice) -> Result<(), String> {
        if forbids(&notice.url, self.orchestrator.reach().allow_private) {
            return Err("Its address is inside the server's own network.".to_owned());
        }
        let event = serde_json::from_str::<serde_json::Value>(&notice.body).ok();
        let event = event.as_ref().and_then(|body| body["event"].as_str()).unwrap_or_default();
        let mut request = self
            .orchestrator
            .webhook_client
            .post(&notice.url)
            .timeout(DEADLINE)
            .header("Content-Type", "application/json")
            .header("Wallflower-Event", event)
            .header("Wallflower-Delivery", &notice.id);
        if let Some(secret) = &self.orchestrator.webhook_secret {
            request = request.header("Wallflower-Signature", signature(secret, now_us() / 1_000_000, &notice.body));
        }
        match request.body(notice.body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("It was answered by {}.", answer.status())),
            // Without the address, which may hold a token.
            Err(error) if error.is_timeout() => Err(format!("There was no answer within {} s.", DEADLINE.as_secs())),
            Err(error) => Err(format!("It can't be reached: {}.", error.without_url())),
        }
    }
}

/// Whether it is worth trying again.
fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

/// Does something again and again while it fails for a reason that may pass, but not for ever.
async fn insist<T, E, F: Future<Output = Result<T, E>>>(
    what: impl Fn() -> F,
    is_passing: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let until = Instant::now() + STORED_WITHIN;
    loop {
        match what().await {
            Err(error) if is_passing(&error) && Instant::now() < until => tokio::time::sleep(STORED_AGAIN).await,
            done => return done,
        }
    }
}

fn signature(secret: &Secret, unix_s: i64, body: &str) -> String {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return String::new() };
    mac.update(format!("{unix_s}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={unix_s},v1={hex}")
}

#[cfg(test)]
mod tests;
