//! What is counted as it happens, for `/metrics`; every name is explained in `docs/metrics.md`, which a test compares with this.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use wallflower_domain::failure::Fault;
use wallflower_domain::record::Record;
use wallflower_domain::recording::State;

use super::notices::state_name;
use super::records::now_us;
use crate::launcher::Warm;

/// Upper bounds in seconds: from what a store in the same machine takes to what a client hardly waits for.
const BOUNDS_S: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// How an ended recording is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    state: String,
    fault: &'static str,
}

/// How an answered request is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Miss {
    reason: &'static str,
}

/// All of them; clones are the same ones.
#[derive(Clone)]
pub(crate) struct Meters {
    launches: Histogram,
    lost: Counter,
    warm_ready: Gauge,
    warm_used: Counter,
    warm_missed: Family<Miss, Counter>,
    ended: Family<End, Counter>,
    requests: Family<Request, Histogram, fn() -> Histogram>,
    operations: Family<Operation, Histogram, fn() -> Histogram>,
}

fn histogram() -> Histogram {
    Histogram::new(BOUNDS_S)
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            launches: histogram(),
            lost: Counter::default(),
            warm_ready: Gauge::default(),
            warm_used: Counter::default(),
            warm_missed: Family::default(),
            ended: Family::default(),
            requests: Family::new_with_constructor(histogram),
            operations: Family::new_with_constructor(histogram),
        }
    }
}

impl Meters {
    /// Makes them part of what is shown.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "From when a recording was due to when its first agent was launched";
        registry.register_with_unit("launch", help, Unit::Seconds, self.launches.clone());
        registry.register("agents_lost", "Agents that ended without a last word", self.lost.clone());
        let help = "Agents of this replica that wait for a recording";
        registry.register("warm_agents", help, self.warm_ready.clone());
        registry.register("warm_used", "Agents that waited and got a recording", self.warm_used.clone());
        let help = "Agents that were started for their recording although some are kept warm";
        registry.register("warm_missed", help, self.warm_missed.clone());
        registry.register("recordings_ended", "Recordings that have ended", self.ended.clone());
        let help = "From a request to the beginning of its answer";
        registry.register_with_unit("http_request", help, Unit::Seconds, self.requests.clone());
        registry.register_with_unit("store_operation", "What the store took", Unit::Seconds, self.operations.clone());
    }

    /// The first agent of a recording was launched.
    pub(crate) fn launched(&self, record: &Record) {
        let due_us = record.request.start_at.map_or(0, |at| at.unix_us()).max(record.created_us);
        let waited_us = u64::try_from(now_us() - due_us).unwrap_or(0);
        self.launches.observe(Duration::from_micros(waited_us).as_secs_f64());
    }

    /// An agent was lost.
    pub(crate) fn lost(&self) {
        self.lost.inc();
    }

    /// How it stands with agents that wait.
    pub(crate) fn warm(&self, warm: Warm) {
        let raise = |counter: &Counter, to: u64| {
            counter.inc_by(to.saturating_sub(counter.get()));
        };
        self.warm_ready.set(i64::try_from(warm.ready).unwrap_or(i64::MAX));
        raise(&self.warm_used, warm.used);
        for (reason, count) in [("none_ready", warm.missed), ("other_kind", warm.unfit)] {
            raise(&self.warm_missed.get_or_create(&Miss { reason }), count);
        }
    }

    /// A record was changed; counts when that ended it.
    pub(crate) fn changed(&self, before: State, after: &Record) {
        if before.is_terminal() || !after.state().is_terminal() {
            return;
        }
        let fault = after.recording.failure.as_ref().map_or("none", |failure| match failure.fault() {
            Fault::Request => "request",
            Fault::Room => "room",
            Fault::Destination => "destination",
            Fault::Platform => "platform",
        });
        self.ended.get_or_create(&End { state: state_name(after.state()), fault }).inc();
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let request = Request { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&request).observe(took.as_secs_f64());
    }

    /// The store has done something.
    pub(crate) fn stored(&self, operation: &'static str, took: Duration) {
        self.operations.get_or_create(&Operation { operation }).observe(took.as_secs_f64());
    }
}
