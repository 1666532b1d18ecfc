//! How long a store is waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::trouble::Trouble;

/// Before each further try.
const BACKOFF: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// What is left of the patience with one upload. It is new again with everything that the store accepts.
pub(super) struct Patience {
    limit: Duration,
    state: Mutex<State>,
}

struct State {
    accepted: Instant,
    tries: usize,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, state: Mutex::new(State { accepted: Instant::now(), tries: 0 }) }
    }

    /// The store has accepted something.
    pub(super) fn renew(&self) {
        *self.lock() = State { accepted: Instant::now(), tries: 0 };
    }

    /// Waits for the next try; gives the trouble back when there is to be none. The last try is made when the limit is reached.
    pub(super) async fn wait(&self, trouble: Trouble) -> Result<(), Trouble> {
        let wait = {
            let mut state = self.lock();
            let left = self.limit.saturating_sub(state.accepted.elapsed());
            if left.is_zero() {
                return Err(trouble.after(self.limit));
            }
            let backoff = BACKOFF.get(state.tries).copied().unwrap_or(LAST_BACKOFF);
            state.tries += 1;
            backoff.min(left)
        };
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long one request may take: longer after each that was too slow, so that a slow line is found out and a silent server is not
/// waited for as if it were one.
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// 8 MiB, three at a time, in this time is 6.7 Mbit/s.
    const FIRST_S: u64 = 30;
    /// … and in this 0.4 Mbit/s.
    const LAST_S: u64 = 480;

    pub(super) fn new() -> Self {
        Self(AtomicU64::new(Self::FIRST_S))
    }

    pub(super) fn deadline(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    /// A request took longer than it was allowed to.
    pub(super) fn relax(&self, deadline: Duration) {
        self.0.fetch_max((deadline.as_secs() * 2).min(Self::LAST_S), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upload::trouble::What;
    use wallflower_domain::failure::{Failure, FailureKind};

    fn trouble() -> Trouble {
        Trouble::new(What::Passing, Failure::new(FailureKind::UploadFailed, "It can't be reached."))
    }

    #[tokio::test]
    async fn patience_ends_and_says_so() {
        let patience = Patience::new(Duration::from_millis(400));
        patience.wait(trouble()).await.expect("once more");
        let given_up = patience.wait(trouble()).await.expect_err("no more");
        assert!(given_up.failure.message.starts_with("It can't be reached."), "{}", given_up.failure.message);
        patience.renew();
        patience.wait(trouble()).await.expect("new patience");
    }

    #[test]
    fn deadlines_grow_up_to_a_bound_and_once_for_parts_that_went_together() {
        let pace = Pace::new();
        let first = pace.deadline();
        pace.relax(first);
        pace.relax(first);
        assert_eq!(pace.deadline(), first * 2);
        for _ in 0..10 {
            pace.relax(pace.deadline());
        }
        assert_eq!(pace.deadline(), Duration::from_secs(480));
    }
}
