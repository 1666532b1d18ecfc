use serde::{Deserialize, Serialize};

use super::color;

/// CSS colours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(from = "Given")]
pub struct Colors {
    /// What the colours that are not given are.
    pub base: Base,
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

/// Whether a theme is light on dark or dark on light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// Light text on a dark background.
    #[default]
    Dark,
    /// Dark text on a light background.
    Light,
}

impl Colors {
    /// The colours of a base.
    pub fn of(base: Base) -> Self {
        let color = str::to_owned;
        match base {
            Base::Dark => Self {
                base,
                background: color("#0e1116"),
                surface: color("#1b212b"),
                text: color("#f4f6fa"),
                muted_text: color("#a9b3c3"),
                accent: color("#5ad1a0"),
                alert: color("#ff6b6b"),
            },
            Base::Light => Self {
                base,
                background: color("#f1f3f7"),
                surface: color("#ffffff"),
                text: color("#141922"),
                muted_text: color("#5b6677"),
                accent: color("#12946a"),
                alert: color("#d4323c"),
            },
        }
    }
}

impl Default for Colors {
    fn default() -> Self {
        Self::of(Base::default())
    }
}

/// CSS colours; those that are not given are those of the base.
#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Colors"))]
#[serde(deny_unknown_fields, default)]
struct Given {
    /// What the colours that are not given are.
    base: Base,
    /// Behind the tiles.
    background: Option<Css>,
    /// A tile without a picture, panels.
    surface: Option<Css>,
    /// Text on background, surface and name plates.
    text: Option<Css>,
    /// Less important text.
    muted_text: Option<Css>,
    /// Speaking ring, highlights.
    accent: Option<Css>,
    /// Mute mark.
    alert: Option<Css>,
}

/// A CSS colour, such as `#1b212b`, `rgb(27 33 43)` or `navy`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
struct Css(#[serde(deserialize_with = "color::css")] String);

impl From<Given> for Colors {
    fn from(given: Given) -> Self {
        let base = Self::of(given.base);
        let or = |given: Option<Css>, base: String| given.map_or(base, |Css(text)| text);
        Self {
            base: base.base,
            background: or(given.background, base.background),
            surface: or(given.surface, base.surface),
            text: or(given.text, base.text),
            muted_text: or(given.muted_text, base.muted_text),
            accent: or(given.accent, base.accent),
            alert: or(given.alert, base.alert),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_that_are_not_given_are_those_of_the_base() {
        let read = |text: &str| serde_json::from_str::<Colors>(text).expect("valid");
        assert_eq!(read("{}"), Colors::of(Base::Dark));
        let mine = Colors { accent: "navy".into(), ..Colors::of(Base::Light) };
        assert_eq!(read(r#"{"base": "light", "accent": "navy"}"#), mine);
        assert_eq!(read(&serde_json::to_string(&mine).expect("serializable")), mine, "whole ones survive the wire");
    }

    #[test]
    fn a_colour_that_no_browser_draws_is_refused() {
        let read = |text: &str| serde_json::from_str::<Colors>(&format!(r#"{{"accent": "{text}"}}"#));
        let error = read("sea-green-ish").expect_err("refused").to_string();
        assert!(error.starts_with("\"sea-green-ish\" is no CSS colour"), "{error}");
        for color in ["#5ad1a0", "rgb(90 209 160 / 80%)", "oklch(0.7 0.1 160)", "SeaGreen"] {
            assert_eq!(read(color).expect("valid").accent, color);
        }
    }
}
