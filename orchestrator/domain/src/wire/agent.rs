//! Between an agent and whoever launched it.
//!
//! ```text
//! launcher ── Job, one line of JSON ── then Request, a line each ───────▶ agent's stdin
//! launcher ◀── AgentEvent, one line of JSON each ───────────────────────── agent's stdout
//! ```
//!
//! When stdin closes the launcher is gone: the agent stops, delivers what it has, and ends. The last event is always
//! [`AgentEvent::Finished`]; an agent that ends without it was lost.

use serde::{Deserialize, Serialize};

use crate::destination::Destination;
use crate::encoding::Encoding;
use crate::failure::Failure;
use crate::frame::{FrameRate, FrameSize};
use crate::layout::Layout;
use crate::look::LookChange;
use crate::output::Output;
use crate::recording::EndReason;
use crate::secret::Secret;
use crate::theme::Theme;
use crate::timeline::{Delivered, Pause};
use crate::upload::UploadReport;
use crate::watchdog::WatchdogConfig;
use crate::wire::page::{PageRoom, RoomEvent};

/// Everything an agent needs for one recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Id of the recording: letters, digits and `-`; names its work and capture directories.
    pub id: String,
    /// What is opened.
    pub page: JobPage,
    /// Initial arrangement of the tiles.
    pub layout: Layout,
    /// Colours, logo, overlays; images are `data:` URLs already.
    pub theme: Theme,
    /// Size of the picture.
    pub size: FrameSize,
    /// Frames a second.
    pub fps: FrameRate,
    /// What is recorded, for manifest and names: the room's URI, or the page's address without its query.
    pub room: String,
    /// How the picture is encoded.
    #[serde(default)]
    pub encoding: Encoding,
    /// Absolute path of the directory in which the recording is kept until everything is delivered; on the same filesystem as the
    /// first file, so that it can be moved there.
    pub spool: String,
    /// What is made of it: files, HLS, images. Streams are in `standing`, because they come and go.
    pub outputs: Vec<Output>,
    /// Where all of it is uploaded to, by credentials from the agent's environment.
    #[serde(default)]
    pub uploads: Vec<Destination>,
    /// Replace what is already there.
    pub overwrite: bool,
    /// What a gap becomes in the file.
    #[serde(default)]
    pub gaps: Gaps,
    /// The page reaches public addresses only, beside its room.
    #[serde(default)]
    pub public_only: bool,
    /// Seconds of media after which the recording ends by itself.
    pub max_duration_s: Option<f64>,
    /// Seconds that the page has to give its start signal.
    pub start_deadline_s: f64,
    /// What was asked for while an agent before this one recorded.
    #[serde(default)]
    pub standing: Standing,
    /// When the recording is ended, mended or warned about by itself.
    #[serde(default)]
    pub watchdog: WatchdogConfig,
}

/// What live control has made of a recording: the next agent begins with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// It is paused.
    pub paused: Option<PauseMode>,
    /// Silence is recorded.
    pub muted: bool,
    /// Where it is streamed to.
    pub streams: Vec<JobStream>,
    /// How the look is changed from the one that the job begins with.
    #[serde(default)]
    pub look: LookChange,
    /// It is over, for this reason: the next agent captures nothing, and delivers what there is.
    #[serde(default)]
    pub ending: Option<EndReason>,
}

/// A stream that is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobStream {
    /// `s1`, `s2`, …
    pub id: String,
    /// `rtmp://`, `rtmps://` or `srt://`, with its key.
    pub url: Secret,
}

impl Standing {
    /// What a command that has taken effect makes of it.
    pub fn take(&mut self, command: &AgentCommand) {
        match command {
            AgentCommand::Pause { mode } => self.paused = Some(*mode),
            AgentCommand::Resume => self.paused = None,
            AgentCommand::Mute => self.muted = true,
            AgentCommand::Unmute => self.muted = false,
            AgentCommand::AddStream { id, url } => self.streams.push(JobStream { id: id.clone(), url: url.clone() }),
            AgentCommand::RemoveStream { stream } => self.streams.retain(|known| !known.is(stream)),
            AgentCommand::Look { change } => self.look.then(&change.lasting()),
            AgentCommand::Stop | AgentCommand::Abandon | AgentCommand::Mark { .. } => {}
        }
    }
}

impl JobStream {
    /// Whether a text, an id or an address, means this stream.
    pub fn is(&self, text: &Secret) -> bool {
        self.id == text.expose() || self.url == *text
    }
}

/// What becomes of the time in which nothing could be captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// A slate and silence of the same length: media time stays wall time.
    #[default]
    Slate,
    /// What is before and after is joined.
    Cut,
}

impl std::fmt::Display for Gaps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Slate => "slate",
            Self::Cut => "cut",
        })
    }
}

