//! What `launcher = "unix:…"` asks: starts agents that are tasks of this process.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::launcher::{Call, MAX_LINE_BYTES, Reply, RunningAgent};
use wallflower_domain::wire::link::Assignment;

use super::account::Account;
use super::agent::perform;

/// What goes wrong with a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is started, and that is said.
    Refuse,
    /// It hangs up without a word, and the agent comes all the same, a while later.
    Late,
}

/// How late.
const LATE: Duration = Duration::from_secs(1);

/// All agents; they end when it is dropped.
pub struct Fleet {
    path: PathBuf,
    agents: Arc<Agents>,
    listening: JoinHandle<()>,
}

struct Agents {
    account: Account,
    running: Mutex<HashMap<String, Running>>,
    faults: Mutex<VecDeque<Fault>>,
}

struct Running {
    recording: String,
    task: JoinHandle<()>,
}

impl Fleet {
    /// Begins to listen at a path. Has to be called in a runtime, which is the agents'.
    ///
    /// # Panics
    ///
    /// When there can be no socket.
    #[must_use]
    pub fn listen(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a socket in a directory of the test's");
        let agents =
            Arc::new(Agents { account: Account::default(), running: Mutex::default(), faults: Mutex::default() });
        let listening = tokio::spawn(answer_all(listener, agents.clone()));
        Self { path: path.to_owned(), agents, listening }
    }

    /// As the configuration names it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// What its agents know.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.agents.account
    }

    /// What goes wrong with the next launches, one each.
    pub fn fail_next(&self, faults: &[Fault]) {
        self.agents.faults.lock().unwrap_or_else(PoisonError::into_inner).extend(faults);
    }

    /// Ends the agent of a recording, as kill -9 does it; nothing where none runs.
    pub fn kill(&self, recording: &str) {
        let ids = {
            let running = self.agents.lock();
            let of_it = running.iter().filter(|(_, agent)| agent.recording == recording);
            of_it.map(|(id, _)| id.clone()).collect::<Vec<_>>()
        };
        ids.iter().for_each(|id| self.agents.kill(id));
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.listening.abort();
        self.agents.lock().values().for_each(|agent| agent.task.abort());
    }
}

impl Agents {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None to hang up.
    fn answer(&self, call: Call) -> Option<Reply> {
        let fault = || self.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Some(match call {
            Call::Launch { number, assignment } => match fault() {
                None => Reply::Launched { handle: self.launch(number, *assignment, Duration::ZERO) },
                Some(Fault::Refuse) => {
                    Reply::Failed { failure: Failure::new(FailureKind::ProgramDied, "There is no room for an agent.") }
                }
                Some(Fault::Late) => {
                    self.launch(number, *assignment, LATE);
                    return None;
                }
            },
            Call::Look { handle } => match self.runs(&handle) {
                true => Reply::Running,
                false => Reply::Gone { how: "ended".to_owned() },
            },
            Call::Kill { handle } => {
                self.kill(handle.as_str().unwrap_or_default());
                Reply::Killed
            }
            Call::Agents => {
                let running = self.lock();
                let there = running.iter().filter(|(_, agent)| !agent.task.is_finished());
                let agents = there
                    .map(|(id, agent)| RunningAgent { recording: agent.recording.clone(), handle: json!(id) })
                    .collect();
                Reply::Agents { agents }
            }
            // What is known of agents is the test's to look at.
            Call::Forget { .. } => Reply::Forgotten,
        })
    }

    fn launch(&self, number: u32, assignment: Assignment, late: Duration) -> Value {
        let recording = assignment.job.id.clone();
        let id = format!("{recording}-{number}");
        let mut running = self.lock();
        if running.get(&id).is_none_or(|agent| agent.task.is_finished()) {
            self.account.note(&recording, |entry| {
                entry.launched.push(number);
                entry.launched_at.get_or_insert_with(Instant::now);
            });
            let account = self.account.clone();
            let task = tokio::spawn(async move {
                tokio::time::sleep(late).await;
                perform(assignment, account).await;
            });
            running.insert(id.clone(), Running { recording, task });
        }
        json!(id)
    }

    fn runs(&self, handle: &Value) -> bool {
        let running = self.lock();
        handle.as_str().and_then(|id| running.get(id)).is_some_and(|agent| !agent.task.is_finished())
    }

    fn kill(&self, id: &str) {
        if let Some(agent) = self.lock().get(id).filter(|agent| !agent.task.is_finished()) {
            agent.task.abort();
            self.account.note(&agent.recording, |entry| {
                entry.killed = true;
                entry.is_connected = false;
            });
        }
    }
}

async fn answer_all(listener: UnixListener, agents: Arc<Agents>) {
    while let Ok((stream, _)) = listener.accept().await {
        let agents = agents.clone();
        tokio::spawn(async move {
            // Who hangs up does not want to know.
            let _ = answer_one(stream, &agents).await;
        });
    }
}

async fn answer_one(stream: UnixStream, agents: &Agents) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream).take(MAX_LINE_BYTES as u64);
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    let call = serde_json::from_slice(&line)?;
    let Some(reply) = agents.answer(call) else { return Ok(()) };
    let mut reply = serde_json::to_vec(&reply)?;
    reply.push(b'\n');
    stream.get_mut().get_mut().write_all(&reply).await
}
