//! How the picture is encoded: once, for every output.

use serde::{Deserialize, Serialize};

/// Codec of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// Plays everywhere and costs least.
    #[default]
    H264,
    /// HEVC. In software six times the processor time of H.264, for files of 40 to 65 % of the size.
    H265,
    /// Free of licences, plays in every browser. In software 1.6 times the processor time, for 65 to 85 % of the size.
    Vp9,
    /// Free of licences, plays in every new browser. In software 2.2 times the processor time, for 40 to 60 % of the size.
    Av1,
}

impl VideoCodec {
    /// Every codec, in the order in which help texts list them.
    pub const ALL: [Self; 4] = [Self::H264, Self::H265, Self::Vp9, Self::Av1];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        }
    }
}

impl std::fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for VideoCodec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|codec| codec.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|codec| codec.name()).collect();
            format!("no video codec is called \"{text}\"; there are: {}", known.join(", "))
        })
    }
}

/// What does the encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EncoderChoice {
    /// The processor: works everywhere, and is the same everywhere.
    #[default]
    Software,
    /// The first hardware encoder that works here, else the processor.
    Auto,
    /// VA-API, the graphics of Intel and AMD on Linux; the processor where it does not work.
    Vaapi,
    /// NVIDIA's encoder; the processor where it does not work.
    Nvenc,
    /// Intel's Quick Sync Video; the processor where it does not work.
    Qsv,
}

impl EncoderChoice {
    /// Every choice, in the order in which help texts list them.
    pub const ALL: [Self; 5] = [Self::Software, Self::Auto, Self::Vaapi, Self::Nvenc, Self::Qsv];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Auto => "auto",
            Self::Vaapi => "vaapi",
            Self::Nvenc => "nvenc",
            Self::Qsv => "qsv",
        }
    }
}

impl std::fmt::Display for EncoderChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for EncoderChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|choice| choice.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|choice| choice.name()).collect();
            format!("no encoder is called \"{text}\"; there are: {}", known.join(", "))
        })
    }
}

/// How the picture is encoded. By default H.264 in software.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Encoding {
    /// Into what.
    pub codec: VideoCodec,
    /// By what.
    pub encoder: EncoderChoice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_on_the_command_line_and_in_json() {
        for codec in VideoCodec::ALL {
            assert_eq!(codec.name().parse(), Ok(codec));
            assert_eq!(serde_json::to_value(codec).expect("serialises"), codec.name());
        }
        for choice in EncoderChoice::ALL {
            assert_eq!(choice.name().parse(), Ok(choice));
            assert_eq!(serde_json::to_value(choice).expect("serialises"), choice.name());
        }
    }

    #[test]
    fn unknown_names_are_answered_with_those_that_there_are() {
        let error = "divx".parse::<VideoCodec>().expect_err("unknown");
        assert_eq!(error, "no video codec is called \"divx\"; there are: h264, h265, vp9, av1");
        let error = "gpu".parse::<EncoderChoice>().expect_err("unknown");
        assert_eq!(error, "no encoder is called \"gpu\"; there are: software, auto, vaapi, nvenc, qsv");
    }

    #[test]
    fn an_encoding_names_only_what_differs_and_nothing_else() {
        let encoding: Encoding = serde_json::from_str("{\"codec\":\"av1\"}").expect("valid");
        assert_eq!(encoding, Encoding { codec: VideoCodec::Av1, encoder: EncoderChoice::Software });
        assert!(serde_json::from_str::<Encoding>("{\"crf\":12}").is_err());
    }
}
