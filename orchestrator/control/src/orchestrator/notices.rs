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

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use url::Url;
use uuid::Uuid;
use wallflower_domain::email::EmailAddress;
use wallflower_domain::record::{Notice, Record};
use wallflower_domain::recording::State;
use wallflower_domain::request::Moment;
use wallflower_domain::secret::Secret;
use wallflower_domain::share::{Opens, Term};

use super::Orchestrator;
use super::command::Run;
use super::reach::forbids;
use super::records::{ChangeError, now_us};
use super::resource::{Resource, title};
use super::shares::{Signer, add, link, new_share};
use crate::store::{Settled, StoreError};

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
/// On their way to one host at once. One that does not answer holds each place for as long as [`DEADLINE`].
const AT_A_HOST: usize = 8;
/// What has to make way for something slow is looked at again after so long.
const PASSED_OVER_US: i64 = 10_000_000;
/// What waits for places that become free sooner is looked at again when it may be its turn: so long for each time that all are taken.
const ROUND_US: i64 = 50_000;
/// What has been on its way for so long is slow.
const SLOW: Duration = Duration::from_secs(1);
/// That a recording will be deleted soon.
const EXPIRING: &str = "recording.expiring";
/// The address of the server's own command.
const COMMAND: &str = "command:finalize";
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// When a replica dies, another one goes on after so long.
const LEASE: Duration = Duration::from_secs(3);
/// When a replica dies with a command, it is run again after so long. Longer than a store is out of reach for most of the time.
const COMMAND_LEASE: Duration = Duration::from_secs(30);
/// What a command came to waits so long for a store that is out of reach, and is tried to be stored that often.
const STORED_WITHIN: Duration = Duration::from_secs(600);
const STORED_AGAIN: Duration = Duration::from_secs(1);

/// What is told of an e-mail's recording.
#[derive(Serialize, Deserialize)]
pub(crate) struct Told {
    /// Such as `recording.completed`.
    pub(crate) event: String,
    /// What the recording is called.
    pub(crate) title: String,
    /// Where it can be seen.
    pub(crate) link: Option<Secret>,
    /// The recording.
    pub(crate) recording: Resource,
}

/// Makes notices.
pub(crate) struct Announcer {
    pub(crate) urls: Vec<Url>,
    /// Who gets mail of every recording; none where none is sent.
    pub(crate) mail_to: Option<Vec<EmailAddress>>,
    /// The server has a command of its own for the end of recordings.
    pub(crate) has_command: bool,
    pub(crate) signer: Signer,
    /// What links begin with.
    pub(crate) public_url: String,
    /// How long links hold.
    pub(crate) links_hold: Term,
}

impl Announcer {
    /// What is told of a change: nothing, unless the state is another, or its expiry is near. A link that is told is in the record.
    pub(crate) fn of_change(&self, before: Option<&Record>, after: &mut Record, now_us: i64) -> Vec<Notice> {
        let mut notices = Vec::new();
        if before.is_none_or(|before| before.state() != after.state()) {
            let event = format!("recording.{}", state_name(after.state()));
            notices.extend(self.posts(&event, after, now_us));
            if matches!(after.state(), State::Completed | State::Failed) {
                notices.extend(self.letters(&event, after, now_us));
                notices.extend(self.command(after, now_us));
            }
        }
        let was_to_be_told = before.is_some_and(|before| before.expiry_notice_us.is_some());
        if was_to_be_told && after.expiry_notice_us.is_none() {
            notices.extend(self.posts(EXPIRING, after, now_us));
            notices.extend(self.letters(EXPIRING, after, now_us));
        }
        notices
    }

    /// What is told of a record that is new.
    pub(crate) fn of_new(&self, record: &Record, now_us: i64) -> Vec<Notice> {
        self.posts(&format!("recording.{}", state_name(record.state())), record, now_us)
    }

    fn posts(&self, event: &str, after: &Record, now_us: i64) -> Vec<Notice> {
        let urls = self.urls.iter().chain(&after.request.webhooks);
        urls.map(|url| {
            let id = new_id();
            let recording = Resource::of(after, None);
            let body = json!({
                "id": id, "event": event, "created_at": Moment::from_unix_us(now_us), "recording": recording,
            });
            notice(id, after, url.to_string(), body.to_string(), now_us)
        })
        .collect()
    }

