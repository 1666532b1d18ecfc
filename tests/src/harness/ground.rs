//! One test's ground.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::process::{self, Process, TOKEN};
use super::wallflower::Wallflower;
use super::{eventually, holds_within};

/// How long processes and directories may take to vanish after a command has ended.
const VANISH_DEADLINE: Duration = Duration::from_secs(10);

/// Directories and a marker of one test, and the lock by which only one test at a time burdens the machine with media.
#[derive(Debug)]
pub struct Ground {
    token: String,
    output: TempDir,
    runtime: TempDir,
    display_locks: BTreeSet<PathBuf>,
    _turn: Option<File>,
}

impl Ground {
    /// For a test that runs no browser, or one for a moment only.
    pub fn light() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let token = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = |prefix: &str| {
            // Short, because sockets are made in it.
            tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").expect("a temporary directory can be made")
        };
        Self {
            token,
            output: directory("wf-out-"),
            runtime: directory("wf-run-"),
            display_locks: display_locks(),
            _turn: None,
        }
    }

    /// For a test that records: waits for its turn.
    pub fn heavy() -> Self {
        let turn = File::create("/tmp/wallflower-tests.lock").expect("the lock file can be made");
        turn.lock().expect("the lock file can be locked");
        Self { _turn: Some(turn), ..Self::light() }
    }

    /// A file in the directory for recordings.
    pub fn file(&self, name: &str) -> PathBuf {
        self.output.path().join(name)
    }

    /// Names of all that lies in the directory for recordings, hidden files included.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.output.path()).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A command that starts the binary on this ground.
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .env(TOKEN, &self.token)
            .env("WALLFLOWER_RUNTIME_DIR", self.runtime.path())
            .env_remove("LIVEKIT_API_KEY")
            .env_remove("LIVEKIT_API_SECRET")
            .current_dir(self.output.path());
        command
    }

    /// Starts `wallflower` with these arguments.
    pub fn start<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, arguments: I) -> Wallflower {
        let mut command = self.command();
        command.args(arguments);
        Wallflower::start(command)
    }

    /// The processes that belong to this test and are alive.
    pub fn processes(&self) -> Vec<Process> {
        process::belonging(&self.token, &self.runtime.path().to_string_lossy())
    }

    /// The only process of that program; panics when there is none within a few seconds. For Chromium the browser's own process.
    pub fn process(&self, program: &str) -> Process {
        let mut found = None;
        eventually(&format!("{program} runs"), VANISH_DEADLINE, || {
            found = self.processes().into_iter().find(|process| {
                process.program() == program && !process.command.iter().any(|word| word.contains("--type="))
            });
            found.is_some()
        });
        found.expect("found above")
    }

    /// Asserts that nothing of what was started is left: no process, no work directory, no display's lock.
    pub fn assert_nothing_left(&self) {
        let mut left = String::new();
        let vanished = holds_within(VANISH_DEADLINE, || {
            left = self.leftovers();
            left.is_empty()
        });
        assert!(vanished, "left behind after {VANISH_DEADLINE:?}:\n{left}");
    }

    fn leftovers(&self) -> String {
        let processes = self.processes().into_iter().map(|process| format!("{} {:?}", process.pid, process.command));
        let directories = entries(self.runtime.path()).into_iter().map(|path| path.display().to_string());
        // A lock of a display that lives belongs to somebody else: ours would be among the processes.
        let locks = display_locks().into_iter().filter(|lock| !self.display_locks.contains(lock) && is_stale(lock));
        let locks = locks.map(|path| path.display().to_string());
        processes.chain(directories).chain(locks).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Ground {
    /// What a failed test leaves would disturb the next.
    fn drop(&mut self) {
        for process in self.processes() {
            process.signal(Signal::SIGKILL);
        }
    }
}

/// The binary beside the test executables: `target/PROFILE/deps/suite-hash` → `target/PROFILE/wallflower`.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let binary = test.ancestors().nth(2).expect("tests lie two levels deep").join("wallflower");
    assert!(
        binary.exists(),
        "{} is missing; build it first by `cargo build -p wallflower-cli` (`make test` does)",
        binary.display()
    );
    binary
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn display_locks() -> BTreeSet<PathBuf> {
    let is_lock = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(".X") && name.ends_with("-lock")
    };
    entries(Path::new("/tmp")).into_iter().filter(is_lock).collect()
}

fn is_stale(lock: &Path) -> bool {
    fs::read_to_string(lock).is_ok_and(|pid| !Path::new("/proc").join(pid.trim()).exists())
}
