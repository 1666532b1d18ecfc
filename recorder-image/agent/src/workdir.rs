//! The work directory of a run: sockets, browser profile, cookies. It is also how the run's processes are found again.
//!
//! ```text
//! agent ──creates──▶ WorkDir ──starts──▶ guard (own process group, waits on a pipe)
//!   │ ends well:   close() sweeps, then lets the guard go
//!   └ is killed:   the pipe closes, the guard sweeps
//! both are killed: the next run finds the directory unlocked, and sweeps
//! ```
//!
//! Every child has the directory's path in its environment ([`MARK`]); [`sweep`] ends their process groups and removes the directory.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getuid};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use wallflower_domain::failure::{Failure, FailureKind};

use crate::control_sockets;
use crate::upload::Credentials;

/// Environment variable in every child of a run: the path of its work directory.
const MARK: &str = "WALLFLOWER_WORK";
/// File in the work directory with a line for each display that was started: its number and the X server's pid.
const DISPLAY_FILE: &str = "display";
const LOCK_FILE: &str = "lock";

/// A private directory that lives as long as the run.
pub(crate) struct WorkDir {
    path: PathBuf,
    scratch: PathBuf,
    attempt: u32,
    lock: Option<Flock<fs::File>>,
    guard: Option<tokio::process::Child>,
}

impl WorkDir {
    /// Makes the directory and starts the guard: `program guard PATH`. Sweeps what dead runs left.
    pub(crate) async fn create(id: &str, guard_program: &Path) -> Result<Self, Failure> {
        let root = root()?;
        sweep_dead_runs(&root).await;
        let path = root.join(name_of(id));
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(
                FailureKind::Internal,
                format!(
                    "The work directory {} {what}: {error}; make room there, or set WALLFLOWER_RUNTIME_DIR.",
                    path.display()
                ),
            )
        };
        private_dir(&path).map_err(|error| failed("can't be made", &error))?;
        let file = fs::File::create(path.join(LOCK_FILE)).map_err(|error| failed("can't be written", &error))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| failed("is in use by another run", &error))?;
        let mut guard = Command::new(guard_program);
        let guard = without_keys(&mut guard)
            .arg("guard")
            .arg(&path)
            .env_remove(MARK)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| failed("can't be guarded", &error))?;
        let scratch = path.join("1");
        private_dir(&scratch).map_err(|error| failed("can't be written", &error))?;
        Ok(Self { path, scratch, attempt: 1, lock: Some(lock), guard: Some(guard) })
    }

    /// Where the attempt's processes keep their files.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// An empty place for the next attempt: what is left of the last one must not be in its way.
    pub(crate) fn renew(&mut self) -> std::io::Result<()> {
        self.attempt += 1;
        let last = std::mem::replace(&mut self.scratch, self.path.join(self.attempt.to_string()));
        // What still writes there has been killed; the rest goes with the run.
        let _ = fs::remove_dir_all(last);
        private_dir(&self.scratch)
    }

    /// A command whose process belongs to this run: marked, and with a home that vanishes with the attempt.
    pub(crate) fn command(&self, program: &Path) -> Command {
        command(program, &self.path, &self.scratch)
    }

    /// Makes commands for what outlives an attempt.
    pub(crate) fn lasting(&self) -> Lasting {
        Lasting { path: self.path.clone() }
    }

    /// Remembers the display, so that a sweep can remove the lock that a killed X server leaves.
    pub(crate) fn note_display(&self, number: u32, pid: i32) -> std::io::Result<()> {
        let mut file = fs::File::options().create(true).append(true).open(self.path.join(DISPLAY_FILE))?;
        file.write_all(format!("{number} {pid}\n").as_bytes())
    }

    /// Ends whatever is left of the run and removes the directory; the guard goes last.
    pub(crate) async fn close(mut self) {
        let left = sweep(&self.path).await;
        if left > 0 {
            tracing::warn!(groups = left, "processes were still running at the end and were killed");
        }
        drop(self.lock.take());
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = tokio::time::timeout(Duration::from_secs(5), guard.wait()).await;
        }
    }
}

