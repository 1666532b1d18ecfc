//! A disk that fills up.

use std::time::Duration;

use super::observation::Observation;
use super::rule::{Decision, Watch};
use super::since::Since;
use super::words::{length, size};
use crate::recording::EndReason;

/// A finished file is a little smaller than what was captured, but slates and what is encoded anew may be more: so many percent.
const FILE_PERCENT: u64 = 105;
/// How fast a recording grows is not known before.
const SHORTEST_S: f64 = 10.0;

/// What must be free on the disk so that what was captured can be finished: room for `copies` files of the spool's size while the
/// spool is still there, and the reserve.
pub fn disk_needed(reserve_bytes: u64, spool_bytes: u64, copies: u32) -> u64 {
    files(spool_bytes, copies).saturating_add(reserve_bytes)
}

fn files(spool_bytes: u64, copies: u32) -> u64 {
    (spool_bytes / 100).saturating_mul(FILE_PERCENT).saturating_mul(u64::from(copies))
}

/// What is free is only just enough to finish.
#[derive(Debug)]
pub(super) struct DiskLow {
    reserve_bytes: u64,
    low: Since,
}

impl DiskLow {
    pub(super) fn new(reserve_bytes: u64) -> Self {
        Self { reserve_bytes, low: Since::default() }
    }

    fn needed(&self, seen: &Observation) -> u64 {
        disk_needed(self.reserve_bytes, seen.spool_bytes, seen.copies)
    }
}

impl Watch for DiskLow {
    fn is_excused(&self, seen: &Observation) -> bool {
        seen.disk_free_bytes.is_none()
    }

    fn forget(&mut self, _: Duration) {
        self.low = Since::default();
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        self.low.follow(seen.disk_free_bytes? < self.needed(seen), seen.now)
    }

    fn decide(&mut self, seen: &Observation, _: Duration) -> Decision {
        let message = format!(
            "The disk has {} left, and finishing the recording takes up to {}: it ends while that can be done. \
             Make room, or record to another disk.",
            size(seen.disk_free_bytes.unwrap_or_default()),
            size(self.needed(seen))
        );
        Decision::End(EndReason::DiskLow, message)
    }
}

/// The disk will be low soon, if it is filled as fast as it was until now.
#[derive(Debug)]
pub(super) struct DiskFilling {
    reserve_bytes: u64,
    ahead: Duration,
    soon: bool,
    filling: Since,
}

impl DiskFilling {
    pub(super) fn new(reserve_bytes: u64, ahead: Duration) -> Self {
        Self { reserve_bytes, ahead, soon: false, filling: Since::default() }
    }

    /// Seconds until the disk is low; none when nobody can tell.
    fn left_s(&self, seen: &Observation) -> Option<f64> {
        let now_s = seen.now.as_secs_f64();
        if now_s < SHORTEST_S || seen.spool_bytes == 0 {
            return None;
        }
        let needed = disk_needed(self.reserve_bytes, seen.spool_bytes, seen.copies);
        let left = seen.disk_free_bytes?.saturating_sub(needed);
        // Whatever is captured is to be finished as well.
        let taken = seen.spool_bytes.saturating_add(files(seen.spool_bytes, seen.copies));
        #[expect(clippy::cast_precision_loss, reason = "a disk is far below 2^52 bytes, and this is an estimate")]
        let (left, taken) = (left as f64, taken as f64);
        Some(left / taken * now_s)
    }
}

impl Watch for DiskFilling {
    fn is_excused(&self, seen: &Observation) -> bool {
        seen.disk_free_bytes.is_none()
    }

    fn forget(&mut self, _: Duration) {
        *self = Self::new(self.reserve_bytes, self.ahead);
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        if let Some(left_s) = self.left_s(seen) {
            // Once told, it is over when there is twice the time: what is free goes up and down.
            let ahead = if self.soon { self.ahead * 2 } else { self.ahead };
            self.soon = left_s < ahead.as_secs_f64();
        }
        self.filling.follow(self.soon, seen.now)
    }

