//! One attempt: a stage that is captured until something ends it.

use std::process::ExitStatus;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::FrameRate;
use wallflower_domain::look::Look as RoomLook;
use wallflower_domain::recording::EndReason;
use wallflower_domain::watchdog::{Action, Rule, Verdict};
use wallflower_domain::wire::agent::{AgentEvent, JobPage, Progress};
use wallflower_domain::wire::page::PageMessage;

use crate::bridge::{Signal, end_of_page, failure_of_page, from_page};
use crate::capture::{Capture, Plan, Waiting, explain};
use crate::clock::{ClockWatch, Parted};
use crate::delivery::unwritable_spool;
use crate::flow::Flow;
use crate::live::{Asked, Live, Scene, SceneChange, seconds};
use crate::observer::{Look, Observer};
use crate::report::Report;
use crate::session::{Cause, Session};
use crate::stage::Stage;
use crate::usage::{Groups, Meter};
use crate::workdir::{WorkDir, stopped_groups};

/// How often the watchdog looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How long a program's end may take to be known.
const BLAME_PATIENCE: Duration = Duration::from_millis(500);
/// What the encoder is called when it is to blame.
const ENCODER: &str = "ffmpeg";

/// A stage that shows its page.
pub(crate) struct Opened {
    pub(crate) stage: Stage,
    /// The encoder, where it was started beside the page.
    pub(crate) waiting: Option<Waiting>,
}

/// A stage and the encoder that captures it.
pub(crate) struct Attempt {
    stage: Stage,
    capture: Capture,
    pub(crate) number: u32,
    scene: Scene,
    fps: FrameRate,
    is_room: bool,
    limit_s: Option<f64>,
}

/// How an attempt ended.
pub(crate) struct Ending {
    pub(crate) cause: Cause,
    pub(crate) damage: Damage,
}

/// What an attempt's end leaves for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Something of the stage died, hangs, or may.
    Stage,
    /// The encoder alone ended.
    Encoder,
    /// The encoder alone hangs.
    EncoderHangs,
    /// The encoder hangs, perhaps because the stage does.
    Both,
}

impl Damage {
    /// The next attempt can capture the same stage.
    fn spares_the_stage(self) -> bool {
        matches!(self, Self::Encoder | Self::EncoderHangs)
    }

    /// The encoder has nothing more to give.
    fn hangs(self) -> bool {
        matches!(self, Self::EncoderHangs | Self::Both)
    }
}

impl From<Cause> for Ending {
    fn from(cause: Cause) -> Self {
        Self { cause, damage: Damage::Stage }
    }
}

impl Attempt {
    /// Captures a stage. `after` is why the attempt before it ended. A failure gives nothing back: the stage is ended.
    pub(crate) async fn start(
        session: &Session<'_>,
        Opened { mut stage, mut waiting }: Opened,
        work: &WorkDir,
        scene: Scene,
        look: &RoomLook,
        after: Option<&str>,
    ) -> Result<(Self, i64), Failure> {
        let spool = session.destination.spool();
        let number = spool.next();
        let setup = session.setup(scene);
        let plan = Plan { setup, spool, tap: session.tap, number, after };
        if let Err(failure) = stage.look(look).await {
            session.report.warn(failure.message);
        }
        let started = async {
            stage.cover(scene.paused.is_some()).await?;
            let waiting = match waiting.take_if(|waiting| waiting.suits(setup)) {
                Some(waiting) => waiting,
                None => Waiting::start(session.programs, work, &stage.display, &stage.audio, setup)?,
            };
            waiting.begin(&plan).await
        };
        let (capture, noted) = match started.await {
            Ok(started) => started,
            Err(failure) => {
                // A display that has gone is the better reason, and known a moment later.
                let display = stage.display.server().exited();
                let failure = match tokio::time::timeout(BLAME_PATIENCE, display).await {
                    Ok(status) => stage.display.server().died(status),
                    Err(_) => failure,
                };
                stage.salvage().await;
                return Err(failure);
            }
        };
        if let Some(mode) = scene.paused {
            // Said twice it counts once.
            let at_us = spool.began().map_or(0, |began| began.until(&noted.first_frame));
            spool.note_pause(mode, at_us).map_err(|error| unwritable_spool(&error))?;
        }
        let is_room = !matches!(session.job.page, JobPage::Page { .. });
        let attempt =
            Self { stage, capture, number, scene, fps: setup.fps, is_room, limit_s: session.job.max_duration_s };
        Ok((attempt, noted.first_frame.unix_us))
    }

    pub(crate) fn groups(&self) -> Groups {
        Groups {
            encoder: self.capture.encoder().pid(),
            display: self.stage.display.server().pid(),
            audio: self.stage.audio.server().pid(),
            browser: self.stage.browser.process().pid(),
        }
    }

