//! Tells a LiveKit room that it is recorded: by a data message on [`TOPIC`], for clients that are there, and in the room's metadata,
//! for those who come later. LiveKit itself says so too, because the silent participant joins as a recorder.

use std::time::Duration;

use serde_json::{Map, Value, json};
use wallflower_domain::failure::Failure;
use wallflower_domain::recording::State;
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::room::Room;
use wallflower_domain::wire::agent::AgentEvent;

use super::Orchestrator;
use crate::livekit::RoomService;

/// Topic of the data message, whose text is `{"recording": true, "id": "…"}`.
pub const TOPIC: &str = "wallflower.recording";
/// Before each try.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(10)];

impl Orchestrator {
    /// Tells the room of a recording what this event of its agent means for it, if its policy wants that. Does not wait.
    pub(crate) fn announce(&self, id: &str, event: &AgentEvent) {
        let recording = match event {
            AgentEvent::Started { .. } => true,
            AgentEvent::Stopping { .. } => false,
            _ => return,
        };
        let (orchestrator, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            for pause in PAUSES {
                tokio::time::sleep(pause).await;
                match orchestrator.announce_once(&id, recording).await {
                    Ok(()) => return,
                    Err(failure) => {
                        tracing::warn!(recording = %id, %failure, "the room can't be told of its recording")
                    }
                }
            }
        });
    }

    async fn announce_once(&self, id: &str, recording: bool) -> Result<(), Failure> {
        let Ok(record) = self.get(id).await else { return Ok(()) };
        // A try that comes late must not say what is over.
        if recording && (record.state().is_terminal() || matches!(record.state(), State::Stopping | State::Finalizing))
        {
            return Ok(());
        }
        let request: &RecordingRequest = &record.request;
        let Room::Livekit { server, room } = &request.room.room else { return Ok(()) };
        if !self.policies.of(&request.room.room).is_some_and(|policy| policy.announce) {
            return Ok(());
        }
        let credentials = self.planner.credentials(request, server)?;
        let service = RoomService::new(self.webhook_client.clone(), server, credentials);
        service.send(room, TOPIC, &json!({"recording": recording, "id": id})).await?;
        let Some(metadata) = service.metadata(room).await? else { return Ok(()) };
        match with_recording(&metadata, recording) {
            Some(metadata) => service.set_metadata(room, &metadata).await,
            // What is none of ours stays as it is.
            None => Ok(()),
        }
    }
}

/// The metadata with a field that says whether the room is recorded; none when they are no JSON object.
fn with_recording(metadata: &str, recording: bool) -> Option<String> {
    let mut fields: Map<String, Value> = match metadata.trim() {
        "" => Map::new(),
        text => serde_json::from_str(text).ok()?,
    };
    fields.insert("recording".to_owned(), Value::Bool(recording));
    Some(Value::Object(fields).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_keep_what_is_in_them() {
        for (before, recording, after) in [
            ("", true, Some(r#"{"recording":true}"#)),
            (r#"{"topic":"x","recording":true}"#, false, Some(r#"{"recording":false,"topic":"x"}"#)),
            ("a text", true, None),
            ("[1]", true, None),
        ] {
            let told = with_recording(before, recording);
            let same = |one: &str, other: &str| {
                serde_json::from_str::<Value>(one).expect("JSON") == serde_json::from_str::<Value>(other).expect("JSON")
            };
            assert!(told.as_deref().zip(after).is_none_or(|(one, other)| same(one, other)), "{before}: {told:?}");
            assert_eq!(told.is_some(), after.is_some(), "{before}");
        }
    }
}
