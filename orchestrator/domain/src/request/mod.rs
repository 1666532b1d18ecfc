//! What somebody asks an orchestrator to record.
//!
//! ```json
//! {"room": "demo:lobby"}
//! {"room": {"kind": "livekit", "server": "wss://meet.example.org", "room": "standup", "api_key": "…", "api_secret": "…"},
//!  "layout": "speaker", "outputs": [{"kind": "file", "path": "standup.mp4"}, {"kind": "stream", "url": "rtmp://…"}],
//!  "volume": {"ann": 150, "guest-*": 50}, "max_duration": "2h", "start_at": "2026-12-01T09:00:00Z", "metadata": {"team": "design"}}
//! ```
//!
//! Only `room` is required. Unknown fields are errors.

mod outputs;
mod room;
mod size;
mod time;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::destination::Destination;
use crate::email::EmailAddress;
use crate::encoding::{EncoderChoice, Encoding, VideoCodec};
use crate::frame::{FrameRate, FrameSize, Preset};
use crate::layout::Layout;
use crate::look::LookChange;
use crate::theme::Theme;
use crate::volume::Volume;
use crate::watchdog::WatchdogConfig;
use crate::wire::agent::Gaps;

pub use outputs::{OutputRequest, RelativePath, RelativePathError};
pub use room::{LivekitKeys, RoomRequest};
pub use time::{Moment, Span, TimeError};

/// Most addresses of [`RecordingRequest::webhooks`].
pub const MAX_WEBHOOKS: usize = 8;
/// Most entries of [`RecordingRequest::metadata`].
pub const MAX_METADATA: usize = 32;
/// Most characters of a key or a value of [`RecordingRequest::metadata`].
pub const MAX_METADATA_CHARS: usize = 512;

/// A request for a recording. Its serde form holds secrets: the room's keys and the streams' addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(description = "A request for a recording; only `room` is required.")
)]
#[serde(deny_unknown_fields)]
pub struct RecordingRequest {
    /// What is recorded.
    pub room: RoomRequest,
    /// Initial arrangement of the tiles; the server's default when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Size and frame rate by a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Size in place of the preset's.
    #[serde(default, with = "size", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<String>", extend("pattern" = "^[0-9]{3,4}x[0-9]{3,4}$", "examples" = ["1280x720"]))
    )]
    pub size: Option<FrameSize>,
    /// Frames a second in place of the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<FrameRate>,
    /// Codec of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<VideoCodec>,
    /// What encodes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderChoice>,
    /// Colours, logo, overlays; images are `data:` URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    /// Participants who are neither seen nor heard: identities, or beginnings of some, such as `guest-*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 500)))]
    pub hide: Vec<String>,
    /// Nobody but these participants is seen or heard, if there are any: identities, or beginnings of some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 500)))]
    pub only: Vec<String>,
    /// How loud participants are, in percent of what they send: identities, or beginnings of some, such as `{"ann": 150, "guest-*": 50}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = crate::look::MOST_VOLUMES)))]
    pub volume: BTreeMap<String, Volume>,
    /// A page of the client's own that renders the room, by its address: an agent may be on another machine than the server, where no
    /// folder of the client's is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Url>,
    /// What is made; one MP4 when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputRequest>,
    /// Where all of it is uploaded to, by the server's credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<Destination>,
    /// The recording ends by itself after so much media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Span>,
    /// What becomes of time in which nothing could be captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gaps: Option<Gaps>,
    /// When it begins; at once when absent or past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Moment>,
    /// Higher ones are taken from the queue first; 0 is normal.
    #[serde(default)]
    pub priority: i8,
    /// How long the page may take to give its start signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_deadline: Option<Span>,
    /// Rules of the watchdog; the server's when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchdogConfig>,
    /// Where what happens to this recording is posted to, beside the server's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("maxItems" = MAX_WEBHOOKS)))]
    pub webhooks: Vec<Url>,
    /// Who gets an e-mail with a link to it when it has ended, beside the server's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("maxItems" = crate::email::MAX_EMAILS)))]
    pub emails: Vec<EmailAddress>,
    /// The client's own words, given back as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(extend(
            "maxProperties" = MAX_METADATA,
            "propertyNames" = {"maxLength": MAX_METADATA_CHARS},
            "additionalProperties" = {"type": "string", "maxLength": MAX_METADATA_CHARS}
        ))
    )]
    pub metadata: BTreeMap<String, String>,
}

impl RecordingRequest {
    /// A request for this room, everything else as the server has it.
    pub fn of(room: impl Into<RoomRequest>) -> Self {
        Self {
            room: room.into(),
            layout: None,
            preset: None,
            size: None,
            fps: None,
            codec: None,
            encoder: None,
            theme: None,
            hide: Vec::new(),
            only: Vec::new(),
            volume: BTreeMap::new(),
            template: None,
            outputs: Vec::new(),
            uploads: Vec::new(),
            max_duration: None,
            gaps: None,
            start_at: None,
            priority: 0,
            start_deadline: None,
            watch: None,
            webhooks: Vec::new(),
            emails: Vec::new(),
            metadata: BTreeMap::new(),
        }
    }

    /// Size of the picture.
    pub fn frame_size(&self) -> FrameSize {
        self.size.unwrap_or_else(|| self.preset.unwrap_or_default().size())
    }

