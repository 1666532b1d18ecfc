//! How a store tells what has changed.
//!
//! A store that can't say what has changed (its connection was cut for too long, another process has written to its file) says that
//! instead. Receivers hear of it exactly as if they had been too slow.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::Changed;

/// Who is further behind has to look for itself.
const CAPACITY: usize = 4096;

/// Records as they change. `Lagged` means that some were missed: look at the store.
#[derive(Debug)]
pub struct Changes {
    news: broadcast::Receiver<News>,
}

#[derive(Clone, Debug)]
enum News {
    Changed(Changed),
    Lost,
}

impl Changes {
    /// The next change.
    ///
    /// # Errors
    ///
    /// `Lagged` when some were missed, `Closed` when the store is gone.
    pub async fn recv(&mut self) -> Result<Changed, RecvError> {
        match self.news.recv().await? {
            News::Changed(changed) => Ok(changed),
            News::Lost => Err(RecvError::Lagged(1)),
        }
    }

    /// The next change, if there is one already.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv) has them, and `Empty` when there is none.
    pub fn try_recv(&mut self) -> Result<Changed, TryRecvError> {
        match self.news.try_recv()? {
            News::Changed(changed) => Ok(changed),
            News::Lost => Err(TryRecvError::Lagged(1)),
        }
    }
}

/// The other end of all [`Changes`] of a store.
#[derive(Clone, Debug)]
pub struct Announcer {
    news: broadcast::Sender<News>,
}

impl Default for Announcer {
    fn default() -> Self {
        Self { news: broadcast::Sender::new(CAPACITY) }
    }
}

impl Announcer {
    /// All changes from now on.
    pub fn subscribe(&self) -> Changes {
        Changes { news: self.news.subscribe() }
    }

    /// Tells a change.
    pub fn changed(&self, changed: Changed) {
        // Nobody has to listen.
        let _ = self.news.send(News::Changed(changed));
    }

    /// Tells that there may have been changes which can't be told.
    pub fn lost(&self) {
        let _ = self.news.send(News::Lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_can_not_be_told_is_heard_as_lag() {
        let announcer = Announcer::default();
        let mut changes = announcer.subscribe();
        let changed = Changed { id: "a".into(), version: 2 };
        announcer.lost();
        announcer.changed(changed.clone());
        assert_eq!(changes.recv().await, Err(RecvError::Lagged(1)));
        assert_eq!(changes.recv().await, Ok(changed));
        assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
        drop(announcer);
        assert_eq!(changes.recv().await, Err(RecvError::Closed));
    }
}
