//! What a file is put together from. Pure: attempts, pauses and the limit in; pieces, gaps and pauses of the file out.
//!
//! ```text
//! wall   │ attempt 1      │ gap │ attempt 2   ┆ pause (cut) ┆            │
//! file   │ media          │slate│ media       │ media                    │
//! ```

use wallflower_domain::frame::FrameRate;
use wallflower_domain::timeline;
use wallflower_domain::wire::agent::{Gap, Gaps, PauseMode};

use crate::spool::Pause;

/// An attempt as it lies in the recording. Times are frames since the recording began.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    pub(crate) number: u32,
    pub(crate) at: u64,
    pub(crate) frames: u64,
    pub(crate) after: Option<String>,
}

/// Where a piece comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The attempt of this number.
    Attempt(u32),
    Slate,
}

/// A stretch of the file, in frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) source: Source,
    /// Where it was in the recording.
    pub(crate) wall: u64,
    pub(crate) frames: u64,
}

impl Piece {
    pub(crate) fn end(&self) -> u64 {
        self.wall + self.frames
    }
}

/// The file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) pauses: Vec<timeline::Pause>,
    fps: u32,
}

/// What a plan is made from.
pub(crate) struct Wishes<'a> {
    pub(crate) fps: u32,
    pub(crate) gaps: Gaps,
    pub(crate) pauses: &'a [Pause],
    /// The most seconds that the file may have.
    pub(crate) limit_s: Option<f64>,
    /// When the recording ended, in microseconds of media time, when that was in a gap.
    pub(crate) until_us: Option<i64>,
}

impl Wishes<'_> {
    fn frame(&self, us: i64) -> u64 {
        (us.max(0).unsigned_abs().saturating_mul(u64::from(self.fps)) + 500_000) / 1_000_000
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "frames of a recording, not negative")]
    fn limit(&self) -> Option<u64> {
        self.limit_s.map(|seconds| (seconds * f64::from(self.fps)).round().max(1.0) as u64)
    }
}

/// The grid on which sound alone is laid out: hundredths of a second.
pub(crate) const SOUND_GRID: u32 = 100;

/// The grid of a recording.
pub(crate) fn grid(fps: FrameRate, sound_only: bool) -> u32 {
    if sound_only { SOUND_GRID } else { fps.get() }
}

impl Plan {
    pub(crate) fn of(attempts: &[Captured], wishes: &Wishes<'_>) -> Self {
        let (mut pieces, reasons) = lay_out(attempts, wishes);
        for pause in wishes.pauses.iter().filter(|pause| pause.mode == PauseMode::Cut) {
            let until = pause.until_us.map_or(u64::MAX, |us| wishes.frame(us));
            pieces = without(&pieces, wishes.frame(pause.from_us), until);
        }
        let mut plan = Self { pieces: Vec::new(), gaps: Vec::new(), pauses: Vec::new(), fps: wishes.fps };
        let (limit, mut at) = (wishes.limit().unwrap_or(u64::MAX), 0);
        for mut piece in pieces {
            piece.frames = piece.frames.min(limit - at);
            if piece.frames == 0 {
                continue;
            }
            if piece.source == Source::Slate {
                let reason = reasons.iter().rev().find(|(from, _)| *from <= piece.wall);
                plan.gaps.push(Gap {
                    at_s: plan.seconds(at),
                    length_s: plan.seconds(piece.frames),
                    reason: reason.map(|(_, reason)| reason.clone()).unwrap_or_default(),
                });
                if wishes.gaps == Gaps::Cut {
                    continue;
                }
            }
            at += piece.frames;
            plan.pieces.push(piece);
        }
        let end = plan.pieces.last().map_or(0, Piece::end);
        plan.pauses = wishes
            .pauses
            .iter()
            .map(|pause| {
                let (from, until) = (wishes.frame(pause.from_us), pause.until_us.map_or(end, |us| wishes.frame(us)));
                let length_s = plan.seconds(until.saturating_sub(from));
                timeline::Pause { at_s: plan.file_s(from), length_s, mode: pause.mode }
            })
            .collect();
        plan
    }

    #[expect(clippy::cast_precision_loss, reason = "frames of one recording are far below 2^52")]
    pub(crate) fn seconds(&self, frames: u64) -> f64 {
        frames as f64 / f64::from(self.fps)
    }

