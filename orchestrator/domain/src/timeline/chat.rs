//! Chat as captions.

use std::time::Duration;

use super::line::Event;
use super::placed::Timeline;
use super::vtt;

/// How long a line of chat is to be seen: in the picture (`CHAT_MS` of the layout app's model) and in `chat.vtt`.
pub const CHAT_SHOWN: Duration = Duration::from_secs(9);

/// Seconds for which a line stays when a cut would leave it less.
const SHORTEST_S: f64 = 1.0;

impl Timeline<'_> {
    /// `chat.vtt`: a cue a line, in the voice of who wrote it, for as long as the picture shows it; none when nobody wrote anything.
    ///
    /// What was written while the recording was paused is not in it, nor what had gone from the picture before the first frame.
    pub fn chat_vtt(&self) -> Option<String> {
        let shown_us = i64::try_from(CHAT_SHOWN.as_micros()).unwrap_or(i64::MAX);
        let mut paused = false;
        let mut cues = Vec::new();
        for line in self.lines {
            match &line.event {
                Event::Paused { .. } => paused = true,
                Event::Resumed => paused = false,
                Event::Chat { identity, name, text } if !paused => {
                    let from_s = self.at(line.unix_us);
                    let to_s = self.at(line.unix_us.saturating_add(shown_us));
                    if to_s > from_s && !vtt::text(text).is_empty() {
                        let to_s = to_s.max(self.in_file(from_s + SHORTEST_S));
                        cues.push((from_s, to_s, vtt::voice(who(name, identity.as_deref()), text)));
                    }
                }
                _ => {}
            }
        }
        cues.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
        (!cues.is_empty()).then(|| vtt::file(&cues))
    }
}

/// As the picture names somebody without a name.
pub(super) fn who<'a>(name: &'a str, identity: Option<&'a str>) -> &'a str {
    let named = |text: &&str| !vtt::one_line(text).is_empty();
    Some(name).filter(named).or(identity.filter(named)).unwrap_or("Guest")
}

#[cfg(test)]
mod tests {
    use super::super::line::Line;
    use super::super::placed::tests::{joined, line};
    use super::*;
    use crate::wire::agent::PauseMode;

    fn chat(wall_s: f64, text: &str) -> Line {
        line(wall_s, Event::Chat { identity: Some("ada".into()), name: "Ada".into(), text: text.into() })
    }

    #[test]
    fn a_line_is_shown_as_long_as_in_the_picture() {
        let model = include_str!("../../../../layout-app/src/model/reduce.ts");
        let ms = format!("export const CHAT_MS = {};", CHAT_SHOWN.as_millis());
        assert!(model.contains(&ms), "the page shows a line for another time than CHAT_SHOWN");

        let map = joined(&[(0.0, 60.0)]);
        let lines = [chat(3.25, "hello"), chat(55.0, "bye")];
        assert_eq!(
            Timeline::new(&lines, &map, 60.0).chat_vtt().expect("there was chat"),
            "WEBVTT\n\n00:00:03.250 --> 00:00:12.250\n<v Ada>hello\n\n00:00:55.000 --> 00:01:00.000\n<v Ada>bye\n"
        );
    }

    /// Wall times of lines, and what becomes of each.
    fn times(lines: &[Line], pieces: &[(f64, f64)], duration_s: f64) -> Vec<(String, String)> {
        let map = joined(pieces);
        let file = Timeline::new(lines, &map, duration_s).chat_vtt().unwrap_or_default();
        let arrows = file.lines().filter_map(|line| line.split_once(" --> "));
        arrows.map(|(from, to)| (from[6..].to_owned(), to[6..].to_owned())).collect()
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn a_line_that_is_still_in_the_first_frame_is_shown_for_the_rest_of_its_time() {
        assert_eq!(
            times(&[chat(-10.0, "gone"), chat(-3.0, "there")], &[(0.0, 30.0)], 30.0),
            [pair("00.000", "06.000")]
        );
    }

    #[test]
    fn a_pause_is_off_the_record_whatever_becomes_of_it() {
        for mode in [PauseMode::Hold, PauseMode::Cut] {
            let lines = [
                chat(5.0, "before"),
                line(10.0, Event::Paused { mode }),
                chat(15.0, "private"),
                line(20.0, Event::Resumed),
                chat(21.0, "after"),
            ];
            let (pieces, duration_s, expected): (&[_], _, _) = match mode {
                PauseMode::Hold => (&[(0.0, 40.0)], 40.0, [pair("05.000", "14.000"), pair("21.000", "30.000")]),
                // What is left of the first line's nine seconds after the pause: none.
                PauseMode::Cut => {
                    (&[(0.0, 10.0), (20.0, 20.0)], 30.0, [pair("05.000", "10.000"), pair("11.000", "20.000")])
                }
            };
            assert_eq!(times(&lines, pieces, duration_s), expected, "{mode:?}");
        }
    }

    #[test]
    fn a_line_right_before_a_cut_can_still_be_read() {
        assert_eq!(times(&[chat(9.9, "x")], &[(0.0, 10.0), (70.0, 20.0)], 30.0), [pair("09.900", "10.900")]);
    }

    #[test]
    fn a_line_after_the_last_frame_or_without_anything_to_see_is_none() {
        let lines = [chat(30.0, "late"), chat(5.0, " \n\u{7}"), line(6.0, Event::Muted)];
        let map = joined(&[(0.0, 30.0)]);
        assert_eq!(Timeline::new(&lines, &map, 30.0).chat_vtt(), None);
    }

    #[test]
    fn who_has_no_name_is_named_as_in_the_picture() {
        for (name, identity, shown) in [("", Some("u-7"), "u-7"), (" ", None, "Guest"), ("Ada", None, "Ada")] {
            assert_eq!(who(name, identity), shown);
        }
    }
}
