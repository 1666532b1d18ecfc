//! Between the orchestrator and the player page: what somebody with a link may know of a recording.

use serde::{Deserialize, Serialize};

/// A recording as the player page shows it. All paths are relative to the link's own address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SharedRecording {
    /// What it is called.
    pub title: String,
    /// How far it is.
    pub phase: SharedPhase,
    /// When its first frame was captured, as RFC 3339 has it.
    pub began_at: Option<String>,
    /// Seconds of media, as far as they are known.
    pub duration_s: Option<f64>,
    /// What can be played, the best first.
    pub sources: Vec<SharedSource>,
    /// A picture for before it plays.
    pub poster: Option<String>,
    /// Path of its chapters, WebVTT.
    pub chapters: Option<String>,
    /// Path of its chat, WebVTT.
    pub chat: Option<String>,
    /// Who was there, who spoke most first.
    pub attendance: Vec<SharedAttendee>,
    /// What may be downloaded.
    pub downloads: Vec<SharedFile>,
    /// Until when the link holds, as RFC 3339 has it.
    pub expires_at: String,
}

/// How far a shared recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SharedPhase {
    /// It has not begun.
    Waiting,
    /// It is being made.
    Recording,
    /// Its files are being made.
    Finishing,
    /// It can be played.
    Ready,
    /// It has ended, and there is nothing to play.
    Nothing,
}

/// Something that can be played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SharedSource {
    /// What.
    pub kind: SharedKind,
    /// Where.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Width of its picture in pixels, if it has one.
    pub width: Option<u32>,
    /// Its height.
    pub height: Option<u32>,
}

/// Kinds of what can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SharedKind {
    /// A file with picture and sound.
    Video,
    /// A file with sound alone.
    Audio,
    /// A playlist.
    Hls,
}

/// Somebody who was there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SharedAttendee {
    /// Display name.
    pub name: String,
    /// Seconds for which they were there.
    pub total_s: f64,
    /// Seconds for which they spoke.
    pub spoke_s: f64,
}

/// Something that may be downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SharedFile {
    /// Where.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its size.
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes: u64,
}
