//! What is asked of a recording while it runs.
//!
//! What ends it, and what changes what is captured, is handed to whoever waits for requests; the rest is carried out here. What has
//! taken effect stands for all further attempts.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::look::{Look, LookChange};
use wallflower_domain::recording::EndReason;
use wallflower_domain::theme::LowerThird;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Job, JobPage, JobStream, PauseMode, Request, Standing};

use crate::report::Report;
use crate::session::{Cause, refuse, told_to_abandon};
use crate::spool::Spool;
use crate::streams::Streams;

/// The longest title of a marker, in characters.
const LONGEST_LABEL: usize = 200;
/// Requests that may wait until an attempt has started.
const MOST_HELD: usize = 64;

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
    /// What came while an attempt started, and when, and is not answered yet: before anything else it is for whoever waits next.
    held: VecDeque<(Request, Option<i64>)>,
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
        let (standing, held) = (job.standing.clone(), VecDeque::new());
        Self { requests, report, spool, streams, standing, look, is_room, held }
    }

    /// What the page has to show.
    pub(crate) fn look(&self) -> &Look {
        &self.look
    }

    /// What a page that is opened anew begins with.
    pub(crate) fn look_anew(&mut self) -> Look {
        self.look = anew(&self.look);
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
        // What can't be read now ends no recording: it is asked for again.
        let Ok(pauses) = self.spool.pauses() else { return media_s };
        let cuts = pauses.iter().filter(|pause| pause.mode == PauseMode::Cut);
        cuts.map(|pause| pause.until_us.map_or(media_s, seconds) - seconds(pause.from_us)).sum()
    }

    /// The next request that is not for us. Cancel safe.
    pub(crate) async fn asked(&mut self) -> Asked {
        loop {
            let (request, asked_us) = match self.held.pop_front() {
                Some(held) => held,
                None => match self.requests.recv().await {
                    Some(request) => (request, self.now_us()),
                    None => return Asked::End(EndReason::OwnerGone),
                },
            };
            if let Some(asked) = self.take(request, asked_us) {
                return asked;
            }
        }
    }

    fn take(&mut self, Request { id, command }: Request, asked_us: Option<i64>) -> Option<Asked> {
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
        Some(Asked::Scene(SceneChange { request: id, scene, command, asked_us }))
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
                        match self.note(change.scene, change.asked_us) {
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

    /// Runs `work`, which begins to capture, unless something ends the recording first. It begins with what was true when it was made:
    /// what asks for something else is held, and answered when it has been carried out.
    pub(crate) async fn unless_ended_while_starting<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Cause> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                request = self.requests.recv() => {
                    let Some(request) = request else { return Err(Cause::End(EndReason::OwnerGone)) };
                    let now_us = self.now_us();
                    if is_for_an_attempt(&request.command) {
                        self.hold(request, now_us);
                    } else if let Some(asked) = self.take(request, now_us) {
                        return Err(asked.into());
                    }
                }
                done = &mut work => return Ok(done),
            }
        }
    }

    fn hold(&mut self, request: Request, asked_us: Option<i64>) {
        if self.held.len() == MOST_HELD {
            let failure = bad("Too many requests wait already; ask again when they are answered.".to_owned());
            return self.report.answer(request.id, Err(failure));
        }
        self.held.push_back((request, asked_us));
    }

    /// Answers what is held: the recording ends before it could be carried out.
    pub(crate) fn refuse_held(&mut self) {
        for (request, _) in self.held.drain(..) {
            refuse(&request, self.report);
        }
    }

    /// Waits until the recording is to be left at once; it ends already.
    pub(crate) async fn told_to_abandon(&mut self) {
        told_to_abandon(self.requests, self.report).await;
    }

    /// Notes in the spool where a pause begins or ends because of a change of the scene, if there is media.
    pub(crate) fn note(&self, now: Scene, at_us: Option<i64>) -> Result<(), Failure> {
        let Some(at_us) = at_us else { return Ok(()) };
        let noted = match (self.scene().paused, now.paused) {
            // It may have been asked for before the last one had ended.
            (None, Some(mode)) => self.spool.pauses().and_then(|pauses| {
                let ended_us = pauses.last().and_then(|pause| pause.until_us);
                self.spool.note_pause(mode, ended_us.map_or(at_us, |ended_us| at_us.max(ended_us)))
            }),
            (Some(_), None) => self.spool.note_resume(at_us),
            (None, None) | (Some(_), Some(_)) => Ok(()),
        };
        noted.map_err(|error| crate::delivery::unwritable_spool(&error))
    }
}

/// A look without what goes by itself, which is not shown a second time.
pub(crate) fn anew(look: &Look) -> Look {
    let stays = |third: &LowerThird| third.seconds == 0;
    Look { lower_third: look.lower_third.clone().filter(stays), ..look.clone() }
}

/// It asks an attempt to capture something else.
fn is_for_an_attempt(command: &AgentCommand) -> bool {
    match command {
        AgentCommand::Pause { .. }
        | AgentCommand::Resume
        | AgentCommand::Mute
        | AgentCommand::Unmute
        | AgentCommand::Look { .. } => true,
        AgentCommand::Stop
        | AgentCommand::Abandon
        | AgentCommand::Mark { .. }
        | AgentCommand::AddStream { .. }
        | AgentCommand::RemoveStream { .. } => false,
    }
}

