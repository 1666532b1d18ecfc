//! What a recording's agents say beside their events: for whoever looks for the reason of something.
//!
//! Plain text, at most 64 KiB at once: the end of it, or what begins at `offset`. `Wallflower-Next-Offset` says where to read on.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Api;
use super::auth::{Caller, Scope};
use super::path::Path;
use super::problem::Problem;
use super::recordings::{asked, found};

/// Where the next part of a log begins.
const NEXT_OFFSET: &str = "wallflower-next-offset";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    /// The byte to begin at.
    #[schemars(extend("type" = "integer"))]
    offset: Option<u64>,
}

pub(crate) async fn log(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<Query<Reading>, QueryRejection>,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let record = found(&api, &caller, &id).await?;
    let part = api.orchestrator.log(record.id(), asked(query)?.offset).await?.ok_or_else(|| {
        let detail = "This server keeps no logs of its agents; look where they run.";
        Problem::new(StatusCode::NOT_FOUND, "no-log", detail)
    })?;
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/plain; charset=utf-8".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS.as_str(), "nosniff".to_owned()),
        (NEXT_OFFSET, part.next.to_string()),
    ];
    Ok((headers, part.bytes).into_response())
}
