use serde::{Deserialize, Deserializer};

/// A colour as it is seen: red, green, blue and opacity, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen([f64; 4]);

impl Seen {
    /// Reads a CSS colour; none when it isn't one, or takes something else to be known (`var(…)`, `currentcolor`).
    pub(super) fn of(css: &str) -> Option<Self> {
        let [red, green, blue, opacity] = csscolorparser::parse(css).ok()?.to_array();
        Some(Self([red, green, blue, opacity].map(f64::from)))
    }

    pub(super) const WHITE: Self = Self([1.0, 1.0, 1.0, 1.0]);
    pub(super) const BLACK: Self = Self([0.0, 0.0, 0.0, 1.0]);

    /// The same, as opaque as this.
    pub(super) fn at(self, opacity: f64) -> Self {
        let [red, green, blue, own] = self.0;
        Self([red, green, blue, own * opacity])
    }

    /// What is seen when this lies on something opaque.
    pub(super) fn on(self, below: Self) -> Self {
        let opacity = self.0[3];
        let mix = |at: usize| self.0[at] * opacity + below.0[at] * (1.0 - opacity);
        Self([mix(0), mix(1), mix(2), 1.0])
    }

    /// Relative luminance of WCAG 2, of an opaque colour.
    fn luminance(self) -> f64 {
        let linear = |part: f64| {
            let part = part.clamp(0.0, 1.0);
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue, _] = self.0;
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    /// Contrast ratio of WCAG 2 between two opaque colours: 1 to 21.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }
}

/// A colour that every browser draws as we understand it: what can't be read would silently be drawn as something else.
pub(super) fn css<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if Seen::of(&text).is_some() {
        return Ok(text);
    }
    let shown: String = text.chars().take(40).collect();
    Err(serde::de::Error::custom(format!(
        "\"{shown}\" is no CSS colour; write one such as #1b212b, rgb(27 33 43) or navy"
    )))
}
