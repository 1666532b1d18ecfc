//! Whether what a theme makes people read can be read: contrast ratios of WCAG 2.

use std::fmt;

use super::color::Seen;
use super::{Background, Gradient, Theme};

/// What text needs (WCAG 2, 1.4.3, level AA).
pub const TEXT: f64 = 4.5;
/// What marks and rings need (WCAG 2, 1.4.11).
pub const MARK: f64 = 3.0;

/// How opaque a name plate is over somebody's picture: `.plate` of `layout-app/src/overlays/overlays.css`.
const PLATE: f64 = 0.82;

/// One colour of a theme that is seen on another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// Path of the field whose colour is to be seen, such as `colors.muted_text`.
    pub field: &'static str,
    /// What it stands on: the path of a field, or in words.
    pub against: &'static str,
    /// From 1 (the same) to 21 (black on white).
    pub ratio: f64,
    /// The least ratio at which it can be seen: [`TEXT`] or [`MARK`].
    pub needed: f64,
}

impl Contrast {
    /// Whether it can be seen well enough.
    pub fn suffices(&self) -> bool {
        self.ratio >= self.needed
    }
}

/// A sentence that names the field.
impl fmt::Display for Contrast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded down: 4.49 must not read as 4.5.
        let ratio = (self.ratio * 10.0).floor() / 10.0;
        let Self { field, against, needed, .. } = self;
        let to = if *needed == MARK { "to be made out" } else { "to be read" };
        write!(f, "{field} on {against} has a contrast of {ratio:.1}:1; it takes {needed}:1 {to}")
    }
}

impl Theme {
    /// Every pair of colours of which one is to be seen on the other, with its contrast. A colour that can't be read has none.
    pub fn contrasts(&self) -> Vec<Contrast> {
        let colors = &self.colors;
        let background = ("colors.background", Seen::of(&colors.background).map(|seen| seen.on(Seen::BLACK)));
        let stops = match &self.background {
            Some(Background::Gradient(Gradient { from, to, .. })) => {
                vec![("background.gradient.from", from), ("background.gradient.to", to)]
            }
            // What a picture shows is not known here.
            Some(Background::Image(_) | Background::Video(_)) | None => Vec::new(),
        };
        let behind: Vec<_> = std::iter::once(background)
            .chain(stops.into_iter().map(|(field, color)| (field, seen_on(color, background.1))))
            .collect();
        let surface = ("colors.surface", seen_on(&colors.surface, background.1));
        // Whatever is in the picture, it is no brighter than white and no darker than black.
        let plate = |below: Seen| Seen::of(&colors.surface).map(|seen| seen.at(PLATE).on(below));
        let bright = ("a name plate over a white picture", plate(Seen::WHITE));
        let dark = ("a name plate over a black picture", plate(Seen::BLACK));
        let with = |more: &[_]| [&behind, more].concat();
        let grounds = [
            (&colors.text, "colors.text", TEXT, with(&[surface, bright, dark])),
            (&colors.muted_text, "colors.muted_text", TEXT, with(&[surface])),
            (&colors.accent, "colors.accent", MARK, with(&[])),
            (&colors.alert, "colors.alert", MARK, vec![surface]),
        ];
        let pairs = grounds.into_iter().flat_map(|(color, field, needed, grounds)| {
            grounds.into_iter().filter_map(move |(against, below)| {
                let below = below?;
                let ratio = Seen::of(color)?.on(below).contrast(below);
                Some(Contrast { field, against, ratio, needed })
            })
        });
        pairs.collect()
    }
}

fn seen_on(color: &str, below: Option<Seen>) -> Option<Seen> {
    Some(Seen::of(color)?.on(below?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{Base, Colors};

    fn ratio(of: &str, against: &str) -> f64 {
        Seen::of(of).expect("a colour").contrast(Seen::of(against).expect("a colour"))
    }

    #[test]
    fn ratios_are_those_of_wcag() {
        for (one, other, expected) in [
            ("#000", "#fff", 21.0),
            ("white", "rgb(255, 255, 255)", 1.0),
            // https://webaim.org/resources/contrastchecker
            ("#767676", "#ffffff", 4.54),
            ("#777777", "#ffffff", 4.48),
            ("#0000ff", "#ffffff", 8.59),
            ("hsl(0 100% 50%)", "#ffffff", 4.0),
        ] {
            for ratio in [ratio(one, other), ratio(other, one)] {
                assert!((ratio - expected).abs() < 0.006, "{one} on {other}: {ratio}");
            }
        }
    }

    #[test]
    fn both_bases_can_be_read() {
        for base in [Base::Dark, Base::Light] {
            let contrasts = Theme { colors: Colors::of(base), ..Theme::default() }.contrasts();
            assert_eq!(contrasts.len(), 8);
            for contrast in contrasts {
                assert!(contrast.suffices(), "{base:?}: {contrast}");
            }
        }
    }

    #[test]
    fn a_gradient_is_stood_on_at_both_ends() {
        let gradient = Gradient { from: "#0e1116".into(), to: "#9aa4b0".into(), angle: 0 };
        let theme = Theme { background: Some(Background::Gradient(gradient)), ..Theme::default() };
        let told: Vec<_> = theme
            .contrasts()
            .into_iter()
            .filter(|pair| !pair.suffices())
            .map(|pair| (pair.field, pair.against))
            .collect();
        assert_eq!(
            told,
            ["colors.text", "colors.muted_text", "colors.accent"].map(|field| (field, "background.gradient.to"))
        );
    }

    #[test]
    fn what_can_t_be_read_is_told_with_its_field_and_by_how_much() {
        let colors = Colors { muted_text: "#666f7c".into(), ..Colors::default() };
        let theme = Theme { colors, ..Theme::default() };
        let told: Vec<String> =
            theme.contrasts().iter().filter(|pair| !pair.suffices()).map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "colors.muted_text on colors.background has a contrast of 3.7:1; it takes 4.5:1 to be read",
                "colors.muted_text on colors.surface has a contrast of 3.1:1; it takes 4.5:1 to be read",
            ]
        );
    }

    #[test]
    fn what_is_translucent_is_judged_as_it_is_seen() {
        let colors = Colors { text: "rgb(255 255 255 / 0.1)".into(), ..Colors::default() };
        let theme = Theme { colors, ..Theme::default() };
        let on_background = theme.contrasts()[0];
        assert!(on_background.ratio < 2.0 && on_background.ratio > 1.0, "{on_background:?}");
    }
}
