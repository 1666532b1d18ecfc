//! The frame counter of the probe page, read back.

use std::collections::BTreeMap;
use std::fmt;

use super::decode::Frame;
use super::plan::Plan;
use super::region::Region;

/// Least distance between white and black reference, of 255, at which cells can be told apart.
const LEAST_CONTRAST: f64 = 60.0;

/// What one frame's row of cells says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A number.
    Count(u32),
    /// There is no row of cells, or its parity is wrong.
    Unreadable,
}

/// Reads the row of cells.
pub fn read(frame: &Frame<'_>) -> Reading {
    let plan = Plan::get();
    let cells = plan.counter.bits + 4;
    // The middle of a cell: its edges blur in encoding.
    let luma = |cell: u32| {
        let column = 1.0 / f64::from(plan.columns);
        let left = (f64::from(plan.counter.first_column + cell) + 0.3) * column;
        let (top, height) = (plan.counter.top + plan.counter.height * 0.25, plan.counter.height * 0.5);
        frame.luma(Region::new(left, top, 0.4 * column, height))
    };
    let (white, black) = (luma(0), luma(1));
    if white - black < LEAST_CONTRAST {
        return Reading::Unreadable;
    }
    let is_white = |cell: u32| luma(cell) > (white + black) / 2.0;
    let gray = (0..plan.counter.bits).fold(0_u32, |gray, bit| gray << 1 | u32::from(is_white(2 + bit)));
    let parity = is_white(2 + plan.counter.bits);
    if parity != (gray.count_ones() % 2 == 1) || !is_white(cells - 1) {
        return Reading::Unreadable;
    }
    let mut count = gray;
    for shift in [1, 2, 4, 8, 16] {
        count ^= count >> shift;
    }
    Reading::Count(count)
}

/// The counters of a whole recording.
#[derive(Clone, Debug)]
pub struct Counters {
    readings: Vec<(f64, Reading)>,
    modulus: i64,
}

impl Default for Counters {
    fn default() -> Self {
        Self::beginning_anew_after(1 << Plan::get().counter.bits)
    }
}

impl Counters {
    /// Counters of a page that counts no further than this.
    pub fn beginning_anew_after(modulus: i64) -> Self {
        Self { readings: Vec::new(), modulus }
    }

    /// Adds a frame.
    pub fn see(&mut self, frame: &Frame<'_>) {
        self.readings.push((frame.pts, read(frame)));
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.readings.len()
    }

    /// Number of frames whose counter could not be read.
    pub fn unreadable(&self) -> usize {
        self.readings.iter().filter(|(_, reading)| *reading == Reading::Unreadable).count()
    }

    /// Distinct counters ÷ frames: what part of the recording's frames shows something that no other frame shows.
    pub fn unique(&self) -> f64 {
        let distinct = self.steps().iter().filter(|step| step.by > 0).count() + usize::from(self.first().is_some());
        distinct as f64 / self.frames().max(1) as f64
    }

    /// The longest time that one picture stands, in seconds, up to the frame that shows the next.
    pub fn longest_freeze(&self) -> f64 {
        let mut since = self.first();
        let mut longest = 0.0_f64;
        for step in self.steps() {
            if step.by != 0 {
                longest = longest.max(step.pts - since.unwrap_or(step.pts));
                since = Some(step.pts);
            }
        }
        longest
    }

    /// How often the counter advanced by how much from one readable frame to the next: 0 is a frame recorded twice.
    pub fn histogram(&self) -> BTreeMap<i64, usize> {
        let mut histogram = BTreeMap::new();
        for step in self.steps() {
            *histogram.entry(step.by).or_default() += 1;
        }
        histogram
    }

    /// Paints of the page a second over the whole recording.
    pub fn rate(&self) -> f64 {
        let steps = self.steps();
        let (Some(first), Some(last)) = (self.first(), steps.last()) else { return 0.0 };
        steps.iter().map(|step| step.by).sum::<i64>() as f64 / (last.pts - first)
    }

    fn first(&self) -> Option<f64> {
        self.counts().next().map(|(pts, _)| pts)
    }

    fn counts(&self) -> impl Iterator<Item = (f64, u32)> {
        self.readings.iter().filter_map(|(pts, reading)| match reading {
            Reading::Count(count) => Some((*pts, *count)),
            Reading::Unreadable => None,
        })
    }

    fn steps(&self) -> Vec<Step> {
        let modulus = self.modulus;
        let counts: Vec<_> = self.counts().collect();
        counts
            .windows(2)
            .map(|pair| {
                let [(_, from), (pts, to)] = [pair[0], pair[1]];
                // The short way around: the counter wraps, and must be able to step back in order to be caught at it.
                let by = (i64::from(to) - i64::from(from)).rem_euclid(modulus);
                Step { pts, by: if by > modulus / 2 { by - modulus } else { by } }
            })
            .collect()
    }
}

struct Step {
    pts: f64,
    by: i64,
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} frames, {:.2} % unique, {} unreadable, longest freeze {:.0} ms, steps {:?}",
            self.frames(),
            self.unique() * 100.0,
            self.unreadable(),
            self.longest_freeze() * 1000.0,
            self.histogram()
        )
    }
}
