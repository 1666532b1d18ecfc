//! The text of playlists. Pure: segments in, text out. RFC 8216 is what the tags mean.

use std::fmt::Write as _;

use super::description::Description;
use crate::spool::Segment;

/// Segments whose times differ by more than this, in seconds, don't meet.
const NEAR_S: f64 = 1e-3;
/// Length of a segment, rounded: a playlist may never change what it said of it first.
const TARGET_S: f64 = 2.0;

/// A segment that is in the playlist.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// By which its file is named.
    pub(super) number: u64,
    pub(super) segment: Segment,
    /// The attempt whose init section it needs.
    pub(super) init: u32,
}

pub(super) fn segment_name(number: u64) -> String {
    format!("seg-{number:06}.m4s")
}

pub(super) fn init_name(attempt: u32) -> String {
    format!("init-{attempt:03}.mp4")
}

/// The playlist of the segments. One that has not ended is only ever added to.
pub(super) fn media(entries: &[Entry], ended: bool) -> String {
    let longest_s = entries.iter().map(|entry| entry.segment.length_s.round()).fold(TARGET_S, f64::max);
    let kind = if ended { "VOD" } else { "EVENT" };
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{longest_s:.0}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    );
    let mut before: Option<&Entry> = None;
    for entry in entries {
        if before.is_some_and(|before| !goes_on(&before.segment, &entry.segment)) {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if before.is_none_or(|before| before.init != entry.init) {
            let _ = writeln!(text, "#EXT-X-MAP:URI=\"{}\"", init_name(entry.init));
        }
        let Segment { unix_us, length_s, .. } = entry.segment;
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", utc(unix_us));
        let _ = writeln!(text, "#EXTINF:{length_s:.6},\n{}", segment_name(entry.number));
        before = Some(entry);
    }
    if ended {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

/// A segment's times begin where those of the one before end, and one encoder made both.
fn goes_on(before: &Segment, next: &Segment) -> bool {
    before.attempt == next.attempt && (next.start_s - before.end_s()).abs() < NEAR_S
}

/// Bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Of the segment that has most.
    pub(super) peak: u64,
    pub(super) average: u64,
}

impl Rate {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a bit rate"
    )]
    pub(super) fn of(entries: &[Entry]) -> Self {
        let rate = |bytes: u64, seconds: f64| (bytes as f64 * 8.0 / seconds.max(NEAR_S)).ceil() as u64;
        // What is shorter, at an attempt's end, says nothing of what a line has to carry.
        let segments = || entries.iter().map(|entry| &entry.segment);
        let whole = segments().filter(|segment| segment.length_s > TARGET_S / 2.0);
        let average =
            rate(segments().map(|segment| segment.bytes).sum(), segments().map(|segment| segment.length_s).sum());
        let peak = whole.map(|segment| rate(segment.bytes, segment.length_s)).max().unwrap_or(average);
        Self { peak: peak.max(average), average }
    }
}

/// The playlist that names the other one and tells what is in it.
pub(super) fn master(description: &Description, rate: Rate, media_name: &str) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n".to_owned();
    let Rate { peak, average } = rate;
    let _ = write!(text, "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average}");
    if !description.codecs.is_empty() {
        let _ = write!(text, ",CODECS=\"{}\"", description.codecs.join(","));
    }
    if let Some((width, height)) = description.size {
        let _ = write!(text, ",RESOLUTION={width}x{height}");
    }
    if let Some(fps) = description.fps {
        let _ = write!(text, ",FRAME-RATE={fps:.3}");
    }
    let _ = write!(text, "\n{media_name}\n");
    text
}

