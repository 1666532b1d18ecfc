//! Where everything that happens in a recording is told.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use wallflower_domain::failure::Failure;
use wallflower_domain::watchdog::RoomSeen;
use wallflower_domain::wire::agent::AgentEvent;

use crate::observer::Crowd;
use crate::timeline::TimelineFile;

/// Tells the launcher and the timeline. Whoever has part in a recording holds a clone.
#[derive(Clone)]
pub(crate) struct Report {
    events: mpsc::UnboundedSender<AgentEvent>,
    timeline: Arc<Mutex<Option<TimelineFile>>>,
    crowd: Arc<Mutex<Crowd>>,
}

impl Report {
    pub(crate) fn new(events: mpsc::UnboundedSender<AgentEvent>) -> Self {
        Self { events, timeline: Arc::default(), crowd: Arc::default() }
    }

    /// From here on everything is on the timeline, too.
    pub(crate) fn write_to(&self, timeline: TimelineFile) {
        *self.timeline.lock().unwrap_or_else(PoisonError::into_inner) = Some(timeline);
    }

    pub(crate) fn send(&self, event: AgentEvent) {
        if let Some(timeline) = &mut *self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
            && let Err(error) = timeline.note(&event)
        {
            // A full disk stops the recording by itself; this is not worth a failure of its own.
            tracing::warn!(%error, "the timeline can't be written");
        }
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).note(&event);
        // A launcher that no longer listens does not stop a recording.
        let _ = self.events.send(event);
    }

    /// Who is in the room; `sounded` when something was heard.
    pub(crate) fn room_seen(&self, sounded: bool) -> RoomSeen {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).seen(sounded)
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.send(AgentEvent::Warning { message: message.into() });
    }

    /// Answers a request; what has no number waits for no answer.
    pub(crate) fn answer(&self, request: u64, result: Result<(), Failure>) {
        if request > 0 {
            self.send(AgentEvent::Answered { request, failure: result.err() });
        }
    }
}
