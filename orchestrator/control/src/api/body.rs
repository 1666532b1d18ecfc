//! Bodies of requests: JSON, of which every mistake is named.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::openapi;
use super::problem::Problem;

/// A body, read.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + JsonSchema> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "The body must be JSON, with \"Content-Type: application/json\".";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        // A body that may be left out is one without fields.
        let text: &[u8] = if bytes.trim_ascii().is_empty() { b"{}" } else { &bytes };
        read(text).map(Self)
    }
}

/// None has a body, or it is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let is_empty = length.is_none_or(|length| length == "0") && !headers.contains_key(header::TRANSFER_ENCODING);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    is_empty || essence.eq_ignore_ascii_case("application/json")
}

fn unread(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body has more than 4 MiB.")
        }
        _ => Problem::bad_request("The body could not be read to its end."),
    }
}

fn read<T: DeserializeOwned + JsonSchema>(bytes: &[u8]) -> Result<T, Problem> {
    // The document would find that too, but say less.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(Problem::bad_request("The body is not valid: it must be a JSON object."));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let reason = error.inner().to_string();
        let field = field(error.path().to_string(), &reason);
        let problem = Problem::bad_request(format!("The body is not valid: {reason}."));
        match field {
            Some(field) => problem.about(field),
            None => problem,
        }
    })?;
    json.end().map_err(|error| Problem::bad_request(format!("The body is not valid: {error}.")))?;
    match serde_json::from_slice::<Value>(bytes).ok().and_then(|body| openapi::misfit::<T>(&body)) {
        Some(misfit) => Err(outside_of_the_document(misfit)),
        None => Ok(value),
    }
}

fn outside_of_the_document(openapi::Misfit { field, reason }: openapi::Misfit) -> Problem {
    let problem = Problem::bad_request(format!("The body is not valid: {reason}; see /openapi.json."));
    if field.is_empty() { problem } else { problem.about(field) }
}

/// The field that is meant: a field that is missing, or that there is none of, is named by the reason only.
fn field(path: String, reason: &str) -> Option<String> {
    let named = ["missing field `", "unknown field `"].iter().find_map(|start| reason.strip_prefix(start));
    let named = named.and_then(|rest| rest.split_once('`')).map(|(name, _)| name.to_owned());
    match (path.as_str(), named) {
        ("." | "?", named) => named,
        (whole, Some(name)) if whole != name && !whole.ends_with(&format!(".{name}")) => {
            Some(format!("{whole}.{name}"))
        }
        _ => Some(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::request::RecordingRequest;

    #[test]
    fn the_field_that_is_wrong_is_named() {
        for (body, named) in [
            (r#"{"room": "demo:a", "laoyut": "grid"}"#, Some("laoyut")),
            (r#"{}"#, Some("room")),
            (r#"{"room": "ftp://x"}"#, Some("room")),
            (r#"{"room": "demo:a", "layout": "circle"}"#, Some("layout")),
            (r#"{"room": "demo:a", "theme": {"tiles": {"gap": 49}}}"#, Some("theme.tiles.gap")),
            (r#"{"room": "demo:a", "theme": {"tiels": {}}}"#, Some("theme.tiels")),
            (r#"{"room": "demo:a", "theme": {"logo": {}}}"#, Some("theme.logo.image")),
            (r#"{"room": "demo:a", "webhooks": ["https://a.example", 1]}"#, Some("webhooks[1]")),
            (r#"{"room": "demo:a", "theme": [null, null]}"#, Some("theme")),
            (r#"{"room": "demo:a", "outputs": [["hls"]]}"#, Some("outputs[0]")),
            (r#"{"room": "demo:a""#, None),
            ("[]", None),
        ] {
            let problem = read::<RecordingRequest>(body.as_bytes()).expect_err(body);
            let problem = serde_json::to_value(&problem).expect("plain data");
            assert_eq!(problem["field"].as_str(), named, "{body}: {problem}");
        }
    }
}
