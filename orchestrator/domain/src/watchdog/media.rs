//! A picture that stands still, and silence.

use std::time::Duration;

use super::observation::Observation;
use super::rule::{Decision, Watch};
use super::since::Last;
use super::words::length;

/// The picture has not changed. A pause excuses.
#[derive(Debug, Default)]
pub(super) struct FrozenVideo {
    change: Last,
}

impl Watch for FrozenVideo {
    fn is_excused(&self, seen: &Observation) -> bool {
        !seen.capturing || seen.paused
    }

    fn forget(&mut self, now: Duration) {
        self.change.excuse(now);
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        Some(self.change.missed(seen.picture_changed?, seen.now))
    }

    fn decide(&mut self, _: &Observation, lasted: Duration) -> Decision {
        let message =
            format!("The picture has not changed for {}; look whether it is what is to be recorded.", length(lasted));
        Decision::Warn { message, over: "The picture changes again" }
    }
}

/// Nothing has been heard. A pause excuses, and so does a recording that was muted.
#[derive(Debug, Default)]
pub(super) struct SilentAudio {
    sound: Last,
}

impl Watch for SilentAudio {
    fn is_excused(&self, seen: &Observation) -> bool {
        !seen.capturing || seen.paused || seen.muted
    }

    fn forget(&mut self, now: Duration) {
        self.sound.excuse(now);
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        Some(self.sound.missed(seen.sound_heard?, seen.now))
    }

    fn decide(&mut self, _: &Observation, lasted: Duration) -> Decision {
        let message = format!("Nothing has been heard for {}; see whether somebody is to be heard.", length(lasted));
        Decision::Warn { message, over: "Something is to be heard again" }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::WatchdogConfig;
    use super::super::observation::Observation;
    use super::super::verdict::{Action, Rule};
    use super::super::watch::tests::{recovered, said};
    use super::*;

    type Change = fn(f64, &mut Observation);

    /// Nothing has happened since so many seconds after the first frame.
    fn stands_still(since_s: f64, seen: &mut Observation) {
        seen.picture_changed = Some(seen.now.min(Duration::from_secs_f64(since_s)));
        seen.sound_heard = seen.picture_changed;
    }

    #[test]
    fn a_picture_that_stands_still_and_silence_are_told_unless_they_are_meant() {
        let video = |second: u32, action: Action| (second, Rule::FrozenVideo, action);
        let audio = |second: u32, action: Action| (second, Rule::SilentAudio, action);
        let cases: [(&str, Change, Vec<_>); 7] = [
            (
                "and then it is over",
                |now, seen| {
                    if now < 900.0 {
                        stands_still(50.0, seen);
                    }
                },
                vec![
                    video(350, Action::Warn),
                    audio(650, Action::Warn),
                    video(900, recovered(850)),
                    audio(900, recovered(850)),
                ],
            ),
            (
                "from the beginning",
                |_, seen| stands_still(0.0, seen),
                vec![video(300, Action::Warn), audio(600, Action::Warn)],
            ),
            (
                "in a pause that ends at 1000 s",
                |now, seen| {
                    stands_still(200.0, seen);
                    seen.paused = (200.0..=1000.0).contains(&now);
                },
                vec![video(1300, Action::Warn), audio(1600, Action::Warn)],
            ),
            (
                "and is then paused, for which nobody needs to be told that it is over",
                |now, seen| {
                    stands_still(0.0, seen);
                    seen.paused = now >= 400.0;
                },
                vec![video(300, Action::Warn)],
            ),
            (
                "muted until 1000 s",
                |now, seen| {
                    seen.sound_heard = Some(Duration::ZERO);
                    seen.muted = now <= 1000.0;
                },
                vec![audio(1600, Action::Warn)],
            ),
            (
                "over an interruption that ends at 1000 s",
                |now, seen| {
                    stands_still(900.0, seen);
                    seen.capturing = !(950.0..=1000.0).contains(&now);
                },
                vec![video(1300, Action::Warn), audio(1600, Action::Warn)],
            ),
            ("when nobody looks", |_, seen| (seen.picture_changed, seen.sound_heard) = (None, None), vec![]),
        ];
        for (name, change, expected) in cases {
            assert_eq!(said(&WatchdogConfig::default(), 1800, change), expected, "{name}");
        }
    }
}
