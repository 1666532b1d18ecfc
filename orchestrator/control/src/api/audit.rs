//! What is done by the API, noted in the [audit log](crate::audit), and shown.
//!
//! Noted is whatever changes something, whoever takes a file, and whoever follows a link; once it is answered, and before the answer is
//! sent. Not noted are requests of somebody who is not known: they have done nothing.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, MatchedPath, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wallflower_domain::request::Moment;

use super::Api;
use super::auth::{Caller, Key, Scope, bearer};
use super::problem::Problem;
use super::recordings::asked;
use crate::audit::{Cursor, Entry};
use crate::orchestrator::now_us;

const USUAL_PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;
/// Of what a client says about itself.
const LONGEST_SAID: usize = 200;

/// By which link something was answered; on the answer.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) recording: String,
    pub(super) share: String,
}

/// Notes what passes.
pub(super) async fn note(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut entry = matters(&parts).then(|| begun(&api, &parts));
    let response = next.run(Request::from_parts(parts, body)).await;
    let Some(entry) = entry.as_mut() else { return response };
    let is_unknown = matches!(response.status(), StatusCode::UNAUTHORIZED);
    let followed = response.extensions().get::<Followed>();
    if is_unknown || (entry.action.contains("/s/") && followed.is_none()) {
        return response;
    }
    if let Some(Followed { recording, share }) = followed {
        (entry.recording, entry.share) = (Some(recording.clone()), Some(share.clone()));
    }
    if entry.recording.is_none() {
        entry.recording = made(&response);
    }
    entry.at = Moment::from_unix_us(now_us());
    entry.status = response.status().as_u16();
    let (audit, entry) = (api.audit.clone(), entry.clone());
    let written = tokio::task::spawn_blocking(move || audit.add(&entry)).await.map_err(std::io::Error::from);
    if let Err(error) = written.and_then(|written| written) {
        tracing::error!(%error, "the audit log can't be written");
    }
    response
}

/// Whether it is one to be noted. Of a file that is taken in pieces, the first is.
fn matters(parts: &Parts) -> bool {
    let Some(path) = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str) else { return false };
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return true;
    }
    let range = parts.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let is_first = range.is_none_or(|range| range.trim().starts_with("bytes=0-"));
    parts.method == Method::GET && is_first && matches!(path, "/v1/recordings/{id}/files/{*path}" | "/s/{token}")
}

fn begun(api: &Api, parts: &Parts) -> Entry {
    let matched = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let key: Option<Key> = bearer(parts).and_then(|token| api.keys.find(token).ok().flatten());
    let from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(from)| from.ip().to_string());
    let forwarded_for = parts.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    Entry {
        at: Moment::from_unix_us(0),
        name: key.as_ref().map(|key| key.name.clone()),
        key: key.map(|key| key.id),
        share: None,
        action: format!("{} {}", parts.method, matched.replace("{*", "{")),
        recording: named(matched, parts.uri.path()),
        from,
        forwarded_for: forwarded_for.map(|text| text.chars().take(LONGEST_SAID).collect()),
        status: 0,
    }
}

/// What stands in a path where the pattern has the id.
fn named(pattern: &str, path: &str) -> Option<String> {
    let at = pattern.split('/').position(|part| part == "{id}")?;
    path.split('/').nth(at).map(|id| id.chars().take(LONGEST_SAID).collect())
}

/// The recording that was made.
fn made(response: &Response) -> Option<String> {
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    location.strip_prefix("/v1/recordings/")?.split('/').next().map(str::to_owned)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auditing {
    /// Only what was done to this recording.
    #[schemars(extend("type" = "string"))]
    recording: Option<String>,
    /// Where the page begins: `next_cursor` of the page before it.
    #[schemars(extend("type" = "string", "pattern" = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\.[0-9]{1,15}$"))]
    cursor: Option<String>,
    /// Most entries of the page; 50 when absent.
    #[schemars(extend("type" = "integer", "minimum" = 1, "maximum" = LARGEST_PAGE))]
    limit: Option<usize>,
}

/// A part of the audit log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AuditPage {
    /// Newest first. There may be fewer than were asked for, or none, and more on the next page.
    entries: Vec<Entry>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    query: Result<Query<Auditing>, QueryRejection>,
) -> Result<Response, Problem> {
    caller.may(Scope::Admin)?;
    let Auditing { recording, cursor, limit } = asked(query)?;
    let limit = limit.unwrap_or(USUAL_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!("A page has 1 to {LARGEST_PAGE} entries.")).about("limit"));
    }
    let cursor: Option<Cursor> = cursor
        .map(|cursor| cursor.parse())
        .transpose()
        .map_err(|()| Problem::bad_request("This is no cursor of ours.").about("cursor"))?;
    let audit = api.audit.clone();
    let page = tokio::task::spawn_blocking(move || audit.page(cursor.as_ref(), recording.as_deref(), limit)).await;
    let page = page.map_err(std::io::Error::from).and_then(|page| page).map_err(|error| {
        tracing::error!(%error, "the audit log can't be read");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "audit", "The server can't read its audit log.")
    })?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(Json(AuditPage { entries: page.entries, next_cursor }).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_named_by_the_path_where_its_pattern_says_so() {
        assert_eq!(named("/v1/recordings/{id}/stop", "/v1/recordings/0192/stop").as_deref(), Some("0192"));
        assert_eq!(named("/v1/recordings", "/v1/recordings"), None);
        assert_eq!(named("/s/{token}", "/s/abc"), None);
    }
}
