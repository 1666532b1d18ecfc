//! Agents as processes of this machine that outlive the orchestrator.
//!
//! Each is in a session of its own and gets its assignment on stdin, which is then closed. A file notes process id, its start time and
//! the boot, so that another process of the same number is never taken for an agent:
//!
//! ```text
//! AGENTS/{recording}-{number}.json    the handle, written before the agent has read its assignment
//! AGENTS/{recording}.log              what its agents say on stderr, at most a few MiB; removed with the recording
//! AGENTS/warm-….log                   the same of an agent that waits for a recording: see `pool`
//! ```

mod pool;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::link::Assignment;
use wallflower_domain::wire::warm::Warmth;

use self::pool::{Pool, Started};
use super::{Handle, LOG_PART, Launcher, Life, LogPart, Warm, WarmPlan};

/// An agent that does not take its assignment for so long hangs.
const HAND_OVER: Duration = Duration::from_secs(5);
/// A log that is larger is begun anew with the next agent.
const LARGEST_LOG: u64 = 4 * 1024 * 1024;
/// What of our environment is secret and none of an agent's business.
const KEPT_FROM_AGENTS: [&str; 11] = [
    "JITSI_PASSCODE",
    "JITSI_PASSWORD",
    "JITSI_TOKEN",
    "JITSI_USER",
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_SECRET",
    "LIVEKIT_E2EE_KEY",
    "WALLFLOWER_API_KEY",
    "WALLFLOWER_SMTP_PASSWORD",
    "WALLFLOWER_STREAM",
    "WALLFLOWER_WEBHOOK_SECRET",
];

/// Starts `PROGRAM agent`.
pub struct ProcessLauncher {
    program: PathBuf,
    folder: PathBuf,
    pool: Pool,
}

/// The agent of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Process {
    recording: String,
    number: u32,
    #[serde(flatten)]
    identity: Identity,
}

/// A process that can't be mistaken for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    pid: i32,
    /// In ticks since the machine's start.
    started: u64,
    boot: String,
}

impl ProcessLauncher {
    /// `folder` is where handles and logs are kept; it is made.
    pub fn new(program: PathBuf, folder: PathBuf) -> Result<Self, Failure> {
        fs::create_dir_all(&folder).map_err(|error| {
            let sentence = format!("{} can't be made ({error}); choose another --data.", folder.display());
            Failure::new(FailureKind::DestinationUnwritable, sentence)
        })?;
        pool::sweep(&folder);
        Ok(Self { program, folder, pool: Pool::default() })
    }

    /// Where a recording's agents write what they say.
    fn log_file(&self, recording: &str) -> PathBuf {
        self.folder.join(format!("{recording}.log"))
    }

    fn note(&self, recording: &str, number: u32) -> PathBuf {
        self.folder.join(format!("{recording}-{number}.json"))
    }

    fn noted(&self, recording: &str, number: u32) -> Option<Process> {
        read(&self.note(recording, number))
    }

    /// Starts an agent that reads its stdin.
    fn spawn(&self, log: &Path, stdout: Stdio) -> Result<(Child, Identity), Failure> {
        let log = open_log(log).map_err(failed)?;
        // From util-linux, which every Debian has: a session of its own without unsafe code.
        let mut command = Command::new("setsid");
        command.arg(&self.program).arg("agent").stdin(Stdio::piped()).stdout(stdout).stderr(log);
        for name in KEPT_FROM_AGENTS {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(failed)?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(|| failed("it ended at once"))?;
        let started = start_time(pid).ok_or_else(|| failed("it ended at once"))?;
        Ok((child, Identity { pid, started, boot: boot_id() }))
    }

    /// Writes down which process is a recording's agent.
    fn write_note(&self, process: &Process) -> std::io::Result<()> {
        fs::write(self.note(&process.recording, process.number), serde_json::to_vec(process)?)
    }

    /// By an agent that waits for such a recording, if there is one.
    async fn launch_warm(&self, number: u32, assignment: &Assignment) -> Option<Process> {
        if assignment.job.standing.ending.is_some() {
            // It captures nothing.
            return None;
        }
        let recording = &assignment.job.id;
        let agent = self.pool.pop(Warmth::of(&assignment.job))?;
        let process = Process { recording: recording.clone(), number, identity: agent.identity.clone() };
        if let Err(error) = adopt_log(&agent.log, &self.log_file(recording)) {
            tracing::warn!(recording, %error, "what a warm agent says can't be made its recording's log");
        }
        let is_taken = match self.write_note(&process) {
            Ok(()) => agent.hand_over(assignment).await,
            // Nobody would find it again. Who goes without a word leaves.
            Err(_) => false,
        };
        self.pool.settle(is_taken);
        if is_taken {
            return Some(process);
        }
        tracing::warn!(recording, "a warm agent did not take its assignment; another one is started");
        None
    }
}

fn open_log(path: &Path) -> std::io::Result<fs::File> {
    let is_large = fs::metadata(path).is_ok_and(|meta| meta.len() > LARGEST_LOG);
    fs::File::options().create(true).append(!is_large).write(true).truncate(is_large).mode(0o600).open(path)
}

/// What an agent goes on writing to becomes the log of its recording, after what agents before it have said.
fn adopt_log(warm: &Path, log: &Path) -> std::io::Result<()> {
    match fs::File::open(log) {
        Ok(before) if before.metadata()?.len() <= LARGEST_LOG => {
            let mut grown = fs::File::options().append(true).open(warm)?;
            std::io::copy(&mut std::io::Read::take(before, LARGEST_LOG), &mut grown)?;
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::rename(warm, log)
}

fn read(note: &Path) -> Option<Process> {
    serde_json::from_slice(&fs::read(note).ok()?).ok()
}

/// The end begins with a whole line. A log that is shorter than `from` was begun anew. Nobody has said anything where there is none.
fn read_log(path: &Path, from: Option<u64>) -> std::io::Result<LogPart> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(LogPart::default()),
        opened => opened?,
    };
    let length = file.metadata()?.len();
    let start = match from {
        Some(from) if from <= length => from,
        Some(_) => 0,
        None => length.saturating_sub(LOG_PART),
    };
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LOG_PART).read_to_end(&mut bytes)?;
    let next = start + u64::try_from(bytes.len()).unwrap_or_default();
    if from.is_none() && start > 0 {
        let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.drain(..line);
    }
    Ok(LogPart { bytes, next })
}

