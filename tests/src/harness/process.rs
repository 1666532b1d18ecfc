//! The processes that belong to a test: those that carry its token in their environment, or one of its directories on their
//! command line (Chromium's helpers overwrite their environment).

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Environment variable that marks every process of a test.
pub const TOKEN: &str = "WALLFLOWER_TEST_TOKEN";

/// A process that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Id of the process that started it.
    pub parent: i32,
    /// Its command line.
    pub command: Vec<String>,
}

impl Process {
    /// File name of its program.
    pub fn program(&self) -> &str {
        let path = self.command.first().map_or("", String::as_str);
        // Chromium's helpers put their whole command line into one argument.
        let path = path.split(' ').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether an argument is exactly that.
    pub fn has_argument(&self, argument: &str) -> bool {
        self.command.iter().skip(1).any(|word| word == argument)
    }

    /// Sends it a signal; it may be gone already.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid), signal);
    }

    /// Processor time it has used, in seconds.
    pub fn cpu_seconds(&self) -> Option<f64> {
        let fields = stat(self.pid)?;
        let ticks: f64 = fields.get(11..13)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
        // USER_HZ is 100 on every Linux that we run on.
        Some(ticks / 100.0)
    }
}

/// The processes that carry `token`, or name `directory`.
pub fn belonging(token: &str, directory: &str) -> Vec<Process> {
    let mark = format!("{TOKEN}={token}");
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != own)
        .filter_map(|pid| {
            let file = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let (environment, command) = (file("environ"), file("cmdline"));
            let fields = stat(pid)?;
            let (state, parent) = (fields.first()?.as_str(), fields.get(1)?.parse().ok()?);
            let command: Vec<String> = words(&command).filter(|word| !word.is_empty()).collect();
            let belongs =
                words(&environment).any(|word| word == mark) || command.iter().any(|word| word.contains(directory));
            (belongs && state != "Z").then_some(Process { pid, parent, command })
        })
        .collect()
}

fn words(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned())
}

/// Fields of `/proc/PID/stat` after the command's name.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = stat.get(stat.rfind(')')? + 2..)?;
    Some(rest.split(' ').map(str::to_owned).collect())
}
