//! The browser: a Chromium of our own, driven over CDP by chromiumoxide.
//!
//! We start the process ourselves instead of letting chromiumoxide do it: it must belong to the run's work directory, have its own
//! process group, and be stopped by our ladder.

use std::path::Path;
use std::time::Duration;

use chromiumoxide::Page;
use chromiumoxide::browser::Browser as Cdp;
use chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams;
use chromiumoxide::cdp::browser_protocol::target::CreateTargetParams;
use chromiumoxide::handler::HandlerConfig;
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::FrameSize;

use crate::audio::Audio;
use crate::child::{Child, LineSink, Rung, ignore};
use crate::display::Display;
use crate::fence::Fence;
use crate::workdir::WorkDir;

const READY_DEADLINE: Duration = Duration::from_secs(30);
const CDP_DEADLINE: Duration = Duration::from_secs(10);
/// Below this much free space in /dev/shm Chromium is told to put its shared memory into files of the work directory.
const SHM_NEEDED: u64 = 128 * 1024 * 1024;

/// For every browser: nothing that asks, phones home, updates, or saves power at the cost of frames.
const QUIET: &[&str] = &[
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--password-store=basic",
    "--use-mock-keychain",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-field-trial-config",
    "--disable-hang-monitor",
    "--disable-infobars",
    "--disable-notifications",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-search-engine-choice-screen",
    "--disable-session-crashed-bubble",
    "--disable-sync",
    "--metrics-recording-only",
    "--safebrowsing-disable-auto-update",
    "--simulate-outdated-no-au=Tue, 31 Dec 2099 23:59:59 GMT",
    // What still asks for updates and for a signed-in person asks nobody. Pages have no business with these two hosts.
    "--host-resolver-rules=MAP update.googleapis.com ~NOTFOUND, MAP clients2.google.com ~NOTFOUND",
    "--gaia-url=http://127.0.0.1:9/",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-ipc-flooding-protection",
    "--autoplay-policy=no-user-gesture-required",
    "--force-color-profile=srgb",
    // Without it Chromium falls back to SwiftShader GL, at four times the cost (design §7).
    "--disable-gpu",
    // Rooms on this very machine: demos, tests, an SFU beside the recorder.
    "--allow-loopback-in-peer-connection",
    // mDNS names of candidates don't resolve in containers, and a recorder has no address to hide.
    "--disable-features=Translate,MediaRouter,DialMediaRouteProvider,OptimizationHints,AutofillServerCommunication,\
     CertificateTransparencyComponentUpdater,InterestFeedContentSuggestions,CalculateNativeWinOcclusion,\
     WebRtcHideLocalIpsWithMdns,GlobalMediaControls,HttpsUpgrades,PaintHolding",
];

/// Chromium makes no window narrower than this many pixels.
pub(crate) const MIN_WINDOW_WIDTH: u32 = 500;

/// Lays the page out at the frame's size when the window has to be wider. The rest of the window is not captured.
pub(crate) async fn fit(page: &Page, size: FrameSize) -> Result<(), Failure> {
    if size.width() >= MIN_WINDOW_WIDTH {
        return Ok(());
    }
    let metrics = SetDeviceMetricsOverrideParams::new(i64::from(size.width()), i64::from(size.height()), 1.0, false);
    page.execute(metrics).await.map(|_| ()).map_err(cdp_failure)
}

/// A running browser with one page.
pub(crate) struct Browser {
    process: Child,
    cdp: Cdp,
    events: JoinHandle<()>,
}

/// What a browser shows itself on.
pub(crate) enum Screen<'a> {
    /// On a display of ours, at this size, playing to a sound server of ours.
    Captured(&'a Display, &'a Audio, FrameSize),
    /// Nowhere: for the synthetic participants.
    Headless,
}

