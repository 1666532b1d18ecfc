use serde::{Deserialize, Deserializer, Serialize};

use super::Corner;

/// What is drawn over the tiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields, default)]
pub struct Overlays {
    /// Name plates with mute marks.
    pub names: bool,
    /// The latest lines of chat.
    pub chat: bool,
    /// A line of chat that the room has pinned.
    pub pinned: bool,
    /// Emoji reactions.
    pub reactions: bool,
    /// Raised hands, in the order in which they were raised.
    pub hands: bool,
    /// What is said, as text. Off unless asked for: what is drawn can't be switched off by who watches, and everything understood is
    /// in `captions.vtt` anyway.
    pub captions: bool,
    /// Corners of plates, lines of chat, captions and lower thirds, in pixels of a frame whose shorter side is 720; at most
    /// [`Overlays::ROUNDEST`]. Absent: each its own.
    #[serde(deserialize_with = "radius")]
    #[cfg_attr(feature = "schema", schemars(range(max = Self::ROUNDEST)))]
    pub radius: Option<u16>,
    /// Beside the title.
    pub clock: Clock,
    /// A headline over the lower third of the picture, for some time; absent for none.
    pub lower_third: Option<LowerThird>,
    /// A line of text that runs along the lower edge; absent for none.
    pub ticker: Option<Ticker>,
    /// A translucent image in a corner, over everything; absent for none.
    pub watermark: Option<Watermark>,
    /// Covers the picture at the beginning; absent for none.
    pub intro: Option<Card>,
    /// Covers the picture when the room has ended, which the recording waits for; absent for none.
    pub outro: Option<Card>,
}

impl Default for Overlays {
    fn default() -> Self {
        Self {
            names: true,
            chat: true,
            pinned: true,
            reactions: true,
            hands: true,
            captions: false,
            radius: None,
            clock: Clock::Off,
            lower_third: None,
            ticker: None,
            watermark: None,
            intro: None,
            outro: None,
        }
    }
}

impl Overlays {
    /// A line of chat is hardly higher.
    pub const ROUNDEST: u16 = 32;
}

fn radius<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    optional::<_, 0, { Overlays::ROUNDEST }>(deserializer)
}

/// Which time is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// None.
    #[default]
    Off,
    /// Since the page was ready to be recorded.
    Elapsed,
    /// The time of day, where the recorder stands.
    Time,
}

/// Two lines over the lower third of the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct LowerThird {
    /// The upper, larger line.
    pub headline: String,
    /// The lower line.
    #[serde(default)]
    pub detail: Option<String>,
    /// Seconds from the beginning until it comes.
    #[serde(default = "two")]
    pub after: u16,
    /// Seconds for which it stays; 0 for as long as the recording lasts.
    #[serde(default = "eight")]
    pub seconds: u16,
}

/// Text that runs along the lower edge, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct Ticker {
    /// What runs.
    pub text: String,
    /// Pixels a second of a frame whose shorter side is 720: 20 to 400.
    #[serde(default = "walking", deserialize_with = "bounded::<_, 20, 400>")]
    #[cfg_attr(feature = "schema", schemars(range(min = 20, max = 400)))]
    pub speed: u16,
}

/// An image in a corner, over everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// In a theme file a path beside it; by the time the page sees it, a `data:` URL.
    pub image: String,
    /// Where.
    #[serde(default = "lower_right")]
    pub corner: Corner,
    /// Per cent, 1 to 100.
    #[serde(default = "half", deserialize_with = "bounded::<_, 1, 100>")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub opacity: u16,
    /// Width in per cent of the frame's shorter side, 2 to 50.
    #[serde(default = "fifth", deserialize_with = "bounded::<_, 2, 50>")]
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 50)))]
    pub width: u16,
}

/// A card that covers the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The larger line.
    pub headline: String,
    /// The line below.
    #[serde(default)]
    pub detail: Option<String>,
    /// For how long, 1 to 30.
    #[serde(default = "four", deserialize_with = "bounded::<_, 1, 30>")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 30)))]
    pub seconds: u16,
}

fn two() -> u16 {
    2
}

fn four() -> u16 {
    4
}

fn eight() -> u16 {
    8
}

fn walking() -> u16 {
    90
}

fn half() -> u16 {
    50
}

fn fifth() -> u16 {
    20
}

fn lower_right() -> Corner {
    Corner::BottomRight
}

/// A length that need not be given.
pub(super) fn optional<'de, D: Deserializer<'de>, const LEAST: u16, const MOST: u16>(
    deserializer: D,
) -> Result<Option<u16>, D::Error> {
    match Option::<u16>::deserialize(deserializer)? {
        Some(value) if !(LEAST..=MOST).contains(&value) => Err(out_of_range(value, LEAST, MOST)),
        given => Ok(given),
    }
}

fn out_of_range<E: serde::de::Error>(value: u16, least: u16, most: u16) -> E {
    E::custom(format!("{value} is out of range; write {least} to {most}"))
}

pub(super) fn bounded<'de, D: Deserializer<'de>, const LEAST: u16, const MOST: u16>(
    deserializer: D,
) -> Result<u16, D::Error> {
    let value = u16::deserialize(deserializer)?;
    if (LEAST..=MOST).contains(&value) {
        return Ok(value);
    }
    Err(out_of_range(value, LEAST, MOST))
}

#[cfg(test)]
mod tests {
    use crate::theme::{Corner, Theme};

    fn read(overlays: &str) -> Result<Theme, String> {
        serde_json::from_str(&format!(r#"{{"overlays": {overlays}}}"#)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_overlay_needs_no_more_than_what_it_shows() {
        let theme = read(
            r#"{"ticker": {"text": "Hello"}, "intro": {"headline": "All hands"}, "watermark": {"image": "mark.png"},
                "lower_third": {"headline": "Ada"}, "clock": "elapsed"}"#,
        )
        .expect("valid");
        assert_eq!(theme.overlays.watermark.expect("kept").corner, Corner::BottomRight);
        assert_eq!(theme.overlays.intro.expect("kept").seconds, 4);
        assert!(theme.overlays.hands && theme.overlays.outro.is_none());
    }

    #[test]
    fn a_value_that_would_spoil_the_recording_is_refused_with_its_bounds() {
        for (overlays, says) in [
            (r#"{"ticker": {"text": "x", "speed": 4000}}"#, "4000 is out of range; write 20 to 400"),
            (r#"{"intro": {"headline": "x", "seconds": 0}}"#, "0 is out of range; write 1 to 30"),
            (r#"{"watermark": {"image": "x.png", "opacity": 101}}"#, "101 is out of range; write 1 to 100"),
            (r#"{"clock": "sundial"}"#, "unknown variant `sundial`"),
            (r#"{"ticker": {"txt": "x"}}"#, "unknown field `txt`"),
        ] {
            let error = read(overlays).expect_err("refused");
            assert!(error.contains(says) && error.contains("line 1 column"), "{error}");
        }
    }
}
