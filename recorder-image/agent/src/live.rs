//! What is asked of a recording while it runs.
//!
//! What ends it, and what changes what is captured, is handed to whoever waits for requests; the rest is carried out here. What has
//! taken effect stands for all further attempts.

use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::look::{Look, LookChange};
use wallflower_domain::recording::EndReason;
use wallflower_domain::theme::LowerThird;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Job, JobPage, JobStream, PauseMode, Request, Standing};

use crate::report::Report;
use crate::session::{Cause, told_to_abandon};
use crate::spool::Spool;
use crate::streams::Streams;

/// The longest title of a marker, in characters.
const LONGEST_LABEL: usize = 200;

/// Takes requests.
pub(crate) struct Live<'a> {
    requests: &'a mut mpsc::Receiver<Request>,
    report: &'a Report,
    spool: &'a Spool,
    pub(crate) streams: Streams,
    standing: Standing,
    look: Look,
    /// The page is one of ours or a template, and can be told of another look.
    is_room: bool,
}

/// What has to be done by whoever waits.
#[derive(Debug)]
pub(crate) enum Asked {
    End(EndReason),
    Abandon,
    /// What is captured has to change; [`Live::taken`] or [`Live::refused`] answers.
    Scene(SceneChange),
    /// The page has to show the room in another way; [`Live::looks`] or [`Live::keeps_its_look`] answers.
    Look(Box<Relook>),
}

/// A request for another look.
#[derive(Debug)]
pub(crate) struct Relook {
    request: u64,
    change: LookChange,
    /// What the page is to show.
    pub(crate) look: Look,
}

/// A request that changes what is captured.
#[derive(Debug)]
pub(crate) struct SceneChange {
    request: u64,
    pub(crate) scene: Scene,
    command: AgentCommand,
    /// When it was asked for, in microseconds of media time; none before there is media.
    pub(crate) asked_us: Option<i64>,
}

/// What is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scene {
    pub(crate) paused: Option<PauseMode>,
    pub(crate) muted: bool,
}

impl Scene {
    /// There is nothing to be heard.
    pub(crate) fn is_silent(self) -> bool {
        self.muted || self.paused.is_some()
    }
}

impl From<Asked> for Cause {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::End(reason) => Self::End(reason),
            Asked::Abandon | Asked::Scene(_) | Asked::Look(_) => Self::Abandoned,
        }
    }
}

impl<'a> Live<'a> {
    pub(crate) fn new(
        requests: &'a mut mpsc::Receiver<Request>,
        report: &'a Report,
        spool: &'a Spool,
        streams: Streams,
        job: &Job,
    ) -> Self {
        let begins = Look::new(job.layout, job.theme.clone());
        let look = job.standing.look.applied_to(&begins).unwrap_or_else(|bad| {
            report.warn(format!("The look is that of the beginning again, because it could not be changed: {bad}"));
            begins
        });
        let is_room = !matches!(job.page, JobPage::Page { .. });
        Self { requests, report, spool, streams, standing: job.standing.clone(), look, is_room }
    }

    /// What the page has to show.
    pub(crate) fn look(&self) -> &Look {
        &self.look
    }

    /// What a page that is opened anew begins with.
    pub(crate) fn look_anew(&mut self) -> Look {
        let goes_by_itself = |third: &LowerThird| third.seconds > 0;
        if self.look.lower_third.as_ref().is_some_and(goes_by_itself) {
            self.look.lower_third = None;
        }
        self.look.clone()
    }

    pub(crate) fn scene(&self) -> Scene {
        Scene { paused: self.standing.paused, muted: self.standing.muted }
    }

    /// Microseconds of media time at this moment; none before there is media.
    pub(crate) fn now_us(&self) -> Option<i64> {
        self.spool.now_us()
    }

    /// Seconds of media time, of so many, that are left out of the file because of pauses.
    pub(crate) fn cut_s(&self, media_s: f64) -> f64 {
        let pauses = self.spool.pauses();
        let cuts = pauses.iter().filter(|pause| pause.mode == PauseMode::Cut);
        cuts.map(|pause| pause.until_us.map_or(media_s, seconds) - seconds(pause.from_us)).sum()
    }

    /// The next request that is not for us. Cancel safe.
    pub(crate) async fn asked(&mut self) -> Asked {
        loop {
            let Some(request) = self.requests.recv().await else { return Asked::End(EndReason::OwnerGone) };
            if let Some(asked) = self.take(request) {
                return asked;
            }
        }
    }

