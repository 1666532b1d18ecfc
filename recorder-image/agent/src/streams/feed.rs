//! What one stream is to send next.
//!
//! ```text
//! Tap ──▶ Listener ──▶ Feed: at most 8 s wait ──▶ connection
//!                        └ too slow: the oldest segment goes   └ none: all goes
//! ```
//!
//! A connection that can't keep up loses whole segments now and then, and stays a few seconds behind. What was not sent is counted.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::status::Status;
use crate::fragment::Fragment;
use crate::tap::{Heard, Listener};

/// Seconds of media that may wait for a slow connection. More than a stall may last, so that one that passes costs nothing.
const WAITING_S: f64 = 8.0;

/// A stream's place in the tap. All of its futures are cancel safe.
pub(crate) struct Feed {
    listener: Listener,
    /// True when the stream is to end.
    end: watch::Receiver<bool>,
    waiting: VecDeque<Arc<Fragment>>,
    waiting_s: f64,
    /// Seconds that were given and are not known to be sent.
    given_s: f64,
    /// What was taken last goes before what comes next.
    joined: bool,
    /// Media time until which all was heard; none before anything was.
    heard_s: Option<f64>,
    lagged: bool,
    over: bool,
    status: Status,
}

impl Feed {
    pub(crate) fn new(listener: Listener, end: watch::Receiver<bool>, status: Status) -> Self {
        Self {
            listener,
            end,
            waiting: VecDeque::new(),
            waiting_s: 0.0,
            given_s: 0.0,
            joined: false,
            heard_s: None,
            lagged: false,
            over: false,
            status,
        }
    }

    /// The init section, as soon as there is one; none when the stream ends before.
    pub(crate) async fn init(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            () = ended(&mut self.end) => None,
            init = self.listener.init() => init,
        }
    }

    /// The next fragment; none when the stream ends and all that was captured until then was given. What is not said to be sent
    /// ([`Feed::sent`]) before the connection ends counts as missed.
    pub(crate) async fn next(&mut self) -> Option<Arc<Fragment>> {
        loop {
            let ends = *self.end.borrow();
            self.hear();
            self.over |= ends;
            if let Some(fragment) = self.pop() {
                self.given_s += length_s(&fragment);
                return Some(fragment);
            }
            if self.over {
                return None;
            }
            tokio::select! {
                heard = self.listener.next() => self.take(heard),
                () = ended(&mut self.end) => {}
            }
        }
    }

    /// A connection begins: with the next segment, and nothing from before.
    pub(crate) fn begin(&mut self) {
        self.hear();
        self.discard();
    }

    /// There is no connection until `until`, or until the stream ends: what comes is missed.
    pub(crate) async fn idle(&mut self, until: Instant) {
        loop {
            self.begin();
            if self.over {
                return;
            }
            tokio::select! {
                biased;
                () = ended(&mut self.end) => {
                    self.over = true;
                }
                heard = self.listener.next() => self.take(heard),
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }

    /// All that was given was sent, in so many bytes.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.status.sent(std::mem::take(&mut self.given_s), bytes);
    }

    /// Something was given that is not known to be sent.
    pub(crate) fn owes(&self) -> bool {
        self.given_s > 0.0
    }

    /// Resolves when the stream is to end: for whoever has nothing yet that should be finished before.
    pub(crate) fn end(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut end = self.end.clone();
        async move { ended(&mut end).await }
    }

    /// Nothing more will be asked of it.
    pub(crate) fn is_over(&self) -> bool {
        self.over || *self.end.borrow()
    }

    /// Takes all that is there already.
    fn hear(&mut self) {
        while !self.over
            && let Some(heard) = self.listener.next().now_or_never()
        {
            self.take(heard);
        }
    }

    fn take(&mut self, heard: Option<Heard>) {
        match heard {
            Some(Heard::Fragment(fragment)) => self.enqueue(fragment),
            // How long they were is known when the next one is there.
            Some(Heard::Missed) => self.lagged = true,
            None => self.over = true,
        }
    }

    fn enqueue(&mut self, fragment: Arc<Fragment>) {
        if std::mem::take(&mut self.lagged) {
            self.joined = false;
            self.status.missed(fragment.start_s() - self.heard_s.unwrap_or(fragment.start_s()));
        }
        self.heard_s = Some(fragment.end_s());
        if !self.joined && !fragment.starts_segment {
            self.status.missed(length_s(&fragment));
            return;
        }
        self.joined = true;
        self.waiting_s += length_s(&fragment);
        self.waiting.push_back(fragment);
        while self.waiting_s > WAITING_S {
            self.drop_segment();
        }
    }

    /// The oldest goes, and what can't be shown without it.
    fn drop_segment(&mut self) {
        loop {
            let Some(fragment) = self.pop() else { break };
            self.status.missed(length_s(&fragment));
            if self.waiting.front().is_some_and(|next| next.starts_segment) {
                return;
            }
        }
        self.joined = false;
    }

    /// What waits, and what is not known to be sent, will not be.
    pub(crate) fn discard(&mut self) {
        self.status.missed(std::mem::take(&mut self.given_s));
        while let Some(fragment) = self.pop() {
            self.status.missed(length_s(&fragment));
        }
        self.joined = false;
    }

    fn pop(&mut self) -> Option<Arc<Fragment>> {
        let fragment = self.waiting.pop_front()?;
        self.waiting_s = if self.waiting.is_empty() { 0.0 } else { self.waiting_s - length_s(&fragment) };
        Some(fragment)
    }
}

