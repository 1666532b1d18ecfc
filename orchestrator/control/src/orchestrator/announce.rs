//! Tells a LiveKit room that it is recorded: by a data message on [`TOPIC`], for clients that are there, and in the room's metadata,
//! for those who come later. LiveKit itself says so too, because the silent participant joins as a recorder.
//!
//! Told is what becomes of the record, by whoever has stored that: so a room hears of every beginning and of every end, also of one of
//! which the agent could say nothing any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wallflower_domain::failure::Failure;
use wallflower_domain::record::Record;
use wallflower_domain::recording::State;
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::room::Room;

use super::plan::Planner;
use super::policies::Policies;
use crate::livekit::RoomService;
use crate::store::Store;

/// Topic of the data message, whose text is `{"recording": true, "id": "…"}`.
pub const TOPIC: &str = "wallflower.recording";
/// Before each try.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(10)];
/// What has not been told so long after the orchestrator was asked to end stays untold.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Tells rooms. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Teller {
    store: Arc<dyn Store>,
    planner: Arc<Planner>,
    policies: Policies,
    client: reqwest::Client,
    telling: Arc<Mutex<JoinSet<()>>>,
    is_leaving: Arc<watch::Sender<bool>>,
}

impl Teller {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        planner: Arc<Planner>,
        policies: Policies,
        client: reqwest::Client,
    ) -> Self {
        let is_leaving = Arc::new(watch::Sender::new(false));
        Self { store, planner, policies, client, telling: Arc::default(), is_leaving }
    }

    /// A record was changed: tells its room what that means for it, if its policy wants that. Does not wait.
    pub(crate) fn changed(&self, before: State, after: &Record) {
        let Room::Livekit { .. } = &after.request.room.room else { return };
        let recording = match (before.is_under_way(), after.state().is_under_way()) {
            (false, true) => true,
            (true, false) => false,
            _ => return,
        };
        let (teller, id) = (self.clone(), after.id().to_owned());
        let mut telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        while telling.try_join_next().is_some() {}
        telling.spawn(async move { teller.tell(&id, recording).await });
    }

    async fn tell(&self, id: &str, recording: bool) {
        let mut leaving = self.is_leaving.subscribe();
        for pause in PAUSES {
            // Who leaves tries once more, at once.
            let leaves = timeout(pause, leaving.wait_for(|leaves| *leaves)).await.is_ok();
            match self.tell_once(id, recording).await {
                Ok(()) => return,
                Err(failure) => tracing::warn!(recording = %id, %failure, "the room can't be told of its recording"),
            }
            if leaves {
                return;
            }
        }
    }

    async fn tell_once(&self, id: &str, recording: bool) -> Result<(), Failure> {
        let Ok(Some(record)) = self.store.get(id).await else { return Ok(()) };
        // A try that comes late must not say what is over.
        if recording && !record.state().is_under_way() {
            return Ok(());
        }
        let request: &RecordingRequest = &record.request;
        let Room::Livekit { server, room } = &request.room.room else { return Ok(()) };
        if !self.policies.of(&request.room.room).is_some_and(|policy| policy.announce) {
            return Ok(());
        }
        let credentials = self.planner.credentials(request, server)?;
        let service = RoomService::new(self.client.clone(), server, credentials);
        service.send(room, TOPIC, &json!({"recording": recording, "id": id})).await?;
        let Some(metadata) = service.metadata(room).await? else { return Ok(()) };
        match with_recording(&metadata, recording) {
            Some(metadata) => service.set_metadata(room, &metadata).await,
            // What is none of ours stays as it is.
            None => Ok(()),
        }
    }

    /// Waits until all is told, but not for long: what waits for its next try has that now.
    pub(crate) async fn leave(&self) {
        self.is_leaving.send_replace(true);
        let mut telling = std::mem::take(&mut *self.telling.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while telling.join_next().await.is_some() {} };
        if timeout(LAST_WORDS, all).await.is_err() {
            tracing::warn!("rooms could not be told in time of what became of their recordings");
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