    fn take(&mut self, Request { id, command }: Request) -> Option<Asked> {
        let wanted = self.scene();
        let scene = match &command {
            AgentCommand::Stop => {
                self.report.answer(id, Ok(()));
                return Some(Asked::End(EndReason::Stopped));
            }
            AgentCommand::Abandon => {
                self.report.answer(id, Ok(()));
                return Some(Asked::Abandon);
            }
            AgentCommand::Mark { label } => {
                self.report.answer(id, self.mark(label));
                return None;
            }
            AgentCommand::AddStream { id: stream, url } => {
                let stream = JobStream { id: stream.clone(), url: url.clone() };
                self.report.answer(id, self.streams.add(&stream));
                return None;
            }
            AgentCommand::RemoveStream { stream } => {
                match self.streams.end(stream) {
                    Ok(ended) => {
                        let report = self.report.clone();
                        tokio::spawn(async move {
                            ended.await;
                            report.answer(id, Ok(()));
                        });
                    }
                    Err(failure) => self.report.answer(id, Err(failure)),
                }
                return None;
            }
            AgentCommand::Look { change } => return self.relook(id, change),
            AgentCommand::Pause { mode } => Scene { paused: Some(*mode), ..wanted },
            AgentCommand::Resume => Scene { paused: None, ..wanted },
            AgentCommand::Mute => Scene { muted: true, ..wanted },
            AgentCommand::Unmute => Scene { muted: false, ..wanted },
        };
        match (wanted.paused, scene.paused) {
            _ if scene == wanted => {
                self.report.answer(id, Ok(()));
                return None;
            }
            (Some(mode), Some(_)) if scene.paused != wanted.paused => {
                let failure = bad(format!("The recording is paused already, by {mode}; resume it first."));
                self.report.answer(id, Err(failure));
                return None;
            }
            _ => {}
        }
        Some(Asked::Scene(SceneChange { request: id, scene, command, asked_us: self.spool.now_us() }))
    }

    fn relook(&self, request: u64, change: &LookChange) -> Option<Asked> {
        if !self.is_room {
            let failure = bad("A page that is recorded as it is has no layout that could be changed.".to_owned());
            self.report.answer(request, Err(failure));
            return None;
        }
        match change.applied_to(&self.look) {
            Ok(look) => Some(Asked::Look(Box::new(Relook { request, change: change.clone(), look }))),
            Err(wrong) => {
                self.report.answer(request, Err(bad(wrong.to_string())));
                None
            }
        }
    }

    /// The page shows the room as it was asked to.
    pub(crate) fn looks(&mut self, relook: Relook) {
        let Relook { request, change, look } = relook;
        self.look = look;
        self.standing.look.then(&change.lasting());
        self.report.send(AgentEvent::Looks { change: Box::new(change) });
        self.report.answer(request, Ok(()));
    }

    /// The page goes on as it was.
    pub(crate) fn keeps_its_look(&self, relook: &Relook, failure: Failure) {
        self.report.answer(relook.request, Err(failure));
    }

    fn mark(&self, label: &str) -> Result<(), Failure> {
        let label = label.trim();
        if label.is_empty() || label.chars().count() > LONGEST_LABEL {
            return Err(bad(format!("A marker needs a title of 1 to {LONGEST_LABEL} characters.")));
        }
        let Some(at_us) = self.spool.now_us() else {
            return Err(bad("Nothing is recorded yet that could be marked; try again when it is.".into()));
        };
        self.report.send(AgentEvent::Marked { label: label.to_owned(), media_s: seconds(at_us) });
        Ok(())
    }

    /// A change has taken effect.
    pub(crate) fn taken(&mut self, change: &SceneChange) {
        let before = self.scene();
        self.standing.take(&change.command);
        // Whoever has the answer finds what it says.
        self.announce(before, self.scene());
        self.report.answer(change.request, Ok(()));
    }

    /// A change could not be made.
    pub(crate) fn refused(&self, change: &SceneChange, failure: Failure) {
        self.report.answer(change.request, Err(failure));
    }

    /// Tells what an attempt begins with.
    pub(crate) fn announce_scene(&self) {
        self.announce(Scene::default(), self.scene());
    }

    fn announce(&self, before: Scene, now: Scene) {
        match (before.paused, now.paused) {
            (None, Some(mode)) => self.report.send(AgentEvent::Paused { mode }),
            (Some(_), None) => self.report.send(AgentEvent::Resumed),
            (None, None) | (Some(_), Some(_)) => {}
        }
        if before.muted != now.muted {
            self.report.send(AgentEvent::Muted { muted: now.muted });
        }
    }

    /// Runs `work` unless something ends the recording first. What else changes meanwhile stands when it is done.
    pub(crate) async fn unless_ended<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Cause> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                asked = self.asked() => match asked {
                    // Nothing is captured now, so it has taken effect.
                    Asked::Scene(change) => {
                        let noted = self.note(self.scene(), change.scene, change.asked_us);
                        match noted {
                            Ok(()) => self.taken(&change),
                            Err(failure) => self.refused(&change, failure),
                        }
                    }
                    // No page is there, or soon to be seen: the next one begins with it.
                    Asked::Look(relook) => self.looks(*relook),
                    asked => return Err(asked.into()),
                },
                done = &mut work => return Ok(done),
            }
        }
    }

    /// Waits until the recording is to be left at once; it ends already.
    pub(crate) async fn told_to_abandon(&mut self) {
        told_to_abandon(self.requests, self.report).await;
    }

    /// Notes in the spool where a pause begins or ends, if there is media.
    pub(crate) fn note(&self, before: Scene, now: Scene, at_us: Option<i64>) -> Result<(), Failure> {
        let Some(at_us) = at_us else { return Ok(()) };
        let noted = match (before.paused, now.paused) {
            (None, Some(mode)) => self.spool.note_pause(mode, at_us),
            (Some(_), None) => self.spool.note_resume(at_us),
            (None, None) | (Some(_), Some(_)) => Ok(()),
        };
        noted.map_err(|error| crate::delivery::unwritable_spool(&error))
    }
}

fn bad(message: String) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a recording are far below 2^52")]
pub(crate) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}