    pub(crate) fn frames(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.frames).sum()
    }

    /// The file is the beginning of one attempt, as it is.
    pub(crate) fn is_plain(&self) -> Option<Piece> {
        match self.pieces.as_slice() {
            [piece] if piece.wall == 0 && piece.source != Source::Slate => Some(*piece),
            _ => None,
        }
    }

    /// Where in the file, in seconds, a frame of the recording is; what was left out lies where it was cut.
    fn file_s(&self, wall: u64) -> f64 {
        let mut at = 0;
        for piece in &self.pieces {
            if wall < piece.wall {
                break;
            }
            if wall < piece.end() {
                return self.seconds(at + wall - piece.wall);
            }
            at += piece.frames;
        }
        self.seconds(at)
    }

    /// The pieces as (seconds since the recording began, seconds in the file, length).
    pub(crate) fn spans(&self) -> Vec<(f64, f64, f64)> {
        let mut at = 0;
        self.pieces
            .iter()
            .map(|piece| {
                let span = (self.seconds(piece.wall), self.seconds(at), self.seconds(piece.frames));
                at += piece.frames;
                span
            })
            .collect()
    }
}

/// Attempts and what is missing between them, in the recording's own time. Also why, by the frame at which it begins.
fn lay_out(attempts: &[Captured], wishes: &Wishes<'_>) -> (Vec<Piece>, Vec<(u64, String)>) {
    let (mut pieces, mut reasons) = (Vec::new(), Vec::new());
    let mut wall = 0;
    let mut slate = |pieces: &mut Vec<Piece>, wall: u64, until: u64, reason: &str| {
        if until > wall {
            pieces.push(Piece { source: Source::Slate, wall, frames: until - wall });
            reasons.push((wall, reason.to_owned()));
        }
    };
    for attempt in attempts {
        slate(&mut pieces, wall, attempt.at, attempt.after.as_deref().unwrap_or("The recording was interrupted."));
        wall = wall.max(attempt.at);
        let end = attempt.at + attempt.frames;
        if end > wall {
            pieces.push(Piece { source: Source::Attempt(attempt.number), wall, frames: end - wall });
            wall = end;
        }
    }
    if let Some(until_us) = wishes.until_us {
        slate(&mut pieces, wall, wishes.frame(until_us), "The recording was stopped while it was interrupted.");
    }
    (pieces, reasons)
}