/// Removes a recording's log, and the notes of its agents that run no more.
fn forget(folder: &Path, recording: &str) -> std::io::Result<()> {
    // An agent that is just ending writes on, into a file that goes when it does.
    remove(&folder.join(format!("{recording}.log")))?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix(recording).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".json"));
        let is_its = number.is_some_and(|number| number.parse::<u32>().is_ok());
        // By its note an agent that still runs is found and ended.
        if is_its && !read(&path).is_some_and(|process| process.identity.runs()) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// What is not there is well removed.
fn remove(file: &Path) -> std::io::Result<()> {
    fs::remove_file(file).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn failed(why: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::ProgramDied, format!("The agent could not be started: {why}."))
}

#[async_trait]
impl Launcher for ProcessLauncher {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn launch(&self, number: u32, assignment: &Assignment) -> Result<Handle, Failure> {
        let recording = &assignment.job.id;
        if let Some(process) = self.noted(recording, number).filter(|process| process.identity.runs()) {
            return handle(&process);
        }
        if let Some(process) = self.launch_warm(number, assignment).await {
            return handle(&process);
        }
        let (mut child, identity) = self.spawn(&self.log_file(recording), Stdio::null())?;
        let process = Process { recording: recording.clone(), number, identity };
        let noted = self.write_note(&process);
        let handed_over = async {
            noted?;
            let mut stdin = child.stdin.take().ok_or(ErrorKind::BrokenPipe)?;
            let mut line = serde_json::to_vec(assignment)?;
            line.push(b'\n');
            stdin.write_all(&line).await?;
            stdin.shutdown().await
        };
        let handed_over = match tokio::time::timeout(HAND_OVER, handed_over).await {
            Ok(written) => written.map_err(failed),
            Err(_) => Err(failed("it does not take its assignment")),
        };
        // Who has children has to see them off.
        tokio::spawn(async move { child.wait().await });
        if let Err(failure) = handed_over {
            process.identity.kill();
            return Err(failure);
        }
        handle(&process)
    }

    async fn look(&self, handle: &Handle) -> Result<Life, Failure> {
        let process = parse(handle)?;
        Ok(if process.identity.runs() { Life::Running } else { Life::Gone { how: "ended".to_owned() } })
    }

    async fn kill(&self, handle: &Handle) -> Result<(), Failure> {
        parse(handle)?.identity.kill();
        Ok(())
    }

    async fn log(&self, recording: &str, from: Option<u64>) -> Result<Option<LogPart>, Failure> {
        let path = self.log_file(recording);
        let part = tokio::task::spawn_blocking(move || read_log(&path, from)).await.map_err(std::io::Error::from);
        part.and_then(|part| part).map(Some).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("The log of this recording can't be read ({error})."))
        })
    }

    async fn keep_warm(&self, plan: &WarmPlan) -> Warm {
        let start = |log: &str| {
            let log = self.folder.join(log);
            match self.spawn(&log, Stdio::piped()) {
                Ok((child, identity)) => Ok(Started { identity, child, log }),
                Err(failure) => Err(failure.message),
            }
        };
        self.pool.keep(plan, start).await
    }

    async fn agents(&self) -> Result<Vec<(String, Handle)>, Failure> {
        let entries = fs::read_dir(&self.folder).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("{} can't be read ({error}).", self.folder.display()))
        })?;
        let notes = entries.flatten().map(|entry| entry.path());
        let notes = notes.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let mut running = Vec::new();
        for note in notes {
            match read(&note) {
                Some(process) if process.identity.runs() => {
                    running.push((process.recording.clone(), handle(&process)?))
                }
                // It is over, and what came of it is noted elsewhere.
                _ => drop(fs::remove_file(note)),
            }
        }
        Ok(running)
    }

    async fn forget(&self, recording: &str) -> Result<(), Failure> {
        let (folder, id) = (self.folder.clone(), recording.to_owned());
        let forgotten = tokio::task::spawn_blocking(move || forget(&folder, &id)).await.map_err(std::io::Error::from);
        forgotten.and_then(|forgotten| forgotten).map_err(|error| {
            let folder = self.folder.display();
            let sentence =
                format!("What its agents said can't be removed from {folder} ({error}); remove it yourself.");
            Failure::new(FailureKind::Internal, sentence)
        })
    }
}

