//! Links by which people who have no API key see a recording.
//!
//! A link is a signed token that says what it leads to and until when. The record lists those that hold, so that one can be taken back:
//! what is signed but not listed was revoked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::request::RelativePath;

/// Most links of a recording that hold at once.
pub const MAX_SHARES: usize = 100;

/// A link, without the token by which it is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Twelve hexadecimal digits.
    pub id: String,
    /// What is behind it.
    pub opens: Opens,
    /// When it was made, in microseconds since 1970 UTC.
    pub created_us: i64,
    /// Until when it holds, in microseconds since 1970 UTC.
    pub expires_us: i64,
}

/// What is behind a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Opens {
    /// The page that plays it.
    Player {
        /// The page offers its files for download as well.
        downloads: bool,
    },
    /// One file, as a download.
    File {
        /// Which, in the recording's own directory.
        path: RelativePath,
    },
}

/// How long something holds or is kept, written as `"7days"`: from a second to ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^ *[0-9]+ *[a-zA-Z]+( *[0-9]+ *[a-zA-Z]+)* *$", "examples" = ["7days", "12h"])))]
#[serde(try_from = "String", into = "String")]
pub struct Term(Duration);

/// Why a text is no term.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TermError {
    /// Not a length of time.
    #[error("\"{0}\" is no length of time; write it as 7days or 12h")]
    Malformed(String),
    /// Too short, or too long.
    #[error("\"{0}\" is out of range; it must be between a second and ten years")]
    Range(String),
}

impl Term {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(3653 * 24 * 3600);

    /// A term within the bounds; what is beyond them is brought to them.
    pub fn within(duration: Duration) -> Self {
        Self(duration.clamp(Self::SHORTEST, Self::LONGEST))
    }

    /// As a duration.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// In microseconds.
    pub fn micros(self) -> i64 {
        i64::try_from(self.0.as_micros()).unwrap_or(i64::MAX)
    }
}

impl TryFrom<String> for Term {
    type Error = TermError;

    fn try_from(text: String) -> Result<Self, TermError> {
        let shown: String = text.chars().take(80).collect();
        let duration = humantime::parse_duration(&text).map_err(|_| TermError::Malformed(shown.clone()))?;
        if !(Self::SHORTEST..=Self::LONGEST).contains(&duration) {
            return Err(TermError::Range(shown));
        }
        Ok(Self(duration))
    }
}

impl std::str::FromStr for Term {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Term> for String {
    fn from(term: Term) -> Self {
        term.to_string()
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_bounded_and_survive_the_way_to_text_and_back() {
        for text in ["1s", "12h", "7days", "1year"] {
            let term: Term = text.parse().expect(text);
            assert_eq!(String::from(term).parse(), Ok(term));
        }
        for (bad, error) in [("0s", "out of range"), ("11years", "out of range"), ("soon", "no length")] {
            assert!(bad.parse::<Term>().expect_err(bad).to_string().contains(error), "{bad}");
        }
    }
}
