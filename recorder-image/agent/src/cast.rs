//! Synthetic participants: a headless Chromium that plays them, for demos and tests.

use std::path::Path;
use std::time::Duration;

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::cast::{CAST_GLOBAL, CastConfig};
use wallflower_domain::wire::page::PageMessage;

use crate::bridge::{Bridge, Injected, Signal, failure_of_page};
use crate::browser::{Browser, Screen};
use crate::pages::Pages;
use crate::programs::Programs;
use crate::workdir::WorkDir;

const READY_DEADLINE: Duration = Duration::from_secs(30);

/// A cast whose members are all in the room.
pub struct Cast {
    pages: Pages,
    work: WorkDir,
    browser: Browser,
    bridge: Bridge,
}

impl Cast {
    /// Brings the members into their room. `program` is the binary that can be started as guard; `id` names the work directory.
    pub async fn start(config: &CastConfig, id: &str, program: &Path) -> Result<Self, Failure> {
        let programs = Programs::find()?;
        let work = WorkDir::create(id, program).await?;
        match bring(config, &programs, &work).await {
            Ok((pages, browser, bridge)) => Ok(Self { pages, work, browser, bridge }),
            Err(failure) => {
                work.close().await;
                Err(failure)
            }
        }
    }

    /// Resolves when the members can't go on.
    pub async fn failed(&mut self) -> Failure {
        let gone = self.browser.process().exited();
        tokio::pin!(gone);
        loop {
            tokio::select! {
                status = &mut gone => return self.browser.process().died(status),
                signal = self.bridge.next() => match signal {
                    Signal::Said(PageMessage::Failed { fault, message }) => return failure_of_page(fault, &message),
                    Signal::Said(PageMessage::Ended { .. }) => {
                        return Failure::new(FailureKind::PageFailed, "The room of the synthetic participants was closed.");
                    }
                    Signal::Crashed => return Failure::new(FailureKind::ProgramDied, "The page of the synthetic participants crashed."),
                    _ => {}
                },
            }
        }
    }

    /// Takes them out of the room.
    pub async fn shutdown(self) {
        self.bridge.shutdown();
        self.browser.shutdown().await;
        self.pages.shutdown().await;
        self.work.close().await;
    }
}

async fn bring(config: &CastConfig, programs: &Programs, work: &WorkDir) -> Result<(Pages, Browser, Bridge), Failure> {
    let pages = Pages::serve().await?;
    let (browser, page) = Browser::start(programs, work, Screen::Headless, None).await?;
    let mut bridge = Bridge::attach(page, Some(Injected::new(CAST_GLOBAL, config)?)).await?;
    let joined = async {
        bridge.open(&pages.url("cast.html")).await?;
        loop {
            match bridge.next().await {
                Signal::Said(PageMessage::Ready) => return Ok(()),
                Signal::Said(PageMessage::Failed { fault, message }) => return Err(failure_of_page(fault, &message)),
                Signal::Threw(text) => {
                    return Err(Failure::new(
                        FailureKind::PageFailed,
                        format!("The page of the synthetic participants failed: {text}."),
                    ));
                }
                _ => {}
            }
        }
    };
    match tokio::time::timeout(READY_DEADLINE, joined).await {
        Ok(Ok(())) => Ok((pages, browser, bridge)),
        Ok(Err(failure)) => Err(failure.with_evidence(bridge.evidence())),
        Err(_) => Err(Failure::new(
            FailureKind::NoStartSignal,
            format!("The synthetic participants were not all in the room within {} s.", READY_DEADLINE.as_secs()),
        )
        .with_evidence(bridge.evidence())),
    }
}
