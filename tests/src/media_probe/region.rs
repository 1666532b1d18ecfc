//! Colour and motion of a part of the picture.

use std::path::Path;

use super::decode::{self, Colours, Frame, ProbeError};

/// A rectangle, in fractions of the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Left edge.
    pub left: usize,
    /// Upper edge.
    pub top: usize,
    /// Width, at least 1.
    pub width: usize,
    /// Height, at least 1.
    pub height: usize,
}

impl Region {
    /// The whole frame.
    pub const ALL: Self = Self::new(0.0, 0.0, 1.0, 1.0);

    /// A rectangle by left and upper edge, width and height.
    pub const fn new(left: f64, top: f64, width: f64, height: f64) -> Self {
        Self { left, top, width, height }
    }

    /// The same rectangle in a frame of that size.
    pub fn pixels(self, width: usize, height: usize) -> Pixels {
        let along = |from: f64, length: f64, all: usize| {
            let start = ((from * all as f64).round() as usize).min(all - 1);
            let end = (((from + length) * all as f64).round() as usize).clamp(start + 1, all);
            (start, end - start)
        };
        let (left, width) = along(self.left, self.width, width);
        let (top, height) = along(self.top, self.height, height);
        Pixels { left, top, width, height }
    }
}

impl Frame<'_> {
    /// Mean of each channel over a part of this frame, 0..=255; a gray frame has one.
    pub fn mean(&self, region: Region) -> Vec<f64> {
        let area = region.pixels(self.width, self.height);
        let channels = self.colours.channels();
        let mut sums = vec![0_u64; channels];
        for y in area.top..area.top + area.height {
            let start = (y * self.width + area.left) * channels;
            for pixel in self.pixels[start..start + area.width * channels].chunks_exact(channels) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += u64::from(*value);
                }
            }
        }
        let count = (area.width * area.height) as f64;
        sums.into_iter().map(|sum| sum as f64 / count).collect()
    }

    /// Mean of all channels over a part of this frame, 0..=255.
    pub fn luma(&self, region: Region) -> f64 {
        let mean = self.mean(region);
        mean.iter().sum::<f64>() / mean.len() as f64
    }
}

/// What a part of the picture does over the time of a recording.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Mean colour over all frames: red, green, blue, 0..=255.
    pub colour: [f64; 3],
    /// Mean over all frames of the standard deviation of brightness inside the part: 0 for a flat area.
    pub texture: f64,
    /// For each frame after the first: time, and mean absolute difference of brightness from the frame before, 0..=255.
    pub motion: Vec<(f64, f64)>,
}

impl Activity {
    /// Mean motion between two times, in seconds; 0 where there is no frame.
    pub fn motion_between(&self, from: f64, to: f64) -> f64 {
        let within = || self.motion.iter().filter(|(pts, _)| (from..to).contains(pts)).map(|(_, motion)| motion);
        within().sum::<f64>() / (within().count().max(1) as f64)
    }

    /// Fraction of frames that differ from the one before by more than `threshold`.
    pub fn moving(&self, threshold: f64) -> f64 {
        let moving = self.motion.iter().filter(|(_, motion)| *motion > threshold).count();
        moving as f64 / self.motion.len().max(1) as f64
    }
}

/// Watches one part of the picture through a whole file.
pub fn watch(file: &Path, region: Region) -> Result<Activity, ProbeError> {
    let mut before: Vec<u8> = Vec::new();
    let mut colour = [0.0; 3];
    let mut texture = 0.0;
    let mut motion = Vec::new();
    let seen = decode::frames(file, Colours::Rgb, Some(region), |frame| {
        for (sum, value) in colour.iter_mut().zip(frame.mean(Region::ALL)) {
            *sum += value;
        }
        let gray: Vec<u8> = frame.pixels.chunks_exact(3).map(brightness).collect();
        texture += deviation(&gray);
        if !before.is_empty() {
            let difference: u64 = gray.iter().zip(&before).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            motion.push((frame.pts, difference as f64 / gray.len() as f64));
        }
        before = gray;
    })?;
    let frames = seen.frames.max(1) as f64;
    Ok(Activity { colour: colour.map(|sum| sum / frames), texture: texture / frames, motion })
}

fn brightness(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    // Rec. 709 weights in 1/256.
    u8::try_from((54 * red + 183 * green + 19 * blue) >> 8).unwrap_or(u8::MAX)
}

fn deviation(gray: &[u8]) -> f64 {
    let count = gray.len() as f64;
    let mean = gray.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    (gray.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / count).sqrt()
}
