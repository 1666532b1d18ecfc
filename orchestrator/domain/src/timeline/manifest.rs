//! The manifest that is delivered beside the file.

use serde::{Deserialize, Serialize};

use super::attendance::Attendee;
use super::chapters::Marker;
use super::pauses::Pause;
use super::placed::Note;
use crate::encoding::VideoCodec;
use crate::failure::Failure;
use crate::frame::{FrameRate, FrameSize};
use crate::recording::EndReason;
use crate::wire::agent::Gap;

/// Version of `manifest.json`. It grows when a field changes its meaning or goes; a reader refuses a number that it does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct ManifestContract;

impl ManifestContract {
    /// The version that is written and read.
    pub const VERSION: u32 = 1;
}

impl From<ManifestContract> for u32 {
    fn from(_: ManifestContract) -> Self {
        ManifestContract::VERSION
    }
}

impl TryFrom<u32> for ManifestContract {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        if version == Self::VERSION {
            return Ok(Self);
        }
        Err(format!(
            "the manifest has version {version}, and this program reads version {}; use the Wallflower that wrote it, or a later one",
            Self::VERSION
        ))
    }
}

/// `manifest.json`: what was recorded, what came of it, and what is to be known about it. There are no secrets in it.
///
/// Times that end in `_unix_us` are microseconds since 1970 UTC; `at_s`, `from_s` and `to_s` are seconds in the finished file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of what follows.
    pub contract: ManifestContract,
    /// Id of the recording.
    pub recording: String,
    /// What was recorded: the room's URI, or the page's address without its query. Absent when it is not to be told.
    pub room: Option<String>,
    /// The picture that was captured; absent when only sound was.
    pub picture: Option<Picture>,
    /// When the first frame was captured.
    pub began_unix_us: i64,
    /// When the recording ended.
    pub ended_unix_us: i64,
    /// Why it ended.
    pub end: EndReason,
    /// What failed. What was recorded until then is among the outputs all the same.
    pub failure: Option<Failure>,
    /// Every life of what captured, in order.
    pub attempts: Vec<AttemptNote>,
    /// When nothing could be captured, in order.
    pub gaps: Vec<Gap>,
    /// When it was paused, in order.
    pub pauses: Vec<Pause>,
    /// What was made of it.
    pub outputs: Vec<Delivered>,
    /// Who was there, in order of first coming.
    pub attendance: Vec<Attendee>,
    /// What somebody marked, in the file's order.
    pub markers: Vec<Marker>,
    /// What a person should know, in order.
    pub warnings: Vec<Note>,
    /// The media path's counts over all attempts.
    pub media: MediaTotals,
}

/// The picture that was captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Its size.
    pub size: FrameSize,
    /// Frames a second.
    pub fps: FrameRate,
    /// What it was encoded as.
    pub codec: VideoCodec,
}

/// One life of what captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptNote {
    /// Counts up from 1.
    pub number: u32,
    /// When its first frame was captured.
    pub first_frame_unix_us: i64,
    /// Why the one before it ended: a sentence. Absent for the first.
    pub after: Option<String>,
}

/// Something that was made of the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Delivered {
    /// What it is.
    pub kind: OutputKind,
    /// Absolute path of the file, or of the directory of an output of many files; for a stream its address without its key, such as
    /// `rtmp://host/app/****`.
    pub location: String,
    /// Its size; of all its files together, or of what was sent.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal; of an output that is one file.
    pub sha256: Option<String>,
    /// Seconds of media; absent for images.
    pub duration_s: Option<f64>,
    /// What is in it, as measured; absent for streams, which nobody can read again.
    pub facts: Option<MediaFacts>,
    /// Where it was taken to.
    pub uploads: Vec<Upload>,
    /// Why it is not what was asked for; what was captured is kept then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Kinds of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Picture and sound in one file.
    File,
    /// Sound alone in one file.
    Audio,
    /// A playlist and its segments.
    Hls,
    /// What was sent to a server while recording.
    Stream,
    /// Pictures.
    Images,
}

/// What a media file holds, as measured on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MediaFacts {
    /// Format, such as `mp4`.
    pub container: String,
    /// Its pictures; absent when there are none.
    pub video: Option<VideoFacts>,
    /// Its sound; absent when there is none.
    pub audio: Option<SoundFacts>,
}

/// A video stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VideoFacts {
    /// Such as `h264`.
    pub codec: String,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Frames a second, on average.
    pub fps: f64,
}

/// An audio stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoundFacts {
    /// Such as `aac`.
    pub codec: String,
    /// Samples a second.
    pub sample_rate: u32,
    /// 1 for mono, 2 for stereo.
    pub channels: u32,
}