impl std::str::FromStr for Gaps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "slate" => Ok(Self::Slate),
            "cut" => Ok(Self::Cut),
            _ => Err(format!("\"{text}\" is no way to treat gaps; it must be slate or cut")),
        }
    }
}

/// What is opened in the browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum JobPage {
    /// Wallflower's own page, joining a room.
    Stage {
        /// The room.
        room: PageRoom,
    },
    /// A designer's page, joining a room. It gets the [`super::page::PageConfig`], and for a LiveKit room also the query parameters
    /// `layout`, `url` and `token` of LiveKit's own templates.
    Template {
        /// Where the page is.
        url: String,
        /// The room.
        room: PageRoom,
    },
    /// The same, from a folder of the agent's machine, which serves it together with Wallflower's custom elements
    /// (`/wallflower/elements.js`).
    TemplateFolder {
        /// Path of a directory with an `index.html`.
        folder: String,
        /// The room.
        room: PageRoom,
    },
    /// Any page, recorded as it is.
    Page {
        /// Where the page is.
        url: String,
        /// Wait for a start signal instead of recording as soon as the page has loaded.
        await_start: bool,
    },
}

impl JobPage {
    /// The meeting that it joins; none for a page that is recorded as it is.
    pub fn room(&self) -> Option<&PageRoom> {
        match self {
            Self::Stage { room } | Self::Template { room, .. } | Self::TemplateFolder { room, .. } => Some(room),
            Self::Page { .. } => None,
        }
    }
}

/// A line of the agent's stdin after the job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The number by which it is answered; see [`AgentEvent::Answered`].
    pub id: u64,
    /// What is asked for.
    pub command: AgentCommand,
}

/// What an agent is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum AgentCommand {
    /// Stop and finalize.
    Stop,
    /// Leave at once: kill everything, keep what was captured, finalize nothing.
    Abandon,
    /// Record nothing of the room until [`AgentCommand::Resume`]: a card covers the picture, and there is silence.
    Pause {
        /// What becomes of that time.
        #[serde(default)]
        mode: PauseMode,
    },
    /// Go on.
    Resume,
    /// Record silence; the room is not told.
    Mute,
    /// Record sound again.
    Unmute,
    /// Put a marker on the timeline; it becomes a chapter.
    Mark {
        /// Its title.
        label: String,
    },
    /// Stream to one more address.
    AddStream {
        /// Its id, such as `s3`; whoever drives the agent chooses it when it is empty.
        #[serde(default)]
        id: String,
        /// `rtmp://`, `rtmps://` or `srt://`, with its key.
        url: Secret,
    },
    /// Stop streaming to an address.
    RemoveStream {
        /// The stream's id (`s1`) or its address.
        stream: Secret,
    },
    /// Show the room in another way.
    Look {
        /// In which.
        change: Box<LookChange>,
    },
}

impl AgentCommand {
    /// It ends the recording.
    pub fn is_end(&self) -> bool {
        match self {
            Self::Stop | Self::Abandon => true,
            Self::Pause { .. }
            | Self::Resume
            | Self::Mute
            | Self::Unmute
            | Self::Mark { .. }
            | Self::AddStream { .. }
            | Self::RemoveStream { .. }
            | Self::Look { .. } => false,
        }
    }
}

/// What becomes of the time of a pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PauseMode {
    /// It is left out: media time stands still.
    #[default]
    Cut,
    /// The card is recorded, with silence: media time stays wall time.
    Hold,
}

impl std::fmt::Display for PauseMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cut => "cut",
            Self::Hold => "hold",
        })
    }
}

impl std::str::FromStr for PauseMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cut" => Ok(Self::Cut),
            "hold" => Ok(Self::Hold),
            _ => Err(format!("\"{text}\" is no way to pause; it must be cut or hold")),
        }
    }
}

