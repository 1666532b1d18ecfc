//! The `wallflower` binary under test.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::Value;
use tempfile::TempDir;

/// Time in which everything of a run has to be gone after its end: longer than the product's own ladders of signals take together.
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// A place for runs: an output directory, and a runtime directory by which leftovers are found. What is left when it is dropped is
/// killed.
pub struct Bench {
    _disk: Option<SmallDisk>,
    out: TempDir,
    runtime: TempDir,
    environment: Vec<(String, String)>,
}

/// A small filesystem in memory; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, mebibytes: u32) -> Self {
        let size = format!("size={mebibytes}m");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).status();
        assert!(status.is_ok_and(|status| status.success()), "a small disk can be mounted, as root");
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What still looks into it keeps it until it has gone.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A run that goes on. When it is dropped, as by a test that fails, the binary is killed; its agent then delivers and goes.
pub struct Running {
    child: StoppedOnDrop,
    events: Receiver<Value>,
    heard: Vec<Value>,
    stderr: JoinHandle<String>,
    began: Instant,
}

struct StoppedOnDrop(Child);

impl Drop for StoppedOnDrop {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// JSON lines that it printed.
    pub events: Vec<Value>,
    /// All that it printed on stderr.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

/// A test that fails leaves agents, which would linger for hours.
impl Drop for Bench {
    fn drop(&mut self) {
        // Guards clean up after those that are killed, and then go.
        let is_guard = |command: &str| command.split(' ').nth(1) == Some("guard");
        self.kill(|command| !is_guard(command));
        let until = Instant::now() + GONE_WITHIN;
        while Instant::now() < until && !self.processes().is_empty() {
            thread::sleep(Duration::from_millis(50));
        }
        self.kill(|_| true);
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

/// The binary beside the test that runs.
///
/// # Panics
///
/// When it has not been built.
#[must_use]
pub fn wallflower() -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    let folder = test.ancestors().nth(2).expect("tests are in target/PROFILE/deps");
    let binary = folder.join("wallflower");
    assert!(
        binary.is_file(),
        "{} is missing: run `cargo build -p wallflower-cli` (in this profile) first",
        binary.display()
    );
    binary
}

impl Bench {
    /// An empty place.
    ///
    /// # Panics
    ///
    /// When there is no room for temporary directories.
    #[must_use]
    pub fn new() -> Self {
        let folder = |prefix: &str| {
            // Short, because sockets are made in it.
            tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").expect("a temporary directory")
        };
        Self { _disk: None, out: folder("wf-out-"), runtime: folder("wf-run-"), environment: Vec::new() }
    }

    /// The same with an output directory on a disk of its own, so many MiB large.
    ///
    /// # Panics
    ///
    /// When it can't be mounted: that takes root.
    #[must_use]
    pub fn on_a_small_disk(mebibytes: u32) -> Self {
        let mut bench = Self::new();
        bench._disk = Some(SmallDisk::mount(bench.out.path(), mebibytes));
        bench
    }

    /// The same with an environment variable for every run.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Path of an output file.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.out.path().join(name)
    }

    /// Where its runs have their sockets, profiles and locks.
    #[must_use]
    pub fn runtime(&self) -> &Path {
        self.runtime.path()
    }

