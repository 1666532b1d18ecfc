//! Requests at a fixed rate, whatever the answers take: who waits for an answer before asking again measures only the good times.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

/// A request that takes longer was not answered.
const DEADLINE: Duration = Duration::from_secs(60);

/// An HTTP client with connections that are kept.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    key: Option<String>,
}

impl Default for Client {
    fn default() -> Self {
        // Only the first in a process counts.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(DEADLINE).tcp_nodelay(true).no_proxy().build();
        Self { http: http.expect("a client can be made"), key: None }
    }
}

impl Client {
    /// One with an API key.
    #[must_use]
    pub fn with_key(key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..Self::default() }
    }

    /// Status and body; none when there was no answer.
    pub async fn ask(
        &self,
        server: SocketAddr,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, format!("http://{server}{path}"));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }
}

/// How long each of many took.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Extend<Duration> for Latencies {
    fn extend<T: IntoIterator<Item = Duration>>(&mut self, more: T) {
        self.0.extend(more);
        self.0.sort_unstable();
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<T: IntoIterator<Item = Duration>>(all: T) -> Self {
        let mut latencies = Self::default();
        latencies.extend(all);
        latencies
    }
}

impl Latencies {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// So many of a hundred took no longer, in milliseconds; 0 of none.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of some thousands"
    )]
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        let found = self.0.get(rank.saturating_sub(1)).or(self.0.last());
        found.map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}

/// Does something at a fixed rate for a while: the work gets the moment at which it is due, from which whatever it measures counts.
/// Gives what came of each.
pub async fn arrivals<T, F>(rate: f64, time: Duration, work: impl Fn(u64, Instant) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for number in 0_u32.. {
        let after = Duration::from_secs_f64(f64::from(number) / rate);
        if after >= time {
            break;
        }
        let due = began + after;
        tokio::time::sleep_until(due.into()).await;
        under_way.spawn(work(u64::from(number), due));
    }
    under_way.join_all().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_rank() {
        let latencies: Latencies = (1..=200).rev().map(Duration::from_millis).collect();
        let of = |percent| latencies.percentile_ms(percent);
        assert_eq!((of(50.0), of(99.0), of(100.0)), (100.0, 198.0, 200.0));
        assert_eq!(Latencies::default().percentile_ms(99.0), 0.0);
    }

    #[tokio::test]
    async fn arrivals_do_not_wait_for_what_came_before() {
        let all_are_there = std::sync::Arc::new(tokio::sync::Barrier::new(10));
        let work = |number, _| {
            let all_are_there = all_are_there.clone();
            async move {
                all_are_there.wait().await;
                number
            }
        };
        let done = arrivals(1000.0, Duration::from_millis(10), work);
        let mut numbers = tokio::time::timeout(DEADLINE, done).await.expect("nobody waits for another");
        numbers.sort_unstable();
        assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    }
}
