//! Between the agent and the page it records.
//!
//! ```text
//! agent ── PageConfig, in `window.__wallflower`, before the first script runs ─────────▶ page
//! agent ◀── PageMessage as JSON text, by calling `window.__wallflowerSend(text)` ──────── page
//! ```
//!
//! The page says `ready` once, when what it shows is worth recording, or `failed`. After `ready` it may say `ended` once.
//! While it is recorded it may be told of another [`Look`], by a call of `window.__wallflowerLook(look)` if it has put such a function
//! there; what that returns may be a promise, of the moment at which the look is in the document.
//! It beats (`heartbeat`) every [`HEARTBEAT_INTERVAL_MS`] from the moment it loads.

use serde::{Deserialize, Serialize};

use crate::failure::Fault;
use crate::frame::{FrameRate, FrameSize};
use crate::jitsi::JitsiAccess;
use crate::look::Look;
use crate::wire::scene::Scene;

/// Version of this contract; the page refuses a number it does not know.
pub const CONTRACT: u32 = 1;

/// Name of the global that holds the [`PageConfig`].
pub const CONFIG_GLOBAL: &str = "__wallflower";

/// Name of the function by which the page, if it has one, is told of another [`Look`].
pub const LOOK_FUNCTION: &str = "__wallflowerLook";

/// Name of the function by which the page sends a [`PageMessage`].
pub const BINDING: &str = "__wallflowerSend";

/// Milliseconds between two heartbeats of a page.
pub const HEARTBEAT_INTERVAL_MS: u32 = 1000;

/// All that a page needs to know before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct PageConfig {
    /// [`CONTRACT`].
    pub contract: u32,
    /// Id of the recording.
    pub recording: String,
    /// Where to take participants from; absent for a page that brings its own content.
    pub room: Option<PageRoom>,
    /// Layout, theme and the like, as they are when the page is opened.
    #[serde(flatten)]
    pub look: Look,
    /// Size of the viewport in pixels.
    pub size: FrameSize,
    /// Frames a second that are captured: animations need no more.
    pub fps: FrameRate,
}

/// A room as the page joins it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PageRoom {
    /// A LiveKit room.
    Livekit {
        /// `ws://` or `wss://` address of the LiveKit server.
        url: String,
        /// Access token: hidden, recorder, subscribe only.
        token: String,
    },
    /// A Jitsi room, which is joined by its deployment's own library.
    Jitsi {
        /// `http://` or `https://` address of the deployment's web client, without the room.
        url: String,
        /// Name of the room.
        room: String,
        /// What opens it.
        access: JitsiAccess,
    },
    /// A room of Wallflower's own demo server.
    Demo {
        /// `ws://` address of the room's signalling socket.
        url: String,
    },
    /// A room that is only played, for whoever designs a page.
    Simulated {
        /// How it is.
        scene: Scene,
        /// Origin of the workshop that may change it while it is shown; a page that is recorded has none, and listens to nobody.
        #[serde(default)]
        director: Option<String>,
    },
}

impl PageRoom {
    /// Whether members of the room see the recorder among them.
    pub fn shows_recorder(&self) -> bool {
        match self {
            Self::Jitsi { access, .. } => access.login.is_visible(),
            Self::Livekit { .. } | Self::Demo { .. } | Self::Simulated { .. } => false,
        }
    }
}

/// Never prints what opens a room.
impl std::fmt::Debug for PageRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Livekit { url, .. } => f.debug_struct("Livekit").field("url", url).finish_non_exhaustive(),
            Self::Jitsi { url, room, .. } => {
                f.debug_struct("Jitsi").field("url", url).field("room", room).finish_non_exhaustive()
            }
            Self::Demo { url } => f.debug_struct("Demo").field("url", url).finish(),
            Self::Simulated { scene, .. } => f.debug_struct("Simulated").field("scene", scene).finish_non_exhaustive(),
        }
    }
}

/// What a page tells the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum PageMessage {
    /// The page's main thread is alive.
    Heartbeat {
        /// Counts up from 1.
        seq: u32,
    },
    /// What the page shows is worth recording: the start signal.
    Ready,
    /// The page cannot go on.
    Failed {
        /// Whose fault it is, as far as the page can tell.
        fault: Fault,
        /// One sentence for a person: what happened and what to do.
        message: String,
    },
    /// The page has nothing more to show.
    Ended {
        /// Why.
        reason: PageEnd,
    },
    /// Something happened in the room.
    Event {
        /// What happened.
        event: RoomEvent,
    },
}

/// Why a page ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum PageEnd {
    /// The room was closed.
    RoomEnded,
    /// The silent participant was removed from the room.
    Kicked,
}

/// What happens in a room and belongs on the timeline. `identity` is the room's stable id of a participant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RoomEvent {
    /// A participant came, or was there already when the silent participant joined.
    ParticipantJoined {
        /// Who.
        identity: String,
        /// Display name.
        name: String,
    },
    /// A participant went.
    ParticipantLeft {
        /// Who.
        identity: String,
    },
    /// Somebody else speaks now, or nobody.
    SpeakerChanged {
        /// Who; absent in silence.
        identity: Option<String>,
    },
    /// A line of chat.
    Chat {
        /// Who; absent when the room does not say.
        identity: Option<String>,
        /// Display name at that time.
        name: String,
        /// The line.
        text: String,
    },
    /// An emoji reaction.
    Reaction {
        /// Who; absent when the room does not say.
        identity: Option<String>,
        /// Display name at that time.
        name: String,
        /// The emoji.
        emoji: String,
    },
    /// What somebody said, when the room has understood all of it.
    Caption {
        /// Who; absent when the room does not say.
        identity: Option<String>,
        /// Display name at that time.
        name: String,
        /// What was said.
        text: String,
        /// Milliseconds from the first word to this event.
        lasted_ms: u32,
    },
    /// A screen share began.
    ScreenShareStarted {
        /// Who shares.
        identity: String,
    },
    /// A screen share ended.
    ScreenShareStopped {
        /// Who shared.
        identity: String,
    },
    /// The connection to the room was lost and the page tries to restore it.
    Reconnecting,
    /// The connection to the room is back.
    Reconnected,
}
