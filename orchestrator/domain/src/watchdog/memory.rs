//! Processes that take more memory than they may.

use std::time::Duration;

use super::config::Percent;
use super::observation::Observation;
use super::rule::{Decision, Watch};
use super::since::Since;
use super::words::size;
use crate::failure::FailureKind;
use crate::recording::EndReason;

/// A page that loads takes more for a moment.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// When so little time has passed since the last time, starting anew does not help.
const AGAIN_WITHIN: Duration = Duration::from_secs(600);

/// More memory is taken than may be. A new attempt frees it, unless it is simply too little.
#[derive(Debug)]
pub(super) struct Memory {
    percent: Percent,
    bytes: u64,
    over: Since,
    interrupted: Option<Duration>,
}

impl Memory {
    pub(super) fn new(percent: Percent, bytes: u64) -> Self {
        Self { percent, bytes, over: Since::default(), interrupted: None }
    }

    fn limit(&self, seen: &Observation) -> Option<u64> {
        let allowed = seen.memory_limit_bytes.map(|limit| self.percent.of(limit));
        [Some(self.bytes), allowed].into_iter().flatten().filter(|bytes| *bytes > 0).min()
    }
}

impl Watch for Memory {
    fn is_excused(&self, seen: &Observation) -> bool {
        !seen.capturing
    }

    fn forget(&mut self, _: Duration) {
        self.over = Since::default();
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        let is_over = self.limit(seen).zip(seen.memory_bytes).is_some_and(|(limit, taken)| taken > limit);
        self.over.follow(is_over, seen.now)
    }

    fn decide(&mut self, seen: &Observation, _: Duration) -> Decision {
        let taken = size(seen.memory_bytes.unwrap_or_default());
        let limit = size(self.limit(seen).unwrap_or_default());
        let before = self.interrupted.replace(seen.now);
        if before.is_some_and(|before| seen.now.saturating_sub(before) < AGAIN_WITHIN) {
            let message = format!(
                "Browser, display, sound and encoder take {taken} of memory again, and may take {limit}: the recording ends. \
                 Allow more, or record a smaller picture."
            );
            return Decision::End(EndReason::LimitMemory, message);
        }
        let message = format!("Browser, display, sound and encoder took {taken} of memory, and may take {limit}.");
        Decision::Interrupt(FailureKind::ProgramDied, message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::WatchdogConfig;
    use super::super::observation::Observation;
    use super::super::verdict::{Action, Rule};
    use super::super::watch::tests::said;
    use super::*;

    const MB: u64 = 1_000_000;
    const MENDED: Action = Action::Interrupt(FailureKind::ProgramDied);
    const ENDED: Action = Action::End(EndReason::LimitMemory);

    fn over_at(times: [f64; 2]) -> impl Fn(f64, &mut Observation) {
        move |now, seen| {
            let since = times.into_iter().rev().find(|time| now >= *time).map(|time| now - time);
            // It is noticed after 5 s, and the next attempt is there after 3 s more.
            seen.capturing = !since.is_some_and(|since| (6.0..9.0).contains(&since));
            seen.memory_bytes = Some(if since.is_some_and(|since| since < 9.0) { 1801 * MB } else { 1800 * MB });
        }
    }

    #[test]
    fn a_new_attempt_frees_memory_and_an_end_is_for_when_it_did_not() {
        let config = WatchdogConfig::default();
        for (times, expected) in [([100.0, 300.0], ENDED), ([100.0, 800.0], MENDED)] {
            let second = if expected == ENDED { 305 } else { 805 };
            assert_eq!(
                said(&config, 1000, over_at(times)),
                [(105, Rule::Memory, MENDED), (second, Rule::Memory, expected)]
            );
        }
    }

    #[test]
    fn the_smaller_limit_counts_and_none_is_none() {
        let cases = [
            ("neither", 0, 0, Some(2000), None),
            ("the container's", 90, 0, Some(500), Some(5)),
            ("a container without one", 90, 0, None, None),
            ("the key's", 90, 400, Some(2000), Some(5)),
            ("the key's alone", 0, 400, None, Some(5)),
            ("neither is reached", 90, 1000, Some(2000), None),
        ];
        for (name, percent, bytes, container, expected) in cases {
            let config = WatchdogConfig {
                memory_percent: Percent::try_from(percent).expect("valid"),
                memory_bytes: bytes * MB,
                ..WatchdogConfig::default()
            };
            // 460 MB are taken.
            let said = said(&config, 20, |_, seen| {
                seen.memory_bytes = Some(460 * MB);
                seen.memory_limit_bytes = container.map(|limit| limit * MB);
            });
            assert_eq!(said.first().map(|(second, ..)| *second), expected, "{name}");
        }
    }

    #[test]
    fn a_moment_of_much_memory_is_none() {
        let said = said(&WatchdogConfig::default(), 100, |now, seen| {
            seen.memory_bytes = if now % 6.0 == 5.0 { seen.memory_bytes } else { Some(1999 * MB) };
        });
        assert_eq!(said, []);
    }
}
