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
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind, PageEvidence};
use wallflower_domain::frame::FrameSize;
use wallflower_domain::recording::EndReason;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Delivery, Gaps, Job, JobPage, Progress, Usage};
use wallflower_domain::wire::page::{CONFIG_GLOBAL, CONTRACT, PageConfig, PageMessage, PageRoom};

use crate::audio::Audio;
use crate::bridge::{Bridge, Injected, Signal, end_of_page, failure_of_page};
use crate::browser::{self, Browser, Screen};
use crate::capture::{Capture, Plan};
use crate::child;
use crate::delivery::{Destination, unwritable};
use crate::display::Display;
use crate::pages::Pages;
use crate::programs::Programs;
use crate::spool::{Attempt, MAX_ATTEMPTS};
use crate::usage::{Groups, Meter};
use crate::workdir::WorkDir;

/// A page that beats is taken for hung after this much silence.
const HEARTBEAT_DEADLINE: Duration = Duration::from_secs(10);
/// So long a recording may be without media before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds before each further try of an attempt that did not start.
const BACKOFF_S: [f64; 4] = [0.5, 1.0, 2.0, 4.0];
const LAST_BACKOFF_S: f64 = 5.0;
/// When less is left to be recorded, no further attempt is made.
const SHORTEST_ATTEMPT_S: f64 = 0.5;
const PICTURE_DEADLINE: Duration = Duration::from_secs(3);

