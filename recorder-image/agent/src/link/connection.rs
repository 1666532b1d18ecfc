//! Dials again and again: each replica in turn, until the last word was heard.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::Request;

use super::conversation::{Parting, converse};
use super::dial::{Target, Trouble};
use super::pace::{Pace, Try};
use super::post::Post;
use crate::streams::Trust;

/// Whom a recording is told to.
pub(super) struct Orchestrator {
    /// Its replicas; one at least.
    pub(super) targets: Vec<Target>,
    pub(super) token: Secret,
    pub(super) trust: Trust,
}

/// Returns when the last word was heard.
pub(super) async fn keep(orchestrator: Orchestrator, post: Arc<Post>, requests: mpsc::Sender<Request>) {
    let Orchestrator { targets, token, trust } = orchestrator;
    let mut pace = Pace::default();
    let mut troubles: Vec<Option<String>> = vec![None; targets.len()];
    for (index, target) in targets.iter().enumerate().cycle() {
        let ended = match target.dial(&token, &trust).await {
            Ok(socket) => {
                let since = Instant::now();
                tracing::info!(%target, "connected to the orchestrator");
                match converse(socket, &post, &requests).await {
                    Parting::Over => return,
                    Parting::Broken(why) => {
                        tracing::warn!(%target, why, "the connection to the orchestrator ended");
                        troubles[index] = None;
                        Try::Connected(since.elapsed())
                    }
                }
            }
            Err(trouble) => {
                // Once is enough, as long as it stays the same.
                let sentence = trouble.sentence();
                if troubles[index].as_deref() != Some(sentence) {
                    match &trouble {
                        Trouble::Away(sentence) => tracing::warn!("{sentence}"),
                        Trouble::Refused(sentence) => tracing::error!("{sentence}"),
                    }
                    troubles[index] = Some(sentence.to_owned());
                }
                match trouble {
                    Trouble::Away(_) => Try::Failed,
                    Trouble::Refused(_) => Try::Refused,
                }
            }
        };
        tokio::time::sleep(pace.after(ended, chance())).await;
    }
}

/// From 0 to 1. Each hasher of the standard library is keyed at random, which is good enough to spread agents.
fn chance() -> f64 {
    f64::from(u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
