//! From wall time to the finished file's time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A piece of the finished file in which media time goes on with wall time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// When its first frame was captured, in microseconds since 1970 UTC.
    pub unix_us_from: i64,
    /// Where its first frame is in the file, in seconds.
    pub media_s_from: f64,
    /// How long it is, in seconds.
    pub length_s: f64,
}

impl Span {
    fn unix_us_until(&self) -> i64 {
        // A length that is no length is none.
        let length = Duration::try_from_secs_f64(self.length_s).unwrap_or_default();
        self.unix_us_from.saturating_add(i64::try_from(length.as_micros()).unwrap_or(i64::MAX))
    }

    fn media_s_until(&self) -> f64 {
        self.media_s_from + self.length_s
    }
}

/// Where wall time lies in the finished file.
///
/// ```text
/// wall   ──────|■■■■■■■■|──────|■■■■■■|───
/// file         |■■■■■■■■|■■■■■■|               what was cut out is one instant, the joint
/// file         |■■■■■■■■|slate |■■■■■■|        between spans that don't meet in the file either, time goes on
/// ```
///
/// What is before the first span is at 0, what is after the last at the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaMap {
    spans: Vec<Span>,
}

impl MediaMap {
    /// From spans in the file's order. Media times that overlap by a rounding are moved apart, and empty spans left out.
    ///
    /// A clock that was set back between two spans makes wall times occur twice: they are then those of the earlier span. Times that
    /// occur once are right all the same.
    pub fn new(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut kept: Vec<Span> = Vec::new();
        for span in spans {
            let after = kept.last().map_or(0.0, Span::media_s_until);
            let span = Span { media_s_from: span.media_s_from.max(after), ..span };
            if span.unix_us_until() > span.unix_us_from {
                kept.push(span);
            }
        }
        Self { spans: kept }
    }

    /// Where in the file this moment is, in seconds.
    pub fn at(&self, unix_us: i64) -> f64 {
        let inside = |span: &&Span| (span.unix_us_from..span.unix_us_until()).contains(&unix_us);
        if let Some(span) = self.spans.iter().find(inside) {
            return (span.media_s_from + seconds(span.unix_us_from, unix_us)).min(span.media_s_until());
        }
        let ended = |(_, span): &(usize, &Span)| span.unix_us_until() <= unix_us;
        let Some((index, last)) =
            self.spans.iter().enumerate().filter(ended).max_by_key(|(_, span)| span.unix_us_until())
        else {
            return 0.0;
        };
        let end = last.media_s_until();
        let next = self.spans.get(index + 1).map_or(end, |next| next.media_s_from);
        (end + seconds(last.unix_us_until(), unix_us)).min(next)
    }

    /// Where the last span ends in the file, in seconds.
    pub fn end_s(&self) -> f64 {
        self.spans.last().map_or(0.0, Span::media_s_until)
    }

    /// When the last span ended, in microseconds since 1970 UTC; none without media.
    pub fn end_unix_us(&self) -> Option<i64> {
        self.spans.last().map(Span::unix_us_until)
    }
}

