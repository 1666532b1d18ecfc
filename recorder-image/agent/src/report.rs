//! Where everything that happens in a recording is told.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;
use tokio::task::block_in_place;
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
        // Whoever hears of no sign of life kills the agent: a disk that holds up a line must not hold up those, which are on no timeline.
        if !matches!(event, AgentEvent::Alive | AgentEvent::Progress { .. }) {
            beside_others(|| self.note(&event));
        }
        // A launcher that no longer listens does not stop a recording.
        let _ = self.events.send(event);
    }

    fn note(&self, event: &AgentEvent) {
        if let Some(timeline) = &mut *self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
            && let Err(error) = timeline.note(event)
        {
            // A full disk stops the recording by itself; this is not worth a failure of its own.
            tracing::warn!(%error, "the timeline can't be written");
        }
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).note(event);
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

/// Does what a disk may hold up. The agent has few threads, and what else was to run on this one goes on elsewhere.
fn beside_others(work: impl FnOnce()) {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use wallflower_domain::wire::agent::Progress;

    use super::*;

    #[test]
    fn signs_of_life_are_told_while_the_timeline_can_not_be_written() {
        let (sender, mut events) = mpsc::unbounded_channel();
        let report = Report::new(sender);
        let held = report.timeline.lock().expect("nobody else has it");
        let (done, told) = channel();
        let other = report.clone();
        let telling = std::thread::spawn(move || {
            other.send(AgentEvent::Alive);
            other.send(AgentEvent::Progress { progress: Progress::default() });
            let _ = done.send(());
            other.warn("the disk");
        });
        told.recv_timeout(Duration::from_secs(10)).expect("they do not wait for the timeline");
        assert_eq!(events.try_recv().ok(), Some(AgentEvent::Alive));
        assert!(matches!(events.try_recv(), Ok(AgentEvent::Progress { .. })));
        assert!(events.try_recv().is_err(), "what is on the timeline is there before it is told");
        drop(held);
        telling.join().expect("it is told");
        assert!(matches!(events.try_recv(), Ok(AgentEvent::Warning { .. })));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_while_a_line_waits_for_its_disk() {
        let (sender, mut events) = mpsc::unbounded_channel();
        let report = Report::new(sender);
        let (hold, held) = channel::<()>();
        let (holds, is_held) = channel();
        let timeline = report.timeline.clone();
        let disk = std::thread::spawn(move || {
            let _timeline = timeline.lock().expect("nobody else has it");
            holds.send(()).expect("awaited");
            // Until it is let go, or for too long.
            let _ = held.recv_timeout(Duration::from_secs(10));
        });
        is_held.recv().expect("it holds");
        let (on_it, one) = tokio::sync::oneshot::channel();
        let waits = report.clone();
        let waiting = tokio::spawn(async move {
            let _ = on_it.send(());
            waits.warn("the disk");
        });
        one.await.expect("it has begun");
        let lives = report.clone();
        tokio::spawn(async move { lives.send(AgentEvent::Alive) }).await.expect("it is told");
        assert_eq!(events.try_recv().ok(), Some(AgentEvent::Alive), "although the only worker waits");
        drop(hold);
        waiting.await.expect("it is told");
        disk.join().expect("it ends");
    }
}
