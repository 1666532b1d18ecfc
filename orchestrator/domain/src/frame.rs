//! Size and rate of the frames that are captured.

use serde::{Deserialize, Serialize};

/// Width and height in pixels; both even, because H.264 with 4:2:0 chroma has no odd frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(try_from = "RawFrameSize", deny_unknown_fields)]
pub struct FrameSize {
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFrameSize {
    width: u32,
    height: u32,
}

impl TryFrom<RawFrameSize> for FrameSize {
    type Error = String;

    fn try_from(raw: RawFrameSize) -> Result<Self, String> {
        Self::new(raw.width, raw.height)
    }
}

impl FrameSize {
    /// Smallest width or height: below it no layout is legible.
    pub const MIN: u32 = 128;
    /// Largest width or height: level 5.2 of H.264.
    pub const MAX: u32 = 4096;
    /// 1280x720.
    pub const HD: Self = Self { width: 1280, height: 720 };

    /// Fails with a sentence for the user when a side is odd or out of bounds.
    pub fn new(width: u32, height: u32) -> Result<Self, String> {
        for (side, pixels) in [("width", width), ("height", height)] {
            if !(Self::MIN..=Self::MAX).contains(&pixels) {
                return Err(format!(
                    "the frame's {side} is {pixels} pixels; it must be {} to {}",
                    Self::MIN,
                    Self::MAX
                ));
            }
            if pixels % 2 != 0 {
                return Err(format!(
                    "the frame's {side} is {pixels} pixels; H.264 needs an even number, such as {}",
                    pixels + 1
                ));
            }
        }
        Ok(Self { width, height })
    }

    /// Pixels from left to right.
    pub fn width(self) -> u32 {
        self.width
    }

    /// Pixels from top to bottom.
    pub fn height(self) -> u32 {
        self.height
    }
}

impl std::fmt::Display for FrameSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl std::str::FromStr for FrameSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        let (width, height) = sides.ok_or_else(|| format!("\"{text}\" is no frame size; write it as 1280x720"))?;
        Self::new(width, height)
    }
}

/// Whole frames a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(try_from = "u32")]
pub struct FrameRate(u32);

impl FrameRate {
    /// 30 frames a second.
    pub const DEFAULT: Self = Self(30);
    /// The page is painted 60 times a second; more would only repeat frames.
    pub const MAX: u32 = 60;

    /// Frames a second.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for FrameRate {
    type Error = String;

    fn try_from(fps: u32) -> Result<Self, String> {
        if (1..=Self::MAX).contains(&fps) {
            Ok(Self(fps))
        } else {
            Err(format!("{fps} frames a second can't be captured; it must be 1 to {}", Self::MAX))
        }
    }
}

impl std::str::FromStr for FrameRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<u32>().map_err(|_| format!("\"{text}\" is no whole number of frames a second"))?.try_into()
    }
}

impl std::fmt::Display for FrameRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
