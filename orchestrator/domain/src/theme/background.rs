use serde::{Deserialize, Serialize};

use super::color;
use super::overlays::bounded;

/// What fills the frame behind the tiles: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Background {
    /// A picture, which covers the frame.
    Image(Scenery),
    /// From one colour to another.
    Gradient(Gradient),
    /// A video without its sound, again and again, which covers the frame. It costs as much as one more camera.
    Video(Scenery),
}

/// A picture or a video behind the tiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct Scenery {
    /// In a theme file a path beside it; by the time the page sees it, a `data:` URL.
    pub file: String,
    /// How much of the background's colour lies over it, in per cent, so that text can be read: 0 to 100.
    #[serde(default = "third", deserialize_with = "bounded::<_, 0, 100>")]
    #[cfg_attr(feature = "schema", schemars(range(max = 100)))]
    pub dim: u16,
}

/// From one colour to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct Gradient {
    /// Where it begins.
    #[serde(deserialize_with = "color::css")]
    pub from: String,
    /// Where it ends.
    #[serde(deserialize_with = "color::css")]
    pub to: String,
    /// Its direction in degrees, as CSS counts them: 0 is upwards, 90 to the right.
    #[serde(default = "slanted", deserialize_with = "bounded::<_, 0, 360>")]
    #[cfg_attr(feature = "schema", schemars(range(max = 360)))]
    pub angle: u16,
}

fn third() -> u16 {
    35
}

fn slanted() -> u16 {
    150
}
