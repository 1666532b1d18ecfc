//! Markers, and the chapters that they begin.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::line::{Event, Line};
use super::placed::Timeline;
use super::vtt;

/// A moment that somebody marked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// Where in the file, in seconds.
    pub at_s: f64,
    /// What for.
    pub label: String,
}

/// From a marker to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Chapter {
    /// Where it begins in the file, in seconds.
    pub from_s: f64,
    /// Where it ends.
    pub to_s: f64,
    /// One line.
    pub title: String,
}

impl Timeline<'_> {
    /// Every marker, in the file's order.
    pub fn markers(&self) -> Vec<Marker> {
        let marker = |line: &Line| match &line.event {
            Event::Marker { label } => Some(Marker { at_s: self.at(line.unix_us), label: label.clone() }),
            _ => None,
        };
        let mut markers: Vec<Marker> = self.lines.iter().filter_map(marker).collect();
        markers.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
        markers
    }

    /// The chapters that the markers make of the whole file; none without markers.
    ///
    /// What is before the first marker is called "Start". Markers of the same instant, such as two within a cut, are one chapter. One
    /// at the very end has nothing to show and begins none.
    pub fn chapters(&self) -> Vec<Chapter> {
        let mut chapters: Vec<Chapter> = Vec::new();
        for (index, Marker { at_s, label }) in self.markers().into_iter().enumerate() {
            if at_s >= self.in_file(self.duration_s) {
                continue;
            }
            let label = vtt::one_line(&label);
            let title = if label.is_empty() { format!("Chapter {}", index + 1) } else { label };
            match chapters.last_mut() {
                Some(last) if last.from_s >= at_s => last.title = format!("{} / {title}", last.title),
                Some(last) => {
                    last.to_s = at_s;
                    chapters.push(Chapter { from_s: at_s, to_s: at_s, title });
                }
                None => {
                    if at_s > 0.0 {
                        chapters.push(Chapter { from_s: 0.0, to_s: at_s, title: "Start".to_owned() });
                    }
                    chapters.push(Chapter { from_s: at_s, to_s: at_s, title });
                }
            }
        }
        if let Some(last) = chapters.last_mut() {
            last.to_s = self.in_file(self.duration_s);
        }
        chapters
    }
}

/// `chapters.vtt`; none without chapters.
pub fn chapters_vtt(chapters: &[Chapter]) -> Option<String> {
    let cue = |chapter: &Chapter| (chapter.from_s, chapter.to_s, vtt::text(&chapter.title));
    (!chapters.is_empty()).then(|| vtt::file(&chapters.iter().map(cue).collect::<Vec<_>>()))
}

/// Chapters as ffmpeg's metadata format has them, for an input of `-f ffmetadata`; none without chapters.
pub fn ffmetadata(chapters: &[Chapter]) -> Option<String> {
    let mut text = String::from(";FFMETADATA1\n");
    for Chapter { from_s, to_s, title } in chapters {
        let ms = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis();
        // Writing to a text can't fail.
        let _ = write!(
            text,
            "\n[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle={}\n",
            ms(*from_s),
            ms(*to_s),
            escaped(title)
        );
    }
    (!chapters.is_empty()).then_some(text)
}

