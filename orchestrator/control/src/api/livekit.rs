//! What LiveKit's webhooks say: a room has begun, so it may be one that is recorded by itself.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::Api;
use super::problem::Problem;
use crate::livekit::Credentials;

/// As much of LiveKit's event as counts here; it has more fields.
#[derive(Deserialize)]
struct Event {
    event: String,
    #[serde(default)]
    room: Option<EventRoom>,
}

#[derive(Deserialize)]
struct EventRoom {
    name: String,
    /// Unlike its name no other room has it, before or after.
    sid: String,
}

/// Takes an event that is signed by the keys of a deployment that the configuration names.
pub(crate) async fn hook(State(api): State<Api>, headers: HeaderMap, body: Bytes) -> Result<StatusCode, Problem> {
    let unsigned = || {
        let detail = "The event is not signed by the keys of a LiveKit deployment that [[livekit]] of this server's configuration names.";
        Problem::new(StatusCode::UNAUTHORIZED, "signature", detail)
    };
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(unsigned)?;
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let deployments = &api.orchestrator.config().livekit;
    let signer = deployments.iter().find(|deployment| {
        let credentials = Credentials { key: deployment.api_key.clone(), secret: deployment.api_secret.clone() };
        credentials.has_signed(token, &body)
    });
    let signer = signer.ok_or_else(unsigned)?;
    let event: Event = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("This is no event of LiveKit's ({error}).")))?;
    match event.room.filter(|_| event.event == "room_started") {
        Some(room) => {
            let begun = api.orchestrator.room_began(signer, &room.name, &room.sid).await?;
            Ok(if begun.is_some() { StatusCode::CREATED } else { StatusCode::NO_CONTENT })
        }
        None => Ok(StatusCode::NO_CONTENT),
    }
}
