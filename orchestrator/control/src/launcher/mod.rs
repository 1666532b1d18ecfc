//! Starting agents.
//!
//! * [`process`]: attached to whoever starts it, by pipes: what `wallflower record` uses.
//! * [`Launcher`]: for an orchestrator, which its agents outlive; [`detached`] is the backend for processes of this machine, [`socket`]
//!   the one for a program of the operator's own.

pub mod detached;
pub mod process;
pub mod socket;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::link::Assignment;
use wallflower_domain::wire::warm::Warmth;

/// By what a launcher finds an agent again, also after a restart of the orchestrator. Opaque to everybody else.
pub type Handle = Value;

/// Whether an agent is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Running,
    /// It is gone.
    Gone {
        /// How, to follow "the agent"; as far as that is known.
        how: String,
    },
}

/// Most bytes of a [`LogPart`].
pub const LOG_PART: u64 = 64 * 1024;

/// A part of what agents said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPart {
    /// As it was said, most of it UTF-8.
    pub bytes: Vec<u8>,
    /// Where the next part begins.
    pub next: u64,
}

/// Agents that are to wait for a recording, with everything up that does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmPlan {
    /// For which recordings; others get agents that are started for them.
    pub kind: Warmth,
    /// How many.
    pub agents: usize,
    /// One that has waited so long is replaced.
    pub renew: Duration,
}

/// How it stands with those that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Warm {
    /// So many can take a recording at once.
    pub ready: usize,
    /// So many have, since the beginning.
    pub used: u64,
    /// So many recordings have found none that was ready.
    pub missed: u64,
    /// So many were of another kind than those that wait.
    pub unfit: u64,
}

/// Starts agents that go on when the orchestrator does not, and finds them again.
#[async_trait]
pub trait Launcher: Send + Sync + 'static {
    /// What it is called in configuration and metrics.
    fn name(&self) -> &'static str;

    /// Starts the agent of this number of the assignment's recording. One that is there already, because an orchestrator died between
    /// launching and noting it, is not started twice.
    async fn launch(&self, number: u32, assignment: &Assignment) -> Result<Handle, Failure>;

    /// Whether an agent is there. An error means that it can't be told.
    async fn look(&self, handle: &Handle) -> Result<Life, Failure>;

    /// Kills an agent and all that it has started. One that is gone already is well killed.
    async fn kill(&self, handle: &Handle) -> Result<(), Failure>;

    /// What a recording's agents say beside their events: at most [`LOG_PART`] from this byte on, or the end of it. None where that is not
    /// kept.
    async fn log(&self, _recording: &str, _from: Option<u64>) -> Result<Option<LogPart>, Failure> {
        Ok(None)
    }

    /// Has agents wait for a recording, so that a [`Self::launch`] that suits them is the matter of a moment. To be called once a second:
    /// what is missing is started then, and what is too much is ended. When none are wanted it returns when all have gone. They go by
    /// themselves when their orchestrator does. A launcher that has none warm launches each as it is asked to.
    async fn keep_warm(&self, _plan: &WarmPlan) -> Warm {
        Warm::default()
    }

    /// All agents that have a recording, with the ids of their recordings: to find those that nobody knows.
    async fn agents(&self) -> Result<Vec<(String, Handle)>, Failure>;

    /// Removes what is kept of a recording that is deleted, such as its log. Its agents have done their work; one that runs all the same
    /// is still found by [`Self::agents`]. A recording of which nothing is kept is well forgotten.
    async fn forget(&self, recording: &str) -> Result<(), Failure>;
}

/// The launcher that is named: `process` for agents that are `program`, noted in `folder`; `unix:PATH` for a program that listens there.
///
/// # Errors
///
/// When there is no such launcher, or the folder can't be made.
pub fn open(name: &str, program: &Path, folder: &Path) -> Result<Arc<dyn Launcher>, Failure> {
    match name.split_once(':') {
        None if name == "process" => {
            Ok(Arc::new(detached::ProcessLauncher::new(program.to_owned(), folder.to_owned())?))
        }
        Some(("unix", path)) if Path::new(path).is_absolute() => Ok(Arc::new(socket::SocketLauncher::new(path))),
        _ => Err(Failure::new(
            FailureKind::BadRequest,
            format!(
                "\"{name}\" is no launcher; it is \"process\", or \"unix:\" and the absolute path of a socket on which a program of yours starts agents."
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_have_names() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let name = |name: &str| open(name, Path::new("/bin/true"), folder.path()).map(|launcher| launcher.name());
        assert_eq!((name("process"), name("unix:/run/launcher")), (Ok("process"), Ok("socket")));
        for bad in ["", "kubernetes", "unix:", "unix:launcher", "process:"] {
            assert!(name(bad).is_err_and(|failure| failure.message.contains("is no launcher")), "{bad}");
        }
    }
}
