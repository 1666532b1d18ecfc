//! What the encoder produces, as it comes, to whoever sends it on live. Nobody who listens can hold it up: who is too slow misses
//! some, and is told so.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

use crate::fragment::Fragment;

/// Fragments that wait for a slow listener: 64 of half a second.
const WAITING: usize = 64;

/// Hands fragments to listeners, over all attempts of a recording.
#[derive(Clone)]
pub(crate) struct Tap {
    fragments: broadcast::Sender<Arc<Fragment>>,
    init: watch::Sender<Option<Bytes>>,
}

impl Tap {
    pub(crate) fn new() -> Self {
        Self { fragments: broadcast::Sender::new(WAITING), init: watch::Sender::new(None) }
    }

    /// An attempt has begun. All attempts have the same encoder options, so any of their init sections fits the fragments of all.
    pub(crate) fn begin(&self, init: Bytes) {
        self.init.send_replace(Some(init));
    }

    pub(crate) fn send(&self, fragment: &Arc<Fragment>) {
        // Nobody has to listen.
        let _ = self.fragments.send(fragment.clone());
    }

    pub(crate) fn listen(&self) -> Listener {
        Listener { fragments: self.fragments.subscribe(), init: self.init.subscribe(), synchronized: false }
    }
}

/// One listener's place in the stream. It begins with a segment, and again so after it has missed something.
pub(crate) struct Listener {
    fragments: broadcast::Receiver<Arc<Fragment>>,
    init: watch::Receiver<Option<Bytes>>,
    synchronized: bool,
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Fragment(Arc<Fragment>),
    /// Fragments came faster than they were taken; the next one begins a segment.
    Missed,
}

impl Listener {
    /// The init section, as soon as there is one. None when the recording has ended before. Cancel safe.
    pub(crate) async fn init(&mut self) -> Option<Bytes> {
        self.init.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// The next fragment; none when the recording has ended. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            match self.fragments.recv().await {
                Ok(fragment) if self.synchronized || fragment.starts_segment => {
                    self.synchronized = true;
                    return Some(Heard::Fragment(fragment));
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.synchronized = false;
                    return Some(Heard::Missed);
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
