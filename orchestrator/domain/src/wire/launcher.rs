//! Between an orchestrator and a program that starts its agents, over a Unix socket on which that program listens.
//!
//! ```text
//! orchestrator ── Call, one line of JSON ──▶ program          a connection for each call
//!              ◀── Reply, one line of JSON ──
//!
//! {"call":"launch","number":1,"assignment":{…}}     {"reply":"launched","handle":"7f3a"}
//! {"call":"look","handle":"7f3a"}                   {"reply":"running"}   {"reply":"gone","how":"was evicted"}
//! {"call":"kill","handle":"7f3a"}                   {"reply":"killed"}
//! {"call":"agents"}                                 {"reply":"agents","agents":[{"recording":"0192…","handle":"7f3a"}]}
//! {"call":"forget","recording":"0192…"}             {"reply":"forgotten"}
//! anything                                          {"reply":"failed","failure":{"kind":"program_died","message":"…"}}
//! ```
//!
//! The program runs `wallflower agent` wherever it likes, with the assignment as the first line of its stdin, where it can reach the
//! orchestrator and the directories that the assignment names. A launch of an agent that is there already is answered by its handle, and
//! starts no other. A program that does not know `forget` may answer it as it likes: the recording is deleted all the same.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::link::Assignment;
use crate::failure::Failure;

/// A longer line is neither a call nor a reply; fifty thousand agents fit.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// What an orchestrator asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// Start an agent.
    Launch {
        /// Agents of a recording are counted from 1.
        number: u32,
        /// What it is to do.
        assignment: Box<Assignment>,
    },
    /// Tell whether an agent is there.
    Look {
        /// Which.
        handle: Value,
    },
    /// Kill an agent and all that it has started.
    Kill {
        /// Which.
        handle: Value,
    },
    /// Name all agents that are there.
    Agents,
    /// Remove what is kept of a recording that is deleted, such as what its agents have said. There may be nothing.
    Forget {
        /// Its id.
        recording: String,
    },
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The agent was started, or is there already.
    Launched {
        /// By what it is found again; of the program's own making, not null.
        handle: Value,
    },
    /// It runs.
    Running,
    /// It does not.
    Gone {
        /// How it ended, to follow "the agent".
        how: String,
    },
    /// It runs no more.
    Killed,
    /// All that are there.
    Agents {
        /// In any order.
        agents: Vec<RunningAgent>,
    },
    /// Nothing is kept of the recording.
    Forgotten,
    /// It can't be done.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// An agent that is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunningAgent {
    /// Id of its recording.
    pub recording: String,
    /// By what it is found.
    pub handle: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_as_the_module_says() {
        for (reply, text) in [
            (Reply::Launched { handle: json!("7f3a") }, r#"{"reply":"launched","handle":"7f3a"}"#),
            (Reply::Running, r#"{"reply":"running"}"#),
            (Reply::Gone { how: "was evicted".into() }, r#"{"reply":"gone","how":"was evicted"}"#),
            (
                Reply::Agents { agents: vec![RunningAgent { recording: "0192".into(), handle: json!(3) }] },
                r#"{"reply":"agents","agents":[{"recording":"0192","handle":3}]}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&reply).expect("plain data"), text);
            assert_eq!(serde_json::from_str::<Reply>(text).expect("the same"), reply);
        }
        assert_eq!(serde_json::to_string(&Call::Agents).expect("plain data"), r#"{"call":"agents"}"#);
        let forget = Call::Forget { recording: "0192".into() };
        assert_eq!(serde_json::to_string(&forget).expect("plain data"), r#"{"call":"forget","recording":"0192"}"#);
        assert_eq!(serde_json::to_string(&Reply::Forgotten).expect("plain data"), r#"{"reply":"forgotten"}"#);
        let look: Call = serde_json::from_str(r#"{"call":"look","handle":{"pod":"a"}}"#).expect("a call");
        assert_eq!(look, Call::Look { handle: json!({"pod": "a"}) });
    }
}
