//! A browser without a display, in which pages are looked at as the recorder would see them: for pictures of a template, and to check one.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chromiumoxide::Page;
use chromiumoxide::cdp::browser_protocol::page::{CaptureScreenshotFormat, CaptureScreenshotParams, CloseParams};
use wallflower_domain::failure::{Failure, FailureKind, PageEvidence};
use wallflower_domain::wire::page::{CONFIG_GLOBAL, PageConfig, PageMessage};

use crate::bridge::{Bridge, Injected, Signal, failure_of_page};
use crate::browser::{Browser, Screen, cdp_failure};
use crate::programs::Program;
use crate::workdir::WorkDir;

/// A page that is ready has this long to be looked at.
const LOOK_DEADLINE: Duration = Duration::from_secs(15);

/// A running browser for pages that are looked at. Several can be at a time.
pub struct Studio {
    work: WorkDir,
    browser: Browser,
}

/// What is looked at, and how.
pub struct Visit<'a> {
    /// Address of the page.
    pub url: &'a str,
    /// What it finds before its first script runs, as when it is recorded; the frame's size too.
    pub config: &'a PageConfig,
    /// How long it may take to say that it is ready.
    pub deadline: Duration,
    /// Evaluated in the page when it is ready; a promise is awaited.
    pub inspect: &'a str,
    /// Whether a picture is taken after that.
    pub picture: bool,
}

/// What was seen of a page.
pub struct Seen {
    /// Why it did not become ready; none when it did.
    pub failure: Option<Failure>,
    /// What it printed, and which of its requests failed.
    pub evidence: PageEvidence,
    /// Every address that it asked for, without queries; the last 200.
    pub requests: Vec<String>,
    /// What [`Visit::inspect`] came to.
    pub inspection: serde_json::Value,
    /// A PNG of the frame.
    pub picture: Option<Vec<u8>>,
}

impl Studio {
    /// Starts the browser. `program` is the binary that can be started as guard; `id` names the work directory.
    pub async fn open(id: &str, program: &Path) -> Result<Self, Failure> {
        let chromium = Program::Chromium.find()?;
        let work = WorkDir::create(id, program).await?;
        match Browser::start(&chromium, &work, Screen::Headless, None).await {
            Ok((browser, _)) => Ok(Self { work, browser }),
            Err(failure) => {
                work.close().await;
                Err(failure)
            }
        }
    }

    /// Opens a page of its own, looks at it, and closes it. Errs when the browser does; a page that fails has been seen to.
    pub async fn visit(&self, visit: &Visit<'_>) -> Result<Seen, Failure> {
        let page = self.browser.open_page(visit.config.size).await?;
        let seen = look(&page, visit).await;
        // The window goes with its page; a browser that has died has closed it already.
        let _ = page.execute(CloseParams::default()).await;
        seen
    }

    /// Ends the browser.
    pub async fn shutdown(self) {
        self.browser.shutdown().await;
        self.work.close().await;
    }
}

async fn look(page: &Page, visit: &Visit<'_>) -> Result<Seen, Failure> {
    let mut bridge = Bridge::attach(page.clone(), Some(Injected::new(CONFIG_GLOBAL, visit.config)?)).await?;
    let failure = become_ready(&mut bridge, visit).await.err();
    let looked = tokio::time::timeout(LOOK_DEADLINE, async {
        let inspection = match failure {
            None => bridge.evaluate(visit.inspect).await?,
            Some(_) => serde_json::Value::Null,
        };
        let picture = if visit.picture { Some(picture(page).await?) } else { None };
        Ok((inspection, picture))
    });
    let hung = |_| Failure::new(FailureKind::PageHung, "The page did not answer within 15 s after it was ready.");
    let (failure, inspection, picture) = match looked.await.map_err(hung).flatten() {
        Ok((inspection, picture)) => (failure, inspection, picture),
        Err(late) => (failure.or(Some(late)), serde_json::Value::Null, None),
    };
    let seen = Seen { failure, evidence: bridge.evidence(), requests: bridge.requests(), inspection, picture };
    bridge.shutdown();
    Ok(seen)
}

async fn become_ready(bridge: &mut Bridge, visit: &Visit<'_>) -> Result<(), Failure> {
    let mut threw = None;
    let waiting = async {
        bridge.open(visit.url).await?;
        loop {
            match bridge.next().await {
                Signal::Said(PageMessage::Ready) | Signal::ConsoleStart => return bridge.painted().await,
                Signal::Said(PageMessage::Failed { fault, message }) => return Err(failure_of_page(fault, &message)),
                Signal::Said(PageMessage::Ended { .. }) | Signal::ConsoleEnd => {
                    let early = "The page said that it has ended before it had begun.";
                    return Err(Failure::new(FailureKind::PageFailed, early));
                }
                Signal::Crashed => {
                    return Err(Failure::new(FailureKind::ProgramDied, "The page's renderer crashed."));
                }
                Signal::Status(status) => {
                    return Err(Failure::new(FailureKind::PageFailed, format!("The page answered HTTP {status}.")));
                }
                Signal::Threw(text) => threw = Some(text),
                Signal::Said(
                    PageMessage::Event { .. } | PageMessage::Warning { .. } | PageMessage::Heartbeat { .. },
                )
                | Signal::Loaded => {}
            }
        }
    };
    match tokio::time::timeout(visit.deadline, waiting).await {
        Ok(ended) => ended,
        Err(_) => {
            let why = threw.map(|text| format!(" because its script failed: {text}")).unwrap_or_default();
            let seconds = visit.deadline.as_secs_f64();
            let message = format!("The page did not say that it is ready within {seconds} s{why}.");
            Err(Failure::new(FailureKind::NoStartSignal, message))
        }
    }
}

async fn picture(page: &Page) -> Result<Vec<u8>, Failure> {
    let params = CaptureScreenshotParams::builder().format(CaptureScreenshotFormat::Png).build();
    let answer = page.execute(params).await.map_err(cdp_failure)?;
    let bad = |error| Failure::new(FailureKind::Internal, format!("Chromium's picture can't be read: {error}."));
    STANDARD.decode(AsRef::<[u8]>::as_ref(&answer.result.data)).map_err(bad)
}
