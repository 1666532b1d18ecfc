//! An encoder that does not keep up.

use std::time::Duration;

use super::observation::Observation;
use super::rule::{Decision, Watch};
use super::since::Since;
use super::words::length;
use crate::failure::FailureKind;
use crate::wire::agent::Progress;

/// Media time over wall time below which an encoder is slow. Reports are half a second old at worst: a tenth of the default window
/// is twice that.
const SPEED: f64 = 0.9;
/// Frames of every hundred that may be dropped, or repeated because none came in time. Of a good recording it is less than one.
const LOST_PERCENT: u64 = 10;
/// Good windows after which it keeps up again. On a machine at its limit good and bad ones take turns.
const GOOD_WINDOWS: u32 = 3;

/// The encoder is slower than real time, judged by one window after the other: its own figure for speed is over the whole recording.
#[derive(Debug)]
pub(super) struct SlowEncoder {
    window: Duration,
    /// Where the window began.
    mark: Option<(Duration, Progress)>,
    slow_since: Option<Duration>,
    good_windows: u32,
}

impl SlowEncoder {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, mark: None, slow_since: None, good_windows: 0 }
    }
}

impl Watch for SlowEncoder {
    fn is_excused(&self, seen: &Observation) -> bool {
        !seen.capturing
    }

    fn forget(&mut self, _: Duration) {
        *self = Self::new(self.window);
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        let (began, before) = *self.mark.get_or_insert((seen.now, seen.progress));
        let wall = seen.now.saturating_sub(began);
        if wall >= self.window {
            self.mark = Some((seen.now, seen.progress));
            if is_slow(wall, &before, &seen.progress) {
                self.slow_since.get_or_insert(began);
                self.good_windows = 0;
            } else {
                self.good_windows = self.good_windows.saturating_add(1);
                self.slow_since = self.slow_since.filter(|_| self.good_windows < GOOD_WINDOWS);
            }
        }
        self.slow_since.map(|since| seen.now.saturating_sub(since))
    }

    fn decide(&mut self, _: &Observation, _: Duration) -> Decision {
        let message = "The encoder is slower than real time, and frames are lost: the machine is too busy. \
                       Record fewer at once, or smaller, or with fewer frames a second.";
        Decision::Warn { message: message.to_owned(), over: "The encoder keeps up again" }
    }
}

fn is_slow(wall: Duration, before: &Progress, after: &Progress) -> bool {
    let lost = |progress: &Progress| progress.dropped.saturating_add(progress.duplicated);
    let lost = lost(after).saturating_sub(lost(before));
    let frames = after.frames.saturating_sub(before.frames);
    let media_s = after.media_s - before.media_s;
    media_s < wall.as_secs_f64() * SPEED || lost.saturating_mul(100) > frames.saturating_mul(LOST_PERCENT)
}

/// The encoder lives and encodes nothing.
#[derive(Debug, Default)]
pub(super) struct StalledEncoder {
    reached_s: f64,
    stalled: Since,
}

impl Watch for StalledEncoder {
    fn is_excused(&self, seen: &Observation) -> bool {
        !seen.capturing
    }

    fn forget(&mut self, _: Duration) {
        *self = Self::default();
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        if seen.progress.media_s > self.reached_s {
            *self = Self { reached_s: seen.progress.media_s, ..Self::default() };
        }
        self.stalled.follow(true, seen.now)
    }

    fn decide(&mut self, _: &Observation, lasted: Duration) -> Decision {
        let message = format!("The encoder has encoded nothing for {}: it or what it captures hangs.", length(lasted));
        Decision::Interrupt(FailureKind::ProgramDied, message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::observation::Observation;
    use super::super::verdict::{Action, Rule};
    use super::super::watch::tests::{patient, recovered, said, whole};
    use super::*;

    type Change = fn(f64, &mut Observation);

    fn said_of(rule: Rule, change: Change) -> Vec<(u32, Action)> {
        let said = said(&patient(), 400, change);
        said.into_iter().filter(|(_, of, _)| *of == rule).map(|(second, _, action)| (second, action)).collect()
    }

    #[test]
    fn an_encoder_is_slow_when_media_or_frames_stay_behind() {
        let cases: [(&str, Change, Vec<_>); 6] = [
            (
                "half as fast as time between 100 and 200 s",
                |now, seen| seen.progress.media_s = now - (now.clamp(100.0, 200.0) - 100.0) / 2.0,
                vec![(110, Action::Warn), (230, recovered(130))],
            ),
            (
                "a fifth of the frames is repeated",
                |now, seen| seen.progress.duplicated = whole((now - 100.0).max(0.0) * 6.0),
                vec![(110, Action::Warn)],
            ),
            (
                "a fifth of the frames is dropped",
                |now, seen| seen.progress.dropped = whole(now * 6.0),
                vec![(10, Action::Warn)],
            ),
            ("one frame in twenty is repeated", |now, seen| seen.progress.duplicated = whole(now * 1.5), vec![]),
            ("reports are late", |now, seen| seen.progress.media_s = now - (now * 0.77).fract() / 2.0, vec![]),
            (
                "by turns",
                |now, seen| {
                    seen.progress.media_s = now / 2.0 + (now / 20.0).floor() * 5.0 + (now % 20.0 - 10.0).max(0.0) / 2.0
                },
                vec![(10, Action::Warn)],
            ),
        ];
        for (name, change, expected) in cases {
            assert_eq!(said_of(Rule::SlowEncoder, change), expected, "{name}");
        }
    }

    #[test]
    fn an_interruption_is_not_held_against_the_encoder() {
        let change: Change = |now, seen| {
            seen.capturing = !(95.0..105.0).contains(&now);
            seen.progress.media_s = if now < 105.0 { now.min(95.0) } else { now - 10.0 };
        };
        assert_eq!(said_of(Rule::SlowEncoder, change), []);
        assert_eq!(said_of(Rule::StalledEncoder, change), []);
    }

    #[test]
    fn an_encoder_that_stands_still_is_interrupted_once() {
        let stalled = Action::Interrupt(FailureKind::ProgramDied);
        let cases: [(&str, Change, Vec<_>); 3] = [
            ("for good", |now, seen| seen.progress.media_s = now.min(50.0), vec![(55, stalled)]),
            ("from the first frame", |_, seen| seen.progress.media_s = 0.0, vec![(5, stalled)]),
            ("for four seconds at a time", |now, seen| seen.progress.media_s = (now / 4.0).floor() * 4.0, vec![]),
        ];
        for (name, change, expected) in cases {
            assert_eq!(said_of(Rule::StalledEncoder, change), expected, "{name}");
        }
    }
}