/// Makes commands whose processes belong to the run, but to none of its attempts.
#[derive(Clone)]
pub(crate) struct Lasting {
    path: PathBuf,
}

impl Lasting {
    /// The run's directory, which only we can read.
    pub(crate) fn folder(&self) -> &Path {
        &self.path
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
        command(program, &self.path, &self.path)
    }

    /// Without a run.
    #[cfg(test)]
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

fn command(program: &Path, mark: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    without_keys(&mut command)
        .env(MARK, mark)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
        .current_dir(home);
    command
}

/// Takes the keys of stores out of a command's environment: uploads are ours, and a browser opens whatever page it is told to.
pub(crate) fn without_keys(command: &mut Command) -> &mut Command {
    without(command, std::env::vars_os().map(|(name, _)| name))
}

fn without(command: &mut Command, names: impl IntoIterator<Item = OsString>) -> &mut Command {
    for name in names {
        if name.to_str().is_some_and(Credentials::are_in) {
            command.env_remove(name);
        }
    }
    command
}

/// Where work directories are made: `$WALLFLOWER_RUNTIME_DIR`, else `/tmp/wallflower-UID`. Short, because a socket's path has at
/// most 107 bytes; owned by us and closed to others, because the sockets in it are not otherwise protected.
pub fn root() -> Result<PathBuf, Failure> {
    let root = std::env::var_os("WALLFLOWER_RUNTIME_DIR")
        .map_or_else(|| PathBuf::from(format!("/tmp/wallflower-{}", getuid())), PathBuf::from);
    let failure = |why: String| {
        Failure::new(
            FailureKind::Internal,
            format!("The runtime directory {} {why}; set WALLFLOWER_RUNTIME_DIR to another.", root.display()),
        )
    };
    private_dir(&root).map_err(|error| failure(format!("can't be made: {error}")))?;
    let meta = fs::symlink_metadata(&root).map_err(|error| failure(format!("can't be read: {error}")))?;
    if !meta.is_dir() || meta.uid() != getuid().as_raw() {
        return Err(failure("is not ours".to_owned()));
    }
    if root.as_os_str().len() > 60 {
        return Err(failure("has too long a path for sockets (60 characters at most)".to_owned()));
    }
    Ok(root)
}

fn private_dir(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

async fn sweep_dead_runs(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(file) = fs::File::open(path.join(LOCK_FILE)) else { continue };
        if let Ok(_lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            let groups = sweep(&path).await;
            tracing::info!(path = %path.display(), groups, "swept what a dead run had left");
        }
    }
}

/// The guard's whole life: wait until the run's end of the pipe closes, then sweep.
pub async fn guard(path: &Path) {
    let mut nothing = [0; 1];
    while matches!(tokio::io::stdin().read(&mut nothing).await, Ok(1)) {}
    sweep(path).await;
}

/// Ends every process group of the run, removes the displays' locks and the directory, and the control sockets of owners that were
/// killed. Returns how many groups were alive.
async fn sweep(path: &Path) -> usize {
    let groups = groups_of(path);
    signal(&groups, Signal::SIGTERM);
    for _ in 0..20 {
        if groups.iter().all(|group| !is_alive(*group)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    signal(&groups, Signal::SIGKILL);
    // A process may have started another between the look and the kill.
    for _ in 0..40 {
        let rest = groups_of(path);
        if rest.is_empty() {
            break;
        }
        signal(&rest, Signal::SIGKILL);
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    remove_display_locks(path);
    for _ in 0..20 {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            _ => break,
        }
    }
    if let Some(root) = path.parent() {
        control_sockets::sweep(root).await;
    }
    groups.len()
}

fn signal(groups: &BTreeSet<i32>, signal: Signal) {
    for group in groups {
        let _ = killpg(Pid::from_raw(*group), signal);
    }
}

/// A group whose members are all zombies is as good as gone, but `killpg` still finds it: look at `/proc` instead.
fn is_alive(group: i32) -> bool {
    processes().any(|process| process.group == group && process.state != 'Z')
}

/// Process groups whose leader or member carries the run's mark, or names its directory on its command line (Chromium's helpers
/// overwrite their environment). Never our own group.
fn groups_of(path: &Path) -> BTreeSet<i32> {
    let mark = format!("{MARK}={}", path.display());
    let own = nix::unistd::getpgrp().as_raw();
    let profile = format!("{}/", path.display());
    processes()
        .filter(|process| process.group != own && process.state != 'Z')
        .filter(|process| {
            let file = |name: &str| fs::read(format!("/proc/{}/{name}", process.pid)).unwrap_or_default();
            file("environ").split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
                || contains(&file("cmdline"), profile.as_bytes())
        })
        .map(|process| process.group)
        .collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) group: i32,
    pub(crate) state: char,
    /// User and system time in clock ticks, without children.
    pub(crate) ticks: u64,
}

/// Everything in `/proc`.
pub(crate) fn processes() -> impl Iterator<Item = Process> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name stands in parentheses and may hold anything; the fields after it are plain.
        let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Process {
            pid,
            state: fields.first()?.chars().next()?,
            group: fields.get(2)?.parse().ok()?,
            ticks: number(11)? + number(12)?,
        })
    })
}

