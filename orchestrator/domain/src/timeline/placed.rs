//! Lines on the finished file's clock.

use serde::{Deserialize, Serialize};

use super::line::{Event, Line};
use super::map::MediaMap;

/// A recording's lines, placed in its finished file. All that is delivered about what happened is derived from it.
///
/// Its times are whole milliseconds between 0 and the file's duration.
#[derive(Clone, Debug)]
pub struct Timeline<'a> {
    /// In the order in which they were written.
    pub(super) lines: &'a [Line],
    pub(super) map: &'a MediaMap,
    pub(super) duration_s: f64,
}

/// Something a person should know, and where it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Where in the file, in seconds.
    pub at_s: f64,
    /// One sentence.
    pub message: String,
}

impl<'a> Timeline<'a> {
    /// `duration_s` is the finished file's duration.
    pub fn new(lines: &'a [Line], map: &'a MediaMap, duration_s: f64) -> Self {
        Self { lines, map, duration_s: duration_s.max(0.0) }
    }

    /// Where in the file this moment is, in seconds.
    pub fn at(&self, unix_us: i64) -> f64 {
        self.in_file(self.map.at(unix_us))
    }

    pub(super) fn in_file(&self, media_s: f64) -> f64 {
        whole_ms(media_s.clamp(0.0, self.duration_s))
    }

    /// `events.jsonl` as it is delivered: every line with the file's time in place of the provisional one.
    pub fn events_jsonl(&self) -> String {
        let placed = |line: &Line| Line { media_s: Some(self.at(line.unix_us)), ..line.clone() };
        self.lines.iter().map(|line| format!("{}\n", placed(line))).collect()
    }

    /// Every warning.
    pub fn warnings(&self) -> Vec<Note> {
        let note = |line: &Line| match &line.event {
            Event::Warning { message } => Some(Note { at_s: self.at(line.unix_us), message: message.clone() }),
            _ => None,
        };
        self.lines.iter().filter_map(note).collect()
    }

    /// When the recording ended: as it says, or when its last frame was captured.
    pub(super) fn end_unix_us(&self) -> i64 {
        let said = self.lines.iter().rev().find(|line| matches!(line.event, Event::RecordingEnded { .. }));
        let said = said.map(|line| line.unix_us).or(self.map.end_unix_us());
        said.or(self.lines.last().map(|line| line.unix_us)).unwrap_or_default()
    }
}

/// Nothing here is known to a microsecond, and times are read by people too.
pub(super) fn whole_ms(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::map::Span;
    use super::super::read;
    use super::*;

    /// When the recordings of these tests begin.
    pub(in super::super) const BEGAN: i64 = 1_700_000_000_000_000;

    /// A line, so many seconds of wall time after the first frame.
    pub(in super::super) fn line(wall_s: f64, event: Event) -> Line {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
        Line { media_s: None, unix_us: BEGAN + (wall_s * 1e6).round() as i64, event }
    }

    /// Pieces of wall time `(from, length)` that follow each other in the file.
    pub(in super::super) fn joined(pieces: &[(f64, f64)]) -> MediaMap {
        let mut media_s_from = 0.0;
        MediaMap::new(pieces.iter().map(|(wall_s, length_s)| {
            let span = Span { unix_us_from: line(*wall_s, Event::Muted).unix_us, media_s_from, length_s: *length_s };
            media_s_from += length_s;
            span
        }))
    }

    #[test]
    fn delivered_lines_have_the_files_times() {
        let lines = [
            line(-2.0, Event::Reconnected),
            line(4.0, Event::Warning { message: "Mind the gap.".into() }),
            line(15.0, Event::Muted),
            line(31.0004, Event::Unmuted),
            line(60.0, Event::Muted),
        ];
        let map = joined(&[(0.0, 10.0), (30.0, 10.0)]);
        let timeline = Timeline::new(&lines, &map, 19.99);
        let (delivered, unreadable) = read(&timeline.events_jsonl());
        let times: Vec<_> = delivered.iter().map(|line| line.media_s).collect();
        assert_eq!(times, [Some(0.0), Some(4.0), Some(10.0), Some(11.0), Some(19.99)]);
        assert_eq!(unreadable, 0);
        for (before, after) in lines.iter().zip(&delivered) {
            assert_eq!((before.unix_us, &before.event), (after.unix_us, &after.event));
        }
        assert_eq!(timeline.warnings(), [Note { at_s: 4.0, message: "Mind the gap.".into() }]);
    }
}
