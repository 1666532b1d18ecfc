//! The bounded queue between a room and one client's socket.
//!
//! A room never waits for a client: when a mailbox is full its client is slow, and is closed instead.

use std::future;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// What may wait for one client. The most a join brings, 50 long lines of chat and 31 offers, is less than half of this.
const CAPACITY_BYTES: u32 = 2 * 1024 * 1024;
/// What the shortest message counts, so that the number of messages is bounded too.
const MIN_COST_BYTES: u32 = 1024;

pub(super) fn mailbox() -> (Mailbox, Letters, Overflow) {
    // The semaphore bounds the channel.
    let (letters, queued) = mpsc::unbounded_channel();
    let (overflow, overflowed) = oneshot::channel();
    let space = Arc::new(Semaphore::new(CAPACITY_BYTES as usize));
    (Mailbox { letters, space, overflow }, Letters(queued), Overflow(overflowed))
}

/// A message with its share of the mailbox, given back when it is dropped: keep it until it is written.
pub(super) struct Letter {
    pub(super) text: Utf8Bytes,
    _share: OwnedSemaphorePermit,
}

/// The room's end. When it is dropped the client still gets what is queued, and then its socket is closed.
#[derive(Debug)]
pub(super) struct Mailbox {
    letters: mpsc::UnboundedSender<Letter>,
    space: Arc<Semaphore>,
    overflow: oneshot::Sender<()>,
}

/// There is no room for another message, or nobody to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Undeliverable;

impl Mailbox {
    pub(super) fn post(&self, text: Utf8Bytes) -> Result<(), Undeliverable> {
        let cost = u32::try_from(text.len()).map_err(|_| Undeliverable)?.max(MIN_COST_BYTES);
        let share = Arc::clone(&self.space).try_acquire_many_owned(cost).map_err(|_| Undeliverable)?;
        self.letters.send(Letter { text, _share: share }).map_err(|_| Undeliverable)
    }

    /// Has the socket closed at once, without what is still queued.
    pub(super) fn give_up(self) {
        // Nobody listens when the socket is already gone.
        let _ = self.overflow.send(());
    }
}

/// The socket's end.
#[derive(Debug)]
pub(super) struct Letters(mpsc::UnboundedReceiver<Letter>);

impl Letters {
    /// The next message; none when the room has let go of this client. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<Letter> {
        self.0.recv().await
    }
}

/// Tells the socket that its client is too slow to be kept.
#[derive(Debug)]
pub(super) struct Overflow(oneshot::Receiver<()>);

impl Overflow {
    pub(super) async fn happens(self) {
        if self.0.await.is_err() {
            future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_queued_is_still_delivered_when_the_room_lets_go() {
        let (mailbox, mut letters, _overflow) = mailbox();
        mailbox.post("one".into()).unwrap();
        mailbox.post("two".into()).unwrap();
        drop(mailbox);
        assert_eq!(letters.next().await.unwrap().text.as_str(), "one");
        assert_eq!(letters.next().await.unwrap().text.as_str(), "two");
        assert!(letters.next().await.is_none());
    }

    #[tokio::test]
    async fn a_mailbox_takes_no_more_than_its_capacity_until_something_is_written() {
        let (mailbox, mut letters, _overflow) = mailbox();
        let half = Utf8Bytes::from("x".repeat(CAPACITY_BYTES as usize / 2));
        mailbox.post(half.clone()).unwrap();
        mailbox.post(half.clone()).unwrap();
        assert_eq!(mailbox.post("one more".into()), Err(Undeliverable));
        drop(letters.next().await);
        mailbox.post(half).unwrap();
    }

    #[test]
    fn many_short_messages_fill_a_mailbox_as_well() {
        let (mailbox, _letters, _overflow) = mailbox();
        let taken = (0..1_000_000).take_while(|_| mailbox.post("x".into()).is_ok()).count();
        assert_eq!(taken, (CAPACITY_BYTES / MIN_COST_BYTES) as usize);
    }

    #[test]
    fn a_message_to_a_socket_that_is_gone_is_undeliverable() {
        let (mailbox, letters, _overflow) = mailbox();
        drop(letters);
        assert_eq!(mailbox.post("hello".into()), Err(Undeliverable));
    }
}
