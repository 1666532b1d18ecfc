//! One attempt: everything that runs while a recording is under way.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind, PageEvidence};
use wallflower_domain::frame::FrameSize;
use wallflower_domain::recording::EndReason;
use wallflower_domain::wire::agent::{AgentEvent, Gaps, Job, Progress, Request};
use wallflower_domain::wire::page::{CONFIG_GLOBAL, PageMessage};

use crate::audio::Audio;
use crate::bridge::{Bridge, Injected, Signal, end_of_page, failure_of_page};
use crate::browser::{self, Browser, Screen};
use crate::capture::{Capture, Plan};
use crate::child;
use crate::delivery::unwritable;
use crate::display::Display;
use crate::opening::Opening;
use crate::pages::Pages;
use crate::programs::Programs;
use crate::report::Report;
use crate::session::{Cause, Session, cause_of, unix_us};
use crate::spool::Attempt;
use crate::usage::{Groups, Meter};
use crate::workdir::WorkDir;

/// A page that beats is taken for hung after this much silence.
const HEARTBEAT_DEADLINE: Duration = Duration::from_secs(10);
const PICTURE_DEADLINE: Duration = Duration::from_secs(3);

/// What runs, in the order in which it was started.
pub(crate) struct Stage {
    pages: Pages,
    audio: Audio,
    display: Display,
    browser: Browser,
    bridge: Bridge,
    capture: Capture,
    /// Number of the attempt.
    pub(crate) number: u32,
    is_limited: bool,
    /// Media time at which the attempt begins, when gaps count.
    offset_s: Option<f64>,
    failure_picture: PathBuf,
    size: FrameSize,
    programs: Programs,
}

impl Stage {
    /// Starts an attempt. `after` is why the one before it ended.
    pub(crate) async fn start(
        session: &Session<'_>,
        work: &WorkDir,
        began: Instant,
        after: Option<&str>,
    ) -> Result<Self, Failure> {
        let Session { job, programs, destination, report, .. } = *session;
        let pages = Pages::serve().await?;
        let (display, audio) =
            tokio::try_join!(Display::start(programs, work, job.size), Audio::start(programs, work))?;
        let (browser, page) = Browser::start(programs, work, Screen::Captured(&display, &audio, job.size)).await?;
        report.send(AgentEvent::Joining);
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
        let plan = Plan { size: job.size, fps: job.fps, max_duration_s: session.remaining_s(), file: &file };
        let (capture, first_frame_unix_us) = Capture::start(programs, work, &display, &audio, &plan).await?;
        let attempt = Attempt { number, first_frame_unix_us, after: after.map(str::to_owned) };
        spool.note(&attempt).map_err(|error| unwritable(spool.folder(), &error))?;
        let since_first = unix_us().saturating_sub(first_frame_unix_us).max(0);
        let latency = began.elapsed().saturating_sub(Duration::from_micros(since_first.unsigned_abs()));
        let start_latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        report.send(AgentEvent::Started { first_frame_unix_us, start_latency_ms });
        Ok(Self {
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

    pub(crate) fn groups(&self) -> Groups {
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
    pub(crate) async fn watch(
        &mut self,
        meter: &mut Meter,
        captured: &mut Progress,
        commands: &mut mpsc::Receiver<Request>,
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
                    report.send(AgentEvent::Progress { progress });
                }
            }
        }
    }

    async fn heard(&self, signal: Signal, heartbeat: &mut Heartbeat, report: &Report) -> Option<Cause> {
        match signal {
            Signal::Said(PageMessage::Heartbeat { .. }) => heartbeat.beat(),
            Signal::Said(PageMessage::Event { event }) => {
                report.send(AgentEvent::Room { room_event: event });
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
    pub(crate) async fn salvage(self) {
        self.capture.salvage().await;
        self.bridge.shutdown();
        let Self { browser, display, audio, pages, .. } = self;
        browser.kill().await;
        tokio::join!(display.shutdown(), audio.shutdown());
        pages.shutdown().await;
    }

    /// Stops everything, the encoder first so that it captures nothing of the others' end. Fails when the encoder could not finish.
    pub(crate) async fn shutdown(self) -> Result<(), Failure> {
        let captured = self.capture.stop().await;
        self.bridge.shutdown();
        self.browser.shutdown().await;
        tokio::join!(self.display.shutdown(), self.audio.shutdown());
        self.pages.shutdown().await;
        captured
    }
}

/// A page of another size than the frame would be recorded with a border or cut off.
async fn check_viewport(bridge: &Bridge, job: &Job, report: &Report) -> Result<(), Failure> {
    let (width, height) = bridge.viewport().await?;
    if (width, height) != (u64::from(job.size.width()), u64::from(job.size.height())) {
        let message = format!("The page's viewport is {width}x{height} but the frame is {}.", job.size);
        report.send(AgentEvent::Warning { message });
    }
    Ok(())
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