    /// Who of the room is recorded and how loud, as a change of the look that it begins with.
    pub fn first_look(&self) -> LookChange {
        let only = (!self.only.is_empty()).then(|| Some(self.only.clone()));
        let volume = self.volume.iter().map(|(identity, volume)| (identity.clone(), Some(*volume))).collect();
        LookChange { hide: self.hide.clone(), only, volume, ..LookChange::default() }
    }

    /// Frames a second.
    pub fn frame_rate(&self) -> FrameRate {
        self.fps.unwrap_or_else(|| self.preset.unwrap_or_default().fps())
    }

    /// How the picture is encoded.
    pub fn encoding(&self) -> Encoding {
        Encoding { codec: self.codec.unwrap_or_default(), encoder: self.encoder.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_room_is_required_and_the_way_through_json_changes_nothing() {
        let least: RecordingRequest = serde_json::from_value(json!({"room": "demo:lobby"})).expect("valid");
        assert_eq!(least, RecordingRequest::of("demo:lobby".parse::<crate::room::Room>().expect("a room")));
        let most = json!({
            "room": {"kind": "livekit", "server": "wss://meet.example.org/", "room": "standup", "api_key": "k", "api_secret": "s",
                     "e2ee_key": "shared"},
            "layout": "speaker", "size": "640x360", "fps": 15, "codec": "h264",
            "outputs": [{"kind": "file", "path": "a/standup.mp4"}, {"kind": "hls"}, {"kind": "stream", "url": "rtmp://h/app/key"},
                        {"kind": "audio", "path": "a.mp3"}, {"kind": "images", "every": "10s"}],
            "max_duration": "2h", "start_at": "2026-12-01T09:00:00Z", "priority": 5, "gaps": "cut",
            "uploads": ["s3://bucket/{room}/"], "webhooks": ["https://example.org/hook"],
            "emails": ["ada@example.org"],
            "metadata": {"team": "design"}
        });
        let request: RecordingRequest = serde_json::from_value(most).expect("valid");
        let again: RecordingRequest =
            serde_json::from_value(serde_json::to_value(&request).expect("JSON")).expect("valid");
        assert_eq!(request, again);
        assert_eq!(request.frame_size().to_string(), "640x360");
    }

    #[test]
    fn what_opens_a_jitsi_room_goes_with_the_request_and_is_never_printed() {
        for more in [
            json!({"user": "recorder@recorder.h", "password": "hunter2"}),
            json!({"token": "hunter2", "passcode": "hunter2"}),
            json!({}),
        ] {
            let mut room = json!({"kind": "jitsi", "server": "https://meet.example.org/tenant", "room": "standup"});
            room.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            let request: RecordingRequest = serde_json::from_value(json!({"room": room})).expect("valid");
            let written = serde_json::to_value(&request).expect("JSON");
            assert_eq!(serde_json::from_value::<RecordingRequest>(written).expect("valid"), request);
            assert!(!format!("{request:?} {}", request.room.room.shown()).contains("hunter2"));
            assert_eq!(request.room.room.shown(), "jitsi+https://meet.example.org/tenant/standup");
        }
    }

    #[cfg(feature = "schema")]
    #[test]
    fn lists_of_addresses_have_an_end_in_the_schema_that_bodies_are_held_against() {
        let schema = schemars::schema_for!(RecordingRequest);
        let most = |field: &str| schema.as_value()["properties"][field]["maxItems"].as_u64();
        assert_eq!((most("webhooks"), most("emails")), (Some(8), Some(20)));
    }

    #[test]
    fn what_is_unknown_or_impossible_is_refused_by_name() {
        for (request, said) in [
            (json!({}), "room"),
            (json!({"room": "demo:lobby", "laoyut": "grid"}), "laoyut"),
            (json!({"room": "ftp://x"}), "ftp"),
            (json!({"room": {"kind": "livekit", "server": "https://x", "room": "a"}}), "ws"),
            (json!({"room": {"kind": "livekit", "server": "wss://x", "room": "a", "e2ee_key": ""}}), "e2ee_key"),
            (json!({"room": {"kind": "jitsi", "server": "wss://x", "room": "a"}}), "https"),
            (json!({"room": {"kind": "jitsi", "server": "https://x", "room": ""}}), "empty"),
            (json!({"room": {"kind": "jitsi", "server": "https://x", "room": "a", "user": "recorder"}}), "password"),
            (json!({"room": {"kind": "demo", "room": "a b"}}), "a b"),
            (json!({"room": "demo:a", "volume": {"ann": 900}}), "900"),
            (json!({"room": "demo:a", "max_duration": "soon"}), "soon"),
            (json!({"room": "demo:a", "start_at": "tomorrow"}), "tomorrow"),
            (json!({"room": "demo:a", "outputs": [{"kind": "file", "path": "../../etc/x.mp4"}]}), ".."),
            (json!({"room": "demo:a", "outputs": [{"kind": "file", "path": "/etc/x.mp4"}]}), "/etc/x.mp4"),
        ] {
            let error = serde_json::from_value::<RecordingRequest>(request.clone()).expect_err("refused").to_string();
            assert!(error.contains(said), "{request}: {error}");
        }
    }
}
