//! Agents that wait for a recording: as many as are configured, as long as recordings of theirs would still fit on the machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use wallflower_domain::wire::warm::Warmth;

use super::Orchestrator;
use crate::launcher::WarmPlan;

/// Between two looks at who is there.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How many are wanted right now: the scheduler knows what room there is.
#[derive(Clone, Debug)]
pub(crate) struct Wanted(Arc<watch::Sender<usize>>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Wanted {
    pub(crate) fn want(&self, agents: usize) {
        self.0.send_if_modified(|known| std::mem::replace(known, agents) != agents);
    }
}

/// Keeps them for ever.
pub(crate) async fn keep(orchestrator: Orchestrator) {
    let mut wanted = orchestrator.warm.0.subscribe();
    loop {
        let agents = *wanted.borrow_and_update();
        keep_once(&orchestrator, agents).await;
        // It is never closed: we hold it.
        let _ = timeout(LOOK_INTERVAL, wanted.changed()).await;
    }
}

/// Ends all of them.
pub(crate) async fn end(orchestrator: &Orchestrator) {
    keep_once(orchestrator, 0).await;
}

async fn keep_once(orchestrator: &Orchestrator, agents: usize) {
    let config = orchestrator.config();
    let kind = Warmth { size: config.warm.size, public_only: !config.allows_private() };
    let plan = WarmPlan { kind, agents, renew: config.warm.renew.duration() };
    let warm = orchestrator.launcher.keep_warm(&plan).await;
    orchestrator.meters.warm(warm);
}
