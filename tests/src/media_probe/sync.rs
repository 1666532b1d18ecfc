//! Flashes and beeps of the probe page, read back.

use std::f64::consts::TAU;
use std::fmt;
use std::path::Path;

use super::counter::Counters;
use super::decode::{self, Colours, Frame, Pictures, ProbeError, SAMPLE_RATE, Samples};
use super::plan::Plan;
use super::region::Region;

/// A flash and a beep farther apart than this, in seconds, do not belong together.
const FARTHEST_PAIR: f64 = 0.4;

/// Mean brightness of 255 from which the flash area counts as white. Halfway: a frame blended of dark and white is neither
/// early nor late.
const WHITE: f64 = 128.0;

/// Part of the planned amplitude from which a beep is taken as one; volume on the way is allowed to halve it twice.
const LEAST_AMPLITUDE: f64 = 0.1;

/// Finds when the flash area turns white.
#[derive(Clone, Debug, Default)]
pub struct FlashWatch {
    bright: bool,
    onsets: Vec<f64>,
}

impl FlashWatch {
    /// Adds a frame.
    pub fn see(&mut self, frame: &Frame<'_>) {
        let flash = &Plan::get().flash;
        let inset = Region::new(
            flash.left + flash.width * 0.1,
            flash.top + flash.height * 0.1,
            flash.width * 0.8,
            flash.height * 0.8,
        );
        let bright = frame.luma(inset) > WHITE;
        if bright && !self.bright && frame.index > 0 {
            self.onsets.push(frame.pts);
        }
        self.bright = bright;
    }

    /// Times of the first white frame of each flash, in seconds. A flash that the recording starts inside of has none.
    pub fn onsets(&self) -> &[f64] {
        &self.onsets
    }
}

/// Times at which the planned tone sets in, in seconds, to about 0.2 ms.
pub fn beeps(samples: &Samples) -> Vec<f64> {
    let beep = &Plan::get().beep;
    let envelope = Envelope::of(&samples.values, beep.hertz);
    let threshold = beep.amplitude * LEAST_AMPLITUDE;
    let burst = (beep.seconds * f64::from(SAMPLE_RATE)) as usize;

    let mut onsets = Vec::new();
    let mut from = 0;
    while let Some(found) = envelope.first_above(threshold, from) {
        // Half the height of this very burst: the moving window then lies half inside it, its centre on the onset.
        let peak = envelope.max(found..found + burst);
        let onset = envelope.first_above(peak / 2.0, found).unwrap_or(found);
        let held = envelope.above(peak / 2.0, onset..onset + burst);
        if held as f64 > burst as f64 * 0.8 {
            onsets.push(samples.time_of(envelope.position(onset)));
        }
        from = found + 2 * burst;
    }
    onsets
}

/// Amplitude of one frequency under a short moving window.
struct Envelope {
    values: Vec<f64>,
    window: usize,
}

impl Envelope {
    /// Periods of the tone in the window: long enough to tell it from a click, short enough to find its onset.
    const PERIODS: f64 = 2.0;

    fn of(samples: &[f32], hertz: f64) -> Self {
        let rate = f64::from(SAMPLE_RATE);
        let window = (Self::PERIODS * rate / hertz).round() as usize;
        let (mut real, mut imaginary) = (vec![0.0], vec![0.0]);
        for (i, value) in samples.iter().enumerate() {
            let phase = TAU * hertz * i as f64 / rate;
            real.push(real[i] + f64::from(*value) * phase.cos());
            imaginary.push(imaginary[i] + f64::from(*value) * phase.sin());
        }
        let ends = window..real.len().max(window);
        let swing = |sums: &[f64], end: usize| sums[end] - sums[end - window];
        let values = ends.map(|end| swing(&real, end).hypot(swing(&imaginary, end)) * 2.0 / window as f64).collect();
        Self { values, window }
    }

    /// Sample at the centre of a window.
    fn position(&self, index: usize) -> f64 {
        index as f64 + self.window as f64 / 2.0
    }

    fn first_above(&self, threshold: f64, from: usize) -> Option<usize> {
        self.values.get(from..)?.iter().position(|value| *value >= threshold).map(|at| from + at)
    }

    fn max(&self, range: std::ops::Range<usize>) -> f64 {
        self.clipped(range).iter().copied().fold(0.0, f64::max)
    }

    fn above(&self, threshold: f64, range: std::ops::Range<usize>) -> usize {
        self.clipped(range).iter().filter(|value| **value >= threshold).count()
    }

    fn clipped(&self, range: std::ops::Range<usize>) -> &[f64] {
        let end = range.end.min(self.values.len());
        &self.values[range.start.min(end)..end]
    }
}