fn length_s(fragment: &Fragment) -> f64 {
    fragment.end_s() - fragment.start_s()
}

/// Resolves when the stream is to end, or when nobody is left who could say so.
pub(crate) async fn ended(end: &mut watch::Receiver<bool>) {
    let _ = end.wait_for(|end| *end).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fragment::Run;
    use crate::report::Report;
    use crate::tap::Tap;
    use std::time::Duration;
    use tokio::sync::mpsc;

    /// The fragment with this number: half a second, four of them a segment.
    fn fragment(number: u32) -> Arc<Fragment> {
        let run = Run { start_s: f64::from(number) / 2.0, length_s: 0.5, sizes: vec![1] };
        Arc::new(Fragment {
            bytes: Bytes::new(),
            starts_segment: number.is_multiple_of(4),
            picture: Some(run),
            sound: None,
        })
    }

    struct Bench {
        tap: Tap,
        feed: Feed,
        status: Status,
        end: watch::Sender<bool>,
        _events: mpsc::UnboundedReceiver<wallflower_domain::wire::agent::AgentEvent>,
    }

    impl Bench {
        fn new() -> Self {
            let (events, kept) = mpsc::unbounded_channel();
            let status = Status::new("s1", String::new(), Report::new(events));
            let (tap, (end, ends)) = (Tap::new(), watch::channel(false));
            let feed = Feed::new(tap.listen(), ends, status.clone());
            Self { tap, feed, status, end, _events: kept }
        }

        fn send(&self, numbers: std::ops::Range<u32>) {
            numbers.for_each(|number| self.tap.send(&fragment(number)));
        }

        /// Numbers of what is there to be sent.
        fn sent(&mut self) -> Vec<u32> {
            let mut numbers = Vec::new();
            while let Some(Some(fragment)) = self.feed.next().now_or_never() {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
                numbers.push((fragment.start_s() * 2.0) as u32);
                self.feed.sent(1);
            }
            numbers
        }

        fn missed(&self) -> f64 {
            self.status.get().missed_s
        }
    }

    #[tokio::test]
    async fn it_begins_with_a_segment_and_nothing_before_it_counts_as_missed() {
        let mut bench = Bench::new();
        bench.send(2..9);
        assert_eq!(bench.sent(), [4, 5, 6, 7, 8]);
        assert_eq!(bench.missed(), 0.0);
    }

    #[tokio::test]
    async fn a_slow_connection_loses_its_oldest_segments_and_no_more() {
        let mut bench = Bench::new();
        bench.send(0..2);
        assert_eq!(bench.sent(), [0, 1]);
        bench.send(2..24);
        // Of 11 s, at most 8 may wait: the rest of segment 0 goes, and segments 1.
        assert_eq!(bench.sent(), (8..24).collect::<Vec<_>>());
        assert_eq!(bench.missed(), 3.0);
    }

    #[tokio::test]
    async fn a_stream_that_was_away_goes_on_at_the_next_segment() {
        let mut bench = Bench::new();
        bench.send(0..2);
        assert_eq!(bench.sent(), [0, 1]);
        bench.send(2..6);
        bench.feed.idle(Instant::now() + Duration::from_millis(1)).await;
        bench.send(6..7);
        bench.feed.begin();
        bench.send(7..10);
        assert_eq!(bench.sent(), [8, 9]);
        assert_eq!(bench.missed(), 3.0);
    }

    #[tokio::test]
    async fn what_was_given_and_not_sent_is_missed() {
        let mut bench = Bench::new();
        bench.send(0..3);
        assert!(bench.feed.next().await.is_some());
        bench.feed.sent(10);
        assert!(!bench.feed.owes() && bench.feed.next().await.is_some() && bench.feed.owes());
        bench.feed.discard();
        let report = bench.status.get();
        assert_eq!((report.sent_s, report.bytes, report.missed_s), (0.5, 10, 1.0));
    }

    #[tokio::test]
    async fn what_the_tap_could_not_keep_is_counted_too() {
        let mut bench = Bench::new();
        bench.send(0..1);
        assert_eq!(bench.sent(), [0]);
        bench.send(1..200);
        let sent = bench.sent();
        assert_eq!((sent.len(), sent.last()), (16, Some(&199)));
        assert_eq!(sent[0] % 4, 0);
        assert_eq!(bench.missed(), f64::from(199 - 16) / 2.0);
    }

    #[tokio::test]
    async fn an_end_comes_after_what_was_captured_until_then() {
        let mut bench = Bench::new();
        bench.send(0..3);
        bench.end.send_replace(true);
        let mut numbers = Vec::new();
        while let Some(fragment) = bench.feed.next().await {
            numbers.push(fragment.start_s());
        }
        assert_eq!(numbers, [0.0, 0.5, 1.0]);
        assert!(bench.feed.is_over());
        bench.send(3..4);
        assert!(bench.feed.next().await.is_none());
    }

    #[tokio::test]
    async fn an_end_interrupts_every_wait() {
        let mut bench = Bench::new();
        bench.end.send_replace(true);
        assert!(bench.feed.init().await.is_none());
        bench.feed.idle(Instant::now() + Duration::from_secs(3600)).await;
        assert!(bench.feed.next().await.is_none());
    }
}
