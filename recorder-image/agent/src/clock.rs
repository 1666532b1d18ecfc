//! Time that nobody sets: media time is counted by the machine's time since boot, and only told in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// By how much the wall clock and the monotonic one may part: what is sounded apart from its picture by less is not noticed. NTP slews
/// both alike.
const APART_US: i64 = 40_000;
/// Clocks that were not read at once tell nothing of each other.
const AT_ONCE_US: i64 = 5_000;

/// Now, in microseconds since 1970.
pub(crate) fn unix_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Microseconds since this machine was started, sleep included.
fn boot_us() -> i64 {
    microseconds(ClockId::CLOCK_BOOTTIME)
}

fn microseconds(clock: ClockId) -> i64 {
    // Fails only for a clock that does not exist.
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000)
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

/// Notices that clocks part: sound is stamped by the wall clock, pictures are counted by the monotonic one.
pub(crate) struct ClockWatch {
    began: Option<Clocks>,
}

/// Why they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    /// Somebody set the wall clock, by so many microseconds.
    Set(i64),
    /// The machine slept for so many microseconds, of which the monotonic clock knows nothing.
    Slept(i64),
}

/// What clocks show at the same moment, in microseconds.
#[derive(Clone, Copy)]
struct Clocks {
    monotonic: i64,
    boot: i64,
    unix: i64,
}

impl Clocks {
    /// None when the processor did something else in between.
    fn read() -> Option<Self> {
        let monotonic = microseconds(ClockId::CLOCK_MONOTONIC);
        let (boot, unix) = (boot_us(), unix_us());
        (microseconds(ClockId::CLOCK_MONOTONIC) - monotonic <= AT_ONCE_US).then_some(Self { monotonic, boot, unix })
    }

    fn parted(self, now: Self) -> Option<Parted> {
        let passed = now.monotonic - self.monotonic;
        let slept = now.boot - self.boot - passed;
        let set = now.unix - self.unix - passed - slept;
        if slept > APART_US {
            return Some(Parted::Slept(slept));
        }
        (set.abs() > APART_US).then_some(Parted::Set(set))
    }
}

impl ClockWatch {
    pub(crate) fn new() -> Self {
        // Who is interrupted every time has no clocks to be watched by.
        Self { began: (0..10).find_map(|_| Clocks::read()) }
    }

    /// Since it began to watch.
    pub(crate) fn parted(&self) -> Option<Parted> {
        self.began?.parted(Clocks::read()?)
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
        assert_eq!(ClockWatch::new().parted(), None);
    }

    #[test]
    fn steps_that_are_small_add_up_and_sleep_is_not_taken_for_one() {
        let began = Clocks { monotonic: 10_000_000, boot: 15_000_000, unix: 1_000_000_000 };
        let after = |slept: i64, set: i64| {
            let Clocks { monotonic, boot, unix } = began;
            let passed = 7_000_000;
            began.parted(Clocks {
                monotonic: monotonic + passed,
                boot: boot + passed + slept,
                unix: unix + passed + slept + set,
            })
        };
        assert_eq!(after(0, 30_000), None);
        assert_eq!(after(0, 60_000), Some(Parted::Set(60_000)));
        assert_eq!(after(0, -60_000), Some(Parted::Set(-60_000)));
        assert_eq!(after(600_000_000, 0), Some(Parted::Slept(600_000_000)));
    }
}
