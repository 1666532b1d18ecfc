//! What was said, as captions.

use std::time::Duration;

use super::chat::who;
use super::line::Event;
use super::placed::Timeline;
use super::vtt;

/// How long what was said stays after its last word: in the picture (`CAPTION_MS` of the layout app's model) and in `captions.vtt`.
pub const CAPTION_SHOWN: Duration = Duration::from_secs(4);

/// Seconds for which a caption stays when a cut, or the next one, would leave it less.
const SHORTEST_S: f64 = 1.0;

/// A caption before it is written.
struct Cue<'a> {
    from_s: f64,
    to_s: f64,
    name: &'a str,
    text: &'a str,
}

impl Timeline<'_> {
    /// `captions.vtt`: a cue for everything that the room understood, in the voice of who said it, from the first word until some time
    /// after the last, or until the same person's next; none when nothing was understood. What was said while the recording was
    /// paused is not in it.
    pub fn captions_vtt(&self) -> Option<String> {
        let shown_us = i64::try_from(CAPTION_SHOWN.as_micros()).unwrap_or(i64::MAX);
        let mut paused = false;
        let mut cues: Vec<Cue<'_>> = Vec::new();
        for line in self.lines {
            match &line.event {
                Event::Paused { .. } => paused = true,
                Event::Resumed => paused = false,
                Event::Caption { identity, name, text, lasted_ms } if !paused => {
                    let from_s = self.at(line.unix_us.saturating_sub(i64::from(*lasted_ms) * 1000));
                    let to_s = self.at(line.unix_us.saturating_add(shown_us));
                    if to_s <= from_s || vtt::text(text).is_empty() {
                        continue;
                    }
                    let name = who(name, identity.as_deref());
                    if let Some(last) = cues.iter_mut().rev().find(|cue| cue.name == name) {
                        last.to_s = last.to_s.min(from_s.max(last.from_s + SHORTEST_S));
                    }
                    cues.push(Cue { from_s, to_s: to_s.max(self.in_file(from_s + SHORTEST_S)), name, text });
                }
                _ => {}
            }
        }
        cues.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
        let cues: Vec<_> = cues.into_iter().map(|cue| (cue.from_s, cue.to_s, vtt::voice(cue.name, cue.text))).collect();
        (!cues.is_empty()).then(|| vtt::file(&cues))
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Line;
    use super::super::placed::tests::{joined, line};
    use super::*;
    use crate::wire::agent::PauseMode;

    fn said(wall_s: f64, name: &str, text: &str, lasted_ms: u32) -> Line {
        line(
            wall_s,
            Event::Caption { identity: Some(name.to_lowercase()), name: name.into(), text: text.into(), lasted_ms },
        )
    }

    fn vtt(lines: &[Line], pieces: &[(f64, f64)], duration_s: f64) -> Option<String> {
        let map = joined(pieces);
        Timeline::new(lines, &map, duration_s).captions_vtt()
    }

    #[test]
    fn a_caption_begins_with_its_first_word_and_stays_as_long_as_in_the_picture() {
        let model = include_str!("../../../../layout-app/src/model/captions.ts");
        let ms = format!("export const CAPTION_MS = {};", CAPTION_SHOWN.as_millis());
        assert!(model.contains(&ms), "the page shows a caption for another time than CAPTION_SHOWN");
        assert_eq!(
            vtt(&[said(5.0, "Ada", "Good <morning>.", 1500)], &[(0.0, 60.0)], 60.0).expect("something was said"),
            "WEBVTT\n\n00:00:03.500 --> 00:00:09.000\n<v Ada>Good &lt;morning&gt;.\n"
        );
    }

    #[test]
    fn the_next_one_of_the_same_person_takes_its_place_and_that_of_another_does_not() {
        let lines = [said(2.0, "Ada", "One.", 1000), said(4.0, "Ada", "Two.", 1500), said(4.5, "Bob", "Three.", 500)];
        let file = vtt(&lines, &[(0.0, 60.0)], 60.0).expect("something was said");
        let arrows: Vec<_> = file.lines().filter_map(|line| line.split_once(" --> ")).collect();
        assert_eq!(
            arrows,
            [("00:00:01.000", "00:00:02.500"), ("00:00:02.500", "00:00:08.000"), ("00:00:04.000", "00:00:08.500"),]
        );
    }

    #[test]
    fn a_pause_is_off_the_record() {
        let lines = [
            line(10.0, Event::Paused { mode: PauseMode::Hold }),
            said(15.0, "Ada", "private", 900),
            line(20.0, Event::Resumed),
        ];
        assert_eq!(vtt(&lines, &[(0.0, 40.0)], 40.0), None);
    }

    #[test]
    fn a_caption_after_the_last_frame_is_none() {
        assert_eq!(vtt(&[said(31.0, "Ada", "late", 500)], &[(0.0, 30.0)], 30.0), None);
    }
}
