//! One recording from beginning to end.
//!
//! ```text
//! prepare destination ▶ work directory ▶ stage: display ∥ sound ▶ browser ▶ page ∥ encoder ▶ start signal ▶ … ▶ stop ▶ deliver
//!                                        ▲                                         ▲                     │
//!                                        └── the next attempt, when something died │ or hung ────────────┘
//!                                                              … only the encoder ─┘
//! ```
//!
//! A stop or a failure at any point drops the future that was starting things: their process groups are killed at once and the work
//! directory sweeps the rest.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::look::Look;
use wallflower_domain::recording::EndReason;
use wallflower_domain::timeline::{Delivered, OutputKind};
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Delivery, Job, Progress, Request, StreamReport, Usage};
use wallflower_domain::wire::page::PageRoom;
use wallflower_domain::wire::warm::Warmth;

use crate::attempt::{Attempt, Ending, Opened};
use crate::blank::Blank;
use crate::capture::{Setup, Waiting};
use crate::clock::unix_us;
use crate::completion;
use crate::delivery::{self, Destination, Ended};
use crate::ffmpeg::Ffmpeg;
use crate::live::{Live, Scene, seconds};
use crate::observer::Observer;
use crate::outputs::LiveOutputs;
use crate::programs::Programs;
use crate::report::Report;
use crate::spool::MAX_ATTEMPTS;
use crate::stage::Stage;
use crate::streams::{Policy, Streams};
use crate::tap::Tap;
use crate::timeline::TimelineFile;
use crate::uploads::Uploads;
use crate::usage::Meter;
use crate::warm::Warm;
use crate::workdir::WorkDir;

/// So long a recording may be without media before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds before each further try of an attempt that did not start.
const BACKOFF_S: [f64; 4] = [0.5, 1.0, 2.0, 4.0];
const LAST_BACKOFF_S: f64 = 5.0;
/// When less is left to be recorded, no further attempt is made.
const SHORTEST_ATTEMPT_S: f64 = 0.5;

/// How a session ended: the fields of [`AgentEvent::Finished`].
pub(crate) struct Outcome {
    pub(crate) end: EndReason,
    pub(crate) failure: Option<Failure>,
    pub(crate) delivery: Option<Delivery>,
}

impl Outcome {
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { end: EndReason::Failure, failure: Some(failure), delivery: None }
    }

    /// Somebody wants no more of it; what was captured is in this spool.
    pub(crate) fn abandoned(spool: &Path) -> Self {
        Self { end: EndReason::Stopped, failure: Some(abandonment(spool)), delivery: None }
    }
}

/// Told at the beginning where it is so.
const VISIBLE: &str = "The room's members see the recorder among them, as \"Recorder\": only an account of the Jitsi deployment's hidden domain is not shown (--jitsi-user and --jitsi-password).";

/// Why a recording that was under way ends.
#[derive(Debug)]
pub(crate) enum Cause {
    /// As planned or as told.
    End(EndReason),
    /// Something failed.
    Failed(Failure),
    /// Leave at once.
    Abandoned,
}