impl Browser {
    /// Starts Chromium with an empty page and connects to it.
    pub(crate) async fn start(
        chromium: &Path,
        work: &WorkDir,
        screen: Screen<'_>,
        fence: Option<&Fence>,
    ) -> Result<(Self, Page), Failure> {
        let mut command = work.command(chromium);
        let profile = work.scratch().join("profile");
        command
            .args(QUIET)
            .arg(format!("--user-data-dir={}", profile.display()))
            // A port of Chromium's choosing on 127.0.0.1; the pipe that would be more private is not spoken by chromiumoxide.
            .arg("--remote-debugging-port=0");
        if nix::unistd::geteuid().is_root() {
            // Chromium's sandbox refuses root. `--test-type` takes away the bar that would say so in the picture.
            command.args(["--no-sandbox", "--test-type"]);
        }
        if shm_free() < SHM_NEEDED {
            tracing::warn!("/dev/shm has little room: Chromium keeps its shared memory in files instead");
            command.arg("--disable-dev-shm-usage").env("TMPDIR", work.scratch());
        }
        match &screen {
            Screen::Captured(display, audio, size) => {
                display.attach(&mut command);
                audio.attach(&mut command);
                command.args([
                    "--kiosk",
                    "--hide-scrollbars",
                    "--window-position=0,0",
                    "--force-device-scale-factor=1",
                ]);
                command.arg(format!("--window-size={},{}", size.width().max(MIN_WINDOW_WIDTH), size.height()));
            }
            Screen::Headless => {
                command.args(["--headless=new", "--mute-audio"]);
            }
        }
        if let Some(fence) = fence {
            command.args(fence.arguments());
        }
        command.arg("about:blank");
        let (address_sender, mut addresses) = mpsc::channel(1);
        let on_stderr: LineSink = Box::new(move |line| {
            if let Some(address) = line.strip_prefix("DevTools listening on ") {
                let _ = address_sender.try_send(address.to_owned());
            }
        });
        let process = Child::spawn("Chromium", command, ignore(), on_stderr)?;
        let address = tokio::select! {
            Some(address) = addresses.recv() => address,
            status = process.exited() => return Err(process.died(status)),
            () = tokio::time::sleep(READY_DEADLINE) => {
                return Err(Failure::new(FailureKind::ProgramDied, "Chromium did not answer within 15 s; is the machine overloaded?"));
            }
        };
        let (cdp, events) = within(connect(&address)).await?;
        let page = within(first_page(&cdp)).await?;
        Ok((Self { process, cdp, events }, page))
    }

    /// A further page, empty and laid out at a size.
    pub(crate) async fn open_page(&self, size: FrameSize) -> Result<Page, Failure> {
        // In a window of its own: a page behind another paints nothing.
        let target = CreateTargetParams::builder().url("about:blank").new_window(true).build();
        let target = target.map_err(|error| Failure::new(FailureKind::Internal, error))?;
        let page = within(async { self.cdp.new_page(target).await.map_err(cdp_failure) }).await?;
        let metrics =
            SetDeviceMetricsOverrideParams::new(i64::from(size.width()), i64::from(size.height()), 1.0, false);
        page.execute(metrics).await.map_err(cdp_failure)?;
        Ok(page)
    }

    pub(crate) fn process(&self) -> &Child {
        &self.process
    }

    /// Ends it without asking: for one that hangs, or whose recording waits for the next.
    pub(crate) async fn kill(self) {
        let _ = self.process.stop(&[]).await;
        self.events.abort();
    }

    pub(crate) async fn shutdown(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.cdp.close()).await;
        let _ = self
            .process
            .stop(&[(Rung::Say(b""), Duration::from_secs(1)), (Rung::Send(Signal::SIGTERM), Duration::from_secs(2))])
            .await;
        self.events.abort();
    }
}

async fn within<T>(step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(CDP_DEADLINE, step).await.unwrap_or_else(|_| {
        Err(Failure::new(
            FailureKind::ProgramDied,
            "Chromium started but did not answer on its DevTools socket within 10 s.",
        ))
    })
}

/// An error of the CDP connection as a failure.
pub(crate) fn cdp_failure(error: chromiumoxide::error::CdpError) -> Failure {
    Failure::new(FailureKind::ProgramDied, format!("Chromium did not do as it was told: {error}."))
}

async fn connect(address: &str) -> Result<(Cdp, JoinHandle<()>), Failure> {
    // No emulated viewport: the window on the display is the picture. Certificates are checked.
    let config = HandlerConfig { viewport: None, ignore_https_errors: false, ..HandlerConfig::default() };
    let (cdp, mut handler) = Cdp::connect_with_config(address, config).await.map_err(cdp_failure)?;
    let events = tokio::spawn(async move {
        while let Some(event) = handler.next().await {
            if let Err(error) = event {
                tracing::debug!(%error, "CDP");
            }
        }
    });
    Ok((cdp, events))
}

async fn first_page(cdp: &Cdp) -> Result<Page, Failure> {
    loop {
        if let Some(page) = cdp.pages().await.map_err(cdp_failure)?.into_iter().next() {
            return Ok(page);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn shm_free() -> u64 {
    nix::sys::statvfs::statvfs("/dev/shm").map_or(0, |stat| stat.blocks_available() * stat.fragment_size())
}