/// A copy of an output somewhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// Where, without credentials.
    pub url: String,
    /// Size that the destination tells.
    pub bytes: u64,
    /// What the destination tells to compare contents by, after the name of its kind: `sha256:…`, `etag:…`. Absent when it tells none.
    pub checksum: Option<String>,
    /// Size and checksum are those of the output.
    pub verified: bool,
}

/// Counts of the media path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaTotals {
    /// Frames encoded.
    pub frames: u64,
    /// Frames that show something else than the frame before, by their coded size.
    pub unique: u64,
    /// Frames that were captured but not encoded.
    pub dropped: u64,
    /// Frames that were repeated because none came in time.
    pub duplicated: u64,
}

#[cfg(test)]
mod tests {
    use super::super::attendance::Presence;
    use super::*;
    use crate::failure::FailureKind;
    use crate::wire::agent::PauseMode;

    fn manifest() -> Manifest {
        Manifest {
            contract: ManifestContract,
            recording: "0190".into(),
            room: Some("demo:lobby".into()),
            picture: Some(Picture { size: FrameSize::HD, fps: FrameRate::DEFAULT, codec: VideoCodec::H264 }),
            began_unix_us: 1_700_000_000_000_000,
            ended_unix_us: 1_700_000_060_000_000,
            end: EndReason::Failure,
            failure: Some(Failure::new(FailureKind::ProgramDied, "The browser died.")),
            attempts: vec![
                AttemptNote { number: 1, first_frame_unix_us: 1_700_000_000_000_000, after: None },
                AttemptNote { number: 2, first_frame_unix_us: 1_700_000_023_000_000, after: Some("It died.".into()) },
            ],
            gaps: vec![Gap { at_s: 20.0, length_s: 3.0, reason: "It died.".into() }],
            pauses: vec![Pause { at_s: 30.0, length_s: 5.0, mode: PauseMode::Cut }],
            outputs: vec![
                Delivered {
                    kind: OutputKind::File,
                    location: "/rec/a.mp4".into(),
                    bytes: 1_000_000,
                    sha256: Some("0".repeat(64)),
                    duration_s: Some(55.0),
                    facts: Some(MediaFacts {
                        container: "mp4".into(),
                        video: Some(VideoFacts { codec: "h264".into(), width: 1280, height: 720, fps: 30.0 }),
                        audio: Some(SoundFacts { codec: "aac".into(), sample_rate: 48_000, channels: 2 }),
                    }),
                    uploads: vec![Upload {
                        url: "s3://bucket/a.mp4".into(),
                        bytes: 1_000_000,
                        checksum: Some("etag:abc".into()),
                        verified: true,
                    }],
                    failure: None,
                },
                Delivered {
                    kind: OutputKind::Stream,
                    location: "rtmp://h/app/****".into(),
                    bytes: 900_000,
                    sha256: None,
                    duration_s: None,
                    facts: None,
                    uploads: vec![],
                    failure: None,
                },
            ],
            attendance: vec![Attendee {
                identity: "ada".into(),
                name: "Ada".into(),
                spans: vec![Presence { from_s: 0.0, to_s: 55.0 }],
                total_s: 55.0,
                spoke_s: 12.5,
            }],
            markers: vec![Marker { at_s: 10.0, label: "Plan".into() }],
            warnings: vec![Note { at_s: 40.0, message: "Mind the gap.".into() }],
            media: MediaTotals { frames: 1650, unique: 1641, dropped: 1, duplicated: 2 },
        }
    }

    #[test]
    fn a_manifest_survives_the_way_to_json_and_back() {
        let json = serde_json::to_string_pretty(&manifest()).expect("serializable");
        assert_eq!(serde_json::from_str::<Manifest>(&json).expect("own text"), manifest());
        assert!(json.starts_with("{\n  \"contract\": 1,"), "{json}");
    }

    #[test]
    fn a_manifest_of_another_version_or_with_unknown_fields_is_refused() {
        let json = serde_json::to_value(manifest()).expect("serializable");
        let refused = |change: fn(&mut serde_json::Value)| {
            let mut changed = json.clone();
            change(&mut changed);
            serde_json::from_value::<Manifest>(changed).expect_err("refused").to_string()
        };
        assert!(refused(|json| json["contract"] = 2.into()).contains("the manifest has version 2"));
        for change in [
            (|json| json["more"] = 1.into()) as fn(&mut serde_json::Value),
            |json| json["outputs"][0]["more"] = 1.into(),
            |json| json["outputs"][0]["facts"]["video"]["more"] = 1.into(),
            |json| json["outputs"][0]["uploads"][0]["more"] = 1.into(),
            |json| json["attendance"][0]["spans"][0]["more"] = 1.into(),
            |json| json["media"]["more"] = 1.into(),
        ] {
            let error = refused(change);
            assert!(error.contains("unknown field `more`"), "{error}");
        }
    }
}
