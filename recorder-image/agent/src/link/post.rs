//! What is to be told, between those who have part in a recording, the file, and the connection.
//!
//! ```text
//! Report ──take──▶ Post ◀──next, heard, asked── connection
//!                   ▲
//!                   └──file_some── filing ──▶ Journal
//! ```

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_blocking;
use wallflower_domain::failure::Failure;
use wallflower_domain::wire::agent::AgentEvent;
use wallflower_domain::wire::link::{MAX_MESSAGE_BYTES, Said};

use super::answers::{Answers, Verdict};
use super::journal::{Journal, Replay};
use super::outbox::{MAX_KEPT_BYTES, Next, Outbox, Renumbering};
use super::passing::Passing;
use crate::clock::unix_us;

/// Bytes of events that are written or read at once.
const BATCH_BYTES: usize = 256 * 1024;
/// A disk that takes longer is not waited for.
const DISK_DEADLINE: Duration = Duration::from_secs(5);
/// Before the file is tried again.
const DISK_PAUSE: Duration = Duration::from_secs(1);
/// What number, time and braces add to an event, at most.
const ENVELOPE_BYTES: usize = 128;

/// See the module. Who needs both locks takes the journal's first.
pub(super) struct Post {
    mail: Mutex<Mail>,
    journal: Mutex<Option<Journal>>,
    /// There may be something to send.
    pub(super) to_send: Notify,
    to_file: Notify,
}

struct Mail {
    outbox: Outbox,
    passing: Passing,
    answers: Answers,
    /// Number of the last event.
    finished: Option<u64>,
}

/// How the filing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filed {
    All,
    Some,
}