fn without(pieces: &[Piece], from: u64, until: u64) -> Vec<Piece> {
    let part = |piece: &Piece, start: u64, end: u64| {
        (end > start).then_some(Piece { source: piece.source, wall: start, frames: end.saturating_sub(start) })
    };
    pieces
        .iter()
        .flat_map(|piece| {
            let before = part(piece, piece.wall, piece.end().min(from));
            let after = part(piece, piece.wall.max(until), piece.end());
            [before, after]
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attempt(number: u32, at: u64, frames: u64) -> Captured {
        Captured { number, at, frames, after: (at > 0).then(|| "Xvfb died.".to_owned()) }
    }

    fn media(attempt: u32, wall: u64, frames: u64) -> Piece {
        Piece { source: Source::Attempt(attempt), wall, frames }
    }

    fn slate(wall: u64, frames: u64) -> Piece {
        Piece { source: Source::Slate, wall, frames }
    }

    const PLAIN: Wishes<'_> = Wishes { fps: 30, gaps: Gaps::Slate, pauses: &[], limit_s: None, until_us: None };

    fn pause(mode: PauseMode, from_s: i64, until_s: Option<i64>) -> Pause {
        Pause { mode, from_us: from_s * 1_000_000, until_us: until_s.map(|s| s * 1_000_000) }
    }

    #[test]
    fn attempts_and_gaps_lie_where_they_were() {
        let gapped = [attempt(1, 0, 90), attempt(2, 135, 60), attempt(4, 210, 30)];
        type Case<'a> = (&'static str, Vec<Captured>, Wishes<'a>, Vec<Piece>, Vec<(f64, f64)>);
        let cases: Vec<Case<'_>> = vec![
            ("one attempt", vec![attempt(1, 0, 90)], PLAIN, vec![media(1, 0, 90)], vec![]),
            (
                "a gap becomes a slate",
                vec![attempt(1, 0, 90), attempt(2, 135, 60)],
                PLAIN,
                vec![media(1, 0, 90), slate(90, 45), media(2, 135, 60)],
                vec![(3.0, 1.5)],
            ),
            (
                "or is cut, but told",
                gapped.to_vec(),
                Wishes { gaps: Gaps::Cut, ..PLAIN },
                vec![media(1, 0, 90), media(2, 135, 60), media(4, 210, 30)],
                vec![(3.0, 1.5), (5.0, 0.5)],
            ),
            (
                "what overlaps is shown once",
                vec![attempt(1, 0, 120), attempt(2, 90, 60)],
                PLAIN,
                vec![media(1, 0, 120), media(2, 120, 30)],
                vec![],
            ),
            (
                "the limit holds",
                vec![attempt(1, 0, 90), attempt(2, 120, 90)],
                Wishes { limit_s: Some(5.0), ..PLAIN },
                vec![media(1, 0, 90), slate(90, 30), media(2, 120, 30)],
                vec![(3.0, 1.0)],
            ),
            (
                "a recording that is stopped in a gap lasts until then",
                vec![attempt(1, 0, 90)],
                Wishes { until_us: Some(5_000_000), ..PLAIN },
                vec![media(1, 0, 90), slate(90, 60)],
                vec![(3.0, 2.0)],
            ),
        ];
        for (name, attempts, wishes, pieces, gaps) in cases {
            let plan = Plan::of(&attempts, &wishes);
            assert_eq!(plan.pieces, pieces, "{name}");
            let found: Vec<_> = plan.gaps.iter().map(|gap| (gap.at_s, gap.length_s)).collect();
            assert_eq!(found, gaps, "{name}");
        }
    }

    #[test]
    fn a_pause_is_cut_or_held() {
        let attempts = [attempt(1, 0, 300)];
        let of = |pauses: &[Pause]| Plan::of(&attempts, &Wishes { pauses, ..PLAIN });
        let cut = of(&[pause(PauseMode::Cut, 2, Some(5))]);
        assert_eq!(cut.pieces, [media(1, 0, 60), media(1, 150, 150)]);
        assert_eq!(cut.pauses, [timeline::Pause { at_s: 2.0, length_s: 3.0, mode: PauseMode::Cut }]);
        let held = of(&[pause(PauseMode::Hold, 2, Some(5))]);
        assert_eq!(held.pieces, [media(1, 0, 300)]);
        assert_eq!(held.pauses, [timeline::Pause { at_s: 2.0, length_s: 3.0, mode: PauseMode::Hold }]);
        let open = of(&[pause(PauseMode::Cut, 2, Some(3)), pause(PauseMode::Cut, 8, None)]);
        assert_eq!(open.pieces, [media(1, 0, 60), media(1, 90, 150)]);
        assert_eq!(open.pauses[1].at_s, 7.0);
    }

    #[test]
    fn the_limit_does_not_count_what_was_cut() {
        let pauses = [pause(PauseMode::Cut, 2, Some(5))];
        let wishes = Wishes { pauses: &pauses, limit_s: Some(4.0), ..PLAIN };
        let plan = Plan::of(&[attempt(1, 0, 300)], &wishes);
        assert_eq!(plan.pieces, [media(1, 0, 60), media(1, 150, 60)]);
    }

    #[test]
    fn a_gap_in_a_pause_that_is_cut_is_gone_with_it() {
        let attempts = [attempt(1, 0, 90), attempt(2, 120, 90)];
        let pauses = [pause(PauseMode::Cut, 2, Some(5))];
        let plan = Plan::of(&attempts, &Wishes { pauses: &pauses, ..PLAIN });
        assert_eq!((plan.pieces.clone(), plan.gaps.len()), (vec![media(1, 0, 60), media(2, 150, 60)], 0));
        assert_eq!(plan.spans(), [(0.0, 0.0, 2.0), (5.0, 2.0, 2.0)]);
    }

    fn any_pauses() -> impl Strategy<Value = Vec<Pause>> {
        prop::collection::vec((1_i64..5, 1_i64..5, any::<bool>()), 0..4).prop_map(|steps| {
            let mut at = 0;
            let mut next = |step: i64| {
                at += step;
                at
            };
            let pauses = steps.into_iter().map(|(to, length, cut)| {
                let mode = if cut { PauseMode::Cut } else { PauseMode::Hold };
                let from = next(to);
                pause(mode, from, Some(next(length)))
            });
            pauses.collect()
        })
    }

    proptest! {
        #[test]
        fn pieces_never_overlap_and_the_file_is_as_long_as_they_are(
            steps in prop::collection::vec((0_u64..60, 1_u64..200), 1..6),
            pauses in any_pauses(),
            limit_s in prop::option::of(0.5_f64..30.0),
        ) {
            let mut at = 0;
            let attempts: Vec<Captured> = steps.iter().zip(1..).map(|((gap, frames), number)| {
                at += if number == 1 { 0 } else { *gap };
                let attempt = attempt(number, at, *frames);
                at += frames;
                attempt
            }).collect();
            let plan = Plan::of(&attempts, &Wishes { pauses: &pauses, limit_s, ..PLAIN });
            for pair in plan.pieces.windows(2) {
                prop_assert!(pair[0].end() <= pair[1].wall);
            }
            if let Some(limit_s) = limit_s {
                prop_assert!(plan.frames() as f64 <= (limit_s * 30.0).round().max(1.0));
            }
            for pair in plan.spans().windows(2) {
                prop_assert!((pair[0].1 + pair[0].2 - pair[1].1).abs() < 1e-9);
            }
        }
    }
}