    /// Names of all files of the output directory, hidden ones too, but for the manifest and the events that lie beside every file.
    ///
    /// # Panics
    ///
    /// When the directory can't be read.
    #[must_use]
    pub fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.out.path()).expect("the output directory can be read");
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| !name.ends_with(".manifest.json") && !name.ends_with(".events.jsonl")).collect()
    }

    /// Starts the binary with these arguments.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, Stdio::null())
    }

    /// Starts the binary with these arguments, gives it a line, and leaves its stdin open.
    ///
    /// # Panics
    ///
    /// When it can't be started, or does not take the line.
    #[must_use]
    pub fn start_with_line(&self, arguments: &[&str], line: &str) -> Running {
        let mut running = self.start_with(arguments, Stdio::piped());
        let stdin = running.child.0.stdin.as_mut().expect("piped");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("it reads its stdin");
        running
    }

    /// A program whose processes belong to this place: for what starts the binary in its own way.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.out.path())
            .env("WALLFLOWER_RUNTIME_DIR", self.runtime.path())
            .env_remove("LIVEKIT_URL")
            .env_remove("LIVEKIT_API_KEY")
            .env_remove("LIVEKIT_API_SECRET")
            .env_remove("LIVEKIT_E2EE_KEY")
            .env_remove("JITSI_USER")
            .env_remove("JITSI_PASSWORD")
            .env_remove("JITSI_TOKEN")
            .env_remove("JITSI_PASSCODE")
            .env_remove("WALLFLOWER_API_KEY")
            .env_remove("WALLFLOWER_SERVER")
            .env_remove("WALLFLOWER_STREAM")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn start_with(&self, arguments: &[&str], stdin: Stdio) -> Running {
        let mut child = self
            .command(&wallflower())
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("piped");
        let mut stderr = child.stderr.take().expect("piped");
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(event) = serde_json::from_str(&line)
                    && sender.send(event).is_err()
                {
                    return;
                }
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Running { child: StoppedOnDrop(child), events, heard: Vec::new(), stderr, began: Instant::now() }
    }

    /// Runs the binary to its end.
    ///
    /// # Panics
    ///
    /// When it takes longer than `deadline`; it is killed then.
    #[must_use]
    pub fn run(&self, arguments: &[&str], deadline: Duration) -> Ended {
        self.start(arguments).end(deadline)
    }

    /// Asserts that no process, display lock, socket or directory of any run of this place is left.
    ///
    /// # Panics
    ///
    /// When something is.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let began = Instant::now();
        loop {
            let left = self.leftovers();
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < GONE_WITHIN, "still there {GONE_WITHIN:?} after the end:\n{}", left.join("\n"));
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn leftovers(&self) -> Vec<String> {
        let runtime = self.runtime.path();
        // What a control socket lies in stays.
        let entries = fs::read_dir(runtime).into_iter().flatten().flatten().map(|entry| entry.path());
        let directories = entries.filter(|path| !is_empty_control(path)).map(|path| path.display().to_string());
        directories
            .chain(self.processes().into_iter().map(|(pid, command)| format!("{pid} {command}")))
            .chain(stale_display_locks())
            .collect()
    }

    /// Processes of this place's runs: the runtime directory is in their environment or on their command line.
    #[must_use]
    pub fn processes(&self) -> Vec<(u32, String)> {
        let mark = self.runtime.path().display().to_string();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|entry| {
                let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
                let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
                let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
                let environment = String::from_utf8_lossy(&read("environ")).into_owned();
                (environment.contains(&mark) || command.contains(&mark)).then_some((pid, command))
            })
            .collect()
    }

    fn kill(&self, which: impl Fn(&str) -> bool) {
        for (pid, _) in self.processes().into_iter().filter(|(_, command)| which(command)) {
            // It may be gone already.
            let _ = Command::new("kill").arg("-KILL").arg(pid.to_string()).stderr(Stdio::null()).status();
        }
    }

    /// The one process of this place whose command line begins with the program of this name (or has it as argument, as in
    /// `wallflower agent`).
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn process(&self, name: &str) -> u32 {
        let processes = self.processes();
        let named = |command: &str| {
            let mut words = command.split(' ');
            let program =
                words.next().and_then(|path| Path::new(path).file_name()).is_some_and(|program| program == name);
            // Chromium's helpers have the same program.
            (program && !command.contains("--type=")) || command.split(' ').nth(1) == Some(name)
        };
        processes
            .iter()
            .find(|(_, command)| named(command))
            .unwrap_or_else(|| panic!("no {name} among {processes:#?}"))
            .0
    }
}

fn is_empty_control(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "control")
        && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Locks of X servers that no longer run.
