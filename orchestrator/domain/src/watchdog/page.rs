//! A page whose main thread hangs.

use std::time::Duration;

use super::observation::Observation;
use super::rule::{Decision, Watch};
use super::since::Last;
use super::words::length;
use crate::failure::FailureKind;

/// The page misses beats. When it comes back, how long it was away is [`crate::timeline::Event::Frozen`].
#[derive(Debug, Default)]
pub(super) struct SlowPage {
    beat: Last,
}

impl Watch for SlowPage {
    fn is_excused(&self, seen: &Observation) -> bool {
        !seen.capturing
    }

    fn forget(&mut self, now: Duration) {
        self.beat.excuse(now);
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        Some(self.beat.missed(seen.now.saturating_sub(seen.heartbeat_age?), seen.now))
    }

    fn decide(&mut self, _: &Observation, lasted: Duration) -> Decision {
        let message = format!("The page has not answered for {}: its picture may stand still.", length(lasted));
        Decision::Warn { message, over: "The page answers again" }
    }
}

/// The page has not beaten for so long that it is taken for hung.
#[derive(Debug, Default)]
pub(super) struct FrozenPage {
    beat: Last,
}

impl Watch for FrozenPage {
    fn is_excused(&self, seen: &Observation) -> bool {
        !seen.capturing
    }

    fn forget(&mut self, now: Duration) {
        self.beat.excuse(now);
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        Some(self.beat.missed(seen.now.saturating_sub(seen.heartbeat_age?), seen.now))
    }

    fn decide(&mut self, _: &Observation, lasted: Duration) -> Decision {
        let message = format!("The page has not answered for {}: its script hangs.", length(lasted));
        Decision::Interrupt(FailureKind::PageHung, message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::{Action, Rule};
    use super::super::watch::tests::{patient, recovered, said};
    use super::*;

    const HUNG: Action = Action::Interrupt(FailureKind::PageHung);

    #[test]
    fn a_page_that_comes_back_is_told_with_how_long_it_was_away() {
        let said = said(&patient(), 60, |now, seen| {
            if (20.0..26.0).contains(&now) {
                seen.heartbeat_age = Some(Duration::from_secs_f64(now - 20.0));
            }
        });
        assert_eq!(said, [(23, Rule::SlowPage, Action::Warn), (26, Rule::SlowPage, recovered(6))]);
    }

    #[test]
    fn a_page_that_does_not_is_interrupted_once_an_attempt() {
        let said = said(&patient(), 80, |now, seen| {
            seen.capturing = !(40.0..45.0).contains(&now);
            seen.heartbeat_age = match now {
                20.0..45.0 => Some(Duration::from_secs_f64(now - 20.0)),
                60.0.. => Some(Duration::from_secs_f64(now - 60.0)),
                _ => seen.heartbeat_age,
            };
        });
        assert_eq!(
            said,
            [
                (23, Rule::SlowPage, Action::Warn),
                (30, Rule::FrozenPage, HUNG),
                (63, Rule::SlowPage, Action::Warn),
                (70, Rule::FrozenPage, HUNG)
            ]
        );
    }

    #[test]
    fn a_page_that_never_beats_is_not_expected_to() {
        assert_eq!(said(&patient(), 200, |_, seen| seen.heartbeat_age = None), []);
    }
}