/// Performs the job, or goes on with it when an earlier agent captured into its spool already. `program` is the binary that can be
/// started as guard; `warm` is what was started before there was a job.
pub(crate) async fn perform(
    job: &Job,
    program: &Path,
    began: Instant,
    warm: Option<Warm>,
    requests: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    if let Some(end) = job.standing.ending {
        if let Some(warm) = warm {
            // Nothing is captured any more.
            warm.leave().await;
        }
        return completion::complete(job, end, program, requests, report).await;
    }
    let (programs, destination) = match prepare(job, report).await {
        Ok(prepared) => prepared,
        Err(failure) => {
            if let Some(warm) = warm {
                warm.leave().await;
            }
            return completion::give_up(job, failure, program, requests, report).await;
        }
    };
    let (mut work, blank) = match warm {
        Some(Warm { work, blank }) => (work, Some(blank)),
        None => match WorkDir::create(&job.id, program).await {
            Ok(work) => (work, None),
            Err(failure) => {
                destination.discard();
                return completion::give_up(job, failure, program, requests, report).await;
            }
        },
    };
    let began_before = destination.spool().began();
    match TimelineFile::open(&destination.spool().events(), began_before) {
        Ok(timeline) => report.write_to(timeline),
        Err(error) => report.warn(format!("The timeline can't be written: {error}.")),
    }
    let resumes = destination.has_media().then(|| {
        let failure = Failure::new(FailureKind::AgentLost, "The agent that recorded had vanished.");
        report.send(AgentEvent::Interrupted { failure: failure.clone() });
        Interruption::new(failure, began)
    });
    if resumes.is_none() && job.page.room().is_some_and(PageRoom::shows_recorder) {
        report.warn(VISIBLE);
    }
    let tap = Tap::new();
    let policy = Policy { allow_private: !job.public_only };
    let mut streams = Streams::new(policy, programs.ffmpeg.clone(), work.lasting(), tap.clone(), report.clone());
    for stream in &job.standing.streams {
        if let Err(failure) = streams.add(stream) {
            report.warn(failure.message);
        }
    }
    let mut live = Live::new(requests, report, destination.spool(), streams, job);
    let mut session = Session {
        job,
        programs: &programs,
        destination: &destination,
        report,
        tap: &tap,
        blank,
        outputs: LiveOutputs::default(),
        observer: Observer::new(&job.watchdog, &destination.wanted, destination.spool().folder().to_owned()),
        usage: None,
        captured: Progress::default(),
        until_us: None,
    };
    let cause = session.record(resumes, &mut work, began, &mut live).await;
    live.refuse_held();
    let Session { usage, captured, until_us, outputs, .. } = session;
    let streams = live.streams;
    let (end, failure) = match cause {
        Cause::End(end) => (end, None),
        Cause::Failed(failure) => (EndReason::Failure, Some(failure)),
        Cause::Abandoned => {
            // Dropping them ends them at once.
            drop((streams, outputs));
            return leave(destination, work).await;
        }
    };
    let finished = async { tokio::join!(streams.shutdown(), outputs.finish()) };
    let (streams, mut made) = tokio::select! {
        finished = finished => finished,
        () = told_to_abandon(requests, report) => return leave(destination, work).await,
    };
    made.extend(streams.iter().map(streamed));
    let ended = Ended { end, failure, until_us, captured, usage, live: made };
    let ffmpeg = Ffmpeg::of_run(&programs, work.lasting());
    let outcome = conclude(ended, &ffmpeg, destination, requests, report).await;
    work.close().await;
    outcome
}

/// Finds what is needed and makes sure that the recording can be delivered: before anybody is recorded.
async fn prepare(job: &Job, report: &Report) -> Result<(Programs, Destination), Failure> {
    let programs = Programs::find()?;
    let mut destination = Destination::prepare(job)?;
    let able = async {
        // Wrong keys are to be known before anybody is recorded; a later agent's are those of the first.
        if let Some(uploads) = Uploads::of(&destination.wanted, unix_us(), report)?
            && !destination.has_media()
        {
            uploads.check().await?;
        }
        destination.find_encoder(&programs).await
    };
    match able.await {
        Ok(Some(warning)) => report.warn(warning),
        Ok(None) => {}
        Err(failure) => {
            if !destination.has_media() {
                destination.discard();
            }
            return Err(failure);
        }
    }
    Ok((programs, destination))
}

/// A stream, as the manifest tells of it.
fn streamed(report: &StreamReport) -> Delivered {
    Delivered {
        kind: OutputKind::Stream,
        location: report.address.clone(),
        bytes: report.bytes,
        sha256: None,
        duration_s: Some(report.sent_s),
        facts: None,
        uploads: Vec::new(),
        failure: None,
    }
}

/// A time without media in the middle of a recording.
struct Interruption {
    failure: Failure,
    since: Instant,
    tries: usize,
}

impl Interruption {
    fn new(failure: Failure, since: Instant) -> Self {
        Self { failure, since, tries: 0 }
    }

    /// How long to wait before the next try; none when it has lasted too long.
    fn backoff(&self) -> Option<Duration> {
        let wait = self.tries.checked_sub(1).map_or(0.0, |past| BACKOFF_S.get(past).copied().unwrap_or(LAST_BACKOFF_S));
        let wait = Duration::from_secs_f64(wait);
        (self.since.elapsed() + wait < PATIENCE).then_some(wait)
    }
}

