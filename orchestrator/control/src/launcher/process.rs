//! Agents as processes of this machine: `wallflower agent`, job and commands on stdin, events on stdout.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::{AgentEvent, Job, Request};

/// After its last word an agent has nothing left to do.
const EXIT_DEADLINE: Duration = Duration::from_secs(10);

/// An agent that does not read its stdin for so long hangs.
const TELL_DEADLINE: Duration = Duration::from_secs(1);

/// What of our environment is secret, and in the job as far as agents need it. Browser and all other children would inherit it.
const KEPT_FROM_AGENTS: [&str; 8] = [
    "JITSI_PASSCODE",
    "JITSI_PASSWORD",
    "JITSI_TOKEN",
    "JITSI_USER",
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_SECRET",
    "WALLFLOWER_API_KEY",
    "WALLFLOWER_STREAM",
];

/// A running agent.
pub struct AgentProcess {
    process: Child,
    stdin: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
}

/// What an agent does next.
#[derive(Debug)]
pub enum AgentNews {
    /// It says something.
    Said(AgentEvent),
    /// It is gone.
    Gone {
        /// How, to follow "the agent".
        how: String,
    },
}

impl AgentProcess {
    /// Starts `program agent` in a process group of its own, so that Ctrl-C in a terminal reaches only us, and hands it the job.
    pub async fn launch(program: &Path, job: &Job) -> Result<Self, Failure> {
        let failed =
            |why: String| Failure::new(FailureKind::ProgramDied, format!("The agent could not be started: {why}."));
        let mut command = Command::new(program);
        for name in KEPT_FROM_AGENTS {
            command.env_remove(name);
        }
        let mut process = command
            .arg("agent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(failed("it has no pipes".into()));
        };
        let mut agent = Self { process, stdin, events: BufReader::new(stdout).lines() };
        agent.write(job).await.map_err(|error| failed(error.to_string()))?;
        Ok(agent)
    }

    /// Tells it something. An agent that is gone already does not mind; [`AgentProcess::next`] tells.
    pub async fn tell(&mut self, request: &Request) {
        match tokio::time::timeout(TELL_DEADLINE, self.write(request)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, ?request, "the agent can't be told"),
            Err(_) => tracing::warn!(?request, "the agent does not listen"),
        }
    }

    /// Kills it and all that it has started in its process group.
    pub fn kill(&mut self) {
        if let Some(group) = self.process.id().and_then(|id| i32::try_from(id).ok()) {
            // ESRCH means that it is gone, which is what is wanted.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }

    async fn write(&mut self, message: &impl serde::Serialize) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.stdin.write_all(&line).await?;
        self.stdin.flush().await
    }

    /// Its next event, or its end. Cancel safe.
    pub async fn next(&mut self) -> AgentNews {
        while let Ok(Some(line)) = self.events.next_line().await {
            match serde_json::from_str(&line) {
                Ok(event) => return AgentNews::Said(event),
                Err(error) => tracing::error!(%error, "the agent said something that can't be read"),
            }
        }
        let how = match tokio::time::timeout(EXIT_DEADLINE, self.process.wait()).await {
            Ok(Ok(status)) => format!("ended ({status})"),
            Ok(Err(error)) => format!("is lost ({error})"),
            Err(_) => "closed its output but did not end".to_owned(),
        };
        AgentNews::Gone { how }
    }

    /// Waits until the process has ended; kills it when it does not.
    pub async fn ended(mut self) {
        drop(self.stdin);
        if tokio::time::timeout(EXIT_DEADLINE, self.process.wait()).await.is_err() {
            tracing::warn!("the agent did not end after its last word and was killed");
            let _ = self.process.kill().await;
        }
    }
}
