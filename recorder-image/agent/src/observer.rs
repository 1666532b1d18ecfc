//! Looks at a recording for the watchdog.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use wallflower_domain::output::Output;
use wallflower_domain::watchdog::{Observation, RoomSeen, Verdict, Watchdog, WatchdogConfig};
use wallflower_domain::wire::agent::{AgentEvent, Progress};
use wallflower_domain::wire::page::RoomEvent;

use crate::flow::Flow;
use crate::live::Scene;
use crate::spool::Wanted;

/// Who is in the room, by what the page tells.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    present: BTreeSet<String>,
    anyone_ever: bool,
    media_ever: bool,
}

impl Crowd {
    pub(crate) fn note(&mut self, event: &AgentEvent) {
        match event {
            // The next page tells anew who is there.
            AgentEvent::Joining => self.present.clear(),
            AgentEvent::Room { room_event } => self.heard(room_event),
            _ => {}
        }
    }

    fn heard(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::ParticipantJoined { identity, .. } => {
                self.anyone_ever = true;
                self.present.insert(identity.clone());
            }
            RoomEvent::ParticipantLeft { identity } => drop(self.present.remove(identity)),
            RoomEvent::SpeakerChanged { identity: Some(_) } | RoomEvent::ScreenShareStarted { .. } => {
                self.media_ever = true;
            }
            RoomEvent::SpeakerChanged { identity: None }
            | RoomEvent::Chat { .. }
            | RoomEvent::Reaction { .. }
            | RoomEvent::Caption { .. }
            | RoomEvent::ScreenShareStopped { .. }
            | RoomEvent::Reconnecting
            | RoomEvent::Reconnected => {}
        }
    }

    /// `sounded`: something was heard in this attempt.
    pub(crate) fn seen(&self, sounded: bool) -> RoomSeen {
        RoomSeen {
            present: u32::try_from(self.present.len()).unwrap_or(u32::MAX),
            anyone_ever: self.anyone_ever,
            media_ever: self.media_ever || sounded,
        }
    }
}

/// Asks the watchdog.
pub(crate) struct Observer {
    watchdog: Watchdog,
    spool: PathBuf,
    copies: u32,
    sound_only: bool,
    memory_limit: Option<u64>,
}

/// What only the attempt knows.
pub(crate) struct Look {
    pub(crate) now_us: i64,
    pub(crate) scene: Scene,
    pub(crate) room: Option<RoomSeen>,
    pub(crate) heartbeat_age: Duration,
    pub(crate) flow: Flow,
    pub(crate) progress: Progress,
    pub(crate) memory_bytes: Option<u64>,
}

impl Observer {
    pub(crate) fn new(config: &WatchdogConfig, wanted: &Wanted, spool: PathBuf) -> Self {
        Self {
            watchdog: Watchdog::new(config),
            spool,
            copies: copies(wanted),
            sound_only: wanted.sound_only(),
            memory_limit: memory_limit(),
        }
    }

    pub(crate) fn look(&mut self, look: Look) -> Vec<Verdict> {
        let Look { now_us, scene, room, heartbeat_age, flow, progress, memory_bytes } = look;
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.watchdog.observe(&Observation {
            now: Duration::from_micros(now_us.max(0).unsigned_abs()),
            capturing: true,
            paused: scene.paused.is_some(),
            muted: scene.muted,
            room,
            heartbeat_age: Some(heartbeat_age),
            picture_changed: (!self.sound_only).then(|| seconds(flow.changed_s)),
            sound_heard: Some(seconds(flow.heard_s)),
            progress,
            spool_bytes: progress.bytes,
            copies: self.copies,
            disk_free_bytes: free_on(&self.spool),
            memory_bytes,
            memory_limit_bytes: self.memory_limit,
        })
    }
}

/// Bytes that are free on the disk of a directory.
pub(crate) fn free_on(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    #[expect(clippy::useless_conversion, reason = "the types differ between platforms")]
    Some(u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size())))
}

/// Files as large as the spool that finishing may write beside it.
fn copies(wanted: &Wanted) -> u32 {
    let pictured = wanted.outputs.iter().filter(|output| matches!(output, Output::File { .. }) && output.has_picture());
    // One more for the pieces that a file is put together from when there was a gap or a pause.
    u32::try_from(pictured.count()).unwrap_or(u32::MAX).max(1) + 1
}

/// What this container may take.
fn memory_limit() -> Option<u64> {
    fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_there_is_told_anew_by_every_page() {
        let mut crowd = Crowd::default();
        let joined = |identity: &str| AgentEvent::Room {
            room_event: RoomEvent::ParticipantJoined { identity: identity.into(), name: identity.into() },
        };
        for event in [joined("a"), joined("b"), joined("a")] {
            crowd.note(&event);
        }
        assert_eq!(crowd.seen(false), RoomSeen { present: 2, anyone_ever: true, media_ever: false });
        crowd.note(&AgentEvent::Joining);
        assert_eq!(crowd.seen(true), RoomSeen { present: 0, anyone_ever: true, media_ever: true });
    }
}
