//! Lengths and moments as requests write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A length of time, written as `"90s"` or `"1h 30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^ *[0-9]+ *[a-zA-Z]+( *[0-9]+ *[a-zA-Z]+)* *$", "examples" = ["90s", "1h 30m", "2days"])))]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

/// A moment, written as RFC 3339 in UTC: `"2026-12-01T09:00:00Z"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("format" = "date-time", "pattern" = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$", "examples" = ["2026-12-01T09:00:00Z"])))]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    unix_us: i64,
}

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimeError {
    /// Not a length.
    #[error("\"{0}\" is no length of time; write it as 90s, 30m or 1h 30m")]
    Span(String),
    /// Shorter or longer than anything that is recorded.
    #[error("\"{0}\" is out of range; it must be between 0.1 seconds and 7 days")]
    Range(String),
    /// Not a moment.
    #[error("\"{0}\" is no moment; write it in UTC as 2026-12-01T09:00:00Z")]
    Moment(String),
}

impl Span {
    /// The shortest.
    pub const SHORTEST: Duration = Duration::from_millis(100);
    /// The longest.
    pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

    /// A length within the bounds.
    pub fn new(duration: Duration) -> Option<Self> {
        (Self::SHORTEST..=Self::LONGEST).contains(&duration).then_some(Self(duration))
    }

    /// The longest there is.
    pub fn longest() -> Self {
        Self(Self::LONGEST)
    }

    /// As seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// As a duration.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl TryFrom<String> for Span {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        let duration =
            humantime::parse_duration(&text).map_err(|_| TimeError::Span(text.chars().take(80).collect()))?;
        Self::new(duration).ok_or(TimeError::Range(text))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        humantime::format_duration(span.0).to_string()
    }
}

impl Moment {
    /// From microseconds since 1970 UTC.
    pub fn from_unix_us(unix_us: i64) -> Self {
        Self { unix_us }
    }

    /// Microseconds since 1970 UTC.
    pub fn unix_us(self) -> i64 {
        self.unix_us
    }
}

impl TryFrom<String> for Moment {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        let moment = humantime::parse_rfc3339(&text).map_err(|_| TimeError::Moment(text.chars().take(80).collect()))?;
        let since = moment.duration_since(UNIX_EPOCH).map_err(|_| TimeError::Moment(text.clone()))?;
        i64::try_from(since.as_micros()).map(|unix_us| Self { unix_us }).map_err(|_| TimeError::Moment(text))
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at: SystemTime = UNIX_EPOCH + Duration::from_micros(self.unix_us.max(0).unsigned_abs());
        write!(f, "{}", humantime::format_rfc3339_micros(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_way_to_text_and_back() {
        for text in ["90s", "1h 30m", "2days", "100ms"] {
            let span = Span::try_from(text.to_owned()).expect(text);
            assert_eq!(Span::try_from(String::from(span)), Ok(span));
        }
        let moment = Moment::try_from("2026-12-01T09:00:00Z".to_owned()).expect("a moment");
        assert_eq!(moment.unix_us(), 1_796_115_600_000_000);
        assert_eq!(Moment::try_from(String::from(moment)), Ok(moment));
        for (bad, error) in [("0s", "out of range"), ("8days", "out of range"), ("soon", "no length")] {
            assert!(Span::try_from(bad.to_owned()).expect_err(bad).to_string().contains(error), "{bad}");
        }
    }
}