/// From one moment to a later one.
pub(super) fn seconds(from_unix_us: i64, to_unix_us: i64) -> f64 {
    Duration::from_micros(to_unix_us.saturating_sub(from_unix_us).max(0).unsigned_abs()).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_700_000_000_000_000;

    fn us(seconds: f64) -> i64 {
        NOW + i64::try_from(Duration::from_secs_f64(seconds).as_micros()).expect("small")
    }

    fn span(wall_s: f64, media_s_from: f64, length_s: f64) -> Span {
        Span { unix_us_from: us(wall_s), media_s_from, length_s }
    }

    #[test]
    fn what_was_cut_out_is_the_instant_of_the_cut() {
        let map = MediaMap::new([span(1.0, 0.0, 10.0), span(71.0, 10.0, 5.0)]);
        for (wall, media) in
            [(0.0, 0.0), (1.0, 0.0), (6.0, 5.0), (11.0, 10.0), (40.0, 10.0), (71.0, 10.0), (73.5, 12.5), (90.0, 15.0)]
        {
            assert!((map.at(us(wall)) - media).abs() < 1e-6, "{wall} s: {}", map.at(us(wall)));
        }
        assert_eq!((map.end_s(), map.end_unix_us()), (15.0, Some(us(76.0))));
    }

    #[test]
    fn time_goes_on_in_a_slate_whether_or_not_it_is_a_span() {
        let told = MediaMap::new([span(0.0, 0.0, 10.0), span(10.0, 10.0, 4.0), span(14.0, 14.0, 6.0)]);
        let untold = MediaMap::new([span(0.0, 0.0, 10.0), span(14.0, 14.0, 6.0)]);
        for tenth in 0..300 {
            let at = us(f64::from(tenth) / 10.0);
            assert!((told.at(at) - untold.at(at)).abs() < 1e-6);
        }
        assert!((untold.at(us(12.0)) - 12.0).abs() < 1e-6);
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_every_span_its_own_times() {
        let map = MediaMap::new([span(500.0, 0.0, 30.0), span(100.0, 30.0, 10.0), span(110.0, 40.0, 10.0)]);
        for (wall, media) in
            [(505.0, 5.0), (529.0, 29.0), (531.0, 30.0), (99.0, 0.0), (101.0, 31.0), (112.0, 42.0), (121.0, 50.0)]
        {
            assert!((map.at(us(wall)) - media).abs() < 1e-6, "{wall} s: {}", map.at(us(wall)));
        }
    }

    #[test]
    fn without_media_everything_is_at_zero() {
        for map in [MediaMap::default(), MediaMap::new([span(0.0, 0.0, 0.0)])] {
            assert_eq!((map.at(NOW), map.end_s(), map.end_unix_us()), (0.0, 0.0, None));
        }
        for length_s in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(MediaMap::new([Span { length_s, ..span(0.0, 0.0, 1.0) }]), MediaMap::default(), "{length_s}");
        }
    }

    #[test]
    fn spans_that_overlap_by_a_rounding_do_not_turn_time_back() {
        let map = MediaMap::new([span(0.0, 0.0, 10.0), span(10.0, 9.99, 5.0)]);
        assert!((map.at(us(10.0)) - 10.0).abs() < 1e-9);
    }

    /// Spans as a finisher gives them: time goes on between them or is cut out, or does so in part.
    fn any_spans() -> impl Strategy<Value = Vec<Span>> {
        let piece = (0.0..20.0, 0.0..20.0, 0.01..50.0);
        prop::collection::vec(piece, 1..8).prop_map(|pieces| {
            let (mut wall, mut media) = (0.0, 0.0);
            let mut spans = Vec::new();
            for (gone, kept, length_s) in pieces {
                wall += gone;
                media += f64::min(gone, kept);
                spans.push(span(wall, media, length_s));
                wall += length_s;
                media += length_s;
            }
            spans
        })
    }

    proptest! {
        #[test]
        fn later_is_never_earlier_in_the_file(spans in any_spans(), mut times in prop::collection::vec(-5.0e6..600.0e6, 2..50)) {
            let map = MediaMap::new(spans);
            times.sort_by(f64::total_cmp);
            #[expect(clippy::cast_possible_truncation, reason = "a few minutes")]
            let media: Vec<f64> = times.iter().map(|time| map.at(NOW + *time as i64)).collect();
            prop_assert!(media.is_sorted(), "{media:?}");
            prop_assert!(media.iter().all(|at| (0.0..=map.end_s()).contains(at)));
        }

        #[test]
        fn one_span_is_an_offset(began in -1_000_000_000_i64..1_000_000_000, length_s in 0.1..10_000.0, part in 0.0..1.0) {
            let map = MediaMap::new([Span { unix_us_from: NOW + began, media_s_from: 0.0, length_s }]);
            let inside = Duration::from_secs_f64(length_s * part);
            let at = map.at(NOW + began + i64::try_from(inside.as_micros()).expect("small"));
            prop_assert!((at - inside.as_secs_f64()).abs() < 2e-6);
        }

        #[test]
        fn every_moment_that_was_kept_is_where_its_span_has_it(spans in any_spans(), index in any::<prop::sample::Index>(), part in 0.0..1.0) {
            let map = MediaMap::new(spans.clone());
            let span = spans[index.index(spans.len())];
            let inside = Duration::from_secs_f64(span.length_s * part);
            let at = map.at(span.unix_us_from + i64::try_from(inside.as_micros()).expect("small"));
            prop_assert!((at - span.media_s_from - inside.as_secs_f64()).abs() < 1e-5);
        }

        #[test]
        fn no_spans_make_it_panic(spans in prop::collection::vec((any::<i64>(), any::<f64>(), any::<f64>()), 0..6), unix_us in any::<i64>()) {
            let spans = spans.into_iter().map(|(unix_us_from, media_s_from, length_s)| Span { unix_us_from, media_s_from, length_s });
            let _ = MediaMap::new(spans).at(unix_us);
        }
    }
}