fn handle(process: &Process) -> Result<Handle, Failure> {
    serde_json::to_value(process).map_err(|error| Failure::new(FailureKind::Internal, format!("{error}.")))
}

fn parse(handle: &Handle) -> Result<Process, Failure> {
    serde_json::from_value(handle.clone()).map_err(|error| {
        Failure::new(FailureKind::Internal, format!("An agent's handle is not one of this launcher's ({error})."))
    })
}

impl Identity {
    fn runs(&self) -> bool {
        self.boot == boot_id() && start_time(self.pid) == Some(self.started)
    }

    fn kill(&self) {
        if self.runs() {
            // Gone in this very moment is gone as well.
            let _ = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }
}

/// When a process began, in ticks since the machine's start; none when it is gone or only waits to be seen off.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold anything, parentheses too.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_from_its_end_and_then_on() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("r.log");
        assert_eq!(read_log(&path, None).expect("none yet"), LogPart::default());
        fs::write(&path, "one\ntwo\n").expect("written");
        let part = read_log(&path, None).expect("readable");
        assert_eq!((part.bytes.as_slice(), part.next), (&b"one\ntwo\n"[..], 8));
        assert_eq!(read_log(&path, Some(8)).expect("readable"), LogPart { bytes: Vec::new(), next: 8 });
        assert_eq!(read_log(&path, Some(4)).expect("readable"), LogPart { bytes: b"two\n".to_vec(), next: 8 });
        assert_eq!(read_log(&path, Some(99)).expect("begun anew").next, 8);

        let line = format!("{}\n", "x".repeat(999));
        fs::write(&path, line.repeat(100)).expect("written");
        let part = read_log(&path, None).expect("readable");
        assert_eq!((part.bytes.len(), part.next), (65_000, 100_000), "whole lines");
        assert_eq!(read_log(&path, Some(0)).expect("readable").next, LOG_PART);
    }

    #[test]
    fn the_log_of_a_warm_agent_becomes_its_recordings_after_what_was_said_before() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (warm, log) = (folder.path().join("warm-1-1.log"), folder.path().join("r.log"));
        let mut stderr = open_log(&warm).expect("made");
        adopt_log(&warm, &log).expect("the first agent's");
        stderr.write_all(b"first\n").expect("written");
        let mut stderr = open_log(&warm).expect("made");
        adopt_log(&warm, &log).expect("the second agent's");
        stderr.write_all(b"second\n").expect("written");
        assert_eq!(fs::read_to_string(&log).expect("readable"), "first\nsecond\n");
        assert!(!warm.exists());
    }

    #[tokio::test]
    async fn of_a_recording_that_is_forgotten_nothing_is_kept_but_the_note_of_an_agent_that_runs() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let launcher = ProcessLauncher::new("/bin/true".into(), folder.path().to_owned()).expect("made");
        let pid = i32::try_from(std::process::id()).expect("a process id");
        let runs = Identity { pid, started: start_time(pid).expect("it runs"), boot: boot_id() };
        let gone = Identity { boot: "before".into(), ..runs.clone() };
        for (recording, number, identity) in [("a", 1, &gone), ("a", 2, &runs), ("a-b", 1, &gone), ("aa", 1, &gone)] {
            let process = Process { recording: recording.to_owned(), number, identity: identity.clone() };
            launcher.write_note(&process).expect("written");
            fs::write(launcher.log_file(recording), "words\n").expect("written");
        }
        for _ in 0..2 {
            assert_eq!(launcher.forget("a").await, Ok(()), "twice is well, too");
        }
        let entries = fs::read_dir(folder.path()).expect("readable").flatten();
        let mut left: Vec<String> =
            entries.map(|entry| entry.file_name().into_string().expect("one of ours")).collect();
        left.sort();
        assert_eq!(left, ["a-2.json", "a-b-1.json", "a-b.log", "aa-1.json", "aa.log"]);
    }

    #[test]
    fn a_process_is_told_from_another_of_the_same_number() {
        let own = i32::try_from(std::process::id()).expect("a process id");
        let process = |started, boot: String| Identity { pid: own, started, boot };
        let started = start_time(own).expect("it runs");
        assert!(process(started, boot_id()).runs());
        assert!(!process(started + 1, boot_id()).runs());
        assert!(!process(started, "another".into()).runs());
    }
}