    /// Follows the attempt until something ends it.
    pub(crate) async fn watch(
        &mut self,
        meter: &mut Meter,
        captured: &mut Progress,
        observer: &mut Observer,
        live: &mut Live<'_>,
        report: &Report,
    ) -> Ending {
        let before = *captured;
        let mut flow = self.capture.flow();
        let began_s = flow.borrow().heard_s;
        let progress = self.capture.progress();
        let encoder = self.capture.encoder().exited();
        let display = self.stage.display.server().exited();
        let audio = self.stage.audio.server().exited();
        let browser = self.stage.browser.process().exited();
        let answered = watch::Sender::new(Instant::now());
        let asking = self.stage.bridge.ask(answered.clone());
        tokio::pin!(encoder, display, audio, browser, asking);
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let clocks = ClockWatch::new();
        loop {
            tokio::select! {
                biased;
                asked = live.asked() => match asked {
                    Asked::Scene(change) => {
                        if let Err(failure) = self.change(change, live).await {
                            return Cause::Failed(failure).into();
                        }
                    }
                    Asked::Look(relook) => match self.stage.look(&relook.look).await {
                        Ok(()) => live.looks(*relook),
                        Err(failure) => live.keeps_its_look(&relook, failure),
                    },
                    asked => return Cause::from(asked).into(),
                },
                status = &mut encoder => return self.encoder_ended(status).await,
                status = &mut display => return Cause::Failed(self.stage.display.server().died(status)).into(),
                status = &mut audio => return Cause::Failed(self.stage.audio.server().died(status)).into(),
                status = &mut browser => return Cause::Failed(self.stage.browser.process().died(status)).into(),
                failure = self.capture.blind() => {
                    // A display that has gone is the better reason, and known a moment later.
                    let failure = match tokio::time::timeout(BLAME_PATIENCE, &mut display).await {
                        Ok(status) => self.stage.display.server().died(status),
                        Err(_) => failure,
                    };
                    return Cause::Failed(failure).into();
                }
                signal = self.stage.bridge.next() => {
                    if let Some(cause) = self.heard(signal, report).await {
                        return cause.into();
                    }
                }
                // Before the look at what is known: who has slept has answers to read.
                never = &mut asking => match never {},
                _ = looks.tick() => {
                    if let Some(parted) = clocks.parted() {
                        return Ending { cause: Cause::Failed(of_clocks(parted)), damage: Damage::Encoder };
                    }
                    meter.sample();
                    let flow = *flow.borrow();
                    let verdicts = observer.look(Look {
                        now_us: live.now_us().unwrap_or(0),
                        scene: self.scene,
                        room: self.is_room.then(|| report.room_seen(flow.heard_s > began_s)),
                        heartbeat_age: answered.borrow().elapsed(),
                        flow,
                        progress: in_the_whole(before, *progress.borrow(), flow),
                        memory_bytes: meter.usage().map(|usage| usage.pss_bytes),
                    });
                    if let Some(ending) = self.obey(verdicts, report) {
                        return ending;
                    }
                }
                Ok(()) = flow.changed() => {
                    let flow = *flow.borrow_and_update();
                    *captured = in_the_whole(before, *progress.borrow(), flow);
                    report.send(AgentEvent::Progress { progress: *captured });
                    if self.limit_s.is_some_and(|limit_s| flow.end_s - live.cut_s(flow.end_s) >= limit_s) {
                        return Cause::End(EndReason::LimitDuration).into();
                    }
                }
            }
        }
    }

    /// Does what the watchdog says.
    fn obey(&self, verdicts: Vec<Verdict>, report: &Report) -> Option<Ending> {
        for verdict in verdicts {
            match verdict.action {
                Action::End(reason) => {
                    report.warn(verdict.message);
                    return Some(Cause::End(reason).into());
                }
                Action::Interrupt(kind) => {
                    let stopped = self.stopped();
                    // Who was stopped by a signal is the better reason.
                    let message = match stopped {
                        Some(name) => format!("{} {name} was stopped by a signal.", verdict.message),
                        None => verdict.message,
                    };
                    let failure = Failure::new(kind, message).with_evidence(self.stage.bridge.evidence());
                    let damage = match verdict.rule {
                        Rule::StalledEncoder if stopped == Some(ENCODER) => Damage::EncoderHangs,
                        Rule::StalledEncoder => Damage::Both,
                        _ => Damage::Stage,
                    };
                    return Some(Ending { cause: Cause::Failed(failure), damage });
                }
                Action::Warn => report.warn(verdict.message),
                Action::Recovered { lasted } => {
                    if verdict.rule == Rule::SlowPage {
                        report.send(AgentEvent::Frozen { length_s: lasted.as_secs_f64() });
                    } else {
                        report.warn(verdict.message);
                    }
                }
            }
        }
        None
    }