impl Post {
    /// Goes on with the file that an agent before us left, after what the orchestrator has `heard`. A file that can't be opened does not
    /// stop a recording.
    pub(super) async fn open(path: &Path, heard: u64) -> Arc<Self> {
        let opening = path.to_owned();
        let opened = spawn_blocking(move || {
            let mut answers = Answers::default();
            let opened = Journal::open(&opening, |said| {
                // What was carried out by an agent before us is not to be carried out again.
                if let AgentEvent::Answered { request, failure } = &said.event {
                    answers.answered(*request, failure.clone(), said.number);
                }
            });
            opened.map(|(journal, last)| (journal, last, answers))
        });
        let opened = match tokio::time::timeout(DISK_DEADLINE, opened).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the disk does not answer")),
        };
        let (journal, last, answers) = match opened {
            Ok((journal, last, answers)) => (Some(journal), last, answers),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "events can't be kept in their file; while the orchestrator is away they are in memory only");
                (None, 0, Answers::default())
            }
        };
        let outbox = Outbox::new(last.max(heard), journal.is_some(), MAX_KEPT_BYTES);
        Arc::new(Self {
            mail: Mutex::new(Mail { outbox, passing: Passing::default(), answers, finished: None }),
            journal: Mutex::new(journal),
            to_send: Notify::new(),
            to_file: Notify::new(),
        })
    }

    /// Takes all events, to the last.
    pub(super) async fn take_all(&self, mut events: mpsc::UnboundedReceiver<AgentEvent>) {
        while let Some(event) = events.recv().await {
            let is_last = matches!(event, AgentEvent::Finished { .. });
            self.take(event);
            if is_last {
                return;
            }
        }
    }

    pub(super) fn take(&self, event: AgentEvent) {
        let mut mail = self.mail();
        if mail.finished.is_some() {
            tracing::debug!(?event, "nothing is told after the last word");
            return;
        }
        if event.is_passing() {
            mail.passing.take(event);
            self.to_send.notify_one();
            return;
        }
        let (event, bytes) = fitting(event);
        let answer = match &event {
            AgentEvent::Answered { request, failure } => Some((*request, failure.clone())),
            _ => None,
        };
        let is_last = matches!(event, AgentEvent::Finished { .. });
        let Some(number) = mail.outbox.say(unix_us(), event, bytes) else { return };
        if let Some((request, failure)) = answer {
            mail.answers.answered(request, failure, number);
        }
        mail.finished = is_last.then_some(number);
        self.to_file.notify_one();
        self.to_send.notify_one();
    }

    /// A request has come: whether it is to be carried out. Otherwise it is answered here, if need be.
    pub(super) fn asked(&self, request: u64) -> bool {
        let verdict = {
            let Mail { outbox, answers, .. } = &mut *self.mail();
            answers.asked(request, |number| outbox.is_heard(number))
        };
        match verdict {
            Verdict::CarryOut => return true,
            Verdict::Wait => {}
            Verdict::Ignore => tracing::error!("a request without a number was ignored"),
            Verdict::Repeat(failure) => self.take(AgentEvent::Answered { request, failure }),
        }
        false
    }

    /// The orchestrator that we are connected to knows events up to this number. Gives the number of the first that is sent to it.
    pub(super) async fn welcome(self: &Arc<Self>, heard: u64) -> io::Result<u64> {
        let post = self.clone();
        self.on_disk(move || {
            let mut journal = post.journal();
            let renumbering = post.mail().outbox.renumbering(heard);
            if let (Some(renumbering), Some(journal)) = (renumbering, &mut *journal) {
                journal.renumber(renumbering)?;
            }
            let mut mail = post.mail();
            if let Some(Renumbering { from, by }) = renumbering {
                mail.answers.renumber(from, by);
                mail.finished = mail.finished.map(|number| number + by);
            }
            mail.outbox.welcome(heard);
            mail.passing.renew();
            Ok(mail.outbox.unheard_from())
        })
        .await
    }

    /// All events up to this number are stored.
    pub(super) fn heard(&self, number: u64) {
        self.mail().outbox.heard(number);
    }

    /// Whether the last word was heard.
    pub(super) fn is_over(&self) -> bool {
        let mail = self.mail();
        mail.finished.is_some_and(|number| mail.outbox.is_heard(number))
    }

    /// What comes at this number; it counts as sent.
    pub(super) fn next(&self, number: u64) -> Next {
        let mut mail = self.mail();
        let next = mail.outbox.next(number);
        if next != Next::Nothing {
            mail.outbox.sending();
        }
        next
    }

    /// The first number that need not be read from the file.
    pub(super) fn kept_from(&self) -> u64 {
        self.mail().outbox.kept_from()
    }

    /// What is true now and has not been told yet, but for progress.
    pub(super) fn next_passing(&self) -> Option<AgentEvent> {
        self.mail().passing.next()
    }

    /// The same of progress.
    pub(super) fn progress(&self) -> Option<AgentEvent> {
        self.mail().passing.progress()
    }

    /// Reads some events from the file, from a number on or where a replay has stopped.
    pub(super) async fn read(
        self: &Arc<Self>,
        from: u64,
        replay: Option<Replay>,
    ) -> io::Result<(Vec<Said>, Option<Replay>)> {
        let post = self.clone();
        self.on_disk(move || {
            let mut replay = match (replay, &*post.journal()) {
                (Some(replay), _) => replay,
                (None, Some(journal)) => journal.replay(from)?,
                (None, None) => return Ok((Vec::new(), None)),
            };
            Ok((replay.some(BATCH_BYTES as u64)?, Some(replay)))
        })
        .await
    }

    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        match tokio::time::timeout(DISK_DEADLINE, spawn_blocking(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the disk does not answer")),
        }
    }

    /// Writes what is said to the file, until the last word is there. A disk that fails or hangs keeps nothing from being told.
    pub(super) async fn file(self: Arc<Self>) {
        let mut troubled = false;
        loop {
            let post = self.clone();
            let mut writing = spawn_blocking(move || post.file_some());
            let written = match tokio::time::timeout(DISK_DEADLINE, &mut writing).await {
                Ok(written) => written,
                Err(_) => {
                    tracing::error!("the disk does not take the recording's events; they are told without");
                    self.file_fails();
                    writing.await
                }
            };
            match written.map_err(io::Error::other).and_then(|written| written) {
                Ok(filed) => {
                    troubled = false;
                    self.to_send.notify_one();
                    if filed == Filed::Some {
                        continue;
                    }
                    if self.mail().finished.is_some() {
                        return;
                    }
                    self.to_file.notified().await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut troubled, true) {
                        tracing::error!(%error, "the recording's events can't be written to their file");
                    }
                    self.file_fails();
                    tokio::time::sleep(DISK_PAUSE).await;
                }
            }
        }
    }

    fn file_fails(&self) {
        self.mail().outbox.file_fails();
        self.to_send.notify_one();
    }

    fn file_some(&self) -> io::Result<Filed> {
        let mut journal = self.journal();
        let Some(journal) = &mut *journal else { return Ok(Filed::All) };
        let (events, may_begin_anew) = {
            let mail = self.mail();
            (mail.outbox.to_file(BATCH_BYTES), mail.outbox.file_is_heard())
        };
        let Some(last) = events.last().map(|said| said.number) else { return Ok(Filed::All) };
        if may_begin_anew && journal.is_long() {
            journal.begin_anew(&events)?;
        } else {
            journal.append(&events)?;
        }
        if events.iter().any(|said| matches!(said.event, AgentEvent::Started { .. } | AgentEvent::Finished { .. }))
            && let Err(error) = journal.sync()
        {
            tracing::warn!(%error, "the recording's events may not be on the disk yet");
        }
        self.mail().outbox.filed(last);
        Ok(Filed::Some)
    }

    /// Whether there is a file at all.
    pub(super) fn has_file(&self) -> bool {
        self.journal().is_some()
    }

    /// Removes the file when the last word was heard: nobody needs it any more.
    pub(super) async fn close(self: &Arc<Self>) {
        let post = self.clone();
        let removed = self.on_disk(move || match post.journal().take() {
            Some(journal) if post.is_over() => journal.remove(),
            Some(_) | None => Ok(()),
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "the file of the recording's events can't be removed");
        }
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Option<Journal>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event, cut if an orchestrator would not take it, and its length. One that is never taken would come between all others and
/// their orchestrator.
fn fitting(event: AgentEvent) -> (AgentEvent, usize) {
    let length = |event: &AgentEvent| serde_json::to_vec(event).map_or(0, |text| text.len()) + ENVELOPE_BYTES;
    let bytes = length(&event);
    if bytes <= MAX_MESSAGE_BYTES {
        return (event, bytes);
    }
    let event = match event {
        AgentEvent::Finished { end, failure, delivery } => {
            let failure = failure.map(|failure| Failure { evidence: None, ..failure });
            let delivery = delivery.map(|mut delivery| {
                delivery.gaps.clear();
                delivery.pauses.clear();
                delivery
            });
            AgentEvent::Finished { end, failure, delivery }
        }
        AgentEvent::Interrupted { failure } => {
            AgentEvent::Interrupted { failure: Failure { evidence: None, ..failure } }
        }
        _ => AgentEvent::Warning { message: format!("Something of {bytes} bytes was too long to be told.") },
    };
    tracing::error!(bytes, "an event was too long and was cut");
    let bytes = length(&event);
    (event, bytes)
}

#[cfg(test)]
mod tests;