/// A moment as ISO 8601 with milliseconds.
fn utc(unix_us: i64) -> String {
    let (day, in_day) = (unix_us.div_euclid(86_400_000_000), unix_us.rem_euclid(86_400_000_000) / 1000);
    let (ms, s, min, h) = (in_day % 1000, in_day / 1000 % 60, in_day / 60_000 % 60, in_day / 3_600_000);
    // Days of the Gregorian calendar, in years that begin in March: then the day that some years lack is the last.
    let day = day + 719_468;
    let (era, in_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{min:02}:{s:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON_US: i64 = 1_763_726_400_000_000;

    fn entry(number: u64, attempt: u32, start_s: f64, length_s: f64) -> Entry {
        #[expect(clippy::cast_possible_truncation, reason = "small")]
        let unix_us = NOON_US + (start_s * 1e6) as i64;
        Entry { number, segment: Segment { attempt, offset: 0, bytes: 250_000, start_s, length_s, unix_us }, init: 1 }
    }

    #[test]
    fn a_live_playlist_tells_of_each_segment_when_it_was() {
        let text = media(&[entry(1, 1, 0.0, 2.0), entry(2, 1, 2.0, 2.0)], false);
        assert_eq!(
            text,
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init-001.mp4\"\n\
             #EXT-X-PROGRAM-DATE-TIME:2025-11-21T12:00:00.000Z\n#EXTINF:2.000000,\nseg-000001.m4s\n\
             #EXT-X-PROGRAM-DATE-TIME:2025-11-21T12:00:02.000Z\n#EXTINF:2.000000,\nseg-000002.m4s\n"
        );
    }

    #[test]
    fn one_that_has_ended_says_so_and_keeps_its_segments() {
        let entries = [entry(1, 1, 0.0, 2.0), entry(2, 1, 2.0, 0.5)];
        let (live, ended) = (media(&entries, false), media(&entries, true));
        assert_eq!(ended, live.replace("TYPE:EVENT", "TYPE:VOD") + "#EXT-X-ENDLIST\n");
    }

    #[test]
    fn what_does_not_go_on_is_a_discontinuity() {
        let entries = [
            entry(1, 1, 0.0, 2.0),
            // A third of a second can't be written in decimals.
            entry(2, 1, 2.000_000_3, 4.0 / 3.0),
            // The next attempt, at once and after a gap.
            entry(3, 2, 10.0 / 3.0, 2.0),
            entry(4, 3, 9.0, 2.0),
            // Something was cut.
            entry(7, 3, 15.0, 2.0),
        ];
        let text = media(&entries, false);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("seg") || *line == "#EXT-X-DISCONTINUITY" || line.starts_with("#EXT-X-MAP"))
            .collect();
        const CUT: &str = "#EXT-X-DISCONTINUITY";
        let segments =
            ["seg-000001.m4s", "seg-000002.m4s", CUT, "seg-000003.m4s", CUT, "seg-000004.m4s", CUT, "seg-000007.m4s"];
        assert_eq!(lines[0], "#EXT-X-MAP:URI=\"init-001.mp4\"");
        assert_eq!(lines[1..], segments, "one init section fits all");
    }

    #[test]
    fn another_init_section_is_told_where_it_begins_to_be_needed() {
        let entries = [
            entry(1, 1, 0.0, 2.0),
            Entry { init: 2, ..entry(2, 2, 5.0, 2.0) },
            Entry { init: 2, ..entry(3, 2, 7.0, 2.0) },
        ];
        let text = media(&entries, false);
        let second =
            "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-002.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2025-11-21T12:00:05.000Z";
        assert!(text.contains(second), "{text}");
        assert_eq!(text.matches("#EXT-X-MAP").count(), 2);
    }

    #[test]
    fn no_segment_is_longer_than_the_target() {
        for (length_s, target) in [(0.1, "2"), (2.048, "2"), (2.6, "3")] {
            let text = media(&[entry(1, 1, 0.0, length_s)], false);
            assert!(text.contains(&format!("#EXT-X-TARGETDURATION:{target}\n")), "{length_s}: {text}");
        }
    }

    #[test]
    fn the_master_playlist_tells_what_is_played_and_how_much_of_it_a_second() {
        let description = Description {
            codecs: vec!["avc1.64001F".into(), "mp4a.40.2".into()],
            size: Some((1280, 720)),
            fps: Some(30.0),
        };
        let mut entries = [entry(1, 1, 0.0, 2.0), entry(2, 1, 2.0, 2.0), entry(3, 1, 4.0, 0.1)];
        entries[1].segment.bytes = 500_000;
        entries[2].segment.bytes = 100_000;
        let rate = Rate::of(&entries);
        assert_eq!(rate, Rate { peak: 2_000_000, average: 1_658_537 });
        assert_eq!(
            master(&description, rate, "index.m3u8"),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1658537,CODECS=\"avc1.64001F,mp4a.40.2\",\
             RESOLUTION=1280x720,FRAME-RATE=30.000\nindex.m3u8\n"
        );
    }

    #[test]
    fn moments_are_told_in_utc() {
        for (unix_us, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (1_763_723_943_123_456, "2025-11-21T11:19:03.123Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(utc(unix_us), text);
        }
    }

    proptest! {
        #[test]
        fn a_playlist_that_grows_is_only_added_to(
            steps in prop::collection::vec((0.0_f64..3.0, 0.1_f64..2.4, any::<bool>()), 1..20),
        ) {
            let (mut at, mut attempt, mut entries, mut last) = (0.0, 1, Vec::new(), media(&[], false));
            for ((gap, length_s, another), number) in steps.into_iter().zip(1..) {
                if another {
                    attempt += 1;
                    at += gap;
                }
                entries.push(Entry { init: attempt, ..entry(number, attempt, at, length_s) });
                at += length_s;
                let text = media(&entries, false);
                prop_assert!(text.starts_with(&last), "{last}\n{text}");
                last = text;
            }
        }
    }
}
