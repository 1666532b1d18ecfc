//! Who was there.
//!
//! An interruption takes the page away, and with it the knowledge of who is there; the next attempt's page says it anew. So
//! 1. everybody who was there at the interruption and is said to be there again has been there all the time;
//! 2. who is not, until [`SAID_WITHIN`] after the attempt's first frame, left at the interruption: that is the last that is known. The
//!    page knows everybody before it is worth recording, so this is time to spare;
//! 3. who comes later than that has come again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::line::Event;
use super::placed::{Timeline, whole_ms};

/// After an attempt's first frame, its page has so long to say who is there.
const SAID_WITHIN: Duration = Duration::from_secs(5);

/// Somebody who was there while the recording was made. Times are the file's: what was cut out does not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attendee {
    /// The room's stable id of a participant.
    pub identity: String,
    /// Display name, the last one that was said.
    pub name: String,
    /// From each coming to the going after it, or to the end of the file.
    pub spans: Vec<Presence>,
    /// Seconds of all spans.
    pub total_s: f64,
    /// Seconds as the active speaker.
    pub spoke_s: f64,
}

/// From when to when somebody was there, in seconds of the file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// From when.
    pub from_s: f64,
    /// To when.
    pub to_s: f64,
}

/// What is known of somebody on the way through the lines.
#[derive(Default)]
struct Seat {
    name: String,
    spans: Vec<Presence>,
    /// Since when they are there.
    since_s: Option<f64>,
    /// There at the interruption, which was then, and not said to be there since.
    unseen_since_s: Option<f64>,
}

impl Seat {
    fn join(&mut self, name: &str, at_s: f64) {
        name.clone_into(&mut self.name);
        self.since_s.get_or_insert(at_s);
        self.unseen_since_s = None;
    }

    fn leave(&mut self, at_s: f64) {
        self.unseen_since_s = None;
        // Who came and went within a cut or before the first frame is not in the file.
        if let Some(from_s) = self.since_s.take().filter(|from_s| *from_s < at_s) {
            self.spans.push(Presence { from_s, to_s: at_s });
        }
    }

    fn lose_sight(&mut self, at_s: f64) {
        if self.since_s.is_some() {
            self.unseen_since_s.get_or_insert(at_s);
        }
    }

    fn leave_unless_seen(&mut self) {
        if let Some(at_s) = self.unseen_since_s {
            self.leave(at_s);
        }
    }
}

