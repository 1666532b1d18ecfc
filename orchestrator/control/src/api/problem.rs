//! Errors as RFC 9457 has them: `application/problem+json`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use wallflower_domain::failure::{Failure, Fault};

use crate::orchestrator::Denied;
use crate::store::StoreError;

/// An answer that says what is wrong, whose fault it is, and what to do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem: `urn:wallflower:problem:…`.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What happened, whose fault it is, and what to do.
    detail: String,
    /// Which part of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Whose fault it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
}

impl Problem {
    /// A problem of this status. Its type is a name of ours, not an address.
    pub(crate) fn new(status: StatusCode, name: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:wallflower:problem:{name}"),
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            fault: None,
        }
    }

    /// The same about a part of the request.
    pub(crate) fn about(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(crate) fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let detail = denied.to_string();
        match denied {
            Denied::Missing => Self::new(StatusCode::NOT_FOUND, "no-such-recording", detail),
            Denied::Refused(failure) => failure.into(),
            Denied::Unfit(field, failure) => Self::from(failure).about(field),
            Denied::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "policy", detail),
            Denied::Conflict(_) => Self::new(StatusCode::CONFLICT, "conflict", detail),
            Denied::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail),
            Denied::Store(error) => error.into(),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let (status, name) = match failure.fault() {
            Fault::Request => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
            Fault::Room => (StatusCode::BAD_GATEWAY, "room"),
            Fault::Destination => (StatusCode::BAD_GATEWAY, "destination"),
            Fault::Platform => (StatusCode::SERVICE_UNAVAILABLE, "platform"),
        };
        Self { fault: Some(failure.fault()), ..Self::new(status, name, failure.message) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request could not be answered");
        let detail = "The server's store does not answer; try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store", detail)
    }
}
