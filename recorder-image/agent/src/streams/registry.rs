//! All streams of a recording.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::{JobStream, StreamReport, StreamState};

use super::address::Address;
use super::rtmp::Trust;
use super::status::Status;
use super::stream::{Means, supervise};
use super::{Patience, Policy, srt};
use crate::report::Report;
use crate::tap::Tap;
use crate::workdir::Lasting;

/// Streams that a recording may have at once.
const MOST_STREAMS: usize = 16;
/// Ended streams of which the last report is kept.
const MOST_ENDED: usize = 64;

/// Where a recording is streamed to. Dropping it ends all at once; [`Streams::shutdown`] is the polite way.
pub(crate) struct Streams {
    tap: Tap,
    report: Report,
    means: Arc<Means>,
    running: Vec<Running>,
    ended: Vec<StreamReport>,
}

#[cfg(test)]
impl Streams {
    /// A stream's own word.
    pub(crate) fn status(&self, id: &str) -> Status {
        self.running.iter().find(|running| running.stream.id == id).expect("it runs").status.clone()
    }
}

struct Running {
    stream: JobStream,
    status: Status,
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Streams {
    pub(crate) fn new(policy: Policy, ffmpeg: PathBuf, lasting: Lasting, tap: Tap, report: Report) -> Self {
        let srt = srt::Sender { ffmpeg, lasting };
        let means = Means { policy, patience: Patience::default(), trust: Trust::default(), srt };
        Self::with(means, tap, report)
    }

    pub(crate) fn with(means: Means, tap: Tap, report: Report) -> Self {
        Self { tap, report, means: Arc::new(means), running: Vec::new(), ended: Vec::new() }
    }

    /// Starts a stream. It is tried until it is removed or all end; only what can never be streamed to is refused.
    pub(crate) fn add(&mut self, stream: &JobStream) -> Result<(), Failure> {
        let refused = |sentence: String| Err(Failure::new(FailureKind::BadRequest, sentence));
        let address = Address::parse(&stream.url, self.means.policy)?;
        let is_word = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if stream.id.is_empty() || stream.id.len() > 32 || !is_word(&stream.id) {
            return refused("A stream's id has 1 to 32 letters, digits and -; name another.".to_owned());
        }
        self.bury();
        if self.running.iter().any(|running| running.stream.id == stream.id) {
            return refused(format!("There is a stream {} already; choose another id.", stream.id));
        }
        if let Some(same) = self.running.iter().find(|same| same.stream.url == stream.url && !*same.end.borrow()) {
            return refused(format!("The recording is streamed to {address} already, as {}.", same.stream.id));
        }
        if self.running.len() == MOST_STREAMS {
            return refused(format!("A recording has at most {MOST_STREAMS} streams at once; remove one first."));
        }
        self.ended.retain(|report| report.id != stream.id);
        let status = Status::new(&stream.id, address.to_string(), self.report.clone());
        let (end, ends) = watch::channel(false);
        let task = tokio::spawn(supervise(address, self.tap.listen(), status.clone(), ends, self.means.clone()));
        self.running.push(Running { stream: stream.clone(), status, end, task });
        Ok(())
    }

    /// Ends the stream with this id or address, after what was captured until now was sent; not much later when that takes too long.
    /// When this future is dropped, the stream ends all the same.
    #[cfg(test)]
    pub(crate) async fn remove(&mut self, stream: &Secret) -> Result<(), Failure> {
        self.end(stream)?.await;
        Ok(())
    }

    /// The same for who has other things to do: the future is for whoever wants to know when it has ended.
    pub(crate) fn end(
        &mut self,
        stream: &Secret,
    ) -> Result<impl Future<Output = ()> + Send + 'static + use<>, Failure> {
        self.bury();
        let Some(running) = self.running.iter().find(|running| running.stream.is(stream) && !*running.end.borrow())
        else {
            // The text may be an address with its key.
            let ids: Vec<&str> = self.running.iter().map(|running| running.stream.id.as_str()).collect();
            let known =
                if ids.is_empty() { "there is none".to_owned() } else { format!("there is {}", ids.join(", ")) };
            return Err(Failure::new(FailureKind::BadRequest, format!("There is no such stream; {known}.")));
        };
        Ok(running.finish(self.means.patience))
    }

    /// How all of them go, in the order in which they were added; ended ones first.
    pub(crate) fn reports(&self) -> Vec<StreamReport> {
        self.ended.iter().cloned().chain(self.running.iter().map(|running| running.status.get())).collect()
    }

    /// Ends all, each as [`Streams::remove`] does, at the same time.
    pub(crate) async fn shutdown(mut self) -> Vec<StreamReport> {
        let patience = self.means.patience;
        join_all(self.running.iter().map(|running| running.finish(patience))).await;
        self.bury();
        self.reports()
    }

    /// Keeps of what has ended no more than its report.
    fn bury(&mut self) {
        let is_ended = |running: &Running| running.status.state() == StreamState::Ended;
        self.ended.extend(self.running.iter().filter(|running| is_ended(running)).map(|running| running.status.get()));
        self.running.retain(|running| !is_ended(running));
        self.ended.drain(..self.ended.len().saturating_sub(MOST_ENDED));
    }
}

impl Running {
    /// Ends it; resolves when it has ended, of itself or by force.
    fn finish(&self, patience: Patience) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.end.send_replace(true);
        let (status, task) = (self.status.clone(), self.task.abort_handle());
        async move {
            // Longer than the stream gives itself, so that it ends in order even on a busy machine.
            if timeout(patience.end + patience.grace, status.reaches(StreamState::Ended)).await.is_err() {
                task.abort();
                status.ended(Some("It did not end in time.".to_owned()));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
