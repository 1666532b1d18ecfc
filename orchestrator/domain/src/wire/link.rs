//! Between an agent and an orchestrator, over a WebSocket that the agent opens.
//!
//! ```text
//! agent ── GET {url}/v1/agents/{recording}/link, Authorization: Bearer TOKEN ─▶ any replica of the orchestrator
//!       ◀── Welcome: the last event that is stored ─────────────────────────────
//!       ──▶ Said: events after that one, numbered from 1, in order
//!       ──▶ Passing: progress and signs of life, neither numbered nor kept
//!       ◀── Heard: all events up to a number are stored; the agent forgets them
//!       ◀── Asked: a request. The same one may come again after a break: its answer is repeated, not its effect
//! ```
//!
//! Each message is one text frame of JSON. While there is no connection the agent records on, keeps its events, and dials again, each
//! replica in turn. An agent's last event is `finished`; it answers all requests that have no answer yet, and once it was heard the
//! agent ends.
//!
//! - What is numbered comes without holes, but may come again after a break: numbers that are known are passed over. One connection at
//!   a time is an agent's; a later one is welcomed when no more is taken from the one before.
//! - The answer to a request is an event like any other. Asked again, an agent that has answered says so again, unless its answer is
//!   among what has not been heard.
//! - What passes is told anew after each welcome. Once a beat an agent tells its progress, or that it is alive. An orchestrator that
//!   has heard nothing for two beats and a second takes the connection for dead.
//! - 401, 403, 404 and 410 tell an agent that it is not wanted; it goes on recording, and asks again every few seconds.

use serde::{Deserialize, Serialize};

use super::agent::{AgentEvent, Job, Request};
use crate::secret::Secret;

/// A longer message is not one of ours. A delivery of a day in thousands of gaps fits.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Seconds between signs of life of an agent whose orchestrator has few.
pub const SHORTEST_BEAT_S: f64 = 1.0;
/// Seconds between signs of life of an agent among ten thousand.
pub const LONGEST_BEAT_S: f64 = 5.0;
/// An orchestrator hears about so many signs of life a second before it asks for fewer.
pub const BEATS_A_SECOND: f64 = 2000.0;
/// Longest pause in seconds before the agent dials again.
pub const REDIAL_S: f64 = 1.0;

/// The one line of an agent's stdin when an orchestrator has launched it; after it stdin may be closed, which then means nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// What is recorded.
    pub job: Job,
    /// Whom it is told to.
    pub link: Link,
}

/// How an agent reaches its orchestrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Base addresses of all replicas, such as `http://127.0.0.1:7070` or `https://wallflower.example`; tried in turn.
    pub urls: Vec<String>,
    /// Proves that the agent is this recording's.
    pub token: Secret,
    /// A file in which events are kept until they are heard, so that one who comes late can read how it ended; absolute. It is removed
    /// once `finished` was heard. A further agent of the recording that is given the same file tells what is left in it first.
    pub events: String,
    /// Events up to this number are stored: those of a further agent have greater ones, whether it finds the file or not.
    #[serde(default)]
    pub heard: u64,
    /// Seconds for which an agent that has finished goes on dialling to tell so; 5 at least.
    pub linger_s: f64,
}

/// From agent to orchestrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromAgent {
    /// An event that matters.
    Said(Said),
    /// Progress, the state of a stream, a sign of life: only the newest is of interest.
    Passing {
        /// What.
        event: AgentEvent,
    },
}

/// An event that is stored; also a line of the agent's [`Link::events`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Events are counted from 1 over all agents of a recording: a further agent goes on after those that its orchestrator has heard,
    /// and after those in the file that it was given.
    pub number: u64,
    /// When it happened, in microseconds since 1970 UTC.
    pub at_us: i64,
    /// What.
    pub event: AgentEvent,
}

/// From orchestrator to agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToAgent {
    /// The first message: events up to this number are known.
    Welcome {
        /// 0 when none is.
        heard: u64,
        /// Seconds between signs of life; see [`beat_s`].
        #[serde(default = "usual_beat_s")]
        beat_s: f64,
    },
    /// Events up to this number are stored.
    Heard {
        /// The last of them.
        number: u64,
    },
    /// Something is asked for.
    Asked {
        /// What.
        request: Request,
    },
}

fn usual_beat_s() -> f64 {
    SHORTEST_BEAT_S
}

/// How often each agent of an orchestrator with so many is to be heard of, in seconds.
pub fn beat_s(agents: usize) -> f64 {
    let agents = f64::from(u32::try_from(agents).unwrap_or(u32::MAX));
    (agents / BEATS_A_SECOND).clamp(SHORTEST_BEAT_S, LONGEST_BEAT_S)
}

/// How long an agent of that beat may be silent, in seconds.
pub fn silence_s(beat_s: f64) -> f64 {
    2.0 * beat_s + 1.0
}

impl AgentEvent {
    /// Only the newest of these is of interest, so they are not kept for later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Progress { .. } | Self::Alive | Self::Stream { .. } | Self::Upload { .. } => true,
            Self::Joining
            | Self::Started { .. }
            | Self::Interrupted { .. }
            | Self::Answered { .. }
            | Self::Paused { .. }
            | Self::Resumed
            | Self::Muted { .. }
            | Self::Looks { .. }
            | Self::Marked { .. }
            | Self::Frozen { .. }
            | Self::Room { .. }
            | Self::Warning { .. }
            | Self::Stopping { .. }
            | Self::Finalizing
            | Self::Finished { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::agent::AgentCommand;

    #[test]
    fn the_more_agents_there_are_the_less_each_says() {
        assert_eq!([0, 1, 2000, 5000, 10_000, 1_000_000].map(beat_s), [1.0, 1.0, 1.0, 2.5, 5.0, 5.0]);
        assert_eq!([1.0, 5.0].map(silence_s), [3.0, 11.0]);
    }

    #[test]
    fn messages_are_flat_objects_that_come_back_as_they_went() {
        let said = Said { number: 7, at_us: 8, event: AgentEvent::Marked { label: "a".into(), media_s: 1.5 } };
        let text = serde_json::to_string(&FromAgent::Said(said.clone())).expect("plain data");
        let event = r#"{"event":"marked","label":"a","media_s":1.5}"#;
        assert_eq!(text, format!(r#"{{"type":"said","number":7,"at_us":8,"event":{event}}}"#));
        assert_eq!(serde_json::from_str::<FromAgent>(&text).expect("the same"), FromAgent::Said(said));
        for message in [
            ToAgent::Welcome { heard: 0, beat_s: 1.5 },
            ToAgent::Heard { number: u64::MAX },
            ToAgent::Asked { request: Request { id: 3, command: AgentCommand::Stop } },
        ] {
            let text = serde_json::to_string(&message).expect("plain data");
            assert_eq!(serde_json::from_str::<ToAgent>(&text).expect("the same"), message, "{text}");
        }
        assert!(serde_json::from_str::<ToAgent>(r#"{"type":"heard","number":1,"more":2}"#).is_err());
    }
}
