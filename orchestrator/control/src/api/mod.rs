//! The orchestrator's HTTP API.
//!
//! ```text
//! POST   /v1/recordings                     GET /v1/recordings[?state=&room=&cursor=&limit=]
//! GET    /v1/recordings/{id}[?after_version=]      DELETE /v1/recordings/{id}
//! POST   /v1/recordings/{id}/stop|pause|resume|mute|unmute|markers|streams|layout
//! DELETE /v1/recordings/{id}/streams/{stream}
//! GET    /v1/recordings/{id}/events         server-sent events
//! GET    /v1/recordings/{id}/files/…        what was delivered, with ranges;  …/live/… is its HLS
//! GET    /v1/recordings/{id}/log[?offset=]  what its agents say beside their events, 64 KiB at once
//! POST   /v1/recordings/{id}/shares         links for people without a key; GET lists them, DELETE …/{share} takes one back
//! GET    /v1/webhooks/dead                  notices that nobody took
//! GET    /v1/audit[?recording=&cursor=&limit=]     who did what
//! GET    /s/{token}                         what is behind a link: [`shared`]
//! GET    /v1/agents/{id}/link               where agents connect
//! GET    /healthz  /readyz  /metrics  /openapi.json
//! ```
//!
//! Errors are problem documents: [`problem`].

mod audit;
mod auth;
mod body;
mod events;
mod files;
mod link;
mod livekit;
mod log;
mod metrics;
mod openapi;
mod path;
mod problem;
mod recordings;
mod shared;
mod shares;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

use crate::audit::Audit;
use crate::orchestrator::Orchestrator;

pub use auth::{Key, Keys, Scope};
pub use openapi::document;
use problem::Problem;

/// A request with images in its theme fits.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// What every handler has.
#[derive(Clone)]
pub struct Api {
    orchestrator: Orchestrator,
    keys: Keys,
    audit: Audit,
    /// Nobody needs a key as long as there is none.
    is_open: bool,
}

/// The API as a service. `is_open` lets everybody in as long as there is no key: for loopback only.
pub fn router(orchestrator: Orchestrator, keys: Keys, is_open: bool) -> Router {
    let config = orchestrator.config();
    let audit = Audit::in_folder(&config.data, config.audit.keep.duration());
    let api = Api { orchestrator, keys, audit, is_open };
    let recording = "/v1/recordings/{id}";
    let of = |rest: &str| format!("{recording}/{rest}");
    Router::new()
        .route("/v1/recordings", post(recordings::create).get(recordings::list))
        .route(recording, get(recordings::show).delete(recordings::remove))
        .route(&of("stop"), post(recordings::stop))
        .route(&of("pause"), post(recordings::pause))
        .route(&of("resume"), post(recordings::resume))
        .route(&of("mute"), post(recordings::mute))
        .route(&of("unmute"), post(recordings::unmute))
        .route(&of("markers"), post(recordings::mark))
        .route(&of("layout"), post(recordings::look))
        .route(&of("streams"), post(recordings::add_stream))
        .route(&of("streams/{stream}"), delete(recordings::remove_stream))
        .route(&of("events"), get(events::follow))
        .route(&of("log"), get(log::log))
        .route(&of("files/{*path}"), get(files::file))
        .route(&of("live/{*path}"), get(files::live))
        .route(&of("shares"), post(shares::create).get(shares::list))
        .route(&of("shares/{share}"), delete(shares::remove))
        .route("/v1/livekit/webhook", post(livekit::hook))
        .route("/v1/webhooks/dead", get(recordings::dead_notices))
        .route("/v1/audit", get(audit::list))
        .route("/s/{token}", get(shared::open))
        .route("/s/{token}/recording", get(shared::recording))
        .route("/s/{token}/files/{*path}", get(shared::file))
        .route("/s/assets/{*path}", get(shared::asset))
        .route("/v1/agents/{id}/link", get(link::connect))
        .route("/openapi.json", get(openapi::serve))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::metrics))
        .fallback(|| async { Problem::missing() })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This can't be done with what is here.")
        })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(api.clone(), audit::note))
        .route_layer(from_fn_with_state(api.clone(), metrics::measure))
        .with_state(api)
}

/// Whether requests can be answered: the store does, and all recordings were read once.
async fn ready(State(api): State<Api>) -> Result<&'static str, Problem> {
    api.orchestrator.store().get("0").await?;
    if api.orchestrator.counts().is_none() {
        let detail = "The recordings are being read; ask again in a moment.";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", detail));
    }
    Ok("ready\n")
}
