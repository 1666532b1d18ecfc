//! What Prometheus reads. `docs/metrics.md` says what each name means.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::extract::path::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tracing::Instrument as _;
use wallflower_domain::recording::State as Life;

use super::Api;
use super::auth::{Caller, Scope};
use super::problem::Problem;
use super::recordings::is_id;
use crate::metrics::CONTENT_TYPE;
use crate::orchestrator::Meters;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    state: String,
}

/// Measures requests by their routes, and says in the log what is done for which.
pub(crate) async fn measure(
    State(api): State<Api>,
    path: MatchedPath,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let (began, method) = (Instant::now(), request.method().clone());
    // Not the path as it is: there may be a secret in it.
    let recording = params.as_ref().ok().and_then(|params| params.iter().find(|(name, _)| *name == "id"));
    let recording = recording.map(|(_, id)| id).filter(|id| is_id(id));
    let span = tracing::info_span!("request", %method, route = path.as_str(), recording);
    let answer = next.run(request).instrument(span).await;
    api.orchestrator.meters().answered(method.as_str(), path.as_str(), answer.status().as_u16(), began.elapsed());
    answer
}

pub(crate) async fn metrics(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let Some(counts) = api.orchestrator.counts() else {
        let detail = "This server has just started and has not read its recordings yet; ask again in a moment.";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", detail));
    };
    let text = text(&counts, api.orchestrator.connected(), api.orchestrator.meters());
    let text = text.map_err(|_| {
        let detail = "What is measured can't be written down.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "metrics", detail)
    })?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

fn text(counts: &BTreeMap<Life, usize>, connected: usize, meters: &Meters) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("wallflower");
    let recordings = Family::<Labels, Gauge>::default();
    registry.register("recordings", "Recordings that have not ended", recordings.clone());
    for (state, count) in counts {
        let state = serde_json::to_value(state).ok().and_then(|name| name.as_str().map(str::to_owned));
        let gauge = recordings.get_or_create(&Labels { state: state.unwrap_or_default() });
        gauge.set(i64::try_from(*count).unwrap_or(i64::MAX));
    }
    let agents = Gauge::<i64>::default();
    agents.set(i64::try_from(connected).unwrap_or(i64::MAX));
    registry.register("agents_connected", "Agents that are connected to this replica", agents);
    meters.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use wallflower_domain::record::Record;
    use wallflower_domain::recording::{Event, apply};

    use super::*;

    fn names(text: &str, before: &str) -> BTreeSet<String> {
        let of_line = |line: &str| line.strip_prefix(before)?.split([' ', '{', '`']).next().map(str::to_owned);
        text.lines().filter_map(of_line).collect()
    }

    #[test]
    fn every_name_is_documented_and_nothing_else() {
        let request = serde_json::from_value(serde_json::json!({"room": "demo:a"})).expect("valid");
        let mut ended = Record::new("r", request, None, 0);
        apply(&mut ended.recording, Event::StopRequested);
        let meters = Meters::default();
        meters.answered("GET", "/healthz", 200, Duration::from_millis(3));
        meters.stored("get", Duration::from_millis(3));
        meters.changed(Life::Queued, &ended);
        meters.warm(crate::launcher::Warm::default());
        let text = text(&BTreeMap::from([(Life::Recording, 3)]), 3, &meters).expect("it can be written");
        assert!(text.contains("wallflower_recordings_ended_total{state=\"aborted\",fault=\"none\"} 1"), "{text}");
        let document = include_str!("../../../../docs/metrics.md");
        let (_, chapter) = document.split_once("## `wallflower serve`").expect("a chapter");
        let (chapter, _) = chapter.split_once("\n## ").expect("another chapter");
        assert_eq!(names(&text, "# TYPE "), names(chapter, "| `"));
    }
}
