//! What a stage needs whichever page it shows: a display, a sound server, and a browser with an empty page.

use std::time::Duration;

use chromiumoxide::Page;
use wallflower_domain::failure::Failure;
use wallflower_domain::wire::warm::Warmth;

use crate::audio::Audio;
use crate::browser::{Browser, Screen};
use crate::display::Display;
use crate::fence::Fence;
use crate::programs::Programs;
use crate::workdir::WorkDir;

/// A browser that has nothing to do answers within a millisecond.
const ANSWER_DEADLINE: Duration = Duration::from_millis(500);

/// What runs, in the order in which it was started.
pub(crate) struct Blank {
    pub(crate) audio: Audio,
    pub(crate) display: Display,
    pub(crate) fence: Option<Fence>,
    pub(crate) browser: Browser,
    pub(crate) page: Page,
    warmth: Warmth,
}

impl Blank {
    /// Starts everything.
    pub(crate) async fn start(warmth: Warmth, programs: &Programs, work: &WorkDir) -> Result<Self, Failure> {
        let (display, audio) =
            tokio::try_join!(Display::start(programs, work, warmth.size), Audio::start(programs, work))?;
        let fence = match warmth.public_only {
            true => Some(Fence::put_up().await?),
            false => None,
        };
        let screen = Screen::Captured(&display, &audio, warmth.size);
        let (browser, page) = Browser::start(&programs.chromium, work, screen, fence.as_ref()).await?;
        Ok(Self { audio, display, fence, browser, page, warmth })
    }

    /// For which recordings it is.
    pub(crate) fn warmth(&self) -> Warmth {
        self.warmth
    }

    /// Fails, with the reason, when a page can't be opened here that needs this.
    pub(crate) async fn check(&self, needed: Warmth) -> Result<(), &'static str> {
        if needed != self.warmth {
            return Err("the recording is of another size, or may reach other addresses");
        }
        match tokio::time::timeout(ANSWER_DEADLINE, self.page.evaluate("1")).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err("its page has died"),
            Err(_) => Err("its page does not answer"),
        }
    }

    /// Resolves when something has died.
    pub(crate) async fn died(&self) -> Failure {
        let (display, audio, browser) = (self.display.server(), self.audio.server(), self.browser.process());
        tokio::select! {
            status = display.exited() => display.died(status),
            status = audio.exited() => audio.died(status),
            status = browser.exited() => browser.died(status),
        }
    }

    /// Ends everything at once: nothing of it is worth being kept.
    pub(crate) async fn kill(self) {
        self.browser.kill().await;
        tokio::join!(self.display.kill(), self.audio.kill());
        if let Some(fence) = self.fence {
            fence.shutdown().await;
        }
    }
}
