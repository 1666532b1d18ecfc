//! The one task that owns a recording: launches its agents, applies what happens to it, publishes it, and hands requests on.

use std::path::Path;

use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::{Applied, Event, Recording, apply};
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Job};

use crate::launcher::process::{AgentNews, AgentProcess};

/// An agent that was told to leave at once has this long; then it is taken for lost.
const ABANDON_DEADLINE: Duration = Duration::from_secs(10);
/// Agents that may follow the first, each going on where the one before it vanished.
const FURTHER_AGENTS: u32 = 5;

/// Performs the job by agents of this machine until the recording is terminal and no agent's process is left. An agent that vanishes
/// while it records is followed by another. Every event is shown to `watcher` as well.
pub async fn drive(
    program: &Path,
    job: &Job,
    mut requests: mpsc::Receiver<AgentCommand>,
    published: watch::Sender<Recording>,
    mut watcher: impl FnMut(&AgentEvent),
) -> Result<Recording, Failure> {
    let mut recording = Recording::new(&job.id);
    let mut agent = AgentProcess::launch(program, job).await?;
    let mut further_agents = FURTHER_AGENTS;
    let mut requests_open = true;
    let mut patience: Option<Instant> = None;
    while !recording.state.is_terminal() {
        let event = tokio::select! {
            news = agent.next() => match news {
                AgentNews::Said(event) => {
                    watcher(&event);
                    Event::Agent(event)
                }
                AgentNews::Gone { how } => {
                    let may_go_on = recording.state.is_under_way() && !recording.stop_requested && further_agents > 0;
                    let next = if may_go_on { AgentProcess::launch(program, job).await.ok() } else { None };
                    match next {
                        Some(next) => {
                            further_agents -= 1;
                            std::mem::replace(&mut agent, next).ended().await;
                            let failure = Failure::new(FailureKind::AgentLost, format!("The agent {how}."));
                            let event = AgentEvent::Interrupted { failure };
                            watcher(&event);
                            Event::Agent(event)
                        }
                        None => Event::AgentGone { how },
                    }
                }
            },
            request = requests.recv(), if requests_open => match request {
                Some(command) => {
                    agent.tell(command).await;
                    if command == AgentCommand::Abandon {
                        patience = Some(Instant::now() + ABANDON_DEADLINE);
                    }
                    Event::StopRequested
                }
                None => {
                    requests_open = false;
                    continue;
                }
            },
            () = out_of(patience) => Event::AgentGone { how: "did not leave when it was told to".to_owned() },
        };
        if apply(&mut recording, event) == Applied::Changed {
            published.send_replace(recording.clone());
        }
    }
    agent.ended().await;
    Ok(recording)
}

async fn out_of(patience: Option<Instant>) {
    match patience {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
