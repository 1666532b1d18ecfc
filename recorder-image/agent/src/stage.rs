//! What is captured: a display, a sound server, and a browser that shows the page.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wallflower_domain::failure::{Failure, PageEvidence};
use wallflower_domain::frame::FrameSize;
use wallflower_domain::look::Look;
use wallflower_domain::wire::agent::{AgentEvent, Job};
use wallflower_domain::wire::page::{CONFIG_GLOBAL, PageConfig};

use crate::audio::Audio;
use crate::blank::Blank;
use crate::bridge::{Bridge, Injected};
use crate::browser::{self, Browser};
use crate::child;
use crate::display::Display;
use crate::fence::Fence;
use crate::live::anew;
use crate::opening::Opening;
use crate::pages::Pages;
use crate::programs::Programs;
use crate::report::Report;
use crate::workdir::without_keys;

const PICTURE_DEADLINE: Duration = Duration::from_secs(3);

/// What runs, in the order in which it was started.
pub(crate) struct Stage {
    pages: Pages,
    fence: Option<Fence>,
    pub(crate) audio: Audio,
    pub(crate) display: Display,
    pub(crate) browser: Browser,
    pub(crate) bridge: Bridge,
    /// What the page found before its first script ran, where it is told anything.
    config: Option<PageConfig>,
    opened_with: Look,
    look: Look,
    is_covered: bool,
    failure_picture: PathBuf,
    size: FrameSize,
    programs: Programs,
}

impl Stage {
    /// Opens the page and waits until it is worth recording. `evidence` asks for a picture when it fails; its path is
    /// `failure_picture`.
    pub(crate) async fn open(
        job: &Job,
        look: Look,
        blank: Blank,
        programs: &Programs,
        failure_picture: PathBuf,
        report: &Report,
        evidence: bool,
    ) -> Result<Self, Failure> {
        let pages = Pages::serve(&job.page).await?;
        let Blank { audio, display, fence, browser, page, .. } = blank;
        if let Some(fence) = &fence {
            fence.open_for(job, &pages.url(""));
        }
        report.send(AgentEvent::Joining);
        let opening = Opening::of(job, &look, &pages)?;
        browser::fit(&page, job.size).await?;
        let injected = opening.config.as_ref().map(|config| Injected::new(CONFIG_GLOBAL, config)).transpose()?;
        let mut bridge = Bridge::attach(page, injected).await?;
        let ready = tokio::select! {
            ready = opening.join(&mut bridge, report) => ready,
            status = browser.process().exited() => Err(browser.process().died(status)),
            status = display.server().exited() => Err(display.server().died(status)),
            status = audio.server().exited() => Err(audio.server().died(status)),
        };
        let stage = Self {
            config: opening.config,
            pages,
            fence,
            audio,
            display,
            browser,
            bridge,
            opened_with: look.clone(),
            look,
            is_covered: false,
            failure_picture,
            size: job.size,
            programs: programs.clone(),
        };
        if let Err(failure) = ready {
            let failure = if evidence {
                stage.with_evidence(failure).await
            } else {
                failure.with_evidence(stage.bridge.evidence())
            };
            stage.shutdown().await;
            return Err(failure);
        }
        stage.check_viewport(job, report).await?;
        Ok(stage)
    }

    /// A page of another size than the frame would be recorded with a border or cut off.
    async fn check_viewport(&self, job: &Job, report: &Report) -> Result<(), Failure> {
        let (width, height) = self.bridge.viewport().await?;
        if (width, height) != (u64::from(job.size.width()), u64::from(job.size.height())) {
            report.warn(format!("The page's viewport is {width}x{height} but the frame is {}.", job.size));
        }
        Ok(())
    }

    /// Covers the page with the card of a pause, or shows it again. Returns when that is on the display.
    pub(crate) async fn cover(&mut self, covered: bool) -> Result<(), Failure> {
        if covered != self.is_covered {
            self.bridge.cover(covered.then_some(&self.look.theme)).await?;
            self.is_covered = covered;
        }
        Ok(())
    }

    /// Shows the room in another way. Returns when that is on the display; a failure leaves it as it was.
    pub(crate) async fn look(&mut self, look: &Look) -> Result<(), Failure> {
        if *look != self.look {
            self.bridge.look(look).await?;
            self.look.clone_from(look);
            if let Err(failure) = self.reconfigure().await {
                // This page shows it; the next one is told again ([`Stage::restore`]).
                tracing::warn!(%failure, "a document that comes anew would not begin with the look of this one");
            }
        }
        Ok(())
    }

    /// A page that loads itself anew begins with what it shows now.
    async fn reconfigure(&mut self) -> Result<(), Failure> {
        let Some(config) = &mut self.config else { return Ok(()) };
        config.look = anew(&self.look);
        let injected = Injected::new(CONFIG_GLOBAL, config)?;
        self.bridge.reconfigure(injected).await
    }

    /// Has a document that may have come anew show what the last one did: the card, which has come with it unless its page took that
    /// away, and the room in the same way.
    pub(crate) async fn restore(&mut self) -> Result<(), Failure> {
        if self.is_covered {
            self.bridge.cover(Some(&self.look.theme)).await?;
        }
        let look = anew(&self.look);
        if look != self.opened_with {
            self.bridge.look(&look).await?;
        }
        Ok(())
    }

    /// The failure with what the page said and a picture of what it showed.
    pub(crate) async fn with_evidence(&self, failure: Failure) -> Failure {
        let screenshot = picture(&self.programs, &self.display, self.size, &self.failure_picture).await;
        failure.with_evidence(PageEvidence { screenshot, ..self.bridge.evidence() })
    }

    /// Ends what is left when something has died. What was started is killed rather than asked: the next attempt waits.
    pub(crate) async fn salvage(self) {
        self.bridge.shutdown();
        self.browser.kill().await;
        tokio::join!(self.display.kill(), self.audio.kill());
        stop_serving(self.pages, self.fence).await;
    }

    /// Stops everything.
    pub(crate) async fn shutdown(self) {
        self.bridge.shutdown();
        self.browser.shutdown().await;
        tokio::join!(self.display.shutdown(), self.audio.shutdown());
        stop_serving(self.pages, self.fence).await;
    }
}

async fn stop_serving(pages: Pages, fence: Option<Fence>) {
    pages.shutdown().await;
    if let Some(fence) = fence {
        fence.shutdown().await;
    }
}

/// What the display shows right now, as a PNG; none when it can't be had in time.
async fn picture(programs: &Programs, display: &Display, size: FrameSize, path: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(&programs.ffmpeg);
    without_keys(&mut command);
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
