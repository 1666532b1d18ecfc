//! Between an agent that is started before there is a recording for it, and whoever starts it.
//!
//! ```text
//! launcher ── WarmUp, one line of JSON ───────▶ agent's stdin
//!          ◀── "ready" ──────────────────────── agent's stdout     display, sound server and browser are up
//!          ── Assignment, one line of JSON ───▶                    when there is a recording for it
//!          ◀── "taken" ────────────────────────                    from here on it is an agent like any other
//! ```
//!
//! When stdin closes before it has an assignment, nobody needs the agent any more: it leaves, and all that it has started with it. It
//! also leaves when something of it dies, or when a program that it was started from is replaced; one that has been handed an assignment and
//! closes its stdout without having said "taken" has not taken it.

use serde::{Deserialize, Serialize};

use super::agent::Job;
use crate::frame::FrameSize;

/// What has to be known of a recording before its browser can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warmth {
    /// Size of the picture: that of the display.
    pub size: FrameSize,
    /// The page reaches public addresses only: the browser has a proxy.
    pub public_only: bool,
}

impl Warmth {
    /// What a job needs.
    pub fn of(job: &Job) -> Self {
        Self { size: job.size, public_only: job.public_only }
    }
}

/// The first line of a warm agent's stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// For which recordings.
    pub warm: Warmth,
}

/// A line of a warm agent's stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmWord {
    /// It can take an assignment.
    Ready,
    /// It has taken one.
    Taken,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_the_module_says() {
        let up = WarmUp { warm: Warmth { size: FrameSize::HD, public_only: true } };
        let text = r#"{"warm":{"size":{"width":1280,"height":720},"public_only":true}}"#;
        assert_eq!(serde_json::to_string(&up).expect("plain data"), text);
        assert_eq!(serde_json::from_str::<WarmUp>(text).expect("the same"), up);
        assert_eq!(serde_json::to_string(&WarmWord::Ready).expect("plain data"), r#""ready""#);
        assert_eq!(serde_json::from_str::<WarmWord>(r#""taken""#).expect("a word"), WarmWord::Taken);
    }
}
