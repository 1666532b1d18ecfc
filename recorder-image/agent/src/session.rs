//! One recording from beginning to end.
//!
//! ```text
//! prepare destination ▶ work directory ▶ display ∥ sound ▶ browser ▶ page ▶ start signal ▶ capture ▶ … ▶ stop ▶ deliver
//!                                       ▲                                                          │
//!                                       └──── the next attempt, when something died or hung ◀──────┘
//! ```
//!
//! [`Stage`] holds what runs, in the order in which it was started; `shutdown` goes the other way. A stop or a failure at any point
//! drops the future that was starting things: their process groups are killed at once and the work directory sweeps the rest.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::EndReason;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Delivery, Job, Progress, Request, Usage};

use crate::delivery::Destination;
use crate::programs::Programs;
use crate::report::Report;
use crate::spool::MAX_ATTEMPTS;
use crate::stage::Stage;
use crate::usage::Meter;
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
    fn failed(failure: Failure) -> Self {
        Self { end: EndReason::Failure, failure: Some(failure), delivery: None }
    }
}

/// Why a recording that was under way ends.
pub(crate) enum Cause {
    /// As planned or as told.
    End(EndReason),
    /// Something failed.
    Failed(Failure),
    /// Leave at once.
    Abandoned,
}

/// Performs the job, or goes on with it when an earlier agent captured into its spool already. `program` is the binary that can be
/// started as guard.
pub(crate) async fn perform(
    job: &Job,
    program: &Path,
    began: Instant,
    commands: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    let prepared =
        Programs::find().and_then(|programs| Destination::prepare(job).map(|destination| (programs, destination)));
    let (programs, destination) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => return Outcome::failed(failure),
    };
    let mut work = match WorkDir::create(&job.id, program).await {
        Ok(work) => work,
        Err(failure) => {
            if destination.has_media() {
                let _ = destination.keep();
            } else {
                destination.discard();
            }
            return Outcome::failed(failure);
        }
    };
    let resumes = destination.has_media().then(|| {
        Interruption::new(Failure::new(FailureKind::AgentLost, "The agent that recorded had vanished."), began)
    });
    let mut session = Session { job, programs: &programs, destination: &destination, report, usage: None, until: None };
    let cause = session.record(resumes, &mut work, began, commands).await;
    let (usage, until) = (session.usage, session.until);
    let outcome = conclude(cause, usage, until, &programs, destination, commands, report).await;
    work.close().await;
    outcome
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
    usage: Option<Usage>,
    /// When the recording ended, in microseconds since 1970, if that was in a gap.
    until: Option<i64>,
}