fn stale_display_locks() -> Vec<String> {
    let entries = fs::read_dir("/tmp").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(".X") && name.ends_with("-lock")
        })
        .filter(|entry| {
            let holder = fs::read_to_string(entry.path()).unwrap_or_default();
            !holder.trim().is_empty() && !Path::new("/proc").join(holder.trim()).exists()
        })
        .map(|entry| entry.path().display().to_string())
        .collect()
}

impl Running {
    /// Process id of the binary itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Everything that it has said and that was waited for or passed over.
    #[must_use]
    pub fn heard(&self) -> &[Value] {
        &self.heard
    }

    /// Takes what was printed while nobody listened, without waiting: what is waited for from here on is said later.
    pub fn catch_up(&mut self) {
        self.heard.extend(self.events.try_iter());
    }

    /// Waits for an event of this name, with everything that it says.
    ///
    /// # Panics
    ///
    /// When it does not come in time, or the run ends without it.
    #[track_caller]
    pub fn wait_for(&mut self, event: &str, deadline: Duration) -> Value {
        self.wait_until(event, deadline, |_| true)
    }

    /// Waits for an event of this name of which something is true.
    ///
    /// # Panics
    ///
    /// When it does not come in time, or the run ends without it.
    #[track_caller]
    pub fn wait_until(&mut self, event: &str, deadline: Duration, is_it: impl Fn(&Value) -> bool) -> Value {
        self.wait_for_line(event, deadline, |line| line["event"] == event && is_it(line))
    }

    /// Waits for a JSON line of which something is true.
    ///
    /// # Panics
    ///
    /// When it does not come in time, or the run ends without it.
    #[track_caller]
    pub fn wait_for_line(&mut self, event: &str, deadline: Duration, is_it: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + deadline;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(heard) => {
                    self.heard.push(heard.clone());
                    if is_it(&heard) {
                        return heard;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {event} within {deadline:?}, but {:#?}", self.heard),
                Err(RecvTimeoutError::Disconnected) => panic!("ended without {event}, but {:#?}", self.heard),
            }
        }
    }

    /// Sends a signal to the binary itself, as `kill` does.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Closes the stdin that [`Bench::start_with_line`] leaves open.
    pub fn close_stdin(&mut self) {
        drop(self.child.0.stdin.take());
    }

    /// Whether the binary itself has ended.
    ///
    /// # Panics
    ///
    /// When that can't be told.
    pub fn has_ended(&mut self) -> bool {
        self.child.0.try_wait().expect("a child can be awaited").is_some()
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end in time; it is killed then.
    #[must_use]
    #[track_caller]
    pub fn end(mut self, deadline: Duration) -> Ended {
        let until = Instant::now() + deadline;
        let status = loop {
            if let Some(status) = self.child.0.try_wait().expect("a child can be awaited") {
                break status;
            }
            if Instant::now() >= until {
                panic!("did not end within {deadline:?}, but said {:#?}", self.heard);
            }
            thread::sleep(Duration::from_millis(20));
        };
        let took = self.began.elapsed();
        let mut events = self.heard;
        while let Ok(event) = self.events.recv_timeout(Duration::from_secs(5)) {
            events.push(event);
        }
        let stderr = self.stderr.join().expect("the reader of stderr does not panic");
        Ended { status, events, stderr, took }
    }
}

/// Sends a signal to a process.
///
/// # Panics
///
/// When there is no such process.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().expect("kill runs");
    assert!(status.success(), "no process {pid} to be sent {name}");
}

impl Ended {
    /// Exit code.
    ///
    /// # Panics
    ///
    /// When a signal ended it.
    #[must_use]
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:#?}"))
    }

    /// The last word: end reason, failure, delivery.
    ///
    /// # Panics
    ///
    /// When there was none.
    #[must_use]
    #[track_caller]
    pub fn finished(&self) -> &Value {
        let last = self.events.last().filter(|event| event["event"] == "finished");
        last.unwrap_or_else(|| panic!("no last word: {self:#?}"))
    }
}
