//! How loud a participant is in the recording.

use serde::{Deserialize, Serialize};

/// Percent of what was sent: 0 is silence, 100 as it was sent, 200 twice as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minimum" = 0, "maximum" = Self::MAX)))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(try_from = "u32")]
pub struct Volume(u32);

impl Volume {
    /// Beyond twice as loud it is noise that gets louder.
    pub const MAX: u32 = 200;

    /// Percent.
    pub fn percent(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Volume {
    type Error = String;

    fn try_from(percent: u32) -> Result<Self, String> {
        if percent <= Self::MAX {
            Ok(Self(percent))
        } else {
            Err(format!("{percent} is no volume; it is 0 to {} percent of what was sent", Self::MAX))
        }
    }
}

/// `150`, or `150%`.
impl std::str::FromStr for Volume {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text);
        number.parse::<u32>().map_err(|_| format!("\"{text}\" is no whole number of percent"))?.try_into()
    }
}

impl std::fmt::Display for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_up_to_twice_of_what_was_sent() {
        for (text, percent) in [("0", 0), ("100%", 100), ("200", 200)] {
            assert_eq!(text.parse::<Volume>().map(Volume::percent), Ok(percent));
        }
        for bad in ["201", "-1", "loud", "", "%", "1.5"] {
            assert!(bad.parse::<Volume>().is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Volume>("201").is_err());
        assert_eq!(serde_json::to_string(&Volume(150)).expect("JSON"), "150");
    }
}