/// What all attempts of this agent have in common.
pub(crate) struct Session<'a> {
    pub(crate) job: &'a Job,
    pub(crate) programs: &'a Programs,
    pub(crate) destination: &'a Destination,
    pub(crate) report: &'a Report,
    pub(crate) tap: &'a Tap,
    /// What the first attempt of a warm agent begins with.
    blank: Option<Blank>,
    outputs: LiveOutputs,
    observer: Observer,
    usage: Option<Usage>,
    captured: Progress,
    /// When the recording ended, in microseconds of media time, if that was in a gap.
    until_us: Option<i64>,
}

impl Session<'_> {
    /// Attempt after attempt, until one of them ends as planned or no further one succeeds.
    async fn record(
        &mut self,
        mut interruption: Option<Interruption>,
        work: &mut WorkDir,
        began: Instant,
        live: &mut Live<'_>,
    ) -> Cause {
        let mut stage = None;
        loop {
            let started = match &mut interruption {
                None => match self.open(work, live).await {
                    Ok(Ok(opened)) => self.capture(opened, work, began, None, live).await,
                    Ok(Err(failure)) => Ok(Err(failure)),
                    Err(cause) => Err(cause),
                },
                Some(interruption) => match self.resume(stage.take(), work, interruption, live).await {
                    Ok(Err(failure)) => {
                        tracing::warn!(%failure, "the attempt did not start");
                        if is_hopeless(&failure) {
                            return Cause::Failed(failure);
                        }
                        interruption.tries += 1;
                        continue;
                    }
                    started => started,
                },
            };
            let mut attempt = match started {
                Ok(Ok(attempt)) => attempt,
                Ok(Err(failure)) => return Cause::Failed(failure),
                Err(cause) => {
                    // Whoever ends it in a gap ends it then; what is given up has ended with its last picture.
                    if interruption.is_some() && matches!(cause, Cause::End(_)) {
                        self.until_us = self.destination.spool().now_us();
                    }
                    return cause;
                }
            };
            self.begin_outputs(work);
            let mut meter = Meter::begin(attempt.groups());
            let Ending { cause, damage } =
                attempt.watch(&mut meter, &mut self.captured, &mut self.observer, live, self.report).await;
            self.usage = meter.usage().or(self.usage);
            let number = attempt.number;
            let failure = match cause {
                Cause::Failed(failure) if is_mendable(&failure) && number < MAX_ATTEMPTS => failure,
                cause => return self.end(attempt, cause, live).await,
            };
            let ended = Instant::now();
            self.report.send(AgentEvent::Interrupted { failure: failure.clone() });
            // A request that comes now waits; each step of this has a deadline.
            stage = attempt.salvage(damage).await;
            let has_media = self.destination.spool().bytes(number) > 0;
            interruption = Some(match interruption {
                // An attempt that died before it had captured anything does not end the interruption.
                Some(last) if !has_media => Interruption { tries: last.tries + 1, ..last },
                _ => Interruption::new(failure, ended),
            });
        }
    }

    /// The first stage.
    async fn open(&mut self, work: &mut WorkDir, live: &mut Live<'_>) -> Result<Result<Opened, Failure>, Cause> {
        let (scene, look) = (live.scene(), live.look_anew());
        live.unless_ended(self.stage(work, scene, look, true)).await
    }

    async fn stage(&mut self, work: &mut WorkDir, scene: Scene, look: Look, evidence: bool) -> Result<Opened, Failure> {
        let blank = self.blank(work).await?;
        let setup = self.setup(scene);
        // It takes a fifth of a second until it could encode, and the page takes longer. Without pictures it would not wait.
        let waiting = match setup.sound_only {
            true => None,
            false => Some(Waiting::start(self.programs, work, &blank.display, &blank.audio, setup)?),
        };
        let picture = self.destination.failure_picture();
        let stage = Stage::open(self.job, look, blank, self.programs, picture, self.report, evidence).await?;
        Ok(Opened { stage, waiting })
    }

    /// How a scene is to be encoded.
    pub(crate) fn setup(&self, scene: Scene) -> Setup<'_> {
        Setup {
            size: self.job.size,
            fps: self.job.fps,
            encoder: &self.destination.encoder,
            sound_only: self.destination.wanted.sound_only(),
            silent: scene.is_silent(),
        }
    }

    /// What was warm, if it is of use, or what is started now.
    async fn blank(&mut self, work: &mut WorkDir) -> Result<Blank, Failure> {
        let needed = Warmth::of(self.job);
        if let Some(blank) = self.blank.take() {
            let Err(why) = blank.check(needed).await else { return Ok(blank) };
            tracing::warn!("what was warm is of no use and started anew: {why}");
            blank.kill().await;
            renew(work)?;
        }
        Blank::start(needed, self.programs, work).await
    }

    fn begin_outputs(&mut self, work: &WorkDir) {
        let (spool, wanted) = (self.destination.spool(), &self.destination.wanted);
        self.outputs.begin(spool, wanted, &self.programs.ffmpeg, &work.lasting(), self.report);
    }

    /// Begins to capture a stage.
    async fn capture(
        &self,
        opened: Opened,
        work: &WorkDir,
        since: Instant,
        after: Option<&str>,
        live: &mut Live<'_>,
    ) -> Result<Result<Attempt, Failure>, Cause> {
        let (scene, look) = (live.scene(), live.look().clone());
        let (attempt, first_frame_unix_us) =
            match live.unless_ended_while_starting(Attempt::start(self, opened, work, scene, &look, after)).await? {
                Ok(started) => started,
                Err(failure) => return Ok(Err(failure)),
            };
        let since_first = unix_us().saturating_sub(first_frame_unix_us).max(0);
        let latency = since.elapsed().saturating_sub(Duration::from_micros(since_first.unsigned_abs()));
        let start_latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.report.send(AgentEvent::Started { attempt: attempt.number, first_frame_unix_us, start_latency_ms });
        live.announce_scene();
        Ok(Ok(attempt))
    }

    /// The next attempt, after its backoff; on the same stage if that is well. An error is the recording's end, or an interruption
    /// that has lasted too long.
    async fn resume(
        &mut self,
        stage: Option<Stage>,
        work: &mut WorkDir,
        interruption: &Interruption,
        live: &mut Live<'_>,
    ) -> Result<Result<Attempt, Failure>, Cause> {
        let too_long = || {
            let failure = interruption.failure.clone();
            let message = format!("{} It could not go on within {} s.", failure.message, PATIENCE.as_secs());
            Cause::Failed(Failure { message, ..failure })
        };
        let wait = interruption.backoff().ok_or_else(too_long)?;
        live.unless_ended(tokio::time::sleep(wait)).await?;
        let media_s = live.now_us().map_or(0.0, seconds);
        let left_s = self.job.max_duration_s.map(|limit_s| limit_s - (media_s - live.cut_s(media_s)));
        if left_s.is_some_and(|seconds| seconds < SHORTEST_ATTEMPT_S) {
            return Err(Cause::End(EndReason::LimitDuration));
        }
        let opened = match stage {
            Some(stage) => Opened { stage, waiting: None },
            None => {
                if self.blank.is_none()
                    && let Err(failure) = renew(work)
                {
                    return Ok(Err(failure));
                }
                let left = PATIENCE.saturating_sub(interruption.since.elapsed());
                let (scene, look) = (live.scene(), live.look_anew());
                let opened = self.stage(work, scene, look, false);
                match live.unless_ended(tokio::time::timeout(left, opened)).await? {
                    Ok(Ok(opened)) => opened,
                    Ok(Err(failure)) => return Ok(Err(failure)),
                    Err(_) => return Err(too_long()),
                }
            }
        };
        self.capture(opened, work, interruption.since, Some(&interruption.failure.message), live).await
    }

    /// Stops the attempt at the end of the recording.
    async fn end(&self, attempt: Attempt, cause: Cause, live: &mut Live<'_>) -> Cause {
        if let Cause::End(reason) = &cause {
            self.report.send(AgentEvent::Stopping { reason: *reason });
        }
        if matches!(cause, Cause::Abandoned) {
            // Dropping the attempt kills.
            return cause;
        }
        let stopped = tokio::select! {
            stopped = attempt.shutdown() => stopped,
            () = live.told_to_abandon() => return Cause::Abandoned,
        };
        match (stopped, cause) {
            // The encoder could not finish: that is news unless something else had failed before.
            (Err(failure), Cause::End(_)) => Cause::Failed(failure),
            (_, cause) => cause,
        }
    }
}

