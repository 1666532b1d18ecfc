//! A Chromium of a test's own: somebody who watches, or takes part.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A browser without a window. It is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Browser {
    child: Child,
    _profile: TempDir,
}

impl Browser {
    /// Opens a page. None, with the reason printed, when this machine has no Chromium.
    #[track_caller]
    pub(super) fn open(url: &str) -> Option<Self> {
        let Some(chromium) = chromium() else {
            super::lacking("Chromium", "run scripts/setup");
            return None;
        };
        let profile = tempfile::Builder::new().prefix("wf-player-").tempdir_in("/tmp").expect("a temporary directory");
        let mut command = Command::new(chromium);
        command.arg(format!("--user-data-dir={}", profile.path().display())).args([
            "--headless=new",
            "--disable-gpu",
            "--mute-audio",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-background-timer-throttling",
            "--autoplay-policy=no-user-gesture-required",
            "--remote-debugging-port=0",
        ]);
        // Chromium's sandbox refuses root.
        if std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0) {
            command.arg("--no-sandbox");
        }
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Some(Self { child: command.spawn().expect("Chromium starts"), _profile: profile })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers are in its group.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("WALLFLOWER_CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    ["chromium", "google-chrome-stable", "google-chrome", "chromium-browser"]
        .into_iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}
