//! WebVTT: times, and text that can't be taken for anything else.

use std::fmt::Write as _;
use std::time::Duration;

/// A file of cues `(from, to, payload)`, in seconds. Payloads are escaped already.
pub(super) fn file(cues: &[(f64, f64, String)]) -> String {
    let mut file = String::from("WEBVTT\n");
    for (from_s, to_s, payload) in cues {
        // Writing to a text can't fail.
        let _ = write!(file, "\n{} --> {}\n{payload}\n", time(*from_s), time(*to_s));
    }
    file
}

fn time(seconds: f64) -> String {
    let ms = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis();
    let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    format!("{hours:02}:{:02}:{:02}.{:03}", minutes % 60, seconds % 60, ms % 1000)
}

/// Text of a cue. Its lines stay lines; an empty one would end the cue.
pub(super) fn text(raw: &str) -> String {
    let lines = raw.split(['\n', '\r']).map(one_line).filter(|line| !line.is_empty());
    lines.map(|line| escaped(&line)).collect::<Vec<_>>().join("\n")
}

/// What somebody said, in their voice.
pub(super) fn voice(name: &str, said: &str) -> String {
    let name = escaped(&one_line(name));
    // With the tag's own end, two hyphens would be an arrow. A reader drops the space.
    let space = if name.ends_with("--") { " " } else { "" };
    format!("<v {name}{space}>{}", text(said))
}

/// With `>` escaped there is no arrow either, `-->`, which would begin another cue.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// One line without control characters: what is invisible has no business in a caption or a title.
pub(super) fn one_line(raw: &str) -> String {
    let visible: String = raw.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_have_hours_and_milliseconds() {
        for (seconds, text) in [
            (0.0, "00:00:00.000"),
            (59.999, "00:00:59.999"),
            (61.5, "00:01:01.500"),
            (3_725.004, "01:02:05.004"),
            (360_000.0, "100:00:00.000"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }

    #[test]
    fn text_is_escaped() {
        for (raw, written) in [
            ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
            ("00:00 --> 01:00", "00:00 --&gt; 01:00"),
            ("one\n\n\r\n two \rthree\n", "one\ntwo\nthree"),
            ("tab\tand\0nul\u{85}", "tab and nul"),
            ("<v Eve>&amp;", "&lt;v Eve&gt;&amp;amp;"),
            (" \n ", ""),
        ] {
            assert_eq!(text(raw), written);
        }
        assert_eq!(voice("--", "x --"), "<v -- >x --");
        assert_eq!(voice("Ada >\n\n& Bob", "hi\nyou"), "<v Ada &gt; &amp; Bob>hi\nyou");
    }

    proptest! {
        #[test]
        fn a_file_has_the_cues_that_were_put_in(said in prop::collection::vec((any::<String>(), "[-<>&\\n\\rWEBVTNO\\s]{0,40}"), 0..6)) {
            let cues: Vec<_> = said.iter().map(|(name, text)| (1.0, 2.0, voice(name, text))).collect();
            let file = file(&cues);
            // As the specification splits it: blocks are ended by an empty line, and one with an arrow is a cue.
            let mut blocks = file.split("\n\n");
            prop_assert_eq!(blocks.next().map(str::trim_end), Some("WEBVTT"));
            let blocks: Vec<_> = blocks.collect();
            prop_assert_eq!(blocks.len(), said.len());
            for block in blocks {
                prop_assert!(block.starts_with("00:00:01.000 --> 00:00:02.000\n<v "));
                prop_assert_eq!(block.matches("-->").count(), 1);
                prop_assert_eq!((block.matches('<').count(), block.matches('>').count()), (1, 2));
                prop_assert!(!block.contains('\r') && !block.contains('\0'));
            }
        }
    }
}
