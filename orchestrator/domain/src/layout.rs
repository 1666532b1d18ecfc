//! How tiles are arranged.

use serde::{Deserialize, Serialize};

/// Arrangement of the tiles. Each has an arrangement of its own for frames that are wide, upright and square, and says itself what
/// becomes of it while somebody shares a screen; `layout-app/src/stage/layouts.ts` holds them as data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Everybody at the same size; a shared screen goes before.
    #[default]
    Grid,
    /// The active speaker large, the others in a strip; a shared screen goes before.
    Speaker,
    /// The active speaker, or the shared screen, alone.
    SingleSpeaker,
    /// The shared screen as large as can be, everybody in a strip; without one, as [`Layout::Speaker`].
    Screen,
    /// Two people side by side: the two who spoke last when there are more.
    Interview,
    /// No pictures: everybody's avatar, with rings that follow the voice.
    Podcast,
    /// The active speaker, or the shared screen, fills the frame; another person stands in its corner.
    Pip,
}

impl Layout {
    /// Every layout, in the order in which help texts list them.
    pub const ALL: [Self; 7] =
        [Self::Grid, Self::Speaker, Self::SingleSpeaker, Self::Screen, Self::Interview, Self::Podcast, Self::Pip];

    /// The name on the command line, in JSON and in the `layout=` query parameter of templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Speaker => "speaker",
            Self::SingleSpeaker => "single-speaker",
            Self::Screen => "screen",
            Self::Interview => "interview",
            Self::Podcast => "podcast",
            Self::Pip => "pip",
        }
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|layout| layout.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|layout| layout.name()).collect();
            format!("no layout is called \"{text}\"; there are: {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_has_one_name_everywhere() {
        for layout in Layout::ALL {
            assert_eq!(layout.name().parse(), Ok(layout));
            assert_eq!(serde_json::to_value(layout).expect("serializes"), layout.name());
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let said = "circle".parse::<Layout>().expect_err("refused");
        assert_eq!(
            said,
            "no layout is called \"circle\"; there are: grid, speaker, single-speaker, screen, interview, podcast, pip"
        );
    }
}