    /// All of them with one link.
    fn letters(&self, event: &str, after: &mut Record, now_us: i64) -> Vec<Notice> {
        let Some(always) = &self.mail_to else { return Vec::new() };
        let to: BTreeSet<EmailAddress> = always.iter().chain(&after.request.emails).cloned().collect();
        // What there is nothing of nobody has to keep, or to see.
        let has_media = after.recording.delivery.is_some();
        if to.is_empty() || (event == EXPIRING && !has_media) {
            return Vec::new();
        }
        let link = if has_media { self.link(after, now_us) } else { None };
        let told =
            Told { event: event.to_owned(), title: title(&after.request), link, recording: Resource::of(after, None) };
        let body = serde_json::to_string(&told).unwrap_or_default();
        to.iter().map(|to| notice(new_id(), after, format!("mailto:{to}"), body.clone(), now_us)).collect()
    }

    /// A link that holds no longer than the recording is kept.
    fn link(&self, record: &mut Record, now_us: i64) -> Option<Secret> {
        let mut share = new_share(Opens::Player { downloads: true }, self.links_hold, now_us);
        if let Some(expires_us) = record.expires_us {
            share.expires_us = share.expires_us.min(expires_us / 1_000_000 * 1_000_000);
        }
        let token = self.signer.token(record.id(), &share)?;
        add(record, share, now_us).ok()?;
        Some(link(&self.public_url, &token))
    }

    fn command(&self, after: &Record, now_us: i64) -> Option<Notice> {
        let recording = serde_json::to_string(&Resource::of(after, None)).ok().filter(|_| self.has_command)?;
        Some(notice(new_id(), after, COMMAND.to_owned(), recording, now_us))
    }
}

fn new_id() -> String {
    Uuid::now_v7().simple().to_string()
}

fn notice(id: String, record: &Record, url: String, body: String, now_us: i64) -> Notice {
    let recording = record.id().to_owned();
    Notice { id, recording, url, body, due_us: now_us, tries: 0, trouble: None, dead: false }
}

/// As in JSON.
pub(crate) fn state_name(state: State) -> String {
    serde_json::to_value(state).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// By which way a notice goes. A way that is full, or slow, holds up none of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Post,
    Mail,
    Command,
}

impl Way {
    /// That of a notice.
    pub(crate) fn of(url: &str) -> Self {
        match url.split_once(':') {
            Some(("mailto", _)) => Self::Mail,
            _ if url == COMMAND => Self::Command,
            _ => Self::Post,
        }
    }

    /// On their way at once.
    fn room(self) -> usize {
        match self {
            Self::Post => 64,
            Self::Mail => 8,
            Self::Command => 4,
        }
    }
}

/// What shares places: all that goes a way, or of posts those to one host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Lane {
    way: Way,
    host: Option<String>,
}

impl Lane {
    /// That of a notice.
    fn of(url: &str) -> Self {
        let way = Way::of(url);
        let host = || Url::parse(url).ok()?.host_str().map(str::to_owned);
        Self { way, host: if way == Way::Post { host() } else { None } }
    }

    /// All that goes the same way.
    fn whole(&self) -> Self {
        Self { way: self.way, host: None }
    }

    /// On their way at once.
    fn room(&self) -> usize {
        if self.host.is_some() { AT_A_HOST } else { self.way.room() }
    }
}

/// What is on its way: by the ids of the notices, and since when.
type OnTheirWay = HashMap<String, (Lane, Instant)>;

/// What is taken, and who waits for it.
struct Places {
    taken: HashMap<Lane, usize>,
    waiting: HashMap<Lane, usize>,
    slow: HashSet<Lane>,
}

impl Places {
    fn new(on_their_way: &OnTheirWay) -> Self {
        let mut places = Self { taken: HashMap::new(), waiting: HashMap::new(), slow: HashSet::new() };
        for (lane, since) in on_their_way.values() {
            places.count(lane);
            if since.elapsed() > SLOW {
                places.slow.insert(lane.clone());
            }
        }
        places
    }

