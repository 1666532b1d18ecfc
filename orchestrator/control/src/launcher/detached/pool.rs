//! Agents that wait for a recording; what is said is in [`wallflower_domain::wire::warm`].
//!
//! ```text
//! start ─▶ warming ──"ready"──▶ ready ── assignment, "taken" ──▶ an agent like any other
//!   ▲         │                   │
//!   │         └─ too slow: killed ├─ old, and its successor is ready    its stdin is closed: it leaves
//!   │                             └─ one too many                       the same
//!   └── gone by itself: another one, later and later when that happens again and again
//! ```
//!
//! They hold on to nothing but their stdin: when the orchestrator is gone, however that happened, so are they.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::time::timeout;
use wallflower_domain::wire::link::Assignment;
use wallflower_domain::wire::warm::{WarmUp, WarmWord, Warmth};

use super::Identity;
use crate::launcher::{Warm, WarmPlan};

/// An agent that is not ready by then is killed.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// An agent that has not taken its assignment by then is killed; the recording starts with another. It takes milliseconds.
const TAKE_DEADLINE: Duration = Duration::from_secs(5);
/// An agent that has not left by then is killed.
const LEAVE_DEADLINE: Duration = Duration::from_secs(5);
/// After an agent was taken its successor waits, so that it takes nothing from a recording that is just beginning.
const SETTLING: Duration = Duration::from_secs(3);
/// Before the next start, after one that failed; twice as long after each further one.
const SHORTEST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// An agent that has waited so long has not failed.
const STABLE: Duration = Duration::from_secs(60);
/// It says two words.
const MOST_WORDS: u64 = 4096;
/// What the log of one begins with, until it has a recording; the orchestrator's process follows.
const LOG: &str = "warm-";

/// How far an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Warming,
    Ready,
    Taken,
    Gone,
}

/// An agent of ours that has no recording.
pub(super) struct WarmAgent {
    pub(super) identity: Identity,
    pub(super) log: PathBuf,
    kind: Warmth,
    /// None when it is to leave.
    stdin: Option<ChildStdin>,
    stage: watch::Receiver<Stage>,
    since: Instant,
}

/// All of them.
#[derive(Default)]
pub(super) struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    agents: Vec<WarmAgent>,
    /// Of which kind they are; none when none are wanted.
    kept: Option<Warmth>,
    /// So many logs have been named.
    started: u64,
    failures: u32,
    not_before: Option<Instant>,
    counts: Warm,
}

/// A process that was just started for the pool.
pub(super) struct Started {
    pub(super) identity: Identity,
    pub(super) child: Child,
    pub(super) log: PathBuf,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts what is missing and ends what is too much. `start` starts an agent whose log has this name.
    pub(super) async fn keep(
        &self,
        plan: &WarmPlan,
        start: impl FnOnce(&str) -> Result<Started, String> + Send,
    ) -> Warm {
        let (leaving, log) = {
            let mut state = self.lock();
            state.kept = (plan.agents > 0).then_some(plan.kind);
            state.bury();
            (state.superfluous(plan), state.lacks_one(plan).then(|| state.next_log()))
        };
        let leaving = join_all(leaving.into_iter().map(see_off));
        if plan.agents == 0 {
            leaving.await;
        } else {
            tokio::spawn(leaving);
        }
        if let Some(log) = log {
            let begun = match start(&log) {
                Ok(started) => WarmAgent::begin(started, plan.kind).await,
                Err(why) => Err(why),
            };
            match begun {
                Ok(agent) => self.lock().agents.push(agent),
                Err(why) => {
                    self.lock().failed();
                    tracing::warn!(why, "no warm agent can be started");
                }
            }
        }
        self.lock().counts()
    }

    /// One that is ready for such a recording; it is the caller's from now on.
    pub(super) fn pop(&self, kind: Warmth) -> Option<WarmAgent> {
        let mut state = self.lock();
        let kept = state.kept?;
        // The oldest first: the others have longer to wait until they are renewed.
        let found = state.agents.iter().position(|agent| agent.kind == kind && agent.is(Stage::Ready));
        match found {
            Some(index) => Some(state.agents.remove(index)),
            None if kept == kind => {
                state.counts.missed += 1;
                None
            }
            None => {
                state.counts.unfit += 1;
                None
            }
        }
    }

    /// What came of one that was popped.
    pub(super) fn settle(&self, taken: bool) {
        let mut state = self.lock();
        if taken {
            state.counts.used += 1;
            state.failures = 0;
            state.not_before = Some(Instant::now() + SETTLING);
        } else {
            state.counts.missed += 1;
            state.failed();
        }
    }
}

impl State {
    fn counts(&self) -> Warm {
        let ready = self.agents.iter().filter(|agent| agent.is(Stage::Ready)).count();
        Warm { ready, ..self.counts }
    }

    fn failed(&mut self) {
        let wait = SHORTEST_BACKOFF.saturating_mul(1 << self.failures.min(10)).min(LONGEST_BACKOFF);
        self.failures += 1;
        self.not_before = Some(Instant::now() + wait);
    }

