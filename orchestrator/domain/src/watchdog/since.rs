//! Since when something has been so.

use std::time::Duration;

/// Follows whether something is so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since(Option<Duration>);

impl Since {
    /// For how long it has been so; none when it is not.
    pub(super) fn follow(&mut self, is_so: bool, now: Duration) -> Option<Duration> {
        self.0 = is_so.then(|| self.0.unwrap_or(now));
        self.0.map(|since| now.saturating_sub(since))
    }
}

/// Follows when something last happened that ought to happen now and then, but for times in which it can't.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Last {
    excused_until: Duration,
}

impl Last {
    /// It is not to be expected now.
    pub(super) fn excuse(&mut self, now: Duration) {
        self.excused_until = now;
    }

    /// For how long it has not happened.
    pub(super) fn missed(&self, last: Duration, now: Duration) -> Duration {
        now.saturating_sub(last.max(self.excused_until))
    }
}
