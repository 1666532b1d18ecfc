//! What is known of the recording that this process owns.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use wallflower_domain::output::Output;
use wallflower_domain::recording::Recording;
use wallflower_domain::wire::agent::Job;
use wallflower_domain::wire::control::{Course, Status};

/// Gives a recording's [`Status`] at any time.
#[derive(Clone)]
pub(crate) struct StatusSource {
    recording: watch::Receiver<Recording>,
    course: watch::Receiver<Course>,
    room: String,
    outputs: Vec<Output>,
    spool: String,
    launched_unix_us: i64,
    metrics: Option<String>,
}

/// The driver is gone, and the recording is not over: it never began.
#[derive(Debug)]
pub(super) struct NeverBegan;

impl StatusSource {
    pub(crate) fn new(job: &Job, recording: watch::Receiver<Recording>, course: watch::Receiver<Course>) -> Self {
        Self::of(job.room.clone(), job.outputs.clone(), job.spool.clone(), recording, course)
    }

    /// `room` must not hold secrets.
    pub(super) fn of(
        room: String,
        outputs: Vec<Output>,
        spool: String,
        recording: watch::Receiver<Recording>,
        course: watch::Receiver<Course>,
    ) -> Self {
        Self { recording, course, room, outputs, spool, launched_unix_us: unix_us(), metrics: None }
    }

    /// Says as well where metrics are served.
    pub(crate) fn with_metrics(self, address: String) -> Self {
        Self { metrics: Some(address), ..self }
    }

    pub(crate) fn id(&self) -> String {
        self.recording.borrow().id.clone()
    }

    pub(crate) fn now(&self) -> Status {
        Status {
            recording: self.recording.borrow().clone(),
            room: self.room.clone(),
            outputs: self.outputs.clone(),
            spool: self.spool.clone(),
            process: std::process::id(),
            launched_unix_us: self.launched_unix_us,
            metrics: self.metrics.clone(),
            course: self.course.borrow().clone(),
        }
    }

    /// Waits until something is true of the recording, or it is over.
    pub(super) async fn wait_until(&mut self, is_it: impl Fn(&Recording) -> bool) -> Result<(), NeverBegan> {
        let over = |recording: &Recording| is_it(recording) || recording.state.is_terminal();
        self.recording.wait_for(over).await.map(drop).map_err(|_| NeverBegan)
    }
}

/// Microseconds since 1970 UTC.
pub(crate) fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
