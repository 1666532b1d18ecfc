//! How a stream goes, as everybody else may know it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use wallflower_domain::wire::agent::{AgentEvent, StreamReport, StreamState};

use crate::report::Report;

/// A stream's [`StreamReport`]: kept by whoever streams, read by whoever asks, told to the launcher when its state changes.
#[derive(Clone)]
pub(crate) struct Status {
    now: Arc<watch::Sender<StreamReport>>,
    report: Report,
}

impl Status {
    pub(crate) fn new(id: &str, address: String, report: Report) -> Self {
        let first = StreamReport {
            id: id.to_owned(),
            address,
            state: StreamState::Connecting,
            sent_s: 0.0,
            bytes: 0,
            missed_s: 0.0,
            retries: 0,
            trouble: None,
        };
        let status = Self { now: Arc::new(watch::Sender::new(first)), report };
        status.tell();
        status
    }

    pub(crate) fn get(&self) -> StreamReport {
        self.now.borrow().clone()
    }

    pub(crate) fn state(&self) -> StreamState {
        self.now.borrow().state
    }

    /// Says how it is now.
    pub(crate) fn tell(&self) {
        self.report.send(AgentEvent::Stream { stream: self.get() });
    }

    pub(crate) fn is_now(&self, state: StreamState) {
        if self.state() != state {
            self.now.send_modify(|now| now.state = state);
            self.tell();
        }
    }

    /// The connection was lost or refused, and is tried again.
    pub(crate) fn waits(&self, trouble: String) {
        self.now.send_modify(|now| {
            now.state = StreamState::Waiting;
            now.retries = now.retries.saturating_add(1);
            now.trouble = Some(trouble);
        });
        self.tell();
    }

    /// It has ended, perhaps not as it should have.
    pub(crate) fn ended(&self, trouble: Option<String>) {
        self.now.send_modify(|now| {
            now.state = StreamState::Ended;
            now.trouble = trouble.or(now.trouble.take());
        });
        self.tell();
    }

    pub(crate) fn sent(&self, seconds: f64, bytes: u64) {
        self.now.send_modify(|now| {
            now.sent_s += seconds;
            now.bytes += bytes;
        });
    }

    pub(crate) fn missed(&self, seconds: f64) {
        if seconds > 0.0 {
            self.now.send_modify(|now| now.missed_s += seconds);
        }
    }

    /// Resolves when it has come to this state, with how it was then.
    pub(crate) async fn reaches(&self, state: StreamState) -> StreamReport {
        // We hold the sender, so waiting can't fail.
        let mut now = self.now.subscribe();
        now.wait_for(|now| now.state == state).await.map_or_else(|_| self.get(), |now| now.clone())
    }
}

/// How long to wait before the next try.
#[derive(Debug)]
pub(crate) struct Backoff {
    next_s: f64,
}

impl Backoff {
    const FIRST_S: f64 = 0.5;
    const LONGEST_S: f64 = 30.0;
    /// Small, so that after an outage of 20 s the next try comes within 5 s.
    const GROWTH: f64 = 1.5;
    /// Who was live for so long begins anew.
    const PROVEN_S: f64 = 10.0;

    pub(crate) fn new() -> Self {
        Self { next_s: Self::FIRST_S }
    }

    /// A try has failed that was live for so long, in seconds.
    pub(crate) fn after(&mut self, live_s: f64) -> f64 {
        if live_s >= Self::PROVEN_S {
            self.next_s = Self::FIRST_S;
        }
        let pause = self.next_s;
        self.next_s = (pause * Self::GROWTH).min(Self::LONGEST_S);
        pause
    }
}

/// For how long something has been going on.
pub(crate) fn seconds_since(moment: Option<Instant>) -> f64 {
    moment.map_or(0.0, |moment| moment.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_half_a_second_to_thirty() {
        let mut backoff = Backoff::new();
        let pauses: Vec<f64> = (0..14).map(|_| backoff.after(0.0)).collect();
        assert!((pauses[0] - 0.5).abs() < 1e-9 && (pauses[13] - 30.0).abs() < 1e-9, "{pauses:?}");
        assert!(pauses.is_sorted());
    }

    #[test]
    fn a_try_follows_an_outage_of_twenty_seconds_within_five() {
        let mut backoff = Backoff::new();
        let mut at = 0.0;
        while at < 20.0 {
            at += backoff.after(0.0);
        }
        assert!(at <= 25.0, "{at}");
    }

    #[test]
    fn who_was_live_for_a_while_is_tried_again_at_once() {
        let mut backoff = Backoff::new();
        (0..10).for_each(|_| {
            backoff.after(1.0);
        });
        assert!(backoff.after(1.0) > 10.0);
        assert!((backoff.after(10.0) - 0.5).abs() < 1e-9);
    }
}
