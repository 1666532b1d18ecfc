//! A room that nobody is in, or in which nothing happens. Interruptions, in which nobody can tell, excuse.

use std::time::Duration;

use super::observation::Observation;
use super::rule::{Decision, Watch};
use super::since::Since;
use super::words::length;
use crate::recording::EndReason;

/// Nobody has come since the first frame.
#[derive(Debug)]
pub(super) struct RoomEmpty;

impl Watch for RoomEmpty {
    fn is_excused(&self, seen: &Observation) -> bool {
        seen.room.is_none()
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        seen.room.filter(|room| !room.anyone_ever && room.present == 0).map(|_| seen.now)
    }

    fn decide(&mut self, _: &Observation, lasted: Duration) -> Decision {
        Decision::End(EndReason::RoomEmpty, format!("Nobody came in {}: the recording ends.", length(lasted)))
    }
}

/// Everybody who was there has gone.
#[derive(Debug, Default)]
pub(super) struct EverybodyLeft {
    gone: Since,
}

impl Watch for EverybodyLeft {
    fn is_excused(&self, seen: &Observation) -> bool {
        seen.room.is_none()
    }

    fn forget(&mut self, _: Duration) {
        self.gone = Since::default();
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        self.gone.follow(seen.room.is_some_and(|room| room.anyone_ever && room.present == 0), seen.now)
    }

    fn decide(&mut self, _: &Observation, lasted: Duration) -> Decision {
        let message = format!("Everybody has been gone for {}: the recording ends.", length(lasted));
        Decision::End(EndReason::EverybodyLeft, message)
    }
}

/// There are people, and none of them has ever sent sound or picture. A pause excuses: it may be what they wait for.
#[derive(Debug, Default)]
pub(super) struct NoMedia {
    waiting: Since,
}

impl Watch for NoMedia {
    fn is_excused(&self, seen: &Observation) -> bool {
        seen.room.is_none() || seen.paused
    }

    fn forget(&mut self, _: Duration) {
        self.waiting = Since::default();
    }

    fn trouble(&mut self, seen: &Observation) -> Option<Duration> {
        self.waiting.follow(seen.room.is_some_and(|room| room.present > 0 && !room.media_ever), seen.now)
    }

    fn decide(&mut self, _: &Observation, lasted: Duration) -> Decision {
        let message = format!(
            "Nobody has switched on a microphone, a camera or a screen in {}: the recording ends.",
            length(lasted)
        );
        Decision::End(EndReason::NoMedia, message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{Seconds, WatchdogConfig};
    use super::super::observation::RoomSeen;
    use super::super::verdict::{Action, Rule};
    use super::super::watch::tests::said;
    use super::*;

    const EMPTY: Option<RoomSeen> = Some(RoomSeen { present: 0, anyone_ever: false, media_ever: false });
    const LEFT: Option<RoomSeen> = Some(RoomSeen { present: 0, anyone_ever: true, media_ever: true });
    const MUTE: Option<RoomSeen> = Some(RoomSeen { present: 3, anyone_ever: true, media_ever: false });

    type RoomAt = fn(f64) -> Option<RoomSeen>;

    fn end(second: u32, rule: Rule, reason: EndReason) -> Vec<(u32, Rule, Action)> {
        vec![(second, rule, Action::End(reason))]
    }

    #[test]
    fn a_room_that_nobody_comes_to_is_left() {
        let config = WatchdogConfig::default();
        let ends = end(300, Rule::RoomEmpty, EndReason::RoomEmpty);
        assert_eq!(said(&config, 400, |_, seen| seen.room = EMPTY), ends);
        // Somebody comes at the last moment.
        assert_eq!(said(&config, 400, |now, seen| seen.room = if now < 300.0 { EMPTY } else { seen.room }), []);
        // An interruption does not begin it anew.
        assert_eq!(
            said(&config, 400, |now, seen| seen.room = if (200.0..210.0).contains(&now) { None } else { EMPTY }),
            ends
        );
        let off = WatchdogConfig { room_empty_s: Seconds::NEVER, ..config };
        assert_eq!(said(&off, 400, |_, seen| seen.room = EMPTY), []);
    }

    #[test]
    fn a_room_that_everybody_left_is_left() {
        let config = WatchdogConfig::default();
        let cases: [(&str, RoomAt, u32); 3] = [
            ("for good", |now| if now < 100.0 { MUTE } else { LEFT }, 130),
            ("but came back for a moment", |now| if now < 100.0 || now == 129.0 { MUTE } else { LEFT }, 160),
            (
                "but nobody can tell",
                |now| {
                    if now == 129.0 {
                        None
                    } else if now < 100.0 {
                        MUTE
                    } else {
                        LEFT
                    }
                },
                160,
            ),
        ];
        for (name, room, second) in cases {
            let ends = end(second, Rule::EverybodyLeft, EndReason::EverybodyLeft);
            assert_eq!(said(&config, 200, |now, seen| seen.room = room(now)), ends, "{name}");
        }
    }

    #[test]
    fn people_who_never_say_or_show_anything_are_left() {
        let config = WatchdogConfig::default();
        let ends = |second| end(second, Rule::NoMedia, EndReason::NoMedia);
        assert_eq!(said(&config, 2500, |_, seen| seen.room = MUTE), ends(1800));
        // A pause, the last of it at 600 s, is not held against them.
        let paused = said(&config, 2500, |now, seen| {
            seen.room = MUTE;
            seen.paused = (100.0..=600.0).contains(&now);
        });
        assert_eq!(paused, ends(2401));
        assert_eq!(said(&config, 2500, |now, seen| seen.room = if now < 1799.0 { MUTE } else { seen.room }), []);
    }

    #[test]
    fn a_plain_page_is_not_held_to_have_no_people() {
        assert_eq!(said(&WatchdogConfig::default(), 4000, |_, seen| seen.room = None), []);
    }
}