    fn decide(&mut self, seen: &Observation, _: Duration) -> Decision {
        let left = Duration::try_from_secs_f64(self.left_s(seen).unwrap_or_default()).unwrap_or_default();
        let message = format!(
            "The disk has {} left: the recording will have to end in about {}. Make room.",
            size(seen.disk_free_bytes.unwrap_or_default()),
            length(left)
        );
        Decision::Warn { message, over: "There is room on the disk again" }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{Seconds, WatchdogConfig};
    use super::super::verdict::{Action, Rule};
    use super::super::watch::Watchdog;
    use super::super::watch::tests::{fine, recovered, said};
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn finishing_needs_room_for_each_file_and_the_reserve() {
        assert_eq!(disk_needed(256 * MB, 0, 1), 256 * MB);
        assert_eq!(disk_needed(256 * MB, 1000 * MB, 1), 1306 * MB);
        assert_eq!(disk_needed(256 * MB, 1000 * MB, 3), 3406 * MB);
        assert_eq!(disk_needed(1, u64::MAX, u32::MAX), u64::MAX);
    }

    #[test]
    fn a_recording_ends_while_it_can_still_be_finished() {
        let config =
            WatchdogConfig { disk_warn_s: Seconds::NEVER, disk_reserve_bytes: 256 * MB, ..WatchdogConfig::default() };
        for (copies, free, ends) in
            [(1, 1306, false), (1, 1305, true), (2, 2356, false), (2, 2355, true), (0, 255, true)]
        {
            let seen = super::super::Observation {
                spool_bytes: 1000 * MB,
                copies,
                disk_free_bytes: Some(free * MB),
                ..fine(1000.0)
            };
            let verdicts = Watchdog::new(&config).observe(&seen);
            assert_eq!(verdicts.len(), usize::from(ends), "{copies} {free} {verdicts:?}");
            for verdict in verdicts {
                assert_eq!(verdict.action, Action::End(EndReason::DiskLow));
                assert!(verdict.message.starts_with("The disk has "), "{}", verdict.message);
            }
        }
    }

    #[test]
    fn a_disk_that_fills_up_is_told_in_time_and_again_when_there_is_room() {
        // 1 MB/s is captured, and finishing it takes 1.05 MB/s more: 2050 MB beyond the reserve last for 1000 s.
        let config = WatchdogConfig { disk_reserve_bytes: 256 * MB, ..WatchdogConfig::default() };
        let filling = |room: fn(f64) -> Option<u64>| {
            said(&config, 1100, |now, seen| {
                seen.disk_free_bytes = room(now).map(|room| (256 * MB + room).saturating_sub(seen.spool_bytes));
            })
        };
        let warned = (401, Rule::DiskFilling, Action::Warn);
        assert_eq!(filling(|_| Some(2050 * MB)), [warned, (1001, Rule::DiskLow, Action::End(EndReason::DiskLow))]);
        // Room for 700 s more is not enough to be over it, for 1300 s more is.
        assert_eq!(
            filling(|now| Some(match now {
                ..500.0 => 2050 * MB,
                500.0..600.0 => 2050 * 12 / 10 * MB,
                _ => 2050 * 19 / 10 * MB,
            })),
            [warned, (600, Rule::DiskFilling, recovered(199))]
        );
        // After a time in which nobody could tell, it is judged as if it had never been told.
        assert_eq!(
            filling(|now| match now {
                ..450.0 => Some(2050 * MB),
                450.0 => None,
                _ => Some(2050 * 15 / 10 * MB),
            }),
            [warned, (901, Rule::DiskFilling, Action::Warn)]
        );
    }

    #[test]
    fn how_fast_a_disk_fills_up_is_not_judged_by_the_first_seconds() {
        let said = said(&WatchdogConfig::default(), 60, |now, seen| {
            seen.spool_bytes = if now < 9.0 { 1_000 * MB } else { 20 * MB };
            seen.disk_free_bytes = Some(5_000 * MB);
        });
        assert_eq!(said, []);
    }
}
