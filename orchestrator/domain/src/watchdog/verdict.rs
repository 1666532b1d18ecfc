//! What the watchdog says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind};
use crate::recording::EndReason;

/// What is watched; serialized, a label for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nobody has come at all.
    RoomEmpty,
    /// Those who were there have gone.
    EverybodyLeft,
    /// There are people, but nobody has ever sent sound or picture.
    NoMedia,
    /// The page misses beats.
    SlowPage,
    /// The page does not beat.
    FrozenPage,
    /// The picture stands still.
    FrozenVideo,
    /// Nothing is to be heard.
    SilentAudio,
    /// The encoder is slower than real time.
    SlowEncoder,
    /// The encoder encodes nothing.
    StalledEncoder,
    /// The disk will be low soon.
    DiskFilling,
    /// What is free is only just enough to finish.
    DiskLow,
    /// More memory is taken than may be.
    Memory,
    /// The maximum duration is reached.
    MaxDuration,
    /// The maximum size is reached.
    MaxSize,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// End the recording and deliver it.
    End(EndReason),
    /// Go on with another attempt; the failure is of this kind.
    Interrupt(FailureKind),
    /// Tell it.
    Warn,
    /// What was warned of is over.
    Recovered {
        /// How long it was.
        lasted: Duration,
    },
}

impl Action {
    /// The gravest first.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::End(_) => 0,
            Self::Interrupt(_) => 1,
            Self::Warn => 2,
            Self::Recovered { .. } => 3,
        }
    }
}

/// A rule has something to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Which.
    pub rule: Rule,
    /// What is to be done.
    pub action: Action,
    /// What has happened, for a person.
    pub message: String,
}

impl Verdict {
    /// Why the attempt is interrupted, if it is.
    pub fn failure(&self) -> Option<Failure> {
        match self.action {
            Action::Interrupt(kind) => Some(Failure::new(kind, &self.message)),
            Action::End(_) | Action::Warn | Action::Recovered { .. } => None,
        }
    }
}