impl Timeline<'_> {
    /// Everybody who is in the file, in order of first coming. The module says what an interruption means.
    pub fn attendance(&self) -> Vec<Attendee> {
        let mut seats: Vec<(&str, Seat)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut said_by: Option<i64> = None;
        let within_us = i64::try_from(SAID_WITHIN.as_micros()).unwrap_or(i64::MAX);
        for line in self.lines {
            if said_by.take_if(|by| line.unix_us > *by).is_some() {
                seats.iter_mut().for_each(|(_, seat)| seat.leave_unless_seen());
            }
            let now_s = self.at(line.unix_us);
            match &line.event {
                Event::ParticipantJoined { identity, name } => {
                    let place = *places.entry(identity).or_insert_with(|| {
                        seats.push((identity, Seat::default()));
                        seats.len() - 1
                    });
                    seats[place].1.join(name, now_s);
                }
                Event::ParticipantLeft { identity } => {
                    if let Some(place) = places.get(identity.as_str()) {
                        seats[*place].1.leave(now_s);
                    }
                }
                Event::Interrupted { .. } => {
                    said_by = None;
                    seats.iter_mut().for_each(|(_, seat)| seat.lose_sight(now_s));
                }
                Event::AttemptStarted { .. } => said_by = Some(line.unix_us.saturating_add(within_us)),
                _ => {}
            }
        }
        let spoken = self.spoken();
        let end_s = self.in_file(self.duration_s);
        let attendee = |(identity, mut seat): (&str, Seat)| {
            seat.leave_unless_seen();
            seat.leave(end_s);
            let total_s = whole_ms(seat.spans.iter().map(|span| span.to_s - span.from_s).sum());
            let spoke_s = whole_ms(spoken.get(identity).copied().unwrap_or_default());
            Attendee { identity: identity.to_owned(), name: seat.name, spans: seat.spans, total_s, spoke_s }
        };
        seats.into_iter().map(attendee).filter(|attendee| !attendee.spans.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Line;
    use super::super::placed::tests::{joined, line};
    use super::*;
    use crate::wire::agent::PauseMode;
    use proptest::prelude::*;

    fn joins(wall_s: f64, identity: &str) -> Line {
        line(wall_s, Event::ParticipantJoined { identity: identity.into(), name: identity.to_uppercase() })
    }

    fn leaves(wall_s: f64, identity: &str) -> Line {
        line(wall_s, Event::ParticipantLeft { identity: identity.into() })
    }

    fn interrupted(wall_s: f64) -> Line {
        line(wall_s, Event::Interrupted { reason: "The browser died.".into() })
    }

    fn attempt(wall_s: f64, number: u32) -> Line {
        line(wall_s, Event::AttemptStarted { number })
    }

    type Spans = Vec<(f64, f64)>;

    fn attendance(lines: &[Line], pieces: &[(f64, f64)], duration_s: f64) -> Vec<(String, Spans)> {
        let map = joined(pieces);
        let attendance = Timeline::new(lines, &map, duration_s).attendance();
        let spans = |attendee: &Attendee| attendee.spans.iter().map(|span| (span.from_s, span.to_s)).collect();
        attendance.iter().map(|attendee| (attendee.identity.clone(), spans(attendee))).collect()
    }

    fn of(expected: &[(&str, &[(f64, f64)])]) -> Vec<(String, Spans)> {
        expected.iter().map(|(identity, spans)| ((*identity).to_owned(), spans.to_vec())).collect()
    }

    #[test]
    fn comings_and_goings_become_spans() {
        let lines = [
            joins(-3.0, "ada"),
            joins(-2.0, "early"),
            leaves(-1.0, "early"),
            attempt(0.0, 1),
            joins(10.0, "bob"),
            leaves(20.0, "ada"),
            leaves(21.0, "ada"),
            leaves(22.0, "nobody"),
            joins(40.0, "ada"),
        ];
        assert_eq!(
            attendance(&lines, &[(0.0, 60.0)], 60.0),
            of(&[("ada", &[(0.0, 20.0), (40.0, 60.0)]), ("bob", &[(10.0, 60.0)])])
        );
    }

    #[test]
    fn an_attendee_has_a_name_and_totals() {
        let lines = [
            joins(0.0, "ada"),
            line(2.0, Event::SpeakerChanged { identity: Some("ada".into()) }),
            leaves(5.5, "ada"),
            line(5.5, Event::SpeakerChanged { identity: None }),
            line(7.0, Event::ParticipantJoined { identity: "ada".into(), name: "Countess".into() }),
        ];
        let map = joined(&[(0.0, 10.0)]);
        let attendance = Timeline::new(&lines, &map, 10.0).attendance();
        let spans = vec![Presence { from_s: 0.0, to_s: 5.5 }, Presence { from_s: 7.0, to_s: 10.0 }];
        let (identity, name) = ("ada".to_owned(), "Countess".to_owned());
        assert_eq!(attendance, [Attendee { identity, name, spans, total_s: 8.5, spoke_s: 3.5 }]);
    }

    #[test]
    fn an_interruption_ends_nobodys_presence_who_is_there_after_it() {
        let lines = [
            joins(0.0, "ada"),
            joins(1.0, "bob"),
            attempt(2.0, 1),
            interrupted(20.0),
            // The next page joins.
            joins(22.0, "bob"),
            joins(22.0, "new"),
            attempt(23.0, 2),
            // Late, but in time.
            joins(26.0, "ada"),
            leaves(40.0, "bob"),
        ];
        assert_eq!(
            attendance(&lines, &[(0.0, 60.0)], 60.0),
            of(&[("ada", &[(0.0, 60.0)]), ("bob", &[(1.0, 40.0)]), ("new", &[(22.0, 60.0)])])
        );
    }

    #[test]
    fn who_is_not_seen_after_an_interruption_left_at_it() {
        let stays = [joins(0.0, "ada"), joins(0.0, "bob"), joins(0.0, "eve"), attempt(0.0, 1), interrupted(20.0)];
        let back = [joins(22.0, "ada"), attempt(23.0, 2)];
        let later = [joins(50.0, "bob")];
        let lines = [stays.as_slice(), &back, &later].concat();
        assert_eq!(
            attendance(&lines, &[(0.0, 60.0)], 60.0),
            of(&[("ada", &[(0.0, 60.0)]), ("bob", &[(0.0, 20.0), (50.0, 60.0)]), ("eve", &[(0.0, 20.0)])])
        );
        // The recording ended while it was interrupted: that is the last that is known of anybody.
        assert_eq!(
            attendance(&stays, &[(0.0, 60.0)], 60.0),
            of(&[("ada", &[(0.0, 20.0)]), ("bob", &[(0.0, 20.0)]), ("eve", &[(0.0, 20.0)])])
        );
    }

    #[test]
    fn an_attempt_that_dies_early_does_not_move_the_moment_at_which_somebody_was_last_seen() {
        let lines = [
            joins(0.0, "ada"),
            joins(0.0, "bob"),
            attempt(0.0, 1),
            interrupted(20.0),
            joins(22.0, "ada"),
            attempt(23.0, 2),
            joins(23.5, "eve"),
            interrupted(24.0),
            // Not late: attempt 2 has no say any more.
            joins(30.0, "eve"),
            attempt(31.0, 3),
            line(50.0, Event::Muted),
        ];
        assert_eq!(
            attendance(&lines, &[(0.0, 60.0)], 60.0),
            of(&[("ada", &[(0.0, 24.0)]), ("bob", &[(0.0, 20.0)]), ("eve", &[(23.5, 60.0)])])
        );
    }

    #[test]
    fn what_was_cut_out_does_not_count() {
        let lines = [
            joins(0.0, "ada"),
            line(10.0, Event::Paused { mode: PauseMode::Cut }),
            joins(20.0, "within"),
            leaves(30.0, "within"),
            joins(40.0, "bob"),
            line(70.0, Event::Resumed),
            leaves(75.0, "ada"),
        ];
        assert_eq!(
            attendance(&lines, &[(0.0, 10.0), (70.0, 10.0)], 20.0),
            of(&[("ada", &[(0.0, 15.0)]), ("bob", &[(10.0, 20.0)])])
        );
    }

    proptest! {
        #[test]
        fn spans_are_in_order_and_never_overlap(steps in prop::collection::vec((0_u8..5, 0_u8..3, 0.0..6.0), 0..40)) {
            let mut wall = -5.0;
            let lines: Vec<Line> = steps
                .into_iter()
                .map(|(kind, who, passes)| {
                    wall += passes;
                    let identity = ["a", "b", "c"][usize::from(who)];
                    match kind {
                        0 | 1 => joins(wall, identity),
                        2 => leaves(wall, identity),
                        3 => interrupted(wall),
                        _ => attempt(wall, 1),
                    }
                })
                .collect();
            let map = joined(&[(0.0, 30.0), (50.0, 30.0)]);
            let attendance = Timeline::new(&lines, &map, 60.0).attendance();
            for Attendee { spans, total_s, .. } in attendance {
                prop_assert!(spans.iter().all(|span| 0.0 <= span.from_s && span.from_s < span.to_s && span.to_s <= 60.0));
                prop_assert!(spans.windows(2).all(|pair| pair[0].to_s <= pair[1].from_s));
                prop_assert!(total_s <= 60.0);
            }
        }
    }
}
