//! Time that nobody sets: media time is counted by the machine's time since boot, and only told in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The wall clock is taken for set when it moves by more than this against the time since boot. Slewing by NTP moves it by 0.5 ms a
/// second at most.
const STEP_US: i64 = 100_000;

/// Now, in microseconds since 1970.
pub(crate) fn unix_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Microseconds since this machine was started, sleep included.
fn boot_us() -> i64 {
    // Fails only for a clock that does not exist.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000)
}

/// What tells one start of a machine from another, and one machine from another.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// An instant by all clocks there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) unix_us: i64,
    pub(crate) boot_us: i64,
    pub(crate) boot_id: String,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { unix_us: unix_us(), boot_us: boot_us(), boot_id: boot_id() }
    }

    /// The instant that the wall clock showed a moment ago.
    pub(crate) fn at_unix_us(then: i64) -> Self {
        let now = Self::now();
        let ago = now.unix_us - then;
        Self { unix_us: then, boot_us: now.boot_us - ago, boot_id: now.boot_id }
    }

    /// Microseconds from `self` to a later instant; by the wall clock when the machine was started anew in between.
    pub(crate) fn until(&self, later: &Self) -> i64 {
        if self.boot_id == later.boot_id && !self.boot_id.is_empty() {
            later.boot_us - self.boot_us
        } else {
            later.unix_us - self.unix_us
        }
    }

    pub(crate) fn elapsed_us(&self) -> i64 {
        self.until(&Self::now())
    }
}

/// Notices that somebody sets the wall clock.
pub(crate) struct StepWatch {
    difference_us: i64,
}

impl StepWatch {
    pub(crate) fn new() -> Self {
        Self { difference_us: unix_us() - boot_us() }
    }

    /// By how much it was set since the last look, in microseconds; none when it was not.
    pub(crate) fn step_us(&mut self) -> Option<i64> {
        let difference = unix_us() - boot_us();
        let step = difference - self.difference_us;
        self.difference_us = difference;
        (step.abs() > STEP_US).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_was_set_does_not_move_media_time() {
        let began = Moment { unix_us: 1_000_000_000, boot_us: 5_000_000, boot_id: "a".into() };
        let set_back = Moment { unix_us: 400_000_000, boot_us: 7_500_000, boot_id: "a".into() };
        assert_eq!(began.until(&set_back), 2_500_000);
        let after_a_restart = Moment { unix_us: 1_060_000_000, boot_us: 1_000_000, boot_id: "b".into() };
        assert_eq!(began.until(&after_a_restart), 60_000_000);
    }

    #[test]
    fn a_clock_that_nobody_sets_makes_no_step() {
        let mut watch = StepWatch::new();
        assert_eq!(watch.step_us(), None);
    }
}
