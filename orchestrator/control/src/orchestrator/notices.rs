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
//! The same outbox holds e-mails ([`super::mail`]) and runs of the server's own command ([`super::command`]).

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

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
use crate::store::Settled;

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
/// What has to make way is looked at again after so long.
const PASSED_OVER_US: i64 = 10_000_000;
/// That a recording will be deleted soon.
const EXPIRING: &str = "recording.expiring";
/// The address of the server's own command.
const COMMAND: &str = "command:finalize";
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// When a replica dies, another one goes on after so long.
const LEASE: Duration = Duration::from_secs(3);

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
        let store = self.orchestrator.store();
        let mut changes = store.changes();
        let (mut posting, mut ids) = (FuturesUnordered::new(), HashMap::new());
        let (mut leads, mut asked_at): (_, Option<Instant>) = (false, None);
        loop {
            // One replica at a time keeps the order.
            if asked_at.is_none_or(|at| at.elapsed() > LEASE / 3) {
                leads = store.lease("notices", &self.orchestrator.name, LEASE).await.unwrap_or(false);
                asked_at = Some(Instant::now());
            }
            if leads {
                for notice in self.due(&ids).await {
                    ids.insert(notice.id.clone(), Way::of(&notice.url));
                    posting.push(self.post(notice));
                }
            } else {
                // What is on its way may arrive, and then again from whoever leads now.
                posting = FuturesUnordered::new();
                ids.clear();
            }
            tokio::select! {
                Some(id) = posting.next() => drop(ids.remove(&id)),
                // A lag or a closed channel is no more than a reason to look.
                _ = tokio::time::timeout(LOOK_INTERVAL, changes.recv()) => {}
            }
        }
    }

    /// What is due and not on its way, as much as fits.
    async fn due(&self, on_their_way: &HashMap<String, Way>) -> Vec<Notice> {
        let mut taken: HashMap<Way, usize> = HashMap::new();
        for way in on_their_way.values() {
            *taken.entry(*way).or_default() += 1;
        }
        let due = match self.orchestrator.store().notices(Some(now_us()), LOOKED_AT).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "notices can't be read");
                return Vec::new();
            }
        };
        let is_more = due.len() >= LOOKED_AT;
        let mut chosen = Vec::new();
        for notice in due.into_iter().filter(|notice| !on_their_way.contains_key(&notice.id)) {
            let way = Way::of(&notice.url);
            let taken = taken.entry(way).or_default();
            if *taken < way.room() {
                *taken += 1;
                chosen.push(notice);
            } else if is_more && way != Way::Post {
                // What waits for a slow way must not hide what is behind it.
                let later = Notice { due_us: now_us() + PASSED_OVER_US, ..notice };
                self.settle(&later.id.clone(), Settled::Kept(later)).await;
            }
        }
        chosen
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

    async fn settle(&self, id: &str, settled: Settled) {
        if let Err(error) = self.orchestrator.store().settle(id, settled).await {
            // It is told once more, which receivers have to bear.
            tracing::warn!(%error, "what became of a notice can't be stored");
        }
    }

    async fn send(&self, notice: &Notice) -> Result<(), Trouble> {
        match Way::of(&notice.url) {
            Way::Post => self.post_webhook(notice).await.map_err(Trouble::from),
            Way::Mail => match &self.orchestrator.mailer {
                Some(mailer) => mailer.send(notice).await,
                None => Err("This server sends no e-mail any more.".to_owned().into()),
            },
            Way::Command => {
                self.run_command(notice).await;
                Ok(())
            }
        }
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
        let kept = self.orchestrator.records.change(&notice.recording, |record| {
            record.hook = Some(report.clone());
            Ok::<(), std::convert::Infallible>(())
        });
        match kept.await {
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

    #[test]
    fn a_signature_is_what_openssl_says() {
        // printf '1.{}' | openssl dgst -sha256 -hmac key
        let expected = "t=1,v1=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224";
        assert_eq!(signature(&Secret::new("key"), 1, "{}"), expected);
    }
}