/// A backslash before what would end the value or begin something else. ffmpeg takes a newline after any backslash for an escaped
/// one, the second of two as well: a value that ends in one gets a space.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '=' | ';' | '#' | '\\' | '\n') {
            text.push('\\');
        }
        text.push(c);
    }
    if value.ends_with('\\') {
        text.push(' ');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::placed::tests::{joined, line};
    use super::*;
    use proptest::prelude::*;

    fn marker(wall_s: f64, label: &str) -> Line {
        line(wall_s, Event::Marker { label: label.into() })
    }

    fn chapters(lines: &[Line], pieces: &[(f64, f64)], duration_s: f64) -> Vec<(f64, f64, String)> {
        let map = joined(pieces);
        let chapters = Timeline::new(lines, &map, duration_s).chapters();
        chapters.into_iter().map(|Chapter { from_s, to_s, title }| (from_s, to_s, title)).collect()
    }

    fn chapter(from_s: f64, to_s: f64, title: &str) -> (f64, f64, String) {
        (from_s, to_s, title.to_owned())
    }

    /// Name, lines, pieces of the file, chapters.
    type Case<'a> = (&'a str, &'a [Line], &'a [(f64, f64)], &'a [(f64, f64, String)]);

    #[test]
    fn markers_divide_the_file() {
        let whole: &[(f64, f64)] = &[(0.0, 30.0)];
        let cases: &[Case] = &[
            ("no markers", &[line(3.0, Event::Muted)], whole, &[]),
            ("one", &[marker(10.0, "Plan")], whole, &[chapter(0.0, 10.0, "Start"), chapter(10.0, 30.0, "Plan")]),
            ("one at the beginning", &[marker(0.0, "Plan")], whole, &[chapter(0.0, 30.0, "Plan")]),
            ("one before the first frame", &[marker(-5.0, "Plan")], whole, &[chapter(0.0, 30.0, "Plan")]),
            (
                "two at once",
                &[marker(10.0, "Plan"), marker(10.0001, "B")],
                whole,
                &[chapter(0.0, 10.0, "Start"), chapter(10.0, 30.0, "Plan / B")],
            ),
            ("one at the end", &[marker(40.0, "late")], whole, &[]),
            (
                "one without words",
                &[marker(10.0, "a\n b"), marker(20.0, " ")],
                whole,
                &[chapter(0.0, 10.0, "Start"), chapter(10.0, 20.0, "a b"), chapter(20.0, 30.0, "Chapter 2")],
            ),
            (
                "a gap",
                &[
                    line(5.0, Event::Interrupted { reason: "x".into() }),
                    line(8.0, Event::AttemptStarted { number: 2 }),
                    marker(10.0, "Plan"),
                ],
                whole,
                &[chapter(0.0, 10.0, "Start"), chapter(10.0, 30.0, "Plan")],
            ),
            (
                "one within a cut",
                &[marker(50.0, "Plan"), marker(75.0, "B")],
                &[(0.0, 10.0), (70.0, 20.0)],
                &[chapter(0.0, 10.0, "Start"), chapter(10.0, 15.0, "Plan"), chapter(15.0, 30.0, "B")],
            ),
        ];
        for (name, lines, pieces, expected) in cases {
            assert_eq!(chapters(lines, pieces, 30.0), *expected, "{name}");
        }
    }

    #[test]
    fn chapters_are_written_for_players_and_for_ffmpeg() {
        let chapters = [
            Chapter { from_s: 0.0, to_s: 61.5, title: "Start".into() },
            Chapter { from_s: 61.5, to_s: 100.0, title: r"50% = a; #1 \ <b> & c --> d".into() },
        ];
        assert_eq!(
            chapters_vtt(&chapters).expect("some"),
            "WEBVTT\n\n00:00:00.000 --> 00:01:01.500\nStart\n\n00:01:01.500 --> 00:01:40.000\n50% = a; #1 \\ &lt;b&gt; &amp; c --&gt; d\n"
        );
        assert_eq!(
            ffmetadata(&chapters).expect("some"),
            ";FFMETADATA1\n\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=61500\ntitle=Start\n\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=61500\nEND=100000\ntitle=50% \\= a\\; \\#1 \\\\ <b> & c --> d\n"
        );
        assert_eq!((chapters_vtt(&[]), ffmetadata(&[])), (None, None));
    }

    /// A value and what follows it, as ffmpeg 5.1 reads them: the line ends with the first newline that is not after a backslash;
    /// then each backslash takes the next character as it is.
    fn read(text: &str) -> (String, &str) {
        let end =
            text.match_indices('\n').find(|(at, _)| !text[..*at].ends_with('\\')).map_or(text.len(), |(at, _)| at);
        let (mut value, mut chars) = (String::new(), text[..end].chars());
        while let Some(c) = chars.next() {
            value.extend(if c == '\\' { chars.next() } else { Some(c) });
        }
        (value, &text[end..])
    }

    proptest! {
        #[test]
        fn any_value_survives_ffmpegs_escapes(value in "[=;#\\\\\\n a-z]{0,20}|\\PC{0,20}") {
            let text = format!("{}\n\n[CHAPTER]\n", escaped(&value));
            let value = if value.ends_with('\\') { format!("{value} ") } else { value };
            prop_assert_eq!(read(&text), (value, "\n\n[CHAPTER]\n"));
        }

        #[test]
        fn chapters_cover_the_file_without_a_hole(markers in prop::collection::vec(-5.0..70.0, 0..12)) {
            let lines: Vec<Line> = markers.iter().map(|at| marker(*at, "x")).collect();
            let chapters = chapters(&lines, &[(0.0, 20.0), (40.0, 20.0)], 39.5);
            for pair in chapters.windows(2) {
                prop_assert_eq!(pair[0].1, pair[1].0);
            }
            prop_assert!(chapters.iter().all(|(from, to, _)| from < to));
            if let (Some(first), Some(last)) = (chapters.first(), chapters.last()) {
                prop_assert_eq!((first.0, last.1), (0.0, 39.5));
            }
        }
    }
}