    fn count(&mut self, lane: &Lane) {
        *self.taken.entry(lane.whole()).or_default() += 1;
        if lane.host.is_some() {
            *self.taken.entry(lane.clone()).or_default() += 1;
        }
    }

    /// Takes a place. Where there is none, it gives when to look again, in microseconds from now.
    fn take(&mut self, lane: &Lane) -> Result<(), i64> {
        let is_full = |lane: &Lane| self.taken.get(lane).is_some_and(|taken| *taken >= lane.room());
        let Some(full) = [lane.clone(), lane.whole()].into_iter().find(is_full) else {
            self.count(lane);
            return Ok(());
        };
        let room = full.room();
        let before = self.waiting.entry(full).or_default();
        let rounds = i64::try_from(*before / room + 1).unwrap_or(i64::MAX);
        *before += 1;
        let soon = rounds.saturating_mul(ROUND_US).min(PASSED_OVER_US);
        Err(if self.slow.contains(lane) { PASSED_OVER_US } else { soon })
    }
}

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
        let mut on_their_way = OnTheirWay::new();
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
                    on_their_way.insert(notice.id.clone(), (lane, Instant::now()));
                    match way {
                        Way::Post | Way::Mail => posting.push(self.post(notice)),
                        Way::Command => running.push(self.run(notice)),
                    }
                }
            } else {
                // What is on its way may arrive, and then again from whoever leads now. What runs is not begun by anybody else.
                posting = FuturesUnordered::new();
                on_their_way.retain(|_, (lane, _)| lane.way == Way::Command);
            }
            tokio::select! {
                Some(id) = posting.next() => drop(on_their_way.remove(&id)),
                Some(id) = running.next() => drop(on_their_way.remove(&id)),
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
            due.retain(|notice| !on_their_way.contains_key(&notice.id) && chosen.iter().all(|one| one.id != notice.id));
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
mod tests {
    use super::*;

    use crate::launcher;
    use crate::orchestrator::{Config, HooksConfig, Parts};
    use crate::store::sqlite::Sqlite;
    use crate::store::{Changes, Created, Idempotency, Replaced, Store};
    use async_trait::async_trait;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use wallflower_domain::record::Query;
    use wallflower_domain::request::RecordingRequest;

    /// A store that can be out of reach, and that can have given the lead to somebody else.
    struct Moody {
        store: Arc<dyn Store>,
        is_away: AtomicBool,
        is_led_by_others: AtomicBool,
        /// So many records could not be read.
        unread: AtomicUsize,
    }

    impl Moody {
        fn of(store: Arc<dyn Store>) -> Self {
            let (is_away, is_led_by_others) = (AtomicBool::default(), AtomicBool::default());
            Self { store, is_away, is_led_by_others, unread: AtomicUsize::default() }
        }

        fn reached(&self) -> Result<&Arc<dyn Store>, StoreError> {
            let is_away = self.is_away.load(Ordering::SeqCst);
            if is_away { Err(StoreError::Unavailable("it is away".into())) } else { Ok(&self.store) }
        }
    }

    #[async_trait]
    impl Store for Moody {
        async fn create(
            &self,
            record: &Record,
            once: Option<&Idempotency>,
            notices: &[Notice],
            now_us: i64,
        ) -> Result<Created, StoreError> {
            self.reached()?.create(record, once, notices, now_us).await
        }

        async fn get(&self, id: &str) -> Result<Option<Record>, StoreError> {
            if self.is_away.load(Ordering::SeqCst) {
                self.unread.fetch_add(1, Ordering::SeqCst);
            }
            self.reached()?.get(id).await
        }

        async fn list(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
            self.reached()?.list(query).await
        }

        async fn replace(&self, record: &Record, notices: &[Notice]) -> Result<Replaced, StoreError> {
            self.reached()?.replace(record, notices).await
        }

        async fn delete(&self, id: &str) -> Result<bool, StoreError> {
            self.reached()?.delete(id).await
        }

        async fn lease(&self, name: &str, holder: &str, time_to_live: Duration) -> Result<bool, StoreError> {
            let store = self.reached()?;
            let is_lost = name == "notices" && self.is_led_by_others.load(Ordering::SeqCst);
            if is_lost { Ok(false) } else { store.lease(name, holder, time_to_live).await }
        }

        async fn notices(&self, due_by_us: Option<i64>, limit: usize) -> Result<Vec<Notice>, StoreError> {
            self.reached()?.notices(due_by_us, limit).await
        }

        async fn settle(&self, id: &str, settled: Settled) -> Result<(), StoreError> {
            self.reached()?.settle(id, settled).await
        }

        fn changes(&self) -> Changes {
            self.store.changes()
        }
    }

    async fn store(folder: &Path) -> Arc<dyn Store> {
        Arc::new(Sqlite::open(&folder.join("store")).await.expect("a store"))
    }

    /// One whose finalize command is this script.
    fn poster(folder: &Path, store: Arc<dyn Store>, script: &str) -> Poster {
        // Without it there is no client, even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let hooks = HooksConfig { finalize: ["sh", "-c", script].map(str::to_owned).into(), ..HooksConfig::default() };
        let parts = Parts {
            config: Config { data: folder.to_owned(), hooks, ..Config::default() },
            store,
            launcher: launcher::open("process", Path::new("/bin/true"), &folder.join("agents")).expect("a launcher"),
            listening: "127.0.0.1:1".parse().expect("an address"),
            demo: None,
            livekit: None,
            webhook_secret: None,
            smtp_password: None,
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
        };
        Poster { orchestrator: Orchestrator::new(parts).expect("possible") }
    }

    /// Stores a recording that has ended, with notices to these addresses, the first of them due first.
    async fn tell(store: &Arc<dyn Store>, urls: &[String]) {
        let request = RecordingRequest::of("demo:a".parse::<wallflower_domain::room::Room>().expect("a room"));
        let mut record = Record::new("r1", request, None, 0);
        record.recording.state = State::Completed;
        let body = serde_json::to_string(&Resource::of(&record, None)).expect("JSON");
        let notices: Vec<Notice> =
            urls.iter().zip(1..).map(|(url, at)| notice(new_id(), &record, url.clone(), body.clone(), at)).collect();
        store.create(&record, None, &notices, 0).await.expect("stored");
    }

    /// All that is not told, due or not.
    async fn open(store: &Arc<dyn Store>) -> Vec<Notice> {
        store.notices(Some(i64::MAX), 10_000).await.expect("readable")
    }

    async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !is_so().await {
            assert!(Instant::now() < until, "{what} does not come");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// That it has begun is noted each time; it ends once it may.
    fn script(folder: &Path) -> String {
        format!("cd {} && echo begun >>runs && while [ ! -e may-end ]; do sleep 0.02; done", folder.display())
    }

    async fn begins(folder: &Path) {
        until("the command", async || folder.join("runs").exists()).await;
    }

    fn may_end(folder: &Path) {
        std::fs::write(folder.join("may-end"), "").expect("written");
    }

    async fn has_run_once(folder: &Path, store: &Arc<dyn Store>) {
        until("its end", async || open(store).await.is_empty()).await;
        let hook = store.get("r1").await.expect("readable").expect("there").hook;
        assert_eq!(hook.and_then(|hook| hook.exit), Some(0));
        assert_eq!(std::fs::read_to_string(folder.join("runs")).expect("it has begun"), "begun\n");
    }

    #[test]
    fn a_host_has_its_own_places_and_who_waits_for_it_is_looked_at_when_it_may_be_its_turn() {
        let at = |host: usize| Lane::of(&format!("https://h{host}.example/hook"));
        let mut places = Places::new(&OnTheirWay::new());
        let mut take = |lane: Lane, times: usize| (0..times).map(|_| places.take(&lane)).collect::<Vec<_>>();
        assert_eq!(take(at(0), AT_A_HOST), [Ok(()); AT_A_HOST]);
        assert_eq!(take(at(0), 7), [Err(ROUND_US); 7]);
        assert_eq!(take(Lane::of("https://H0.example:8443/other?x"), 1), [Err(ROUND_US)], "the host is the same");
        assert_eq!(take(at(0), 1), [Err(ROUND_US * 2)], "eight are before it");
        for host in 1..8 {
            assert_eq!(take(at(host), AT_A_HOST), [Ok(()); AT_A_HOST]);
        }
        assert_eq!(take(at(9), 1), [Err(ROUND_US)], "there are 64 of all hosts");
        assert_eq!(take(Lane::of("mailto:ada@example.org"), 1), [Ok(())]);
        assert_eq!(take(Lane::of(COMMAND), 1), [Ok(())]);

        let before = Instant::now().checked_sub(SLOW * 2).expect("the machine has been up for longer");
        let slow = (0..8).map(|number| (format!("n{number}"), (at(0), before))).collect();
        let mut places = Places::new(&slow);
        assert_eq!((places.take(&at(0)), places.take(&at(1))), (Err(PASSED_OVER_US), Ok(())));
    }

    #[tokio::test]
    async fn what_waits_for_one_host_hides_nothing() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let store = store(folder.path()).await;
        let poster = poster(folder.path(), store.clone(), "exit 0");
        let dead = (0..700).map(|number| format!("https://dead.example/{number}"));
        let others = ["https://alive.example/", "mailto:ada@example.org", COMMAND].map(str::to_owned);
        tell(&store, &dead.chain(others.clone()).collect::<Vec<_>>()).await;
        let due = poster.due(&OnTheirWay::new()).await;
        let (to_dead, to_others): (Vec<_>, Vec<_>) = due.iter().partition(|notice| notice.url.contains("dead"));
        assert!(to_others.iter().map(|notice| &notice.url).eq(&others), "{to_others:?}");
        assert_eq!(to_dead.len(), AT_A_HOST);
        let open = open(&store).await;
        let later: Vec<_> = open.iter().filter(|notice| notice.due_us > 1000).map(|notice| notice.due_us).collect();
        assert!(open.len() == 703 && later.len() > 400, "they wait: {} of {}", later.len(), open.len());
        assert!(later.iter().all(|due_us| *due_us <= now_us() + PASSED_OVER_US));
    }

    #[test]
    fn a_lease_that_can_not_be_renewed_is_not_lost_before_its_time() {
        let away = || Err(StoreError::Unavailable("it is away".into()));
        let mut lead = Lead::default();
        lead.hear(Instant::now(), away());
        assert!(!lead.holds(), "it was never had");
        lead.hear(Instant::now(), Ok(true));
        lead.hear(Instant::now(), away());
        assert!(lead.holds());
        lead.hear(Instant::now(), Ok(false));
        assert!(!lead.holds(), "somebody else has it");
        let before = Instant::now().checked_sub(LEASE).expect("the machine has been up for longer");
        lead.hear(before, Ok(true));
        lead.hear(Instant::now(), away());
        assert!(!lead.holds(), "its time has passed");
    }

    #[tokio::test]
    async fn a_command_is_finished_by_whoever_has_begun_it() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let folder = folder.path();
        let store = store(folder).await;
        let moody = Arc::new(Moody::of(store.clone()));
        tell(&store, &[COMMAND.to_owned()]).await;
        let first = tokio::spawn(poster(folder, moody.clone(), &script(folder)).post_all());
        begins(folder).await;
        moody.is_led_by_others.store(true, Ordering::SeqCst);
        let next = tokio::spawn(poster(folder, store.clone(), &script(folder)).post_all());
        until("a look of the next leader", async || open(&store).await.iter().all(|notice| notice.due_us > 1)).await;
        may_end(folder);
        has_run_once(folder, &store).await;
        first.abort();
        next.abort();
    }

    #[tokio::test]
    async fn what_a_command_came_to_waits_for_a_store_that_is_away() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let folder = folder.path();
        let store = store(folder).await;
        let moody = Arc::new(Moody::of(store.clone()));
        tell(&store, &[COMMAND.to_owned()]).await;
        let posting = tokio::spawn(poster(folder, moody.clone(), &script(folder)).post_all());
        begins(folder).await;
        moody.is_away.store(true, Ordering::SeqCst);
        may_end(folder);
        until("its end", async || moody.unread.load(Ordering::SeqCst) > 0).await;
        moody.is_away.store(false, Ordering::SeqCst);
        has_run_once(folder, &store).await;
        posting.abort();
    }

    #[test]
    fn a_signature_is_what_openssl_says() {
        // printf '1.{}' | openssl dgst -sha256 -hmac key
        let expected = "t=1,v1=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224";
        assert_eq!(signature(&Secret::new("key"), 1, "{}"), expected);
    }
}