/// How far each flash lies behind its beep.
#[derive(Clone, Debug, Default)]
pub struct Offsets {
    /// Time of the beep, and flash minus beep, both in seconds.
    pub pairs: Vec<(f64, f64)>,
    /// Flashes without a beep and beeps without a flash, apart from those cut by the recording's ends.
    pub unpaired: usize,
}

impl Offsets {
    /// Pairs each flash with the nearest beep. Events within half a second of the `start` or `end` of the recording may
    /// lack their other half.
    pub fn pair(flashes: &[f64], beeps: &[f64], start: f64, end: f64) -> Self {
        let nearest = |time: f64, among: &[f64]| {
            among.iter().copied().min_by(|a, b| (a - time).abs().total_cmp(&(b - time).abs()))
        };
        let belongs = |time: f64, other: &f64| (other - time).abs() <= FARTHEST_PAIR;
        let inside = |time: &&f64| **time > start + 0.5 && **time < end - 0.5;
        let pairs: Vec<_> = beeps
            .iter()
            .filter_map(|beep| {
                nearest(*beep, flashes).filter(|flash| belongs(*beep, flash)).map(|flash| (*beep, flash - beep))
            })
            .collect();
        let lonely = |of: &[f64], others: &[f64]| {
            of.iter()
                .filter(inside)
                .filter(|time| !nearest(**time, others).is_some_and(|other| belongs(**time, &other)))
                .count()
        };
        Self { pairs, unpaired: lonely(flashes, beeps) + lonely(beeps, flashes) }
    }

    /// Milliseconds by which flashes lie behind beeps, in rising order.
    pub fn sorted_ms(&self) -> Vec<f64> {
        let mut offsets: Vec<_> = self.pairs.iter().map(|(_, offset)| offset * 1000.0).collect();
        offsets.sort_by(f64::total_cmp);
        offsets
    }

    /// The middle of [`Self::sorted_ms`]; NaN without any pair.
    pub fn median_ms(&self) -> f64 {
        let sorted = self.sorted_ms();
        match sorted.len() {
            0 => f64::NAN,
            count if count % 2 == 1 => sorted[count / 2],
            count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
        }
    }

    /// Least and greatest; NaN without any pair.
    pub fn range_ms(&self) -> (f64, f64) {
        let sorted = self.sorted_ms();
        (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN))
    }

    /// By how many milliseconds a minute the picture falls behind: the slope of a least-squares line.
    pub fn drift_ms_per_minute(&self) -> f64 {
        let count = self.pairs.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| self.pairs.iter().map(of).sum::<f64>() / count;
        let (time, offset) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let over = self.pairs.iter().map(|pair| (pair.0 - time) * (pair.1 - offset)).sum::<f64>();
        let under = self.pairs.iter().map(|pair| (pair.0 - time).powi(2)).sum::<f64>();
        over / under * 60_000.0
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, greatest) = self.range_ms();
        write!(
            f,
            "flash - beep: median {:+.1} ms, {:+.1} to {:+.1} ms over {} pairs, drift {:+.1} ms/min, {} unpaired",
            self.median_ms(),
            least,
            greatest,
            self.pairs.len(),
            self.drift_ms_per_minute(),
            self.unpaired
        )
    }
}

/// All that a recording of the probe page tells.
#[derive(Clone, Debug)]
pub struct Sync {
    /// Unique frames, freezes, cadence.
    pub counters: Counters,
    /// Picture against sound.
    pub offsets: Offsets,
    /// Decoded picture.
    pub pictures: Pictures,
    /// When the sound starts, in seconds.
    pub sound_start: f64,
    /// Length of the decoded sound, in seconds.
    pub sound_duration: f64,
    /// See [`Samples::largest_hole`].
    pub largest_hole: f64,
}

impl Sync {
    /// Measures a recording of the probe page.
    pub fn of(file: &Path) -> Result<Self, ProbeError> {
        let mut counters = Counters::default();
        let mut flashes = FlashWatch::default();
        let pictures = decode::frames(file, Colours::Gray, None, |frame| {
            counters.see(frame);
            flashes.see(frame);
        })?;
        let samples = decode::samples(file)?;
        let (start, end) =
            (pictures.start.max(samples.start), pictures.end.min(samples.time_of(samples.values.len() as f64)));
        let offsets = Offsets::pair(flashes.onsets(), &beeps(&samples), start, end);
        Ok(Self {
            counters,
            offsets,
            pictures,
            sound_start: samples.start,
            sound_duration: samples.duration(),
            largest_hole: samples.largest_hole,
        })
    }
}

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.counters)?;
        writeln!(f, "{}", self.offsets)?;
        write!(
            f,
            "picture {:.3} s from {:.3}, sound {:.3} s from {:.3} (largest hole {:.1} ms)",
            self.pictures.duration(),
            self.pictures.start,
            self.sound_duration,
            self.sound_start,
            self.largest_hole * 1000.0
        )
    }
}
