//! Colours, logo, fonts and overlays as data.

mod color;
mod contrast;
mod overlays;

pub use contrast::{Contrast, MARK, TEXT};
pub use overlays::{Card, Clock, LowerThird, Overlays, Ticker, Watermark};

use serde::{Deserialize, Serialize};

/// How a recording looks. Every field has a default, so a theme file names only what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields, default)]
pub struct Theme {
    /// Shown in a corner; absent for none.
    pub title: Option<String>,
    /// CSS font family; the installed Noto fonts stand behind it for every script.
    pub font_family: String,
    /// Colours.
    pub colors: Colors,
    /// Logo; absent for none.
    pub logo: Option<Logo>,
    /// How tiles stand and move.
    pub tiles: Tiles,
    /// What is drawn over the tiles.
    pub overlays: Overlays,
}

impl Default for Theme {
    fn default() -> Self {
        Self {
            title: None,
            font_family: "Inter, \"Noto Sans\", sans-serif".to_owned(),
            colors: Colors::default(),
            logo: None,
            tiles: Tiles::default(),
            overlays: Overlays::default(),
        }
    }
}

impl Theme {
    /// Every image that a theme file names by a path beside it, with its field; a page gets them as `data:` URLs.
    pub fn images_mut(&mut self) -> Vec<(&'static str, &mut String)> {
        let logo = self.logo.as_mut().map(|logo| ("logo", &mut logo.image));
        let watermark = self.overlays.watermark.as_mut().map(|watermark| ("watermark", &mut watermark.image));
        logo.into_iter().chain(watermark).collect()
    }
}

/// CSS colours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields, default)]
pub struct Colors {
    /// Behind the tiles.
    #[serde(deserialize_with = "color::css")]
    pub background: String,
    /// A tile without a picture, panels.
    #[serde(deserialize_with = "color::css")]
    pub surface: String,
    /// Text on background, surface and name plates.
    #[serde(deserialize_with = "color::css")]
    pub text: String,
    /// Less important text.
    #[serde(deserialize_with = "color::css")]
    pub muted_text: String,
    /// Speaking ring, highlights.
    #[serde(deserialize_with = "color::css")]
    pub accent: String,
    /// Mute mark.
    #[serde(deserialize_with = "color::css")]
    pub alert: String,
}

impl Default for Colors {
    fn default() -> Self {
        let color = str::to_owned;
        Self {
            background: color("#0e1116"),
            surface: color("#1b212b"),
            text: color("#f4f6fa"),
            muted_text: color("#a9b3c3"),
            accent: color("#5ad1a0"),
            alert: color("#ff6b6b"),
        }
    }
}

/// A logo in a corner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct Logo {
    /// In a theme file a path beside it; by the time the page sees it, a `data:` URL.
    pub image: String,
    /// Where.
    #[serde(default)]
    pub corner: Corner,
}

/// A corner of the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "kebab-case")]
pub enum Corner {
    /// Top left.
    TopLeft,
    /// Top right.
    #[default]
    TopRight,
    /// Bottom left.
    BottomLeft,
    /// Bottom right.
    BottomRight,
}

/// How tiles stand and move. Lengths are pixels of a frame whose shorter side is 720, and grow with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields, default)]
pub struct Tiles {
    /// Between tiles, and between tiles and the edge of the frame; at most [`Tiles::WIDEST_GAP`].
    #[serde(deserialize_with = "gap")]
    #[cfg_attr(feature = "schema", schemars(range(max = Self::WIDEST_GAP)))]
    pub gap: u16,
    /// Tiles glide to new places, come and go softly. Off also where the browser is told that less motion is preferred.
    pub motion: bool,
    /// Seconds after which a layout that has no room for everybody turns to the next page; 0 stays with those who spoke last.
    pub page_seconds: u16,
}

impl Tiles {
    /// With more there would be more gap than tile in a crowd.
    pub const WIDEST_GAP: u16 = 48;
}

impl Default for Tiles {
    fn default() -> Self {
        Self { gap: 10, motion: true, page_seconds: 0 }
    }
}

fn gap<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let gap = u16::deserialize(deserializer)?;
    if gap <= Tiles::WIDEST_GAP {
        return Ok(gap);
    }
    Err(serde::de::Error::custom(format!("tiles.gap is {gap}; write 0 to {}", Tiles::WIDEST_GAP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_that_leaves_no_room_for_tiles_is_refused_by_name() {
        let error = serde_json::from_str::<Theme>(r#"{"tiles": {"gap": 49}}"#).expect_err("refused");
        assert!(error.to_string().starts_with("tiles.gap is 49; write 0 to 48"), "{error}");
        let theme: Theme = serde_json::from_str(r#"{"tiles": {"gap": 48}}"#).expect("valid");
        assert_eq!(theme.tiles, Tiles { gap: 48, ..Tiles::default() });
    }

    #[test]
    fn a_colour_that_no_browser_draws_is_refused() {
        let error = serde_json::from_str::<Theme>(r#"{"colors": {"accent": "sea-green-ish"}}"#).expect_err("refused");
        assert!(error.to_string().starts_with("\"sea-green-ish\" is no CSS colour"), "{error}");
        for color in ["#5ad1a0", "rgb(90 209 160 / 80%)", "oklch(0.7 0.1 160)", "SeaGreen"] {
            let text = format!(r#"{{"colors": {{"accent": "{color}"}}}}"#);
            assert_eq!(serde_json::from_str::<Theme>(&text).expect("valid").colors.accent, color);
        }
    }
}
