//! What is told of a recording's changes, and to whom.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use uuid::Uuid;
use wallflower_domain::email::EmailAddress;
use wallflower_domain::record::{Notice, Record};
use wallflower_domain::recording::State;
use wallflower_domain::request::Moment;
use wallflower_domain::secret::Secret;
use wallflower_domain::share::{Opens, Term};

use super::super::resource::{Resource, title};
use super::super::shares::{Signer, add, link, new_share};

/// That a recording will be deleted soon.
const EXPIRING: &str = "recording.expiring";
/// The address of the server's own command.
pub(super) const COMMAND: &str = "command:finalize";

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

pub(super) fn new_id() -> String {
    Uuid::now_v7().simple().to_string()
}

pub(super) fn notice(id: String, record: &Record, url: String, body: String, now_us: i64) -> Notice {
    let recording = record.id().to_owned();
    Notice { id, recording, url, body, due_us: now_us, tries: 0, trouble: None, dead: false }
}

/// As in JSON.
pub(crate) fn state_name(state: State) -> String {
    serde_json::to_value(state).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
