//! Where everything that happens in a recording is told.

use tokio::sync::mpsc;
use wallflower_domain::failure::Failure;
use wallflower_domain::wire::agent::AgentEvent;

/// Tells the launcher. Whoever has part in a recording holds a clone.
#[derive(Clone)]
pub(crate) struct Report {
    events: mpsc::UnboundedSender<AgentEvent>,
}

impl Report {
    pub(crate) fn new(events: mpsc::UnboundedSender<AgentEvent>) -> Self {
        Self { events }
    }

    pub(crate) fn send(&self, event: AgentEvent) {
        // A launcher that no longer listens does not stop a recording.
        let _ = self.events.send(event);
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