impl Session<'_> {
    /// Attempt after attempt, until one of them ends as planned or no further one succeeds.
    async fn record(
        &mut self,
        mut interruption: Option<Interruption>,
        work: &mut WorkDir,
        began: Instant,
        commands: &mut mpsc::Receiver<Request>,
    ) -> Cause {
        let mut captured = Progress::default();
        loop {
            let started = match &mut interruption {
                None => unless_told(commands, Stage::start(self, work, began, None)).await,
                Some(interruption) => match self.resume(work, interruption, commands).await {
                    Ok(Ok(stage)) => Ok(Ok(stage)),
                    Ok(Err(failure)) => {
                        tracing::warn!(%failure, "the attempt did not start");
                        if self.is_hopeless(&failure) {
                            return Cause::Failed(failure);
                        }
                        interruption.tries += 1;
                        continue;
                    }
                    Err(cause) => Err(cause),
                },
            };
            let mut stage = match started {
                Ok(Ok(stage)) => stage,
                Ok(Err(failure)) => return Cause::Failed(failure),
                Err(cause) => {
                    self.until = interruption.is_some().then(unix_us);
                    return cause;
                }
            };
            let mut meter = Meter::begin(stage.groups());
            let cause = stage.watch(&mut meter, &mut captured, commands, self.report).await;
            self.usage = meter.usage().or(self.usage);
            let failure = match cause {
                Cause::Failed(failure) if is_mendable(&failure) && stage.number < MAX_ATTEMPTS => failure,
                cause => return self.end(stage, cause, commands).await,
            };
            let ended = Instant::now();
            let number = stage.number;
            self.report.send(AgentEvent::Interrupted { failure: failure.clone() });
            // A command that comes now waits; each step of this has a deadline.
            stage.salvage().await;
            let has_media = self.destination.spool().bytes(number) > 0;
            if number == 1 && !has_media && !self.destination.has_media() {
                // Nothing was captured yet that could be gone on with.
                return Cause::Failed(failure);
            }
            interruption = Some(match interruption {
                // An attempt that died before it had captured anything does not end the interruption.
                Some(last) if !has_media => Interruption { tries: last.tries + 1, ..last },
                _ => Interruption::new(failure, ended),
            });
        }
    }

    /// The next attempt, after its backoff. An error is a command, or an interruption that has lasted too long.
    async fn resume(
        &self,
        work: &mut WorkDir,
        interruption: &Interruption,
        commands: &mut mpsc::Receiver<Request>,
    ) -> Result<Result<Stage, Failure>, Cause> {
        let too_long = || {
            let failure = interruption.failure.clone();
            let message = format!("{} It could not go on within {} s.", failure.message, PATIENCE.as_secs());
            Cause::Failed(Failure { message, ..failure })
        };
        let wait = interruption.backoff().ok_or_else(too_long)?;
        unless_told(commands, tokio::time::sleep(wait)).await?;
        if self.remaining_s().is_some_and(|seconds| seconds < SHORTEST_ATTEMPT_S) {
            return Err(Cause::End(EndReason::LimitDuration));
        }
        if let Err(error) = work.renew() {
            return Ok(Err(Failure::new(
                FailureKind::Internal,
                format!("The work directory can't be written: {error}."),
            )));
        }
        let left = PATIENCE.saturating_sub(interruption.since.elapsed());
        let start = Stage::start(self, work, interruption.since, Some(&interruption.failure.message));
        match unless_told(commands, tokio::time::timeout(left, start)).await? {
            Ok(started) => Ok(started),
            Err(_) => Err(too_long()),
        }
    }

    /// Another try would end in the same way.
    fn is_hopeless(&self, failure: &Failure) -> bool {
        matches!(
            failure.kind,
            FailureKind::BadRequest
                | FailureKind::RoomRefused
                | FailureKind::DestinationUnwritable
                | FailureKind::DiskFull
                | FailureKind::ProgramMissing
        )
    }

    /// Stops the stage at the end of the recording.
    async fn end(&self, stage: Stage, cause: Cause, commands: &mut mpsc::Receiver<Request>) -> Cause {
        if let Cause::End(reason) = &cause {
            self.report.send(AgentEvent::Stopping { reason: *reason });
        }
        if matches!(cause, Cause::Abandoned) {
            // Dropping the stage kills.
            return cause;
        }
        let stopped = tokio::select! {
            stopped = stage.shutdown() => stopped,
            () = told_to_abandon(commands) => return Cause::Abandoned,
        };
        match (stopped, cause) {
            // The encoder could not finish: that is news unless something else had failed before.
            (Err(failure), Cause::End(_)) => Cause::Failed(failure),
            (_, cause) => cause,
        }
    }

    /// Seconds until the recording's longest duration is reached; media time is wall time, gaps included.
    pub(crate) fn remaining_s(&self) -> Option<f64> {
        let limit = self.job.max_duration_s?;
        let Some(began) = self.destination.spool().began() else { return Some(limit) };
        Some(limit - Duration::from_micros(unix_us().saturating_sub(began).max(0).unsigned_abs()).as_secs_f64())
    }
}

/// The next attempt may go better.
fn is_mendable(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::ProgramDied | FailureKind::PageHung)
}

/// Runs `work` unless a command comes first.
async fn unless_told<T>(commands: &mut mpsc::Receiver<Request>, work: impl Future<Output = T>) -> Result<T, Cause> {
    tokio::select! {
        biased;
        command = commands.recv() => Err(cause_of(command)),
        done = work => Ok(done),
    }
}

pub(crate) fn cause_of(command: Option<Request>) -> Cause {
    match command.map(|request| request.command) {
        Some(AgentCommand::Stop) => Cause::End(EndReason::Stopped),
        Some(AgentCommand::Abandon) => Cause::Abandoned,
        _ => Cause::End(EndReason::OwnerGone),
    }
}

/// Makes the file from what was captured, or explains why there is none.
async fn conclude(
    cause: Cause,
    usage: Option<Usage>,
    until: Option<i64>,
    programs: &Programs,
    destination: Destination,
    commands: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    let (end, failure) = match cause {
        Cause::End(end) => (end, None),
        Cause::Failed(failure) => (EndReason::Failure, Some(failure)),
        Cause::Abandoned => return abandoned(destination),
    };
    if !destination.has_media() {
        destination.discard();
        return Outcome { end, failure, delivery: None };
    }
    report.send(AgentEvent::Finalizing);
    let kept = destination.spool().folder().to_owned();
    let delivered = tokio::select! {
        delivered = destination.deliver(programs, until) => delivered,
        () = told_to_abandon(commands) => {
            return Outcome { end: EndReason::Stopped, failure: Some(abandonment(&kept)), delivery: None };
        }
    };
    match delivered {
        Ok(delivery) => {
            let failure = failure.map(|failure| {
                let message = format!(
                    "{} What was recorded until then, {:.1} s, is in {}.",
                    failure.message, delivery.duration_s, delivery.file
                );
                Failure { message, ..failure }
            });
            Outcome { end, failure, delivery: Some(Delivery { usage, ..delivery }) }
        }
        // The first failure is the cause; the second only tells that nothing could be saved from it.
        Err(late) => Outcome::failed(match failure {
            Some(first) => Failure { message: format!("{} {}", first.message, late.message), ..first },
            None => late,
        }),
    }
}

async fn told_to_abandon(commands: &mut mpsc::Receiver<Request>) {
    loop {
        match commands.recv().await.map(|request| request.command) {
            Some(AgentCommand::Abandon) => return,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
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

/// Now, in microseconds since 1970.
pub(crate) fn unix_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
