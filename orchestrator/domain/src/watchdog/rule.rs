//! What a rule is.

use std::time::Duration;

use super::observation::Observation;
use crate::failure::FailureKind;
use crate::recording::EndReason;

/// Knows one kind of trouble.
pub(super) trait Watch: std::fmt::Debug + Send {
    /// What is watched is not to be expected now: there is nothing to look at, or it is so on purpose. The rule is not asked then.
    fn is_excused(&self, seen: &Observation) -> bool;

    /// It is excused: what was seen until now is of no account.
    fn forget(&mut self, _now: Duration) {}

    /// For how long there has been trouble; none when there is none. Asked once for every observation.
    fn trouble(&mut self, seen: &Observation) -> Option<Duration>;

    /// What is to be done and said, now that it has lasted so long.
    fn decide(&mut self, seen: &Observation, lasted: Duration) -> Decision;
}

/// What a rule makes of trouble; messages are sentences.
#[derive(Debug)]
pub(super) enum Decision {
    End(EndReason, String),
    Interrupt(FailureKind, String),
    Warn {
        message: String,
        /// What is to be said when it is over, without a full stop.
        over: &'static str,
    },
}