/// Process groups of which some process was stopped by a signal.
pub(crate) fn stopped_groups() -> BTreeSet<i32> {
    processes().filter(|process| process.state == 'T').map(|process| process.group).collect()
}

fn remove_display_locks(path: &Path) {
    let text = fs::read_to_string(path.join(DISPLAY_FILE)).unwrap_or_default();
    for (number, pid) in text.lines().filter_map(|line| line.split_once(' ')) {
        let lock = PathBuf::from(format!("/tmp/.X{number}-lock"));
        let is_ours = fs::read_to_string(&lock).is_ok_and(|holder| holder.trim() == pid);
        if is_ours && !Path::new("/proc").join(pid).exists() {
            let _ = fs::remove_file(lock);
            let _ = fs::remove_file(format!("/tmp/.X11-unix/X{number}"));
        }
    }
}

/// An agent's own, because the guard of a dead one may still sweep when the next agent of the same recording starts. Short, for the
/// sake of sockets: the end of an id is its random part.
fn name_of(id: &str) -> String {
    let end: String = id.chars().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{end}-{}", std::process::id())
}

/// Writes a file that only we can read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_does_not_inherit_the_keys_of_stores() {
        let keys = ["AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ACCOUNT_KEY"];
        let of_destinations = ["BACKUP_AWS_ACCESS_KEY_ID", "A_B_AZURE_STORAGE_ACCOUNT_KEY"];
        let rest = ["PATH", "WALLFLOWER_RUNTIME_DIR", "AWSOME", "TZ"];
        let names = keys.iter().chain(&of_destinations).chain(&rest).map(OsString::from);
        let mut command = Command::new("true");
        without(&mut command, names);
        let mut removed: Vec<_> = command.as_std().get_envs().map(|(name, value)| (name.to_str(), value)).collect();
        removed.sort();
        let mut expected: Vec<_> = keys.iter().chain(&of_destinations).map(|name| (Some(*name), None)).collect();
        expected.sort();
        assert_eq!(removed, expected);
    }

    #[tokio::test]
    async fn a_sweep_ends_marked_processes_and_removes_the_directory() {
        let root = tempfile::tempdir().expect("temp dir");
        let path = root.path().join("run");
        private_dir(&path).expect("made");
        let mut child =
            Command::new("sleep").arg("1000").env(MARK, &path).process_group(0).spawn().expect("sleep starts");
        // Spawn returns when the new program has its memory, which is a moment before its environment can be read.
        let environment = format!("/proc/{}/environ", child.id().expect("it runs"));
        let until = tokio::time::Instant::now() + Duration::from_secs(10);
        while std::fs::read(&environment).expect("it runs").is_empty() {
            assert!(tokio::time::Instant::now() < until, "it has no environment");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(sweep(&path).await, 1);
        assert!(!child.wait().await.expect("awaited").success());
        assert!(!path.exists());
    }
}
