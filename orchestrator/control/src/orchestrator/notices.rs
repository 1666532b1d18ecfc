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

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use url::Url;
use uuid::Uuid;
use wallflower_domain::record::{Notice, Record};
use wallflower_domain::recording::State;
use wallflower_domain::request::Moment;
use wallflower_domain::secret::Secret;

use super::reach::forbids;
use super::records::now_us;
use super::resource::Resource;
use crate::store::{Settled, Store};

/// A receiver that has not answered by then has failed.
const DEADLINE: Duration = Duration::from_secs(10);
/// Seconds before the next try; the last one again and again.
const PAUSES_S: [i64; 8] = [1, 5, 15, 60, 300, 900, 1800, 3600];
/// With these pauses, a day and an hour.
const MAX_TRIES: u32 = 32;
/// On their way at once.
const AT_ONCE: usize = 64;
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// When a replica dies, another one goes on after so long.
const LEASE: Duration = Duration::from_secs(3);

/// Makes notices.
pub(crate) struct Announcer {
    urls: Vec<Url>,
}

impl Announcer {
    pub(crate) fn new(urls: Vec<Url>) -> Self {
        Self { urls }
    }

    /// What is told of a change: nothing, unless the state is another.
    pub(crate) fn of_change(&self, before: Option<&Record>, after: &Record, now_us: i64) -> Vec<Notice> {
        if before.is_some_and(|before| before.state() == after.state()) {
            return Vec::new();
        }
        let urls = self.urls.iter().chain(&after.request.webhooks);
        let event = format!("recording.{}", state_name(after.state()));
        urls.map(|url| {
            let id = Uuid::now_v7().simple().to_string();
            let recording = Resource::of(after, None);
            let body = json!({
                "id": id, "event": event, "created_at": Moment::from_unix_us(now_us), "recording": recording,
            });
            Notice {
                id,
                recording: after.id().to_owned(),
                url: url.to_string(),
                body: body.to_string(),
                due_us: now_us,
                tries: 0,
                trouble: None,
                dead: false,
            }
        })
        .collect()
    }
}

/// As in JSON.
pub(crate) fn state_name(state: State) -> String {
    serde_json::to_value(state).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Posts what is due.
pub(crate) struct Poster {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) client: reqwest::Client,
    pub(crate) secret: Option<Secret>,
    pub(crate) allow_private: bool,
}

impl Poster {
    /// For ever. A receiver that is slow keeps none but its own waiting.
    pub(crate) async fn post_all(self, holder: String) {
        let mut changes = self.store.changes();
        let (mut posting, mut ids) = (FuturesUnordered::new(), HashSet::new());
        let (mut leads, mut asked_at): (_, Option<Instant>) = (false, None);
        loop {
            // One replica at a time keeps the order.
            if asked_at.is_none_or(|at| at.elapsed() > LEASE / 3) {
                leads = self.store.lease("notices", &holder, LEASE).await.unwrap_or(false);
                asked_at = Some(Instant::now());
            }
            if leads {
                for notice in self.due(&ids).await {
                    ids.insert(notice.id.clone());
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
    async fn due(&self, on_their_way: &HashSet<String>) -> Vec<Notice> {
        let free = AT_ONCE - on_their_way.len().min(AT_ONCE);
        if free == 0 {
            return Vec::new();
        }
        match self.store.notices(Some(now_us()), 2 * AT_ONCE).await {
            Ok(due) => due.into_iter().filter(|notice| !on_their_way.contains(&notice.id)).take(free).collect(),
            Err(error) => {
                tracing::warn!(%error, "notices can't be read");
                Vec::new()
            }
        }
    }

    /// Gives the notice's id back.
    async fn post(&self, notice: Notice) -> String {
        let id = notice.id.clone();
        let settled = match self.send(&notice).await {
            Ok(()) => Settled::Told,
            Err(trouble) => {
                tracing::info!(recording = %notice.recording, %trouble, "a webhook was not taken");
                let tries = notice.tries + 1;
                let pause_s = PAUSES_S.get(notice.tries as usize).or(PAUSES_S.last()).copied().unwrap_or_default();
                let due_us = now_us() + pause_s * 1_000_000;
                Settled::Kept(Notice { tries, due_us, trouble: Some(trouble), dead: tries >= MAX_TRIES, ..notice })
            }
        };
        if let Err(error) = self.store.settle(&id, settled).await {
            // It is told once more, which receivers have to bear.
            tracing::warn!(%error, "what became of a notice can't be stored");
        }
        id
    }

    async fn send(&self, notice: &Notice) -> Result<(), String> {
        if forbids(&notice.url, self.allow_private) {
            return Err("Its address is inside the server's own network.".to_owned());
        }
        let event = serde_json::from_str::<serde_json::Value>(&notice.body).ok();
        let event = event.as_ref().and_then(|body| body["event"].as_str()).unwrap_or_default();
        let mut request = self
            .client
            .post(&notice.url)
            .timeout(DEADLINE)
            .header("Content-Type", "application/json")
            .header("Wallflower-Event", event)
            .header("Wallflower-Delivery", &notice.id);
        if let Some(secret) = &self.secret {
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
