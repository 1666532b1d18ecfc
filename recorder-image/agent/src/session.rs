//! One recording from beginning to end.
//!
//! ```text
//! prepare destination ▶ work directory ▶ display ∥ sound ▶ browser ▶ page ▶ start signal ▶ capture ▶ … ▶ stop ▶ deliver
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
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Delivery, Job, JobPage, Usage};
use wallflower_domain::wire::page::{CONFIG_GLOBAL, CONTRACT, PageConfig, PageMessage, PageRoom};

use crate::audio::Audio;
use crate::bridge::{Bridge, Injected, Signal, end_of_page, failure_of_page};
use crate::browser::{self, Browser, Screen};
use crate::capture::{Capture, Plan};
use crate::child;
use crate::delivery::Destination;
use crate::display::Display;
use crate::pages::Pages;
use crate::programs::Programs;
use crate::usage::{Groups, Meter};
use crate::workdir::WorkDir;

/// A page that beats is taken for hung after this much silence.
const HEARTBEAT_DEADLINE: Duration = Duration::from_secs(10);
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

/// Performs the job. `program` is the binary that can be started as guard.
pub(crate) async fn perform(
    job: &Job,
    program: &Path,
    began: Instant,
    commands: &mut mpsc::Receiver<AgentCommand>,
    report: &Report,
) -> Outcome {
    let prepared = Programs::find().and_then(|programs| {
        Destination::prepare(Path::new(&job.file), &job.id, job.overwrite).map(|destination| (programs, destination))
    });
    let (programs, destination) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => return Outcome::failed(failure),
    };
    let work = match WorkDir::create(&job.id, program).await {
        Ok(work) => work,
        Err(failure) => {
            destination.discard();
            return Outcome::failed(failure);
        }
    };
    let (cause, usage) = record(job, &programs, &work, &destination, began, commands, report).await;
    let outcome = conclude(cause, usage, &programs, destination, commands, report).await;
    work.close().await;
    outcome
}

async fn record(
    job: &Job,
    programs: &Programs,
    work: &WorkDir,
    destination: &Destination,
    began: Instant,
    commands: &mut mpsc::Receiver<AgentCommand>,
    report: &Report,
) -> (Cause, Option<Usage>) {
    let started = unless_told(commands, start(job, programs, work, destination, began, report)).await;
    let mut stage = match started {
        Ok(Ok(stage)) => stage,
        Ok(Err(failure)) => return (Cause::Failed(failure), None),
        Err(cause) => return (cause, None),
    };
    let mut meter = Meter::begin(stage.groups());
    let cause = stage.watch(&mut meter, commands, report).await;
    let usage = meter.usage();
    if let Cause::End(reason) = &cause {
        let _ = report.send(AgentEvent::Stopping { reason: *reason });
    }
    if matches!(cause, Cause::Abandoned) {
        // Dropping the stage kills.
        return (cause, usage);
    }
    let stopped = tokio::select! {
        stopped = stage.shutdown() => stopped,
        () = told_to_abandon(commands) => return (Cause::Abandoned, usage),
    };
    let cause = match (stopped, cause) {
        // The encoder could not finish: that is news unless something else had failed before.
        (Err(failure), Cause::End(_)) => Cause::Failed(failure),
        (_, cause) => cause,
    };
    (cause, usage)
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
    let capture = destination.capture();
    let delivered = tokio::select! {
        delivered = destination.deliver(programs) => delivered,
        () = told_to_abandon(commands) => {
            return Outcome { end: EndReason::Stopped, failure: Some(abandonment(&capture)), delivery: None };
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
        let failure = abandonment(&destination.capture());
        let _ = destination.keep();
        return Outcome { end: EndReason::Stopped, failure: Some(failure), delivery: None };
    }
    destination.discard();
    Outcome { end: EndReason::Stopped, failure: None, delivery: None }
}

fn abandonment(capture: &Path) -> Failure {
    Failure::new(
        FailureKind::BadRequest,
        format!(
            "The recording was abandoned before it was finalized; what was captured is kept in {}.",
            capture.display()
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
    failure_picture: PathBuf,
    size: FrameSize,
    programs: Programs,
}

async fn start(
    job: &Job,
    programs: &Programs,
    work: &WorkDir,
    destination: &Destination,
    began: Instant,
    report: &Report,
) -> Result<Stage, Failure> {
    let pages = Pages::serve().await?;
    let (display, audio) = tokio::try_join!(Display::start(programs, work, job.size), Audio::start(programs, work))?;
    let (browser, page) = Browser::start(programs, work, Screen::Captured(&display, &audio, job.size)).await?;
    let _ = report.send(AgentEvent::Joining);
    let opening = Opening::of(job, &pages)?;
    browser::fit(&page, job.size).await?;
    let mut bridge =
        Bridge::attach(page, opening.config.as_ref().map(|config| Injected::new(CONFIG_GLOBAL, config)).transpose()?)
            .await?;
    let ready = tokio::select! {
        ready = opening.join(&mut bridge, report) => ready,
        status = browser.process().exited() => Err(browser.process().died(status)),
        status = display.server().exited() => Err(display.server().died(status)),
        status = audio.server().exited() => Err(audio.server().died(status)),
    };
    let failure_picture = destination.failure_picture();
    if let Err(failure) = ready {
        let picture = picture(programs, &display, job.size, &failure_picture).await;
        let failure = failure.with_evidence(PageEvidence { screenshot: picture, ..bridge.evidence() });
        bridge.shutdown();
        browser.shutdown().await;
        display.shutdown().await;
        audio.shutdown().await;
        return Err(failure);
    }
    check_viewport(&bridge, job, report).await?;
    let file = destination.capture();
    let plan = Plan { size: job.size, fps: job.fps, max_duration_s: job.max_duration_s, file: &file };
    let (capture, first_frame_unix_us) = Capture::start(programs, work, &display, &audio, &plan).await?;
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
        failure_picture,
        size: job.size,
        programs: programs.clone(),
    })
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

    /// Follows the recording until something ends it.
    async fn watch(
        &mut self,
        meter: &mut Meter,
        commands: &mut mpsc::Receiver<AgentCommand>,
        report: &Report,
    ) -> Cause {
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
                () = heartbeat.missed() => return Cause::Failed(self.with_evidence(Failure::new(
                    FailureKind::PageHung,
                    format!("The page has not answered for {} s: its script hangs.", HEARTBEAT_DEADLINE.as_secs()),
                )).await),
                Ok(()) = progress.changed() => {
                    let progress = *progress.borrow_and_update();
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
                return Some(Cause::Failed(self.with_evidence(failure).await));
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
        if status.success() {
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
            max_duration_s: None,
            start_deadline_s: 20.0,
        };
        let url = template_url("https://t.example/p?brand=1&token=old", &room, &job).expect("valid");
        assert_eq!(url, "https://t.example/p?brand=1&layout=speaker&url=ws%3A%2F%2Fh%3A7880&token=t.o.k");
    }
}
