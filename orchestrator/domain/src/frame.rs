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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minimum" = 1, "maximum" = Self::MAX)))]
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

/// A size and a rate that go by one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("enum" = Self::ALL.map(Self::name))))]
#[serde(try_from = "String", into = "&'static str")]
pub enum Preset {
    /// 1280x720 at 30 frames a second.
    #[default]
    Hd30,
    /// 1280x720 at 60 frames a second.
    Hd60,
    /// 1920x1080 at 30 frames a second.
    FullHd30,
    /// 1920x1080 at 60 frames a second.
    FullHd60,
    /// 720x1280 at 30 frames a second.
    PortraitHd30,
    /// 720x1280 at 60 frames a second.
    PortraitHd60,
    /// 1080x1920 at 30 frames a second.
    PortraitFullHd30,
    /// 1080x1920 at 60 frames a second.
    PortraitFullHd60,
}

impl Preset {
    /// Every preset, in the order in which help texts list them.
    pub const ALL: [Self; 8] = [
        Self::Hd30,
        Self::Hd60,
        Self::FullHd30,
        Self::FullHd60,
        Self::PortraitHd30,
        Self::PortraitHd60,
        Self::PortraitFullHd30,
        Self::PortraitFullHd60,
    ];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hd30 => "720p30",
            Self::Hd60 => "720p60",
            Self::FullHd30 => "1080p30",
            Self::FullHd60 => "1080p60",
            Self::PortraitHd30 => "portrait-720p30",
            Self::PortraitHd60 => "portrait-720p60",
            Self::PortraitFullHd30 => "portrait-1080p30",
            Self::PortraitFullHd60 => "portrait-1080p60",
        }
    }

    /// Size of its frames.
    pub fn size(self) -> FrameSize {
        let (width, height) = match self {
            Self::Hd30 | Self::Hd60 => (1280, 720),
            Self::FullHd30 | Self::FullHd60 => (1920, 1080),
            Self::PortraitHd30 | Self::PortraitHd60 => (720, 1280),
            Self::PortraitFullHd30 | Self::PortraitFullHd60 => (1080, 1920),
        };
        FrameSize { width, height }
    }

    /// Its frames a second.
    pub fn fps(self) -> FrameRate {
        match self {
            Self::Hd30 | Self::FullHd30 | Self::PortraitHd30 | Self::PortraitFullHd30 => FrameRate(30),
            Self::Hd60 | Self::FullHd60 | Self::PortraitHd60 | Self::PortraitFullHd60 => FrameRate(60),
        }
    }
}

impl std::fmt::Display for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|preset| preset.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|preset| preset.name()).collect();
            format!("no preset is called \"{text}\"; there are: {}", known.join(", "))
        })
    }
}

impl TryFrom<String> for Preset {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Preset> for &'static str {
    fn from(preset: Preset) -> Self {
        preset.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_s_name_says_its_size_and_rate() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            assert_eq!(serde_json::to_value(preset).expect("serialises"), preset.name());
            let landscape = preset.name().strip_prefix("portrait-");
            let (lines, fps) = landscape.unwrap_or(preset.name()).split_once('p').expect("lines and rate");
            let (width, height) = (preset.size().width(), preset.size().height());
            assert_eq!((width.min(height).to_string(), preset.fps().to_string()), (lines.to_owned(), fps.to_owned()));
            assert_eq!(width.max(height) * 9, width.min(height) * 16, "{preset}");
            assert_eq!(height > width, landscape.is_some(), "{preset}");
            assert_eq!(FrameSize::new(width, height), Ok(preset.size()));
            assert_eq!(FrameRate::try_from(preset.fps().get()), Ok(preset.fps()));
        }
        assert_eq!((Preset::default().size(), Preset::default().fps()), (FrameSize::HD, FrameRate::DEFAULT));
    }

    #[test]
    fn an_unknown_preset_is_answered_with_those_that_there_are() {
        let error = "4k".parse::<Preset>().expect_err("unknown");
        assert!(error.contains("\"4k\"") && Preset::ALL.iter().all(|preset| error.contains(preset.name())), "{error}");
    }
}
