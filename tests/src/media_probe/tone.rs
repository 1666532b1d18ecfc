//! Power of single frequencies.

use std::f64::consts::TAU;

use super::decode::SAMPLE_RATE;

/// Amplitude of the part of `samples` that swings at `hertz`, by Goertzel's filter under a Hann window: 1 for a sine of full
/// scale, about 0 for anything more than 2/length away from it.
pub fn amplitude(samples: &[f32], hertz: f64) -> f64 {
    if samples.len() < 2 {
        return 0.0;
    }
    let step = TAU * hertz / f64::from(SAMPLE_RATE);
    let coefficient = 2.0 * step.cos();
    let (mut last, mut before) = (0.0, 0.0);
    let mut weight = 0.0;
    for (i, value) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * i as f64 / (samples.len() - 1) as f64).cos();
        weight += window;
        (last, before) = (f64::from(*value) * window + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    2.0 * power.max(0.0).sqrt() / weight
}

/// Root mean square.
pub fn rms(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|v| f64::from(*v).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// The strongest amplitude at `hertz` in any window of `seconds` (half overlapping): finds a voice that is not always there.
pub fn strongest(samples: &[f32], hertz: f64, seconds: f64) -> f64 {
    let length = ((seconds * f64::from(SAMPLE_RATE)) as usize).clamp(2, samples.len().max(2));
    samples
        .windows(length.min(samples.len().max(1)))
        .step_by(length / 2)
        .map(|window| amplitude(window, hertz))
        .fold(0.0, f64::max)
}
