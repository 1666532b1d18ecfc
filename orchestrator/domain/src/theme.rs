//! Colours, logo, fonts and overlays as data.

mod background;
mod color;
mod colors;
mod contrast;
mod overlays;
mod reading;

pub use background::{Background, Gradient, Scenery};
pub use colors::{Base, Colors};
pub use contrast::{Contrast, MARK, TEXT};
pub use overlays::{Card, Clock, LowerThird, Overlays, Ticker, Watermark};
pub use reading::ThemeError;

use serde::{Deserialize, Serialize};

/// How a recording looks. Every field has a default, so a theme file names only what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields, default)]
pub struct Theme {
    /// Address of the schema, by which editors know what may be written; means nothing to a recording.
    #[serde(rename = "$schema", skip_serializing)]
    #[cfg_attr(test, ts(skip))]
    pub schema: Option<String>,
    /// Shown in a corner; absent for none.
    pub title: Option<String>,
    /// CSS font family; the installed Noto fonts stand behind it for every script.
    pub font_family: String,
    /// Colours.
    pub colors: Colors,
    /// Over the background's colour, behind the tiles; absent for none.
    pub background: Option<Background>,
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
            schema: None,
            title: None,
            font_family: "Inter, \"Noto Sans\", sans-serif".to_owned(),
            colors: Colors::default(),
            background: None,
            logo: None,
            tiles: Tiles::default(),
            overlays: Overlays::default(),
        }
    }
}

impl Theme {
    /// Every file that a theme names by a path beside its own, with the path of the field; a page gets them as `data:` URLs.
    pub fn files_mut(&mut self) -> Vec<(&'static str, &mut String)> {
        let logo = self.logo.as_mut().map(|logo| ("logo.image", &mut logo.image));
        let mark = self.overlays.watermark.as_mut().map(|mark| ("overlays.watermark.image", &mut mark.image));
        let background = self.background.as_mut().and_then(|background| match background {
            Background::Image(image) => Some(("background.image.file", &mut image.file)),
            Background::Video(video) => Some(("background.video.file", &mut video.file)),
            Background::Gradient(_) => None,
        });
        logo.into_iter().chain(mark).chain(background).collect()
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
    /// Between tiles and the edge of the frame; absent: as between tiles. At most [`Tiles::WIDEST_MARGIN`].
    #[serde(deserialize_with = "margin")]
    #[cfg_attr(feature = "schema", schemars(range(max = Self::WIDEST_MARGIN)))]
    pub margin: Option<u16>,
    /// Corners; absent: they grow with the tile. At most [`Tiles::ROUNDEST`].
    #[serde(deserialize_with = "radius")]
    #[cfg_attr(feature = "schema", schemars(range(max = Self::ROUNDEST)))]
    pub radius: Option<u16>,
    /// Tiles glide to new places, come and go softly. Off also where the browser is told that less motion is preferred.
    pub motion: bool,
    /// Seconds after which a layout that has no room for everybody turns to the next page; 0 stays with those who spoke last.
    pub page_seconds: u16,
}

impl Tiles {
    /// With more there would be more gap than tile in a crowd.
    pub const WIDEST_GAP: u16 = 48;
    /// With more an upright frame would be more edge than picture.
    pub const WIDEST_MARGIN: u16 = 120;
    /// With more a small tile would be a disc.
    pub const ROUNDEST: u16 = 64;
}

impl Default for Tiles {
    fn default() -> Self {
        Self { gap: 10, margin: None, radius: None, motion: true, page_seconds: 0 }
    }
}

fn gap<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    overlays::bounded::<_, 0, { Tiles::WIDEST_GAP }>(deserializer)
}

fn margin<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    overlays::optional::<_, 0, { Tiles::WIDEST_MARGIN }>(deserializer)
}

fn radius<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    overlays::optional::<_, 0, { Tiles::ROUNDEST }>(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_leaves_no_room_for_tiles_is_refused_with_its_bounds() {
        for (tiles, says) in [
            (r#"{"gap": 49}"#, "49 is out of range; write 0 to 48"),
            (r#"{"margin": 121}"#, "121 is out of range; write 0 to 120"),
            (r#"{"radius": 65}"#, "65 is out of range; write 0 to 64"),
        ] {
            let error = serde_json::from_str::<Theme>(&format!(r#"{{"tiles": {tiles}}}"#)).expect_err("refused");
            assert!(error.to_string().starts_with(says), "{error}");
        }
        let theme: Theme = serde_json::from_str(r#"{"tiles": {"gap": 48}}"#).expect("valid");
        assert_eq!(theme.tiles, Tiles { gap: 48, ..Tiles::default() });
    }

    #[test]
    fn a_background_is_exactly_one_thing() {
        let read = |text: &str| serde_json::from_str::<Theme>(&format!(r#"{{"background": {text}}}"#));
        let gradient = read(r##"{"gradient": {"from": "#123", "to": "navy"}}"##).expect("valid").background;
        assert_eq!(
            gradient,
            Some(Background::Gradient(Gradient { from: "#123".into(), to: "navy".into(), angle: 150 }))
        );
        for (text, says) in [
            (r#"{"image": {"file": "a.png"}, "video": {"file": "a.mp4"}}"#, "expected value"),
            (
                r#"{"picture": {"file": "a.png"}}"#,
                "unknown variant `picture`, expected one of `image`, `gradient`, `video`",
            ),
            (r##"{"gradient": {"from": "#12", "to": "navy"}}"##, "\"#12\" is no CSS colour"),
            (r#"{"video": {"file": "a.mp4", "dim": 101}}"#, "101 is out of range; write 0 to 100"),
        ] {
            let error = read(text).expect_err("refused").to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn every_file_is_found_where_it_may_be_named() {
        let text = r#"{"logo": {"image": "l.svg"}, "background": {"video": {"file": "b.mp4"}},
            "overlays": {"watermark": {"image": "w.png"}}}"#;
        let mut theme: Theme = serde_json::from_str(text).expect("valid");
        let found: Vec<_> = theme.files_mut().into_iter().map(|(field, file)| (field, file.clone())).collect();
        assert_eq!(
            found,
            [("logo.image", "l.svg"), ("overlays.watermark.image", "w.png"), ("background.video.file", "b.mp4")]
                .map(|(field, file)| (field, file.to_owned()))
        );
    }
}
