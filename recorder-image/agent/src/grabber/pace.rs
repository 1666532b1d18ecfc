//! Which painting goes into which frame of the file.
//!
//! ```text
//! frame's time   k              k + 1            k + 2
//!                │────────────────│────────────────│──────▶
//! paintings         ●                ●  (trembles)      ●
//!                   ├ early ┐        ├ early ┐          the newest painting is looked at, if there is one
//!                   ├ late ──────┐   ├ late ──────┐     … or the next, until then; then the one before is repeated
//!                   phase
//! ```
//!
//! A page paints when its pictures have come and its turn on the processor has: every 33 ± 10 ms where nine cameras are shown on two busy
//! cores. Somebody who only looks 30 times a second sees one painting twice and misses the next whenever they look just then. Here frames
//! are looked at in the phase in which the page paints, and wait for a painting that is late: one painting a frame goes into one frame each.

use std::time::{Duration, Instant};

use wallflower_domain::frame::FrameRate;

/// Seconds after the page's usual time at which the screen is looked at: of a page that paints 60 times a second, midway between two of its
/// paintings. Later, each look would find the next one, and follow it.
const EARLY_S: f64 = 1.0 / 120.0;
/// … and until when a painting is waited for. Paintings tremble by milliseconds, however many frames are recorded a second.
const LATE_S: f64 = 0.03;
/// The most of both, in frames.
const MOST_EARLY: f64 = 0.25;
const MOST_LATE: f64 = 0.9;
/// How much of its distance from a painting the phase moves towards it: it trembles a quarter of what paintings do, and follows a page
/// that changes its mind within a second.
const FOLLOWS: f64 = 1.0 / 16.0;
/// A phase beyond this is that of the neighbouring frame. A painting lies no further than this from its frame's time; between here and
/// half a frame it stays where it is, because each change doubles or loses a painting.
const LARGEST_PHASE: f64 = 0.6;
/// A page has painted more than once a frame for so many frames: it does so, and is not only late.
const OFTEN: u32 = 15;
/// Of such a page the painting is taken that lies nearest to the frame's time, when it lies by so much of a frame nearer than the present
/// one, or by a quarter of what paintings are apart, if that is less.
const NEARER: f64 = 0.1;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// This frame shows what is on the screen now.
    Look(u64),
    /// This frame shows what the one before did.
    Repeat(u64),
    /// Nothing until then, unless something is painted.
    Wait(Instant),
}

/// The frames of a file, one after the other.
#[derive(Debug)]
pub(crate) struct Pace {
    origin: Instant,
    fps: FrameRate,
    next: u64,
    /// The newest painting that was not looked at, and the one before, if that was not looked at either.
    painted: Option<(Instant, Option<Instant>)>,
    /// For so many frames there was one before.
    often: u32,
    /// How long after a frame's time the page paints, in frames.
    phase: f64,
}

impl Pace {
    /// Frame 0 is due at once. `painted` is when the page painted last: the frames' times are such that it would paint at them, did it go
    /// on as it has.
    pub(crate) fn begin(now: Instant, painted: Option<Instant>, fps: FrameRate) -> Self {
        let frame = Duration::from_secs(1) / fps.get();
        let since = painted.map_or(Duration::ZERO, |painted| now.saturating_duration_since(painted));
        let into = Duration::from_nanos(u64::try_from(since.as_nanos() % frame.as_nanos()).unwrap_or(0));
        Self { origin: now.checked_sub(into).unwrap_or(now), fps, next: 0, painted: None, often: 0, phase: 0.0 }
    }

    /// The time of frame 0.
    pub(crate) fn origin(&self) -> Instant {
        self.origin
    }

    /// Something was painted.
    pub(crate) fn painted(&mut self, at: Instant) {
        self.painted = Some((at, self.painted.map(|(before, _)| before)));
    }