fn renew(work: &mut WorkDir) -> Result<(), Failure> {
    work.renew()
        .map_err(|error| Failure::new(FailureKind::Internal, format!("The work directory can't be written: {error}.")))
}

/// The next attempt may go better.
fn is_mendable(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::ProgramDied | FailureKind::PageHung)
}

/// Another try would end in the same way.
fn is_hopeless(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::BadRequest
            | FailureKind::RoomRefused
            | FailureKind::DestinationUnwritable
            | FailureKind::DiskFull
            | FailureKind::ProgramMissing
    )
}

/// Makes what was asked for from what was captured, or explains why there is none.
/// Makes and delivers everything.
pub(crate) async fn conclude(
    ended: Ended,
    ffmpeg: &Ffmpeg,
    destination: Destination,
    requests: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    let (end, first) = (ended.end, ended.failure.clone());
    if !destination.has_media() {
        destination.discard();
        return Outcome { end, failure: first, delivery: None };
    }
    report.send(AgentEvent::Finalizing);
    let kept = destination.spool().folder().to_owned();
    let (delivery, late) = tokio::select! {
        delivered = destination.deliver(ffmpeg, ended, report) => delivered,
        () = told_to_abandon(requests, report) => {
            return Outcome::abandoned(&kept);
        }
    };
    let failure = told_of_all(first, late, delivery.as_ref());
    let end = if failure.is_some() { EndReason::Failure } else { end };
    Outcome { end, failure, delivery }
}