/// Where a session's events go.
pub(crate) type Report = mpsc::UnboundedSender<AgentEvent>;

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
enum Cause {
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
    commands: &mut mpsc::Receiver<AgentCommand>,
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
struct Session<'a> {
    job: &'a Job,
    programs: &'a Programs,
    destination: &'a Destination,
    report: &'a Report,
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
        commands: &mut mpsc::Receiver<AgentCommand>,
    ) -> Cause {
        let mut captured = Progress::default();
        loop {
            let started = match &mut interruption {
                None => unless_told(commands, self.start(work, began, None)).await,
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
            let _ = self.report.send(AgentEvent::Interrupted { failure: failure.clone() });
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
        commands: &mut mpsc::Receiver<AgentCommand>,
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
        let start = self.start(work, interruption.since, Some(&interruption.failure.message));
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
    async fn end(&self, stage: Stage, cause: Cause, commands: &mut mpsc::Receiver<AgentCommand>) -> Cause {
        if let Cause::End(reason) = &cause {
            let _ = self.report.send(AgentEvent::Stopping { reason: *reason });
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
    fn remaining_s(&self) -> Option<f64> {
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
async fn unless_told<T>(
    commands: &mut mpsc::Receiver<AgentCommand>,
    work: impl Future<Output = T>,
) -> Result<T, Cause> {
    tokio::select! {
        biased;
        command = commands.recv() => Err(cause_of(command)),
        done = work => Ok(done),
    }
}

fn cause_of(command: Option<AgentCommand>) -> Cause {
    match command {
        Some(AgentCommand::Stop) => Cause::End(EndReason::Stopped),
        Some(AgentCommand::Abandon) => Cause::Abandoned,
        None => Cause::End(EndReason::OwnerGone),
    }
}

/// Makes the file from what was captured, or explains why there is none.
async fn conclude(
    cause: Cause,
    usage: Option<Usage>,
    until: Option<i64>,
    programs: &Programs,
    destination: Destination,
    commands: &mut mpsc::Receiver<AgentCommand>,
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
    let _ = report.send(AgentEvent::Finalizing);
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

async fn told_to_abandon(commands: &mut mpsc::Receiver<AgentCommand>) {
    loop {
        match commands.recv().await {
            Some(AgentCommand::Abandon) => return,
            Some(AgentCommand::Stop) => {}
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

/// Everything that runs while a recording is under way, in the order in which it was started.
struct Stage {
    pages: Pages,
    audio: Audio,
    display: Display,
    browser: Browser,
    bridge: Bridge,
    capture: Capture,
    number: u32,
    is_limited: bool,
    /// Media time at which the attempt begins, when gaps count.
    offset_s: Option<f64>,
    failure_picture: PathBuf,
    size: FrameSize,
    programs: Programs,
}

impl Session<'_> {
    /// Starts an attempt. `after` is why the one before it ended.
    async fn start(&self, work: &WorkDir, began: Instant, after: Option<&str>) -> Result<Stage, Failure> {
        let Self { job, programs, destination, report, .. } = *self;
        let pages = Pages::serve().await?;
        let (display, audio) =
            tokio::try_join!(Display::start(programs, work, job.size), Audio::start(programs, work))?;
        let (browser, page) = Browser::start(programs, work, Screen::Captured(&display, &audio, job.size)).await?;
        let _ = report.send(AgentEvent::Joining);
        let opening = Opening::of(job, &pages)?;
        browser::fit(&page, job.size).await?;
        let mut bridge = Bridge::attach(
            page,
            opening.config.as_ref().map(|config| Injected::new(CONFIG_GLOBAL, config)).transpose()?,
        )
        .await?;
        let ready = tokio::select! {
            ready = opening.join(&mut bridge, report) => ready,
            status = browser.process().exited() => Err(browser.process().died(status)),
            status = display.server().exited() => Err(display.server().died(status)),
            status = audio.server().exited() => Err(audio.server().died(status)),
        };
        let failure_picture = destination.failure_picture();
        if let Err(failure) = ready {
            let picture = match after {
                None => picture(programs, &display, job.size, &failure_picture).await,
                // Another attempt may well succeed.
                Some(_) => None,
            };
            let failure = failure.with_evidence(PageEvidence { screenshot: picture, ..bridge.evidence() });
            bridge.shutdown();
            browser.shutdown().await;
            display.shutdown().await;
            audio.shutdown().await;
            return Err(failure);
        }
        check_viewport(&bridge, job, report).await?;
        let spool = destination.spool();
        let number = spool.next();
        let file = spool.media(number);
        let plan = Plan { size: job.size, fps: job.fps, max_duration_s: self.remaining_s(), file: &file };
        let (capture, first_frame_unix_us) = Capture::start(programs, work, &display, &audio, &plan).await?;
        let attempt = Attempt { number, first_frame_unix_us, after: after.map(str::to_owned) };
        spool.note(&attempt).map_err(|error| unwritable(spool.folder(), &error))?;
        let since_first = unix_us().saturating_sub(first_frame_unix_us).max(0);
        let latency = began.elapsed().saturating_sub(Duration::from_micros(since_first.unsigned_abs()));
        let start_latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        let _ = report.send(AgentEvent::Started { first_frame_unix_us, start_latency_ms });
        Ok(Stage {
            pages,
            audio,
            display,
            browser,
            bridge,
            capture,
            number,
            is_limited: plan.max_duration_s.is_some(),
            offset_s: (job.gaps == Gaps::Slate).then(|| {
                let first = destination.spool().began().unwrap_or(first_frame_unix_us);
                Duration::from_micros(first_frame_unix_us.saturating_sub(first).max(0).unsigned_abs()).as_secs_f64()
            }),
            failure_picture,
            size: job.size,
            programs: programs.clone(),
        })
    }
}

fn unix_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A page of another size than the frame would be recorded with a border or cut off.
async fn check_viewport(bridge: &Bridge, job: &Job, report: &Report) -> Result<(), Failure> {
    let (width, height) = bridge.viewport().await?;
    if (width, height) != (u64::from(job.size.width()), u64::from(job.size.height())) {
        let message = format!("The page's viewport is {width}x{height} but the frame is {}.", job.size);
        let _ = report.send(AgentEvent::Warning { message });
    }
    Ok(())
}

/// How the page is opened and when it is worth recording.
struct Opening {
    url: String,
    config: Option<PageConfig>,
    await_start: bool,
    deadline: Duration,
}

impl Opening {
    fn of(job: &Job, pages: &Pages) -> Result<Self, Failure> {
        let config = |room: &PageRoom| PageConfig {
            contract: CONTRACT,
            recording: job.id.clone(),
            room: Some(room.clone()),
            layout: job.layout,
            theme: job.theme.clone(),
            size: job.size,
            fps: job.fps,
        };
        let (url, config, await_start) = match &job.page {
            JobPage::Stage { room } => (pages.url("index.html"), Some(config(room)), true),
            JobPage::Template { url, room } => (template_url(url, room, job)?, Some(config(room)), true),
            JobPage::Page { url, await_start } => (url.clone(), None, *await_start),
        };
        Ok(Self { url, config, await_start, deadline: Duration::from_secs_f64(job.start_deadline_s) })
    }

    /// Opens the page and waits for its start signal, or until it has loaded when none is expected.
    async fn join(&self, bridge: &mut Bridge, report: &Report) -> Result<(), Failure> {
        let mut threw = None;
        let waiting = async {
            bridge.open(&self.url).await?;
            loop {
                match bridge.next().await {
                    Signal::Said(PageMessage::Ready) | Signal::ConsoleStart => break,
                    Signal::Loaded if !self.await_start => break,
                    Signal::Said(PageMessage::Failed { fault, message }) => {
                        return Err(failure_of_page(fault, &message));
                    }
                    Signal::Said(PageMessage::Ended { .. }) | Signal::ConsoleEnd => {
                        return Err(Failure::new(
                            FailureKind::PageFailed,
                            "The page said that it has ended before it had begun.",
                        ));
                    }
                    Signal::Said(PageMessage::Event { event }) => {
                        let _ = report.send(AgentEvent::Room { room_event: event });
                    }
                    Signal::Status(status) => {
                        return Err(Failure::new(
                            FailureKind::PageFailed,
                            format!(
                                "The page answered HTTP {status}; check its address, or mend the server that it is on."
                            ),
                        ));
                    }
                    Signal::Crashed => {
                        return Err(Failure::new(
                            FailureKind::ProgramDied,
                            "The page's renderer crashed while it was loading.",
                        ));
                    }
                    Signal::Threw(text) => threw = Some(text),
                    Signal::Said(PageMessage::Heartbeat { .. }) | Signal::Loaded => {}
                }
            }
            bridge.painted().await
        };
        match tokio::time::timeout(self.deadline, waiting).await {
            Ok(ended) => ended,
            Err(_) => Err(self.no_start_signal(threw)),
        }
    }

    fn no_start_signal(&self, threw: Option<String>) -> Failure {
        let seconds = self.deadline.as_secs_f64();
        let message = match (threw, self.await_start) {
            (Some(text), _) => format!(
                "The page gave no start signal within {seconds} s because its script failed: {text}. Mend the page."
            ),
            (None, true) => format!(
                "The page gave no start signal within {seconds} s; it must call ready (or log START_RECORDING) once it shows the room, or be given longer by --start-deadline."
            ),
            (None, false) => format!(
                "The page did not finish loading within {seconds} s; check its server, or pass a longer --start-deadline."
            ),
        };
        Failure::new(FailureKind::NoStartSignal, message)
    }
}

/// The address of a designer's template. For a LiveKit room it carries the three parameters of LiveKit's own template contract.
fn template_url(text: &str, room: &PageRoom, job: &Job) -> Result<String, Failure> {
    let mut parsed = url::Url::parse(text).map_err(|error| {
        Failure::new(FailureKind::BadRequest, format!("The template's address \"{text}\" can't be read: {error}."))
    })?;
    if let PageRoom::Livekit { url: server, token } = room {
        let ours = ["layout", "url", "token"];
        let kept: Vec<(String, String)> = parsed
            .query_pairs()
            .filter(|(key, _)| !ours.contains(&key.as_ref()))
            .map(|(k, v)| (k.into_owned(), v.into_owned()))
            .collect();
        let mut query = parsed.query_pairs_mut();
        query.clear().extend_pairs(kept);
        query.append_pair("layout", job.layout.name()).append_pair("url", server).append_pair("token", token);
        drop(query);
    }
    Ok(parsed.to_string())
}

impl Stage {
    fn groups(&self) -> Groups {
        Groups {
            encoder: self.capture.encoder().pid(),
            display: self.display.server().pid(),
            audio: self.audio.server().pid(),
            browser: self.browser.process().pid(),
        }
    }

    /// An attempt's progress as the recording's.
    fn in_the_whole(&self, before: Progress, own: Progress) -> Progress {
        Progress {
            media_s: own.media_s + self.offset_s.unwrap_or(before.media_s),
            frames: own.frames + before.frames,
            dropped: own.dropped + before.dropped,
            duplicated: own.duplicated + before.duplicated,
            bytes: own.bytes + before.bytes,
            ..own
        }
    }

    /// Follows the attempt until something ends it.
    async fn watch(
        &mut self,
        meter: &mut Meter,
        captured: &mut Progress,
        commands: &mut mpsc::Receiver<AgentCommand>,
        report: &Report,
    ) -> Cause {
        let before = *captured;
        let mut progress = self.capture.progress();
        let encoder = self.capture.encoder().exited();
        let display = self.display.server().exited();
        let audio = self.audio.server().exited();
        let browser = self.browser.process().exited();
        tokio::pin!(encoder, display, audio, browser);
        let mut heartbeat = Heartbeat::default();
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => return cause_of(command),
                status = &mut encoder => return self.encoder_ended(status),
                status = &mut display => return Cause::Failed(self.display.server().died(status)),
                status = &mut audio => return Cause::Failed(self.audio.server().died(status)),
                status = &mut browser => return Cause::Failed(self.browser.process().died(status)),
                signal = self.bridge.next() => {
                    if let Some(cause) = self.heard(signal, &mut heartbeat, report).await {
                        return cause;
                    }
                }
                () = heartbeat.missed() => return Cause::Failed(Failure::new(
                    FailureKind::PageHung,
                    format!("The page has not answered for {} s: its script hangs.", HEARTBEAT_DEADLINE.as_secs()),
                ).with_evidence(self.bridge.evidence())),
                Ok(()) = progress.changed() => {
                    let progress = self.in_the_whole(before, *progress.borrow_and_update());
                    *captured = progress;
                    meter.sample();
                    let _ = report.send(AgentEvent::Progress { progress });
                }
            }
        }
    }

    async fn heard(&self, signal: Signal, heartbeat: &mut Heartbeat, report: &Report) -> Option<Cause> {
        match signal {
            Signal::Said(PageMessage::Heartbeat { .. }) => heartbeat.beat(),
            Signal::Said(PageMessage::Event { event }) => {
                let _ = report.send(AgentEvent::Room { room_event: event });
            }
            Signal::Said(PageMessage::Ended { reason }) => return Some(Cause::End(end_of_page(reason))),
            Signal::ConsoleEnd => return Some(Cause::End(EndReason::RoomEnded)),
            Signal::Said(PageMessage::Failed { fault, message }) => {
                return Some(Cause::Failed(self.with_evidence(failure_of_page(fault, &message)).await));
            }
            Signal::Crashed => {
                let failure = Failure::new(FailureKind::ProgramDied, "The page's renderer crashed.");
                return Some(Cause::Failed(failure.with_evidence(self.bridge.evidence())));
            }
            // A page that goes on without a stumble may throw; a site may open an address that answers an error.
            Signal::Threw(_)
            | Signal::Status(_)
            | Signal::Loaded
            | Signal::ConsoleStart
            | Signal::Said(PageMessage::Ready) => {}
        }
        None
    }

    fn encoder_ended(&self, status: std::process::ExitStatus) -> Cause {
        if status.success() && self.is_limited {
            // The only thing that ends it by itself is its -t.
            Cause::End(EndReason::LimitDuration)
        } else {
            Cause::Failed(crate::capture::explain(&self.capture.encoder().tail(), status))
        }
    }

    async fn with_evidence(&self, failure: Failure) -> Failure {
        let screenshot = picture(&self.programs, &self.display, self.size, &self.failure_picture).await;
        failure.with_evidence(PageEvidence { screenshot, ..self.bridge.evidence() })
    }

    /// Ends what is left of an attempt that something died of. What was started is killed rather than asked: the next attempt waits.
    async fn salvage(self) {
        self.capture.salvage().await;
        self.bridge.shutdown();
        let Self { browser, display, audio, pages, .. } = self;
        browser.kill().await;
        tokio::join!(display.shutdown(), audio.shutdown());
        pages.shutdown().await;
    }

    /// Stops everything, the encoder first so that it captures nothing of the others' end. Fails when the encoder could not finish.
    async fn shutdown(self) -> Result<(), Failure> {
        let captured = self.capture.stop().await;
        self.bridge.shutdown();
        self.browser.shutdown().await;
        tokio::join!(self.display.shutdown(), self.audio.shutdown());
        self.pages.shutdown().await;
        captured
    }
}

/// Only a page that has beaten once is expected to go on.
#[derive(Default)]
struct Heartbeat {
    last: Option<tokio::time::Instant>,
}

impl Heartbeat {
    fn beat(&mut self) {
        self.last = Some(tokio::time::Instant::now());
    }

    async fn missed(&self) {
        match self.last {
            Some(last) => tokio::time::sleep_until(last + HEARTBEAT_DEADLINE).await,
            None => std::future::pending().await,
        }
    }
}

/// What the display shows right now, as a PNG; none when it can't be had in time.
async fn picture(programs: &Programs, display: &Display, size: FrameSize, path: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(&programs.ffmpeg);
    display.attach(&mut command);
    command.args(["-hide_banner", "-loglevel", "error", "-y", "-f", "x11grab", "-draw_mouse", "0"]);
    command.args(["-video_size", &size.to_string(), "-i", &display.name()]);
    command.args(["-frames:v", "1", "-f", "image2", "-c:v", "png"]).arg(path);
    match child::run("ffmpeg", command, PICTURE_DEADLINE, child::ignore()).await {
        Ok((status, _)) if status.success() => Some(path.display().to_string()),
        Ok((status, tail)) => {
            tracing::warn!(%status, last = tail.last(), "no picture of the display");
            None
        }
        Err(failure) => {
            tracing::warn!(%failure, "no picture of the display");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::frame::FrameRate;
    use wallflower_domain::layout::Layout;
    use wallflower_domain::theme::Theme;

    #[test]
    fn a_livekit_template_gets_the_three_parameters_and_keeps_its_own() {
        let room = PageRoom::Livekit { url: "ws://h:7880".into(), token: "t.o.k".into() };
        let job = Job {
            id: "r".into(),
            page: JobPage::Page { url: "http://h/".into(), await_start: false },
            layout: Layout::Speaker,
            theme: Theme::default(),
            size: FrameSize::HD,
            fps: FrameRate::DEFAULT,
            file: "/x.mp4".into(),
            overwrite: false,
            gaps: Gaps::Slate,
            max_duration_s: None,
            start_deadline_s: 20.0,
        };
        let url = template_url("https://t.example/p?brand=1&token=old", &room, &job).expect("valid");
        assert_eq!(url, "https://t.example/p?brand=1&layout=speaker&url=ws%3A%2F%2Fh%3A7880&token=t.o.k");
    }
}
