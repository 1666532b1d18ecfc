//! What the watchdog looks at.

use std::time::Duration;

use crate::wire::agent::Progress;

/// How a recording is at one moment. What nobody can tell, or what does not apply, is absent, and its rules rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Time since the recording's first frame; never goes back.
    pub now: Duration,
    /// An attempt is under way; not so while the recording is interrupted.
    pub capturing: bool,
    /// The recording is paused: picture and sound stand still on purpose.
    pub paused: bool,
    /// The recording's sound is switched off on purpose.
    pub muted: bool,
    /// Who is in the room. Absent for a plain page, which tells nothing of it, and while there is no page.
    pub room: Option<RoomSeen>,
    /// Time since the page's last heartbeat. Absent for a page that has never beaten.
    pub heartbeat_age: Option<Duration>,
    /// When the picture last changed, as time since the first frame; 0 when it never has. Absent when no picture is captured or looked
    /// at.
    pub picture_changed: Option<Duration>,
    /// When something was last to be heard, likewise.
    pub sound_heard: Option<Duration>,
    /// What the encoder reports, over all attempts.
    pub progress: Progress,
    /// Size of the spool.
    pub spool_bytes: u64,
    /// How many files as large as the spool finishing may write beside it before it can go: the MP4, the pieces that it is put
    /// together from unless it is one attempt, and each further file with the same picture.
    pub copies: u32,
    /// What is free on the spool's disk.
    pub disk_free_bytes: Option<u64>,
    /// What the recording's processes take.
    pub memory_bytes: Option<u64>,
    /// What they may take before the kernel kills one of them.
    pub memory_limit_bytes: Option<u64>,
}

/// Who is in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomSeen {
    /// Participants, without the silent one.
    pub present: u32,
    /// Somebody is there or was, in any attempt.
    pub anyone_ever: bool,
    /// Somebody has sent sound or picture, in any attempt.
    pub media_ever: bool,
}
