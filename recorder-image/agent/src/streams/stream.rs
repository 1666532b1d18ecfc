//! One stream's life: it is tried, it is live, it is lost, it is tried again, until it is to end.
//!
//! ```text
//! Connecting ──▶ Live ──▶ Waiting (0.5 … 30 s) ──▶ Connecting …        Ended
//!      └──────────────────▲                                              ▲ from anywhere, when it is to end
//! ```

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use wallflower_domain::wire::agent::StreamState;

use super::address::{Address, Way};
use super::feed::{Feed, ended};
use super::rtmp::{self, Trust};
use super::srt;
use super::status::{Backoff, Status, seconds_since};
use super::{Patience, Policy};
use crate::tap::Listener;

/// How often a live stream says how it goes.
const TELL: Duration = Duration::from_secs(1);

/// What a stream needs of the world.
pub(crate) struct Means {
    pub(crate) policy: Policy,
    pub(crate) patience: Patience,
    pub(crate) trust: Trust,
    pub(crate) srt: srt::Sender,
}

/// Lives until `end` is true. Never fails: what goes wrong is in its status.
pub(crate) async fn supervise(
    address: Address,
    listener: Listener,
    status: Status,
    mut end: watch::Receiver<bool>,
    means: std::sync::Arc<Means>,
) {
    let mut feed = Feed::new(listener, end.clone(), status.clone());
    let mut backoff = Backoff::new();
    let mut last = None;
    while let Some(init) = feed.init().await {
        status.is_now(StreamState::Connecting);
        let mut live_since = None;
        let result = tokio::select! {
            result = publish(&address, &means, &mut feed, &status, &init) => result,
            () = tell(&status, &mut live_since) => Ok(()),
            () = overdue(&mut end, means.patience.end) => {
                Err(format!("{} did not take the end of the stream in time.", address.server()))
            }
        };
        let trouble = result.err().map(|trouble| address.scrub(&trouble));
        if feed.is_over() {
            last = trouble;
            break;
        }
        let trouble = trouble.unwrap_or_else(|| "The stream ended by itself.".to_owned());
        tracing::info!(id = status.get().id, trouble, "a stream is tried again");
        let pause = backoff.after(seconds_since(live_since));
        status.waits(trouble);
        feed.idle(Instant::now() + Duration::from_secs_f64(pause)).await;
    }
    feed.discard();
    status.ended(last);
}

async fn publish(
    address: &Address,
    means: &Means,
    feed: &mut Feed,
    status: &Status,
    init: &Bytes,
) -> Result<(), String> {
    let Means { policy, patience, trust, srt } = means;
    match address.way() {
        Way::Rtmp { tls, place } => {
            rtmp::publish((address, *tls, place), (*policy, *patience, trust), feed, status, init).await
        }
        Way::Srt { options } => srt.publish((address, options), (*policy, *patience), feed, status, init).await,
    }
}

/// Says how it goes while it is live, and notes since when it is. Never resolves.
async fn tell(status: &Status, live_since: &mut Option<Instant>) {
    let mut ticks = interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if status.state() == StreamState::Live {
            live_since.get_or_insert_with(Instant::now);
            status.tell();
        }
    }
}

/// Resolves when a stream that is to end has had its time.
async fn overdue(end: &mut watch::Receiver<bool>, patience: Duration) {
    ended(end).await;
    tokio::time::sleep(patience).await;
}
