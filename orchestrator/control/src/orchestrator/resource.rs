//! A recording as clients see it: no secrets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wallflower_domain::failure::{Failure, Fault};
use wallflower_domain::layout::Layout;
use wallflower_domain::look::LookChange;
use wallflower_domain::record::{HookReport, Record};
use wallflower_domain::recording::{EndReason, State};
use wallflower_domain::request::{Moment, RecordingRequest};
use wallflower_domain::room::Room;
use wallflower_domain::timeline::{Delivered, Pause};
use wallflower_domain::wire::agent::{Gap, PauseMode, Progress, StreamReport, StreamState, Usage};
use wallflower_domain::wire::control::{Course, Marker};

/// A recording.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Recording")]
pub struct Resource {
    /// Its id; ids sort by time.
    pub id: String,
    /// Grows with every change; see `?after_version=`.
    pub version: u64,
    /// Where it is in its life.
    pub state: State,
    /// Why it is still queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// What is recorded.
    pub room: String,
    /// Initial arrangement of the tiles, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Size of the picture, such as `1280x720`.
    pub size: String,
    /// Frames a second.
    pub fps: u32,
    /// When it was asked for.
    pub created_at: Moment,
    /// When it last changed.
    pub changed_at: Moment,
    /// When it was to begin, if not at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Moment>,
    /// When its first frame was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Moment>,
    /// When it and its files may be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
    /// Somebody has asked for its end.
    pub stop_requested: bool,
    /// Why it ended, or ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<EndReason>,
    /// What failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureResource>,
    /// How it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<PauseMode>,
    /// Silence is recorded.
    pub muted: bool,
    /// How the capture goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// How often something died or hung and was mended.
    pub interruptions: u32,
    /// Live streams.
    pub streams: Vec<StreamReport>,
    /// Markers.
    pub markers: Vec<Marker>,
    /// How the look was changed while it was recorded, but for the theme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<LookResource>,
    /// Agents that have worked on it.
    pub agents: u32,
    /// Requests that the agent has not answered yet.
    pub orders_open: usize,
    /// What was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryResource>,
    /// What the server's finalize command came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookReport>,
    /// The client's own words.
    pub metadata: BTreeMap<String, String>,
}

/// What failed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Failure")]
pub struct FailureResource {
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether the same request may succeed when it is tried again.
    pub retryable: bool,
    /// Kind, message, and what the page said.
    #[serde(flatten)]
    pub failure: Failure,
}

/// How a recording looks other than it was asked for at first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Look")]
pub struct LookResource {
    /// Arrangement of the tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Who is shown as if nobody else spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spotlight: Option<String>,
    /// Who was hidden.
    pub hidden: Vec<String>,
    /// Nobody else is recorded, if there are any.
    pub only: Vec<String>,
    /// The line across the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
}

impl LookResource {
    fn of(change: &LookChange) -> Self {
        Self {
            layout: change.layout,
            spotlight: change.spotlight.clone().flatten(),
            hidden: change.hide.clone(),
            only: change.only.clone().flatten().unwrap_or_default(),
            banner: change.banner.clone().flatten(),
        }
    }
}

/// What was delivered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub struct DeliveryResource {
    /// Seconds of media.
    pub duration_s: f64,
    /// Video frames.
    pub frames: u64,
    /// Files and directories; `location` is relative to `files/` of the recording.
    pub outputs: Vec<Delivered>,
    /// When nothing could be captured.
    pub gaps: Vec<Gap>,
    /// When it was paused.
    pub pauses: Vec<Pause>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl Resource {
    /// What clients may know of a record. `live` is what its agent has said since.
    pub fn of(record: &Record, live: Option<&Course>) -> Self {
        let (recording, request) = (&record.recording, &record.request);
        let course = live.unwrap_or(&record.course);
        let delivery = recording.delivery.as_ref();
        Self {
            id: recording.id.clone(),
            version: record.version,
            state: recording.state,
            waiting: record.waiting.clone().filter(|_| recording.state == State::Queued),
            room: request.room.room.shown(),
            layout: request.layout,
            size: request.frame_size().to_string(),
            fps: request.frame_rate().get(),
            created_at: Moment::from_unix_us(record.created_us),
            changed_at: Moment::from_unix_us(record.changed_us),
            start_at: request.start_at,
            started_at: course.first_frame_unix_us.map(Moment::from_unix_us),
            expires_at: record.expires_us.map(Moment::from_unix_us),
            stop_requested: recording.stop_requested,
            end: recording.end,
            failure: recording.failure.clone().map(|failure| FailureResource {
                fault: failure.fault(),
                retryable: failure.kind.retryable(),
                failure: pictured(failure, record.id()),
            }),
            paused: course.paused.filter(|_| !recording.state.is_terminal()),
            muted: course.muted,
            progress: course.progress,
            interruptions: course.interruptions,
            streams: streams(record, course),
            markers: course.markers.clone(),
            look: (!course.look.is_empty()).then(|| LookResource::of(&course.look)),
            agents: record.agent.as_ref().map_or(0, |agent| agent.number),
            orders_open: record.open_orders().count(),
            delivery: delivery.map(|delivery| DeliveryResource {
                duration_s: delivery.duration_s,
                frames: delivery.frames,
                outputs: delivery.outputs.iter().map(|output| relative(output, record.id())).collect(),
                gaps: delivery.gaps.clone(),
                pauses: delivery.pauses.clone(),
                usage: delivery.usage,
            }),
            hook: record.hook.clone(),
            metadata: request.metadata.clone(),
        }
    }
}

/// What was heard of the streams. Those of a recording that has ended have ended, whether their agent could say so or not.
fn streams(record: &Record, course: &Course) -> Vec<StreamReport> {
    let mut streams = course.streams.clone();
    if record.state().is_terminal() {
        streams.iter_mut().for_each(|stream| stream.state = StreamState::Ended);
    }
    streams
}

/// Where a client finds it: the server's own directories are nobody's business.
fn relative(output: &Delivered, id: &str) -> Delivered {
    Delivered { location: inside(&output.location, id), ..output.clone() }
}

/// The same of the picture of a page that failed.
fn pictured(mut failure: Failure, id: &str) -> Failure {
    if let Some(picture) = failure.evidence.as_mut().and_then(|evidence| evidence.screenshot.as_mut()) {
        *picture = inside(picture, id);
    }
    failure
}

fn inside(path: &str, id: &str) -> String {
    path.split_once(&format!("/recordings/{id}/")).map_or(path, |(_, inside)| inside).to_owned()
}

/// What people call it: as its picture or the client does, or by its room.
pub(crate) fn title(request: &RecordingRequest) -> String {
    let in_the_picture = request.theme.as_ref().and_then(|theme| theme.title.clone());
    let named = in_the_picture.or_else(|| request.metadata.get("title").cloned());
    named.filter(|title| !title.trim().is_empty()).unwrap_or_else(|| match &request.room.room {
        Room::Livekit { room, .. } | Room::Jitsi { room, .. } | Room::Demo { room } => room.clone(),
        Room::Page { url } => url.host_str().unwrap_or("Recording").to_owned(),
    })
}

/// What came of an order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Ordered")]
pub struct OrderResource {
    /// The recording as it is now.
    pub recording: Resource,
    /// Id of the stream that was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}
