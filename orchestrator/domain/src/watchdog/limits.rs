//! As long, and as large, as a recording may be.

use std::time::Duration;

use super::observation::Observation;
use super::rule::{Decision, Watch};
use super::since::Since;
use super::words::{length, size};
use crate::recording::EndReason;

/// The media has its maximum duration.
#[derive(Debug)]
pub(super) struct MaxDuration {
    limit: Duration,
    reached: Since,
}

impl MaxDuration {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, reached: Since::default() }
    }
}

impl Watch for MaxDuration {
    fn is_excused(&self, _: &Observation) -> bool {
        false
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        self.reached.follow(seen.progress.media_s >= self.limit.as_secs_f64(), seen.now)
    }

    fn decide(&mut self, _: &Observation, _: Duration) -> Decision {
        let message = format!("The recording has reached its longest duration, {}.", length(self.limit));
        Decision::End(EndReason::LimitDuration, message)
    }
}

/// The spool has the maximum size. The finished file is a little smaller.
#[derive(Debug)]
pub(super) struct MaxSize {
    limit: u64,
    reached: Since,
}

impl MaxSize {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, reached: Since::default() }
    }
}

impl Watch for MaxSize {
    fn is_excused(&self, _: &Observation) -> bool {
        false
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        self.reached.follow(seen.spool_bytes >= self.limit, seen.now)
    }

    fn decide(&mut self, _: &Observation, _: Duration) -> Decision {
        let message = format!("The recording has reached its largest size, {}.", size(self.limit));
        Decision::End(EndReason::LimitSize, message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::WatchdogConfig;
    use super::super::verdict::{Action, Rule};
    use super::super::watch::tests::{said, seconds};
    use super::*;

    #[test]
    fn a_limit_ends_a_recording_once() {
        let config = WatchdogConfig { max_duration_s: seconds(60.0), ..WatchdogConfig::default() };
        let ends = |second| vec![(second, Rule::MaxDuration, Action::End(EndReason::LimitDuration))];
        assert_eq!(said(&config, 100, |_, _| {}), ends(60));
        // Media counts, not the time that the recording was interrupted for.
        assert_eq!(
            said(&config, 100, |now, seen| {
                seen.capturing = now >= 10.0;
                seen.progress.media_s = (now - 10.0).max(0.0);
            }),
            ends(70)
        );
        // A megabyte a second.
        let config = WatchdogConfig { max_size_bytes: 30_000_000, ..WatchdogConfig::default() };
        assert_eq!(said(&config, 100, |_, _| {}), [(30, Rule::MaxSize, Action::End(EndReason::LimitSize))]);
    }
}
