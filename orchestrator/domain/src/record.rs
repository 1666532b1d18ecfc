//! What an orchestrator keeps of a recording: the one document that its store holds.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::recording::{Recording, State};
use crate::request::RecordingRequest;
use crate::share::Share;
use crate::wire::agent::{AgentCommand, Standing};
use crate::wire::control::Course;

/// Orders that were answered are forgotten beyond this.
pub const REMEMBERED_ORDERS: usize = 32;

/// A recording with all that is known of it. Its serde form holds secrets and never leaves the orchestrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Grows by one whenever the record is stored.
    pub version: u64,
    /// Its life.
    pub recording: Recording,
    /// What was asked for.
    pub request: RecordingRequest,
    /// Id of the API key by which it was asked for; absent where none is needed.
    #[serde(default)]
    pub owner: Option<String>,
    /// When it was asked for, in microseconds since 1970 UTC.
    pub created_us: i64,
    /// When it last changed, in microseconds since 1970 UTC.
    pub changed_us: i64,
    /// Why it is still queued: a sentence.
    #[serde(default)]
    pub waiting: Option<String>,
    /// The agent that performs it, or did last.
    #[serde(default)]
    pub agent: Option<AgentRecord>,
    /// What was ordered, oldest first; what is answered stays a while, for whoever waits.
    #[serde(default)]
    pub orders: Vec<OrderRecord>,
    /// What live control has made of it: its next agent begins with it.
    #[serde(default)]
    pub standing: Standing,
    /// What has happened.
    #[serde(default)]
    pub course: Course,
    /// When the record and its files may be deleted, in microseconds since 1970 UTC; set when it ends.
    #[serde(default)]
    pub expires_us: Option<i64>,
    /// When it is to be told that this is soon, in microseconds since 1970 UTC; absent once it was told.
    #[serde(default)]
    pub expiry_notice_us: Option<i64>,
    /// Links by which people see it, oldest first.
    #[serde(default)]
    pub shares: Vec<Share>,
    /// What the server's finalize command came to.
    #[serde(default)]
    pub hook: Option<HookReport>,
}

/// What a command that was run for a recording came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HookReport {
    /// Its exit status; absent when it was killed, or could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Why there is no status, or none that means success: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// For how many seconds it ran.
    pub seconds: f64,
    /// What it printed, on both of its outputs; of much the end.
    pub output: String,
    /// More was printed than is kept.
    pub truncated: bool,
}

/// An agent as the orchestrator knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// Agents of a recording are counted from 1.
    pub number: u32,
    /// By what its launcher finds it again.
    pub handle: serde_json::Value,
    /// Hexadecimal SHA-256 of the token by which it proves that it is this recording's.
    pub token_sha256: String,
    /// When it was launched, in microseconds since 1970 UTC.
    pub launched_us: i64,
    /// The last of its events that is in this record; see [`crate::wire::link`].
    pub heard: u64,
    /// The orchestrator that it is connected to, or was last.
    #[serde(default)]
    pub holder: Option<String>,
}

/// Something that was ordered while recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// Counted from 1 within the recording.
    pub id: u64,
    /// What.
    pub command: AgentCommand,
    /// When, in microseconds since 1970 UTC.
    pub at_us: i64,
    /// What came of it; absent until the agent has answered.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has taken effect.
    Done,
    /// It can't be done.
    Failed(Failure),
}

impl Record {
    /// A recording that waits in the queue. `now_us` in microseconds since 1970 UTC.
    pub fn new(id: impl Into<String>, request: RecordingRequest, owner: Option<String>, now_us: i64) -> Self {
        Self {
            version: 1,
            recording: Recording::queued(id),
            request,
            owner,
            created_us: now_us,
            changed_us: now_us,
            waiting: None,
            agent: None,
            orders: Vec::new(),
            standing: Standing::default(),
            course: Course::default(),
            expires_us: None,
            expiry_notice_us: None,
            shares: Vec::new(),
            hook: None,
        }
    }

    /// When its expiry has to be seen to, in microseconds since 1970 UTC: told first, then carried out.
    pub fn expiry_due_us(&self) -> Option<i64> {
        self.expiry_notice_us.or(self.expires_us)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.recording.id
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.recording.state
    }

    /// Adds an order and forgets old ones; gives its id.
    pub fn order(&mut self, command: AgentCommand, at_us: i64) -> u64 {
        let id = self.orders.last().map_or(0, |order| order.id) + 1;
        self.orders.push(OrderRecord { id, command, at_us, outcome: None });
        let answered = self.orders.iter().filter(|order| order.outcome.is_some()).count();
        let mut surplus = answered.saturating_sub(REMEMBERED_ORDERS);
        self.orders.retain(|order| {
            let goes = surplus > 0 && order.outcome.is_some();
            surplus -= usize::from(goes);
            !goes
        });
        id
    }

    /// Orders that the agent has not answered, oldest first.
    pub fn open_orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.orders.iter().filter(|order| order.outcome.is_none())
    }
}

/// Which records are listed; newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// In one of these states; in any when empty.
    pub states: Vec<State>,
    /// Of this room, by its URI.
    pub room: Option<String>,
    /// Asked for by this API key.
    pub owner: Option<String>,
    /// Whose expiry is due by this time, in microseconds since 1970 UTC: see [`Record::expiry_due_us`].
    pub expired_by_us: Option<i64>,
    /// Older than the record of this id: the last one of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Query {
    /// The newest records, at most so many.
    pub fn newest(limit: usize) -> Self {
        Self { states: Vec::new(), room: None, owner: None, expired_by_us: None, after: None, limit }
    }

    /// Those that have not ended.
    pub fn unfinished(limit: usize) -> Self {
        let states = State::ALL.into_iter().filter(|state| !state.is_terminal()).collect();
        Self { states, ..Self::newest(limit) }
    }
}

/// Something that is to be told to somebody outside, exactly as it was when it happened: one delivery of a webhook, one e-mail, or one
/// run of the server's own command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Unique, and greater than those of all notices before it of the same recording: they are told in this order.
    pub id: String,
    /// The recording it is about.
    pub recording: String,
    /// Where it is posted to: `https:`; `mailto:` for an e-mail, `command:` for the server's own command.
    pub url: String,
    /// The body, JSON.
    pub body: String,
    /// When it is due, in microseconds since 1970 UTC.
    pub due_us: i64,
    /// How often it was tried.
    pub tries: u32,
    /// Why the last try failed.
    #[serde(default)]
    pub trouble: Option<String>,
    /// It is not tried any more, and kept to be seen.
    #[serde(default)]
    pub dead: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;

    #[test]
    fn open_orders_are_never_forgotten() {
        let room: Room = "demo:a".parse().expect("a room");
        let mut record = Record::new("a", RecordingRequest::of(room), None, 0);
        let first = record.order(AgentCommand::Mute, 0);
        for _ in 0..100 {
            record.order(AgentCommand::Unmute, 0);
            record.orders.last_mut().expect("just added").outcome = Some(Outcome::Done);
        }
        assert_eq!(record.open_orders().map(|order| order.id).collect::<Vec<_>>(), [first]);
        assert!(record.orders.len() <= REMEMBERED_ORDERS + 2);
        assert_eq!(record.orders.last().map(|order| order.id), Some(101));
    }
}
