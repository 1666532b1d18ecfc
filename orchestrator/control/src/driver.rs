//! The one task that owns a recording: launches its agents, applies what happens to it, publishes it, and hands requests on.

use std::collections::HashMap;
use std::path::Path;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, Instant, sleep_until};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::{Applied, Event, Recording, Succession, apply};
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Job, Request};

use crate::launcher::process::{AgentNews, AgentProcess};

/// An agent that was told to leave at once has this long; then it is taken for lost.
const ABANDON_DEADLINE: Duration = Duration::from_secs(10);
/// Agents that may follow the first, each going on where the one before it vanished.
const FURTHER_AGENTS: u32 = 5;
/// An agent says something every half second; after this much silence it hangs, and is killed.
const SILENCE_DEADLINE: Duration = Duration::from_secs(3);
/// … but for its first word, for which it has to be started.
const FIRST_WORD_DEADLINE: Duration = Duration::from_secs(10);

/// Something that is asked of a recording, and where the answer goes: once it has taken effect, or why it can't.
pub struct Order {
    /// What is asked for.
    pub command: AgentCommand,
    /// Whoever waits for the answer.
    pub answer: Option<oneshot::Sender<Result<(), Failure>>>,
}

impl From<AgentCommand> for Order {
    fn from(command: AgentCommand) -> Self {
        Self { command, answer: None }
    }
}

/// Performs the job by agents of this machine until the recording is terminal and no agent's process is left. An agent that vanishes
/// or hangs once there is media is followed by another. Every event is shown to `watcher` as well.
pub async fn drive(
    program: &Path,
    job: &Job,
    mut orders: mpsc::Receiver<Order>,
    published: watch::Sender<Recording>,
    mut watcher: impl FnMut(&AgentEvent),
) -> Result<Recording, Failure> {
    let mut recording = Recording::new(&job.id);
    let mut agent = AgentProcess::launch(program, job).await?;
    let mut further_agents = FURTHER_AGENTS;
    let mut pending = Pending::new(job.clone());
    let mut orders_open = true;
    let mut patience: Option<Instant> = None;
    let mut silent_until = Instant::now() + FIRST_WORD_DEADLINE;
    while !recording.state.is_terminal() {
        let event = tokio::select! {
            // What an agent has said while nobody listened counts before the silence since.
            biased;
            news = agent.next() => match news {
                AgentNews::Said(event) => {
                    silent_until = Instant::now() + SILENCE_DEADLINE;
                    pending.heard(&event);
                    watcher(&event);
                    Event::Agent(event)
                }
                AgentNews::Gone { how } => {
                    pending.agent_gone();
                    let is_wanted = further_agents > 0 && patience.is_none();
                    let succession = if is_wanted { recording.succession() } else { Succession::Nobody };
                    match successor(program, &mut pending.job, succession).await {
                        Some(next) => {
                            further_agents -= 1;
                            silent_until = Instant::now() + FIRST_WORD_DEADLINE;
                            std::mem::replace(&mut agent, next).ended().await;
                            let event = succession.told(&how);
                            watcher(&event);
                            Event::Agent(event)
                        }
                        None => Event::AgentGone { how },
                    }
                }
            },
            order = orders.recv(), if orders_open => match order {
                Some(order) => {
                    let is_end = order.command.is_end();
                    if order.command == AgentCommand::Abandon {
                        patience = Some(Instant::now() + ABANDON_DEADLINE);
                    }
                    agent.tell(&pending.request(order)).await;
                    if !is_end {
                        continue;
                    }
                    Event::StopRequested
                }
                None => {
                    orders_open = false;
                    continue;
                }
            },
            () = sleep_until(silent_until) => {
                // Its end is told by itself.
                agent.kill();
                silent_until = Instant::now() + SILENCE_DEADLINE;
                continue;
            }
            () = out_of(patience) => Event::AgentGone { how: "did not leave when it was told to".to_owned() },
        };
        let is_lost = matches!(event, Event::AgentGone { .. });
        if apply(&mut recording, event) == Applied::Changed {
            published.send_replace(recording.clone());
        }
        if let (true, Some(end)) = (is_lost, recording.end) {
            // The last word that the agent could not say.
            watcher(&AgentEvent::Finished { end, failure: recording.failure.clone(), delivery: None });
        }
    }
    agent.ended().await;
    Ok(recording)
}

/// The agent that follows a lost one; none when there is nothing that it could do, or it can't be launched.
async fn successor(program: &Path, job: &mut Job, succession: Succession) -> Option<AgentProcess> {
    match succession {
        Succession::Record => {}
        Succession::Finish(end) => job.standing.ending = Some(end),
        Succession::Nobody => return None,
    }
    AgentProcess::launch(program, job).await.ok()
}

async fn out_of(patience: Option<Instant>) {
    match patience {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Orders without an answer, and the job as those that were carried out have changed it.
struct Pending {
    job: Job,
    orders: HashMap<u64, Order>,
    last_request: u64,
    last_stream: usize,
}

impl Pending {
    fn new(job: Job) -> Self {
        let last_stream = job.standing.streams.len();
        Self { job, orders: HashMap::new(), last_request: 0, last_stream }
    }

    fn request(&mut self, mut order: Order) -> Request {
        if let AgentCommand::AddStream { id, .. } = &mut order.command
            && id.is_empty()
        {
            self.last_stream += 1;
            *id = format!("s{}", self.last_stream);
        }
        self.last_request += 1;
        let request = Request { id: self.last_request, command: order.command.clone() };
        self.orders.insert(request.id, order);
        request
    }

    fn heard(&mut self, event: &AgentEvent) {
        let AgentEvent::Answered { request, failure } = event else { return };
        let Some(order) = self.orders.remove(request) else { return };
        let result = match failure {
            None => {
                self.job.standing.take(&order.command);
                Ok(())
            }
            Some(failure) => Err(failure.clone()),
        };
        order.answer(result);
    }

    /// What was on its way to it is not known to have taken effect.
    fn agent_gone(&mut self) {
        for (_, order) in self.orders.drain() {
            order.answer(Err(Failure::new(
                FailureKind::AgentLost,
                "The agent vanished before it had answered; look at the recording's state and ask again.",
            )));
        }
    }
}

impl Order {
    fn answer(self, result: Result<(), Failure>) {
        if let Some(answer) = self.answer {
            // Whoever asked may have gone.
            let _ = answer.send(result);
        }
    }
}
