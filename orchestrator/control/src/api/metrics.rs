//! What Prometheus reads.
//!
//! | name | what |
//! | --- | --- |
//! | `wallflower_recordings{state}` | recordings that have not ended, by state |
//! | `wallflower_agents_connected` | agents that are connected to this replica |

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use wallflower_domain::record::Query;
use wallflower_domain::recording::State as Life;

use super::Api;
use super::auth::{Caller, Scope};
use super::problem::Problem;

/// More are not counted.
const COUNTED: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    state: String,
}

pub(crate) async fn metrics(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let unfinished = api.orchestrator.list(&Query::unfinished(COUNTED)).await?;
    let mut counts: BTreeMap<Life, i64> =
        Life::ALL.into_iter().filter(|state| !state.is_terminal()).map(|state| (state, 0)).collect();
    for record in unfinished {
        *counts.entry(record.state()).or_default() += 1;
    }
    let mut registry = Registry::with_prefix("wallflower");
    let recordings = Family::<Labels, Gauge>::default();
    registry.register("recordings", "Recordings that have not ended", recordings.clone());
    for (state, count) in counts {
        let state = serde_json::to_value(state).ok().and_then(|name| name.as_str().map(str::to_owned));
        recordings.get_or_create(&Labels { state: state.unwrap_or_default() }).set(count);
    }
    let agents = Gauge::<i64>::default();
    agents.set(i64::try_from(api.orchestrator.connected()).unwrap_or(i64::MAX));
    registry.register("agents_connected", "Agents that are connected to this replica", agents);
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        return Err(Problem::missing());
    }
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}
