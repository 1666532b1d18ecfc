//! Colours, logo, fonts and overlays as data.

use serde::{Deserialize, Serialize};

/// How a recording looks. Every field has a default, so a theme file names only what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
            overlays: Overlays::default(),
        }
    }
}

/// CSS colours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields, default)]
pub struct Colors {
    /// Behind the tiles.
    pub background: String,
    /// A tile without a picture, panels.
    pub surface: String,
    /// Text on background, surface and name plates.
    pub text: String,
    /// Less important text.
    pub muted_text: String,
    /// Speaking ring, highlights.
    pub accent: String,
    /// Mute mark.
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

/// What is drawn over the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields, default)]
pub struct Overlays {
    /// Name plates with mute marks.
    pub names: bool,
    /// The latest lines of chat.
    pub chat: bool,
    /// Emoji reactions.
    pub reactions: bool,
}

impl Default for Overlays {
    fn default() -> Self {
        Self { names: true, chat: true, reactions: true }
    }
}