    /// Forgets those that have gone, and kills those that will never be ready.
    fn bury(&mut self) {
        let slow = |agent: &WarmAgent| agent.is(Stage::Warming) && agent.since.elapsed() > READY_DEADLINE;
        let lost: Vec<WarmAgent> = self.agents.extract_if(.., |agent| agent.is(Stage::Gone) || slow(agent)).collect();
        for agent in lost {
            if agent.since.elapsed() < STABLE {
                self.failed();
            } else {
                self.failures = 0;
            }
            let why = if agent.is(Stage::Gone) { last_line(&agent.log) } else { "it was not ready in time".to_owned() };
            tracing::warn!(pid = agent.identity.pid, why, "a warm agent is lost, another one follows");
            agent.identity.kill();
            forget(&agent.log);
        }
    }

    /// Those of another kind, and the oldest of those that are too many: that is also how old ones go, when their successors are ready.
    fn superfluous(&mut self, plan: &WarmPlan) -> Vec<WarmAgent> {
        let WarmPlan { kind, agents: wanted, .. } = *plan;
        let mut leaving: Vec<WarmAgent> =
            self.agents.extract_if(.., |agent| wanted == 0 || agent.kind != kind).collect();
        let ready = self.agents.iter().filter(|agent| agent.is(Stage::Ready)).count();
        let mut too_many = ready.saturating_sub(wanted);
        leaving.extend(self.agents.extract_if(.., |agent| {
            let goes = too_many > 0 && agent.is(Stage::Ready);
            too_many -= usize::from(goes);
            goes
        }));
        leaving
    }

    /// One after the other: each takes a core for half a second.
    fn lacks_one(&self, plan: &WarmPlan) -> bool {
        let fresh = self.agents.iter().filter(|agent| agent.since.elapsed() < plan.renew).count();
        let is_warming = self.agents.iter().any(|agent| agent.is(Stage::Warming));
        fresh < plan.agents && !is_warming && self.not_before.is_none_or(|at| Instant::now() >= at)
    }

    fn next_log(&mut self) -> String {
        self.started += 1;
        format!("{LOG}{}-{}.log", std::process::id(), self.started)
    }
}

impl WarmAgent {
    async fn begin(started: Started, kind: Warmth) -> Result<Self, String> {
        let Started { identity, mut child, log } = started;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (told, stage) = watch::channel(Stage::Warming);
        tokio::spawn(follow(child, stdout, told));
        let mut agent = Self { identity, log, kind, stdin, stage, since: Instant::now() };
        match agent.write(&WarmUp { warm: kind }).await {
            Ok(()) => Ok(agent),
            Err(error) => {
                agent.identity.kill();
                forget(&agent.log);
                Err(format!("it does not take what it is told ({error})"))
            }
        }
    }

    /// Gives it its assignment; whether it has taken that. One that has not is killed.
    pub(super) async fn hand_over(mut self, assignment: &Assignment) -> bool {
        let taken = async {
            let written = self.write(assignment).await.is_ok();
            written && self.stage.wait_for(|stage| matches!(stage, Stage::Taken | Stage::Gone)).await.is_ok()
        };
        let told = timeout(TAKE_DEADLINE, taken).await.unwrap_or(false);
        let is_taken = told && self.is(Stage::Taken);
        if !is_taken {
            self.identity.kill();
        }
        is_taken
    }

    async fn write(&mut self, what: &impl Serialize) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        let stdin = self.stdin.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        timeout(TAKE_DEADLINE, stdin.write_all(&line)).await?
    }

    fn is(&self, stage: Stage) -> bool {
        *self.stage.borrow() == stage
    }
}

/// Tells what an agent says, and that it has gone.
async fn follow(mut child: Child, stdout: Option<ChildStdout>, told: watch::Sender<Stage>) {
    if let Some(stdout) = stdout {
        let mut lines = BufReader::new(stdout.take(MOST_WORDS)).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(WarmWord::Ready) => drop(told.send_replace(Stage::Ready)),
                Ok(WarmWord::Taken) => {
                    told.send_replace(Stage::Taken);
                    break;
                }
                Err(_) => break,
            }
        }
    }
    // Who has children has to see them off.
    let _ = child.wait().await;
    told.send_replace(Stage::Gone);
}

/// Nobody needs it any more.
async fn see_off(mut agent: WarmAgent) {
    drop(agent.stdin.take());
    let gone = agent.stage.wait_for(|stage| *stage == Stage::Gone);
    if timeout(LEAVE_DEADLINE, gone).await.is_err() {
        tracing::warn!(pid = agent.identity.pid, "a warm agent does not leave and is killed");
        agent.identity.kill();
    }
    forget(&agent.log);
}

/// What it said last, which may be why it has gone.
fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().next_back().map_or_else(|| "it said nothing".to_owned(), str::to_owned)
}

fn forget(log: &Path) {
    // Nothing is in it that anybody asks for.
    let _ = fs::remove_file(log);
}

/// Removes the logs of warm agents whose orchestrators are dead.
pub(super) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let of = name.to_str().and_then(|name| name.strip_prefix(LOG)?.split_once('-'));
        if of.is_some_and(|(pid, _)| !Path::new("/proc").join(pid).exists()) {
            forget(&entry.path());
        }
    }
}
