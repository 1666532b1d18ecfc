//! The one task that owns a recording: applies what happens to it, publishes it, and hands requests to its agent.

use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until};
use wallflower_domain::recording::{Applied, Event, Recording, apply};
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent};

use crate::launcher::process::{AgentNews, AgentProcess};

/// An agent that was told to leave at once has this long; then it is taken for lost.
const ABANDON_DEADLINE: Duration = Duration::from_secs(10);

/// Follows the agent until the recording is terminal and the agent's process is gone. Every event is shown to `watcher` as well.
pub async fn drive(
    mut agent: AgentProcess,
    mut recording: Recording,
    mut requests: mpsc::Receiver<AgentCommand>,
    published: watch::Sender<Recording>,
    mut watcher: impl FnMut(&AgentEvent),
) -> Recording {
    let mut requests_open = true;
    let mut patience: Option<Instant> = None;
    while !recording.state.is_terminal() {
        let event = tokio::select! {
            news = agent.next() => match news {
                AgentNews::Said(event) => {
                    watcher(&event);
                    Event::Agent(event)
                }
                AgentNews::Gone { how } => Event::AgentGone { how },
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
    recording
}

async fn out_of(patience: Option<Instant>) {
    match patience {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