    /// What is to be done now. A frame that is told is done with.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        let frame = self.next;
        let frame_s = 1.0 / f64::from(self.fps.get());
        let early_s = EARLY_S.min(MOST_EARLY * frame_s);
        let early = self.after(frame, early_s);
        let late = self.after(frame, LATE_S.min(MOST_LATE * frame_s));
        match self.painted {
            _ if frame == 0 => {
                self.next += 1;
                Due::Look(frame)
            }
            // It is a later frame's: who looks for longer than a frame lasts is behind, and falls no further. Not that of the very next one:
            // whoever was only woken late hears of a painting when that one's time has come, and loses nothing.
            Some((painted, _)) if painted >= self.after(frame + 2, early_s) => {
                self.next += 1;
                Due::Repeat(frame)
            }
            Some((painted, before)) if now >= early => {
                self.painted = None;
                self.next += 1;
                self.follow(frame, painted, before);
                Due::Look(frame)
            }
            Some(_) => Due::Wait(early),
            None if now >= late => {
                self.next += 1;
                Due::Repeat(frame)
            }
            None => Due::Wait(late),
        }
    }

    fn follow(&mut self, frame: u64, painted: Instant, before: Option<Instant>) {
        let place = self.place(frame, painted);
        self.phase += FOLLOWS * (place - self.phase).clamp(-0.5, 0.5);
        let apart = before.map(|before| place - self.place(frame, before));
        self.often = if apart.is_some() { self.often + 1 } else { 0 };
        if let Some(apart) = apart
            && self.often >= OFTEN
        {
            let neighbours = [self.phase - apart, self.phase + apart];
            let by = NEARER.min(apart / 4.0);
            let nearer = neighbours.into_iter().find(|phase| phase.abs() + by < self.phase.abs());
            self.phase = nearer.unwrap_or(self.phase);
        }
        // Paintings that come in pairs, close together, lead to no neighbour that is nearer.
        if self.phase.abs() > LARGEST_PHASE {
            self.phase -= self.phase.signum();
        }
    }

    /// How long after a frame's time that is, in frames.
    fn place(&self, frame: u64, at: Instant) -> f64 {
        at.saturating_duration_since(self.origin).as_secs_f64() * f64::from(self.fps.get()) - number(frame)
    }

    /// So many seconds after the time at which the page usually paints what is for this frame.
    fn after(&self, frame: u64, seconds: f64) -> Instant {
        let usually = (number(frame) + self.phase) / f64::from(self.fps.get());
        self.origin + Duration::from_secs_f64((usually + seconds).max(0.0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "frames of one recording are far below 2^52")]
fn number(frame: u64) -> f64 {
    frame as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND_US: i64 = 1_000_000;

    fn us(us: i64) -> Duration {
        Duration::from_micros(u64::try_from(us).expect("not before the beginning"))
    }

    /// Which painting each frame shows: paintings at these times, in microseconds, are numbered from 1; 0 is what was there before.
    fn shown(paintings: &[i64], until_us: i64, painted: Option<i64>) -> Vec<usize> {
        shown_at(FrameRate::DEFAULT, paintings, until_us, painted)
    }

    fn shown_at(fps: FrameRate, paintings: &[i64], until_us: i64, painted: Option<i64>) -> Vec<usize> {
        looked_at(fps, paintings, until_us, painted, Duration::ZERO, |_| {})
    }

    /// The same when each look takes so long. `looks` is told by how many microseconds each began after its frame's time.
    fn looked_at(
        fps: FrameRate,
        paintings: &[i64],
        until_us: i64,
        painted: Option<i64>,
        cost: Duration,
        mut looks: impl FnMut(i64),
    ) -> Vec<usize> {
        // Before the beginning, as far as paintings are.
        let zero = Instant::now();
        let begin = zero + us(SECOND_US);
        let painted = painted.map(|ago| begin - us(ago));
        let mut pace = Pace::begin(begin, painted, fps);
        let (mut frames, mut count, mut now) = (Vec::new(), 0, begin);
        loop {
            match pace.due(now) {
                Due::Look(frame) => {
                    assert_eq!(frame, frames.len() as u64);
                    frames.push(count);
                    let time =
                        pace.origin() + us(i64::try_from(frame).expect("few") * SECOND_US / i64::from(fps.get()));
                    let after = now.saturating_duration_since(time).as_micros();
                    looks(i64::try_from(after).expect("not that late"));
                    now += cost;
                    // What is painted meanwhile is heard of afterwards.
                    let missed = paintings[count..].iter().take_while(|at| begin + us(**at) <= now).count();
                    if missed > 0 {
                        count += missed;
                        pace.painted(now);
                    }
                }
                Due::Repeat(frame) => {
                    assert_eq!(frame, frames.len() as u64);
                    frames.push(frames.last().copied().expect("there is one before"));
                }
                Due::Wait(until) => {
                    let next = paintings.get(count).map(|at| begin + us(*at)).filter(|at| *at <= until);
                    if let Some(at) = next {
                        count += 1;
                        now = now.max(at);
                        pace.painted(at);
                    } else {
                        now = until;
                    }
                    if now > begin + us(until_us) {
                        return frames;
                    }
                }
            }
        }
    }

    /// A busy machine wakes us late: what was painted at 40 ms is heard of at 80.
    #[test]
    fn a_painting_that_is_heard_of_late_is_still_its_own_frame_s() {
        let begin = Instant::now();
        let mut pace = Pace::begin(begin, None, FrameRate::DEFAULT);
        assert_eq!(pace.due(begin), Due::Look(0));
        let woken = begin + Duration::from_millis(80);
        pace.painted(woken);
        assert_eq!(pace.due(woken), Due::Look(1));
    }

    #[test]
    fn looks_that_take_longer_than_frames_cost_frames_and_no_time() {
        for (fps, cost_ms, painting_us) in [(60, 20, 16_667), (30, 40, 33_333), (30, 34, 33_333), (30, 100, 16_667)] {
            let paintings: Vec<i64> = (0..60 * SECOND_US / painting_us).map(|number| number * painting_us).collect();
            let fps = FrameRate::try_from(fps).expect("it is within bounds");
            let (cost, mut latest) = (Duration::from_millis(cost_ms), 0);
            let frames =
                looked_at(fps, &paintings, 59 * SECOND_US, None, cost, |after_us| latest = latest.max(after_us));
            let bound = 3 * SECOND_US / i64::from(fps.get()) + cost_ms as i64 * 1000;
            assert!(latest <= bound, "at {fps} with {cost_ms} ms a look, one began {latest} us after its frame");
            assert!(frames.len() as i64 >= 58 * i64::from(fps.get()), "{}", frames.len());
        }
    }

    /// Slides at few frames a second on a page that is animated: its paintings come so often that each is near, and drift all the same.
    #[test]
    fn for_hours_what_is_shown_was_painted_near_the_frame_s_time() {
        for (fps, painting_us) in [(1, 16_666), (2, 16_668), (5, 16_666), (6, 16_666), (10, 16_669)] {
            let paintings: Vec<i64> = (0..2 * 3600 * SECOND_US / painting_us).map(|n| n * painting_us).collect();
            let fps = FrameRate::try_from(fps).expect("it is within bounds");
            let frames = shown_at(fps, &paintings, 7199 * SECOND_US, None);
            for (frame, number) in frames.iter().enumerate().skip(30) {
                let time = i64::try_from(frame).expect("few") * SECOND_US / i64::from(fps.get());
                let off = paintings[number - 1] - time;
                assert!(off.abs() <= 25_000, "at {fps} frame {frame} shows what was painted {off} us later");
            }
        }
    }

    /// A painting that is told in two parts.
    #[test]
    fn what_is_painted_in_pairs_stays_near_the_frame_s_time() {
        let pairs = (0..3600 * 30_i64).map(|number| number * 1_000_000_000 / 30_003);
        let paintings: Vec<i64> = pairs.flat_map(|at| [at, at + 2000]).collect();
        let frames = shown(&paintings, 3599 * SECOND_US, None);
        for (frame, number) in frames.iter().enumerate().skip(30) {
            let off = paintings[number - 1] - i64::try_from(frame).expect("few") * SECOND_US / 30;
            assert!(off.abs() <= 25_000, "frame {frame} shows what was painted {off} us later");
        }
    }

    fn steps(frames: &[usize]) -> Vec<usize> {
        frames.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn what_never_changes_is_repeated_as_often_as_there_are_frames() {
        assert_eq!(shown(&[], SECOND_US, None), vec![0; 30]);
    }

    #[test]
    fn every_second_painting_of_a_page_at_60_is_taken() {
        let paintings: Vec<i64> = (1..=120).map(|number| number * SECOND_US / 60 - 7000).collect();
        let frames = shown(&paintings, 2 * SECOND_US - 100_000, Some(7000));
        assert!(steps(&frames)[1..].iter().all(|step| *step == 2), "{frames:?}");
    }

    /// Whatever the page's clock does against ours: what is shown was painted within 14 ms of the frame's time.
    #[test]
    fn of_a_page_at_60_the_painting_is_taken_that_is_nearest() {
        for painting_us in [16_600, 16_667, 16_733] {
            let paintings: Vec<i64> = (0..3600).map(|number| number * painting_us).collect();
            let frames = shown(&paintings, 58 * SECOND_US, None);
            for (frame, number) in frames.iter().enumerate().skip(30) {
                let time = i64::try_from(frame).expect("few") * SECOND_US / 30;
                let off = paintings[number - 1] - time;
                assert!(off.abs() <= 14_000, "at {painting_us} frame {frame} shows what was painted {off} us later");
            }
            assert!(steps(&frames)[30..].iter().all(|step| (1..=3).contains(step)), "{painting_us}: {frames:?}");
        }
    }

    #[test]
    fn of_few_frames_a_second_each_shows_what_was_painted_just_before_it() {
        let paintings: Vec<i64> = (1..=1200).map(|number| number * SECOND_US / 60 - 7000).collect();
        for fps in [10, 15, 20] {
            let fps = FrameRate::try_from(fps).expect("it is within bounds");
            let frames = shown_at(fps, &paintings, 19 * SECOND_US, None);
            for (frame, number) in frames.iter().enumerate().skip(1) {
                let ago = i64::try_from(frame).expect("few") * SECOND_US / i64::from(fps.get()) - paintings[number - 1];
                assert!((-9000..=17_000).contains(&ago), "at {fps} frame {frame} shows what was painted {ago} us ago");
            }
        }
    }

    #[test]
    fn a_frame_that_stands_still_waits_for_no_other() {
        // One painting, and much later another.
        let frames = shown(&[100_000, 500_000], SECOND_US, None);
        assert_eq!(frames.iter().filter(|shown| **shown == 0).count(), 3);
        assert_eq!(frames.iter().filter(|shown| **shown == 1).count(), 12);
    }

    #[test]
    fn what_comes_after_a_while_in_which_nobody_looked_is_complete() {
        let begin = Instant::now();
        let mut pace = Pace::begin(begin, None, FrameRate::DEFAULT);
        assert_eq!(pace.due(begin), Due::Look(0));
        pace.painted(begin + Duration::from_millis(30));
        let later = begin + Duration::from_millis(200);
        assert_eq!(pace.due(later), Due::Look(1));
        for frame in 2..=5 {
            assert_eq!(pace.due(later), Due::Repeat(frame));
        }
        assert!(matches!(pace.due(later), Due::Wait(until) if until > later));
    }

    fn doubled_and_skipped(steps: &[usize]) -> (usize, usize) {
        (steps.iter().filter(|step| **step == 0).count(), steps.iter().filter(|step| **step > 1).count())
    }

    proptest! {
        /// Whatever the phase, at the frame rate.
        #[test]
        fn paintings_that_tremble_by_a_third_of_a_frame_are_each_shown_once(
            phase in 0..33_333_i64, tremble in prop::collection::vec(-11_000..11_000_i64, 300), known in any::<bool>(),
        ) {
            let paintings: Vec<i64> = tremble.iter().zip(0_i64..).map(|(tremble, number)| {
                (number * SECOND_US / 30 + phase + 11_000 + tremble).max(0)
            }).collect();
            let known = known.then_some(33_333 - (phase + 11_000) % 33_333);
            let frames = shown(&paintings, 9 * SECOND_US, known);
            // In its first second it finds the page's phase.
            let (doubled, skipped) = doubled_and_skipped(&steps(&frames)[30..]);
            prop_assert!(doubled + skipped <= 1, "{frames:?}");
        }

        /// The page's clock and ours may differ: each time that they have moved by a frame against each other, one is doubled or lost.
        #[test]
        fn a_page_whose_clock_differs_costs_no_more_than_that(frame_us in 33_000..33_700_i64) {
            let paintings: Vec<i64> = (0..3000).map(|number| number * frame_us).collect();
            let frames = shown(&paintings, 95 * SECOND_US, None);
            let (doubled, skipped) = doubled_and_skipped(&steps(&frames));
            let passed = usize::try_from((3000 * (frame_us - 33_333).abs()) / 33_333).expect("not negative");
            // And one before the phase is known.
            prop_assert!(doubled + skipped <= passed + 2, "{doubled} {skipped} of {passed}");
        }

        #[test]
        fn no_frame_shows_what_is_painted_long_after_it_or_was_replaced_long_before(
            paintings in prop::collection::btree_set(0..2 * SECOND_US, 0..200),
        ) {
            let paintings: Vec<i64> = paintings.into_iter().collect();
            let frames = shown(&paintings, 2 * SECOND_US, None);
            let frame_us = |frames: f64| (frames * 33_333.4).ceil() as i64;
            for (frame, number) in frames.iter().enumerate().skip(1) {
                let time = i64::try_from(frame).expect("few") * SECOND_US / 30;
                if *number > 0 {
                    prop_assert!(paintings[number - 1] <= time + frame_us(LARGEST_PHASE + MOST_LATE), "{frame} {number}");
                }
                if let Some(following) = paintings.get(*number) {
                    prop_assert!(*following >= time - frame_us(1.0 + LARGEST_PHASE - MOST_EARLY), "{frame} {number}");
                }
            }
        }
    }
}
