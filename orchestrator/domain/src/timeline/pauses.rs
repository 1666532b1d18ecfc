//! When a recording was paused.

use serde::{Deserialize, Serialize};

use crate::wire::agent::PauseMode;

/// A time in which the recording was paused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Where in the file it begins, in seconds.
    pub at_s: f64,
    /// How long it was, in seconds: what the file shows a card for, or lacks.
    pub length_s: f64,
    /// What became of it.
    pub mode: PauseMode,
}
