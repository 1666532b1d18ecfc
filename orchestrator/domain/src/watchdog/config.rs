//! When the watchdog acts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A key for every rule. `0` turns a rule off.
///
/// A recording that is ended too early is lost, one that is ended too late costs disk: where in doubt, defaults wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct WatchdogConfig {
    /// End when nobody has come so long after the first frame. 5 min: recordings are started by calendars, and hosts are late; it is
    /// also how long LiveKit keeps a room open that nobody has joined.
    pub room_empty_s: Seconds,
    /// End when everybody has been gone for so long. 30 s: longer than it takes somebody whose connection broke to be back, and what
    /// Jibri's users know; more would be a tail of empty room in every file.
    pub everybody_left_s: Seconds,
    /// End when there have been people for so long and none of them has ever shown or said anything. 30 min: a webinar's waiting
    /// room opens up to that early. (Jibri gives up after 10.)
    pub no_media_s: Seconds,
    /// Warn when the page has not answered for so long. 2 s: it is asked twice a second, and a busy machine makes it miss no more than
    /// one. When it comes back, the timeline gets to know for how long it stood still.
    pub slow_page_s: Seconds,
    /// Interrupt when the page has not answered for so long. 3 s: nobody knows whether a script that hangs will ever come back, and
    /// with a second for the next attempt, what hung is mended within 5 s.
    pub frozen_page_s: Seconds,
    /// Warn when the picture has not changed for so long. 5 min: slides are looked at for minutes, a meeting with a camera changes
    /// with every frame.
    pub frozen_video_s: Seconds,
    /// Warn when there has been nothing to hear for so long. 10 min: longer than people are silent together, unless they work, and
    /// soon enough to save the rest of a meeting that is recorded without sound.
    pub silent_audio_s: Seconds,
    /// Warn when the encoder was slower than real time for so long. 10 s: a page that starts a video is not worth a warning.
    pub slow_encoder_s: Seconds,
    /// Interrupt when the encoder has encoded nothing for so long. 2.5 s: its fragments come twice a second, and a slow disk does not
    /// hold them up; with a second for the next attempt, what hung is mended within 5 s.
    pub stalled_encoder_s: Seconds,
    /// Warn when the disk will be low in less time than this, as fast as the recording grows. 10 min: enough to make room.
    pub disk_warn_s: Seconds,
    /// End when less than this would be left on the disk once the recording is finished: see [`super::disk_needed`]. 256 MiB: what is
    /// captured between two looks at the disk, other programs' needs, and what goes beside the file.
    pub disk_reserve_bytes: u64,
    /// Interrupt when browser, display, sound and encoder take more than this part of the memory that the container allows; end when
    /// they do so again soon after. 90: beyond 100 the kernel picks a process to kill, and it may be the agent.
    pub memory_percent: Percent,
    /// The same for a number of bytes. Off: only who knows the pages knows what they may take.
    pub memory_bytes: u64,
    /// End at this duration. 24 h: no meeting lasts that long, and a recording that was forgotten must end some day.
    pub max_duration_s: Seconds,
    /// End when so much has been captured. Off: the disk is guarded anyway.
    pub max_size_bytes: u64,
}

impl Default for WatchdogConfig {
    fn default() -> Self {
        Self {
            room_empty_s: Seconds(300.0),
            everybody_left_s: Seconds(30.0),
            no_media_s: Seconds(1800.0),
            slow_page_s: Seconds(2.0),
            frozen_page_s: Seconds(3.0),
            frozen_video_s: Seconds(300.0),
            silent_audio_s: Seconds(600.0),
            slow_encoder_s: Seconds(10.0),
            stalled_encoder_s: Seconds(2.5),
            disk_warn_s: Seconds(600.0),
            disk_reserve_bytes: 256 << 20,
            memory_percent: Percent(90),
            memory_bytes: 0,
            max_duration_s: Seconds(86_400.0),
            max_size_bytes: 0,
        }
    }
}

/// A length of time, in seconds; 0 is "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minimum" = 0, "maximum" = Self::MAX)))]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds(f64);

impl Seconds {
    /// Never.
    pub const NEVER: Self = Self(0.0);
    /// A year: what is longer is a mistake.
    pub const MAX: f64 = 31_536_000.0;

    /// None for never.
    pub fn duration(self) -> Option<Duration> {
        (self.0 > 0.0).then(|| Duration::from_secs_f64(self.0))
    }
}

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        if (0.0..=Self::MAX).contains(&seconds) {
            return Ok(Self(seconds));
        }
        Err(format!("{seconds} s is no time to wait; it must be 0 (never) to {} (a year)", Self::MAX))
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

/// A part of a whole; 0 is "off".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minimum" = 0, "maximum" = 100)))]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// This part of a number.
    pub fn of(self, whole: u64) -> u64 {
        // In this order nothing overflows, and what is rounded off is less than 100.
        whole / 100 * u64::from(self.0)
    }
}

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(percent: u8) -> Result<Self, String> {
        if percent <= 100 {
            Ok(Self(percent))
        } else {
            Err(format!("{percent} % is more than all; it must be 0 (off) to 100"))
        }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_names_only_what_it_changes() {
        let config: WatchdogConfig =
            serde_json::from_str(r#"{"room_empty_s": 0, "frozen_page_s": 2.5}"#).expect("valid");
        assert_eq!(config.room_empty_s, Seconds::NEVER);
        assert_eq!(config.frozen_page_s.duration(), Some(Duration::from_millis(2500)));
        let rest = WatchdogConfig { room_empty_s: Seconds(300.0), frozen_page_s: Seconds(3.0), ..config };
        assert_eq!(rest, WatchdogConfig::default());
        let json = serde_json::to_string(&rest).expect("serializable");
        assert_eq!(serde_json::from_str::<WatchdogConfig>(&json).expect("own text"), rest);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_sentence() {
        for (json, sentence) in [
            (r#"{"room_empty_ms": 5}"#, "unknown field `room_empty_ms`"),
            (r#"{"room_empty_s": -1}"#, "-1 s is no time to wait"),
            (r#"{"room_empty_s": 1e12}"#, "no time to wait"),
            (r#"{"memory_percent": 101}"#, "101 % is more than all"),
            (r#"{"disk_reserve_bytes": -1}"#, "invalid value"),
        ] {
            let error = serde_json::from_str::<WatchdogConfig>(json).expect_err(json).to_string();
            assert!(error.contains(sentence), "{error}");
        }
        assert!(Seconds::try_from(f64::NAN).is_err());
    }
}
