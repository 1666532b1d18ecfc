//! When a recording was paused.

use super::line::Event;
use super::map::seconds;
use super::placed::{Timeline, whole_ms};
use crate::wire::agent::{PauseMode, Paused};

impl Timeline<'_> {
    /// Every pause. One that goes over into another kind of pause ends there; one that nobody ended lasts until the recording's end.
    pub fn pauses(&self) -> Vec<Paused> {
        let mut pauses = Vec::new();
        let mut open: Option<(i64, PauseMode)> = None;
        let mut close = |open: &mut Option<(i64, PauseMode)>, until: i64| {
            if let Some((since, mode)) = open.take() {
                pauses.push(Paused { at_s: self.at(since), length_s: whole_ms(seconds(since, until)), mode });
            }
        };
        for line in self.lines {
            match line.event {
                // Said twice.
                Event::Paused { mode } if open.is_some_and(|(_, known)| known == mode) => {}
                Event::Paused { mode } => {
                    close(&mut open, line.unix_us);
                    open = Some((line.unix_us, mode));
                }
                Event::Resumed => close(&mut open, line.unix_us),
                _ => {}
            }
        }
        close(&mut open, self.end_unix_us());
        pauses
    }
}

#[cfg(test)]
mod tests {
    use super::super::placed::tests::{joined, line};
    use super::*;
    use crate::recording::EndReason;

    #[test]
    fn pauses_are_told_with_their_place_and_their_length() {
        let paused = |at: f64, mode: PauseMode| line(at, Event::Paused { mode });
        let lines = [
            paused(5.0, PauseMode::Hold),
            paused(6.0, PauseMode::Hold),
            line(10.0, Event::Resumed),
            line(12.0, Event::Resumed),
            paused(20.0, PauseMode::Cut),
            line(50.0, Event::Resumed),
            paused(60.0, PauseMode::Cut),
            paused(65.0, PauseMode::Hold),
            line(80.0, Event::RecordingEnded { reason: EndReason::Stopped }),
        ];
        let map = joined(&[(0.0, 20.0), (50.0, 10.0), (65.0, 15.0)]);
        let pauses = Timeline::new(&lines, &map, 45.0).pauses();
        let expected = [
            (5.0, 5.0, PauseMode::Hold),
            (20.0, 30.0, PauseMode::Cut),
            (30.0, 5.0, PauseMode::Cut),
            (30.0, 15.0, PauseMode::Hold),
        ];
        assert_eq!(pauses.iter().map(|pause| (pause.at_s, pause.length_s, pause.mode)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_pause_in_which_everything_was_killed_lasts_until_the_last_frame() {
        let lines = [line(5.0, Event::Paused { mode: PauseMode::Hold })];
        let map = joined(&[(0.0, 12.0)]);
        let pauses = Timeline::new(&lines, &map, 12.0).pauses();
        assert_eq!(pauses, [Paused { at_s: 5.0, length_s: 7.0, mode: PauseMode::Hold }]);
    }
}
