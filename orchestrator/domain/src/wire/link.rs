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
//! replica in turn. An agent's last event is `finished`; once that was heard it ends.

use serde::{Deserialize, Serialize};

use super::agent::{AgentEvent, Job, Request};
use crate::secret::Secret;

/// A longer message is not one of ours. A delivery of a day in thousands of gaps fits.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Seconds between signs of life of an agent; an orchestrator that has heard none for three of them takes the connection for dead.
pub const HEARTBEAT_S: f64 = 1.0;
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
    /// Base addresses of all replicas, such as `http://127.0.0.1:7070`; tried in turn.
    pub urls: Vec<String>,
    /// Proves that the agent is this recording's.
    pub token: Secret,
    /// A file in which events are kept until they are heard, so that one who comes late can read how it ended; absolute.
    pub events: String,
    /// Seconds for which an agent that has finished goes on dialling to tell so.
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
    /// Events are counted from 1 over all agents of a recording: a further agent goes on after those that its orchestrator has heard.
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
