//! How tiles are arranged.

use serde::{Deserialize, Serialize};

/// Arrangement of the tiles. The page turns to [`Layout::Speaker`] by itself while somebody shares a screen in [`Layout::Grid`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Everybody at the same size.
    #[default]
    Grid,
    /// The active speaker large, the others in a strip.
    Speaker,
    /// The active speaker alone.
    SingleSpeaker,
}

impl Layout {
    /// Every layout, in the order in which help texts list them.
    pub const ALL: [Self; 3] = [Self::Grid, Self::Speaker, Self::SingleSpeaker];

    /// The name on the command line, in JSON and in the `layout=` query parameter of templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Speaker => "speaker",
            Self::SingleSpeaker => "single-speaker",
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
