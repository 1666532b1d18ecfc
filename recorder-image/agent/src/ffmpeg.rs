//! ffmpeg and ffprobe, for work on files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use wallflower_domain::failure::Failure;

use crate::capture::explain;
use crate::child;
use crate::delivery::unwritable;
use crate::programs::{Program, Programs};
use crate::workdir::Lasting;

/// How long either of them may neither read nor write. A machine that records much else is slow, and so are some disks.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Where they are, and to which run belongs what they do.
pub(crate) struct Ffmpeg {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    run: Option<Lasting>,
}

impl Ffmpeg {
    /// For work outside of any run. What is started ends with the future that waits for it, or with its work.
    pub(crate) fn alone(programs: &Programs) -> Self {
        Self { ffmpeg: programs.ffmpeg.clone(), ffprobe: programs.ffprobe.clone(), run: None }
    }

    /// For a run's own files: what is started does not outlive the run, however that ends.
    pub(crate) fn of_run(programs: &Programs, run: Lasting) -> Self {
        Self { run: Some(run), ..Self::alone(programs) }
    }

    /// The same where nothing else of an agent is needed.
    pub(crate) fn find() -> Result<Self, Failure> {
        Ok(Self { ffmpeg: Program::Ffmpeg.find()?, ffprobe: Program::Ffprobe.find()?, run: None })
    }

    /// ffmpeg that only says what goes wrong, and replaces the file that it is to write.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.start(&self.ffmpeg);
        command.args(["-hide_banner", "-nostats", "-nostdin", "-loglevel", "error", "-y"]);
        command
    }

    /// ffprobe that only says what goes wrong.
    pub(crate) fn probe(&self) -> Command {
        let mut command = self.start(&self.ffprobe);
        command.args(["-hide_banner", "-loglevel", "error"]);
        command
    }

    /// A directory for what is only needed on the way; it vanishes when it is dropped.
    pub(crate) fn scratch(&self) -> Result<TempDir, Failure> {
        let place = std::env::temp_dir();
        tempfile::tempdir_in(&place).map_err(|error| unwritable(&place, &error))
    }

    fn start(&self, program: &Path) -> Command {
        self.run.as_ref().map_or_else(|| Command::new(program), |run| run.command(program))
    }
}

/// A path as an argument: whatever its name looks like, it is a file. Absolute, because a run's processes work elsewhere.
pub(crate) fn file(path: &Path) -> OsString {
    let mut argument = OsString::from("file:");
    argument.push(std::path::absolute(path).as_deref().unwrap_or(path));
    argument
}

/// Runs ffmpeg to its end, which takes as long as it takes; one that hangs is ended.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    let (status, tail) = child::run_while_it_works("ffmpeg", command, PATIENCE, child::ignore()).await?;
    if status.success() { Ok(()) } else { Err(explain(&tail, status)) }
}