/// The first failure is the cause; the second tells what could not be saved from it.
pub(crate) fn told_of_all(
    first: Option<Failure>,
    late: Option<Failure>,
    delivery: Option<&Delivery>,
) -> Option<Failure> {
    match (first, late, delivery) {
        (Some(first), late @ Some(_), _) => Some(delivery::and(first, late)),
        (Some(first), None, Some(delivery)) => {
            let places: Vec<&str> = delivery.outputs.iter().map(|output| output.location.as_str()).collect();
            let (seconds, places) = (delivery.duration_s, places.join(", "));
            let message = format!("{} What was recorded until then, {seconds:.1} s, is in {places}.", first.message);
            Some(Failure { message, ..first })
        }
        (first, late, _) => late.or(first),
    }
}

/// Waits until the recording, which has ended, is to be left at once; all else is refused.
pub(crate) async fn told_to_abandon(requests: &mut mpsc::Receiver<Request>, report: &Report) {
    loop {
        match requests.recv().await {
            Some(request) => {
                let is_abandon = request.command == AgentCommand::Abandon;
                refuse(&request, report);
                if is_abandon {
                    return;
                }
            }
            None => std::future::pending().await,
        }
    }
}

/// Takes no more requests, and answers those that came too late.
pub(crate) fn refuse_all(requests: &mut mpsc::Receiver<Request>, report: &Report) {
    requests.close();
    while let Ok(request) = requests.try_recv() {
        refuse(&request, report);
    }
}

/// Answers a request to a recording that has ended: to end it is what has happened, all else can't be done any more.
pub(crate) fn refuse(Request { id, command }: &Request, report: &Report) {
    let answer = if command.is_end() {
        Ok(())
    } else {
        Err(Failure::new(FailureKind::BadRequest, "The recording has ended, so that it can't be changed any more."))
    };
    report.answer(*id, answer);
}

/// Ends what runs, and keeps what was captured.
async fn leave(destination: Destination, work: WorkDir) -> Outcome {
    let outcome = abandoned(destination);
    work.close().await;
    outcome
}

fn abandoned(destination: Destination) -> Outcome {
    if destination.has_media() {
        let failure = abandonment(destination.spool().folder());
        let _ = destination.keep();
        return Outcome { end: EndReason::Stopped, failure: Some(failure), delivery: None };
    }
    destination.discard();
    Outcome { end: EndReason::Stopped, failure: None, delivery: None }
}

fn abandonment(spool: &Path) -> Failure {
    Failure::new(
        FailureKind::BadRequest,
        format!(
            "The recording was abandoned before it was finalized; what was captured is kept in {}, and `wallflower recover` finishes it.",
            spool.display()
        ),
    )
}
