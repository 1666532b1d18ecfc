//! Whose fault a failure is, what happened, and what to do.

use serde::{Deserialize, Serialize};

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// What was asked for can't be done as it was asked.
    Request,
    /// The room or page that was to be recorded.
    Room,
    /// Where the recording was to go.
    Destination,
    /// The machine that records, or Wallflower itself.
    Platform,
}