/// What an agent says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AgentEvent {
    /// The browser is up and opens the page.
    Joining,
    /// The first frame was captured: of the recording, or of the attempt that goes on with it.
    Started {
        /// Number of the attempt.
        attempt: u32,
        /// When, in microseconds since 1970 UTC, by the clock that stamps the frames.
        first_frame_unix_us: i64,
        /// Milliseconds from the agent's start, or from the interruption, to the first frame.
        start_latency_ms: u64,
    },
    /// How the capture goes, about twice a second.
    Progress {
        /// How.
        progress: Progress,
    },
    /// Something died or hung; the next attempt is on its way.
    Interrupted {
        /// What.
        failure: Failure,
    },
    /// The agent is there; said every half second, from its first moment to its last.
    Alive,
    /// A request was carried out, or can't be.
    Answered {
        /// [`Request::id`].
        request: u64,
        /// Why it can't be; absent when it has taken effect.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// From here on, what is recorded is a card and silence.
    Paused {
        /// What becomes of that time.
        mode: PauseMode,
    },
    /// The room is recorded again.
    Resumed,
    /// Sound is recorded, or silence in its stead.
    Muted {
        /// Whether it is silence.
        muted: bool,
    },
    /// Somebody has put a marker on the timeline.
    Marked {
        /// Its title.
        label: String,
        /// Where, in seconds of media.
        media_s: f64,
    },
    /// The room is shown in another way: it is on the display.
    Looks {
        /// What has changed.
        change: Box<LookChange>,
    },
    /// A stream has changed, or a second has passed.
    Stream {
        /// How it is now.
        stream: StreamReport,
    },
    /// The page did not answer for a while, and does again; what it showed stood still.
    Frozen {
        /// How long, in seconds.
        length_s: f64,
    },
    /// Something happened in the room.
    Room {
        /// What.
        room_event: RoomEvent,
    },
    /// Something a person should know, that does not end the recording.
    Warning {
        /// One sentence.
        message: String,
    },
    /// The encoder is told to finish.
    Stopping {
        /// Why.
        reason: EndReason,
    },
    /// The outputs are made from what was captured.
    Finalizing,
    /// How an upload goes.
    Upload {
        /// How.
        upload: UploadReport,
    },
    /// The last word.
    Finished {
        /// Why it ended.
        end: EndReason,
        /// What failed.
        failure: Option<Failure>,
        /// What was delivered; absent when there was no media.
        delivery: Option<Delivery>,
    },
}

/// How a live stream goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamReport {
    /// `s1`, `s2`, … in the order in which they were asked for.
    pub id: String,
    /// Its address without what is secret in it: `rtmp://host/app/****`.
    pub address: String,
    /// Where it is.
    pub state: StreamState,
    /// Seconds of media that were sent.
    pub sent_s: f64,
    /// Bytes that were sent.
    pub bytes: u64,
    /// Seconds of media that were not sent: while it was away, or because it was too slow.
    pub missed_s: f64,
    /// Connections that were lost or refused.
    pub retries: u32,
    /// What went wrong last: a sentence without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Where a live stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Its server is asked to take it.
    Connecting,
    /// Its server takes what is sent.
    Live,
    /// Its server refused, stalled or went; it is tried again after a while.
    Waiting,
    /// It was removed, or the recording has ended.
    Ended,
}

/// How the capture goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Progress {
    /// Seconds of media.
    pub media_s: f64,
    /// Frames encoded.
    pub frames: u64,
    /// Frames a second, of late.
    pub fps: f64,
    /// Media time over wall time: below 1 the encoder falls behind.
    pub speed: f64,
    /// Frames that were captured but not encoded.
    pub dropped: u64,
    /// Frames that were repeated because none came in time.
    pub duplicated: u64,
    /// Frames that show something else than the frame before, by their coded size.
    pub unique: u64,
    /// Fragments of half a second that wait to be written to disk.
    pub queue: u32,
    /// By how much the sound reaches further than the picture at the end of the last fragment, in seconds.
    pub av_skew_s: f64,
    /// Bytes written.
    pub bytes: u64,
}

/// What was delivered, as measured on what was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// What was made, the first file that was asked for first.
    pub outputs: Vec<Delivered>,
    /// Path of the manifest, which tells all that is known.
    pub manifest: Option<String>,
    /// Length of the recording in seconds, by the packets of what was made.
    pub duration_s: f64,
    /// Its video frames.
    pub frames: u64,
    /// When nothing could be captured, in order.
    pub gaps: Vec<Gap>,
    /// When it was paused, in order.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// What the recording cost, when it lasted long enough to be measured.
    pub usage: Option<Usage>,
}

/// A time in which nothing could be captured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gap {
    /// Where in the file it begins, in seconds.
    pub at_s: f64,
    /// How long it was, in seconds.
    pub length_s: f64,
    /// Why: a sentence.
    pub reason: String,
}

/// What a recording cost: processor time over wall time (cores), from `/proc`, over the time in which frames were captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// ffmpeg: captures the sound, encodes.
    pub encoder_cores: f64,
    /// Xvfb.
    pub display_cores: f64,
    /// PulseAudio.
    pub audio_cores: f64,
    /// Chromium with all its processes.
    pub browser_cores: f64,
    /// The agent: captures the picture, stores what is encoded. None of an agent of before it did so.
    #[serde(default)]
    pub agent_cores: f64,
    /// Proportional set size of all of them at the end, in bytes.
    pub pss_bytes: u64,
}

impl Usage {
    /// Processor time of all of it, in cores.
    #[must_use]
    pub fn cores(&self) -> f64 {
        self.capture_cores() + self.browser_cores
    }

    /// What it takes to capture, encode and store, whatever the page costs.
    #[must_use]
    pub fn capture_cores(&self) -> f64 {
        self.encoder_cores + self.display_cores + self.audio_cores + self.agent_cores
    }
}