    /// Changes what is captured. A request that can't be carried out is answered; a failure is one of the attempt.
    async fn change(&mut self, change: SceneChange, live: &mut Live<'_>) -> Result<(), Failure> {
        let now = change.scene;
        let changed = async {
            self.stage.cover(now.paused.is_some()).await?;
            if self.scene.is_silent() != now.is_silent() {
                self.capture.silence(now.is_silent()).await?;
            }
            Ok::<(), Failure>(())
        };
        if let Err(failure) = changed.await {
            live.refused(&change, failure.clone());
            return Err(failure);
        }
        // A pause begins before its card is seen, and ends when it is gone. What was asked for before there was media is true of all of it.
        let at_us = match now.paused {
            Some(_) => Some(change.asked_us.unwrap_or(0)),
            None => live.now_us().map(|now| now + seconds_to_us(2.0 / f64::from(self.fps.get()))),
        };
        if let Err(failure) = live.note(now, at_us) {
            live.refused(&change, failure.clone());
            return Err(failure);
        }
        self.scene = now;
        live.taken(&change);
        Ok(())
    }

    async fn heard(&mut self, signal: Signal, report: &Report) -> Option<Cause> {
        match signal {
            Signal::Said(PageMessage::Event { event }) => report.send(AgentEvent::Room { room_event: event }),
            Signal::Said(PageMessage::Warning { message }) => report.warn(from_page(&message)),
            Signal::Said(PageMessage::Ended { reason }) => return Some(Cause::End(end_of_page(reason))),
            Signal::ConsoleEnd => return Some(Cause::End(EndReason::RoomEnded)),
            Signal::Said(PageMessage::Failed { fault, message }) => {
                return Some(Cause::Failed(self.stage.with_evidence(failure_of_page(fault, &message)).await));
            }
            Signal::Crashed => {
                let failure = Failure::new(FailureKind::ProgramDied, "The page's renderer crashed.");
                return Some(Cause::Failed(failure.with_evidence(self.stage.bridge.evidence())));
            }
            Signal::Loaded => match self.stage.restore().await {
                // It takes changes when it shows the room, and says when it does.
                Err(failure) if failure.kind == FailureKind::BadRequest => {}
                restored => warn_of(restored, report),
            },
            Signal::ConsoleStart | Signal::Said(PageMessage::Ready) => warn_of(self.stage.restore().await, report),
            // A page that goes on without a stumble may throw; a site may open an address that answers an error. It is asked whether
            // it lives, whether it beats or not.
            Signal::Threw(_) | Signal::Status(_) | Signal::Said(PageMessage::Heartbeat { .. }) => {}
        }
        None
    }

    async fn encoder_ended(&mut self, status: ExitStatus) -> Ending {
        // What it wrote last may still be on its way to the disk.
        let unkept = self.capture.dried_up().await;
        if let Some(failure) = unkept {
            return Cause::Failed(failure).into();
        }
        Ending { cause: Cause::Failed(explain(&self.capture.encoder().tail(), status)), damage: Damage::Encoder }
    }

    /// Who was stopped by a signal: the first of them that the others need.
    fn stopped(&self) -> Option<&'static str> {
        let Groups { encoder, display, audio, browser } = self.groups();
        let stopped = stopped_groups();
        let named = [(display, "Xvfb"), (audio, "PulseAudio"), (browser, "Chromium"), (encoder, ENCODER)];
        named.into_iter().find(|(group, _)| stopped.contains(group)).map(|(_, name)| name)
    }

    /// Ends the encoder because the next attempt waits; gives back the stage, if that can go on.
    pub(crate) async fn salvage(self, damage: Damage) -> Option<Stage> {
        self.capture.salvage(damage.hangs()).await;
        if damage.spares_the_stage() {
            return Some(self.stage);
        }
        self.stage.salvage().await;
        None
    }

    /// Stops everything, the encoder first so that it captures nothing of the others' end. Fails when the encoder could not finish.
    pub(crate) async fn shutdown(self) -> Result<(), Failure> {
        let captured = self.capture.stop().await;
        self.stage.shutdown().await;
        captured
    }
}

/// A document that could not be restored is one that has gone already, and the next one tells of itself, or one that hangs, which is
/// noticed.
fn warn_of(restored: Result<(), Failure>, report: &Report) {
    if let Err(failure) = restored {
        report.warn(format!("The page was loaded anew, and could not be told at once what to show: {failure}"));
    }
}

/// An attempt's progress as the recording's.
fn in_the_whole(before: Progress, own: Progress, flow: Flow) -> Progress {
    Progress {
        media_s: flow.end_s,
        frames: before.frames + flow.frames,
        fps: own.fps,
        speed: own.speed,
        dropped: before.dropped + own.dropped,
        duplicated: before.duplicated + own.duplicated,
        unique: before.unique + flow.unique,
        queue: flow.queue,
        av_skew_s: flow.av_skew_s,
        bytes: before.bytes + flow.bytes,
    }
}

fn of_clocks(parted: Parted) -> Failure {
    let message = match parted {
        Parted::Set(by_us) => format!("This machine's clock was set by {:+.3} s.", seconds(by_us)),
        Parted::Slept(us) => format!("This machine slept for {:.1} s.", seconds(us)),
    };
    Failure::new(FailureKind::ProgramDied, message)
}

#[expect(clippy::cast_possible_truncation, reason = "a few frames")]
fn seconds_to_us(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}