fn bad(message: String) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a recording are far below 2^52")]
pub(crate) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::*;
    use crate::clock::Moment;
    use crate::spool::tests::job;
    use crate::streams::Policy;
    use crate::tap::Tap;
    use crate::workdir::Lasting;

    const START: Duration = Duration::from_millis(50);

    /// A recording of which attempts may be told to have begun, and its owner.
    struct Owner {
        folder: tempfile::TempDir,
        spool: Spool,
        report: Report,
        events: mpsc::UnboundedReceiver<AgentEvent>,
        sender: mpsc::Sender<Request>,
        requests: mpsc::Receiver<Request>,
    }

    impl Owner {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("temp dir");
            let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
            let (told, events) = mpsc::unbounded_channel();
            let (sender, requests) = mpsc::channel(8);
            Self { folder, spool, report: Report::new(told), events, sender, requests }
        }

        fn begins_to_capture(&self) {
            drop(self.spool.begin(1, Moment::now(), 10, None).expect("begun"));
        }

        fn ask(&self, id: u64, command: AgentCommand) {
            self.sender.try_send(Request { id, command }).expect("there is room");
        }
    }

    fn live<'a>(
        folder: &Path,
        spool: &'a Spool,
        report: &'a Report,
        requests: &'a mut mpsc::Receiver<Request>,
    ) -> Live<'a> {
        let policy = Policy { allow_private: true };
        let streams = Streams::new(policy, PathBuf::from("ffmpeg"), Lasting::at(folder), Tap::new(), report.clone());
        Live::new(requests, report, spool, streams, &job(&folder.join("a.mp4")))
    }

    fn answers(events: &mut mpsc::UnboundedReceiver<AgentEvent>) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| events.try_recv().ok())
            .filter_map(|event| match event {
                AgentEvent::Answered { request, failure } => Some((request, failure.is_none())),
                _ => None,
            })
            .collect()
    }

    /// What an attempt does with a change, but for what it captures.
    async fn carry_out(live: &mut Live<'_>) -> Scene {
        let asked = tokio::time::timeout(START, live.asked()).await.expect("it is told");
        let Asked::Scene(change) = asked else { panic!("{asked:?}") };
        let at_us = if change.scene.paused.is_some() { change.asked_us } else { live.now_us() };
        live.note(change.scene, at_us).expect("noted");
        live.taken(&change);
        change.scene
    }

    #[tokio::test]
    async fn what_is_asked_while_an_attempt_starts_is_answered_when_it_is_carried_out() {
        let mut owner = Owner::new();
        owner.begins_to_capture();
        owner.ask(1, AgentCommand::Pause { mode: PauseMode::Cut });
        owner.ask(2, AgentCommand::Mark { label: "here".into() });
        owner.ask(3, AgentCommand::Resume);
        owner.ask(4, AgentCommand::Pause { mode: PauseMode::Hold });
        let mut live = live(owner.folder.path(), &owner.spool, &owner.report, &mut owner.requests);
        // From when what was asked is heard.
        live.unless_ended_while_starting(async { tokio::time::sleep(START).await }).await.expect("it starts");
        assert_eq!(answers(&mut owner.events), [(2, true)], "a marker changes nothing that is captured");
        assert_eq!(live.scene(), Scene::default());
        assert!(owner.spool.pauses().expect("readable").is_empty());

        assert_eq!(carry_out(&mut live).await.paused, Some(PauseMode::Cut));
        assert_eq!(carry_out(&mut live).await.paused, None);
        assert_eq!(carry_out(&mut live).await.paused, Some(PauseMode::Hold));
        assert_eq!(answers(&mut owner.events), [(1, true), (3, true), (4, true)]);
        let pauses = owner.spool.pauses().expect("readable");
        let [first, second] = pauses.as_slice() else { panic!("{pauses:?}") };
        let resumed_us = first.until_us.expect("it has ended");
        assert!(first.from_us < resumed_us - 40_000, "it begins when it was asked for: {pauses:?}");
        assert_eq!((second.from_us, second.until_us), (resumed_us, None), "not before the last one has ended");
    }

    #[tokio::test]
    async fn who_ends_a_recording_while_an_attempt_starts_is_heard_before_what_is_held() {
        let mut owner = Owner::new();
        owner.ask(1, AgentCommand::Mute);
        owner.ask(2, AgentCommand::Stop);
        let mut live = live(owner.folder.path(), &owner.spool, &owner.report, &mut owner.requests);
        let ended = live.unless_ended_while_starting(std::future::pending::<()>()).await;
        assert!(matches!(ended, Err(Cause::End(EndReason::Stopped))));
        assert_eq!(answers(&mut owner.events), [(2, true)]);
        live.refuse_held();
        assert_eq!(answers(&mut owner.events), [(1, false)]);
    }

    #[tokio::test]
    async fn what_is_held_when_an_attempt_does_not_start_is_true_of_the_next_one() {
        let mut owner = Owner::new();
        owner.begins_to_capture();
        owner.ask(1, AgentCommand::Pause { mode: PauseMode::Cut });
        let mut live = live(owner.folder.path(), &owner.spool, &owner.report, &mut owner.requests);
        live.unless_ended_while_starting(tokio::time::sleep(START)).await.expect("nobody ends it");
        live.unless_ended(std::future::ready(())).await.expect("nobody ends it");
        assert_eq!(answers(&mut owner.events), [(1, true)]);
        assert_eq!((live.scene().paused, owner.spool.pauses().expect("readable").len()), (Some(PauseMode::Cut), 1));
    }
}
