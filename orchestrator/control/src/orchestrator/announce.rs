//! Tells a LiveKit room that it is recorded: by a data message on [`TOPIC`], for clients that are there, and in the room's metadata,
//! for those who come later. LiveKit itself says so too, because the silent participant joins as a recorder.
//!
//! Told is what becomes of the record, by whoever has stored that: so a room hears of every beginning and of every end, also of one of
//! which the agent could say nothing any more. A room that has several recordings hears of an end when the last of them has ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::record::{Query, Record};
use wallflower_domain::recording::State;
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::room::Room;

use super::plan::Planner;
use super::policies::Policies;
use crate::livekit::RoomService;
use crate::store::{Store, StoreError};

/// Topic of the data message, whose text is `{"recording": true, "id": "…"}`.
pub const TOPIC: &str = "wallflower.recording";
/// Before each try.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(10)];
/// What has not been told so long after the orchestrator was asked to end stays untold.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// So often at most are metadata set in one try, while what they are to say changes.
const MOST_WORDS: u32 = 4;

/// Held by whoever tells a room something.
type Turn = tokio::sync::Mutex<()>;

/// Tells rooms. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Teller {
    store: Arc<dyn Store>,
    planner: Arc<Planner>,
    policies: Policies,
    client: reqwest::Client,
    telling: Arc<Mutex<JoinSet<()>>>,
    /// Of each room that is being told something, by its URI.
    turns: Arc<Mutex<HashMap<String, Weak<Turn>>>>,
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
        Self { store, planner, policies, client, telling: Arc::default(), turns: Arc::default(), is_leaving }
    }

    /// A record was changed: tells its room what that means for it, if its policy wants that. Does not wait.
    pub(crate) fn changed(&self, before: State, after: &Record) {
        let Room::Livekit { .. } = &after.request.room.room else { return };
        let recording = match (before.is_under_way(), after.state().is_under_way()) {
            (false, true) => true,
            (true, false) => false,
            _ => return,
        };
        let (teller, id, uri) = (self.clone(), after.id().to_owned(), after.request.room.room.to_string());
        let mut telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        while telling.try_join_next().is_some() {}
        telling.spawn(async move { teller.tell(&id, &uri, recording).await });
    }

    async fn tell(&self, id: &str, uri: &str, recording: bool) {
        let mut leaving = self.is_leaving.subscribe();
        for pause in PAUSES {
            // Who leaves tries once more, at once.
            let leaves = timeout(pause, leaving.wait_for(|leaves| *leaves)).await.is_ok();
            match self.tell_once(id, uri, recording).await {
                Ok(()) => return,
                Err(failure) => tracing::warn!(recording = %id, %failure, "the room can't be told of its recording"),
            }
            if leaves {
                return;
            }
        }
    }

    async fn tell_once(&self, id: &str, uri: &str, recording: bool) -> Result<(), Failure> {
        // What is slow to arrive is not overtaken by what came later.
        let turn = self.turn(uri);
        let _ours = turn.lock().await;
        let Some(record) = self.store.get(id).await.map_err(unread)? else { return Ok(()) };
        // A try that comes late must not say what is over, nor an end while another one records the room.
        let is_so = if recording { record.state().is_under_way() } else { !self.is_recorded(uri).await? };
        if !is_so {
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
        for _ in 0..MOST_WORDS {
            let told = self.is_recorded(uri).await?;
            let Some(metadata) = service.metadata(room).await? else { return Ok(()) };
            // What is none of ours stays as it is.
            let Some(metadata) = with_recording(&metadata, told) else { return Ok(()) };
            service.set_metadata(room, &metadata).await?;
            // Another replica may have told the opposite in between, and we have told over it.
            if self.is_recorded(uri).await? == told {
                break;
            }
        }
        Ok(())
    }

    /// Whether anything captures this room, or will again.
    async fn is_recorded(&self, uri: &str) -> Result<bool, Failure> {
        let states = State::ALL.into_iter().filter(|state| state.is_under_way()).collect();
        let query = Query { states, room: Some(uri.to_owned()), ..Query::newest(1) };
        Ok(!self.store.list(&query).await.map_err(unread)?.is_empty())
    }

    /// What whoever tells this room something has to hold.
    fn turn(&self, uri: &str) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(uri).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(uri.to_owned(), Arc::downgrade(&turn));
        turn
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

/// That nobody knows what to tell.
fn unread(error: StoreError) -> Failure {
    Failure::new(FailureKind::Internal, format!("Whether the room is recorded can't be read: {error}."))
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
    use crate::orchestrator::Policy;
    use crate::orchestrator::config::Config;
    use crate::store::sqlite::Sqlite;
    use axum::Json;
    use axum::extract::{Path, State as Shared};
    use axum::routing::post;
    use std::time::Instant;
    use tokio::sync::Semaphore;

    /// As much of a LiveKit server as is told anything, with one room.
    struct Livekit {
        metadata: Mutex<String>,
        /// What was sent to those who are there.
        messages: Mutex<Vec<Value>>,
        /// So many calls have asked for other metadata.
        replacing: Mutex<usize>,
        /// That it is recorded is written down by permission only, so late.
        permits: Semaphore,
    }

    impl Livekit {
        /// With its address.
        async fn start(permits: usize) -> (Arc<Self>, String) {
            let livekit = Arc::new(Self {
                metadata: Mutex::new("{}".into()),
                messages: Mutex::default(),
                replacing: Mutex::default(),
                permits: Semaphore::new(permits),
            });
            let router = axum::Router::new().route("/twirp/livekit.RoomService/{method}", post(Self::answer));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let server = format!("ws://{}", listener.local_addr().expect("an address"));
            let served = axum::serve(listener, router.with_state(livekit.clone()));
            tokio::spawn(served.into_future());
            (livekit, server)
        }

        async fn answer(
            Shared(livekit): Shared<Arc<Self>>,
            Path(method): Path<String>,
            Json(body): Json<Value>,
        ) -> Json<Value> {
            match method.as_str() {
                "SendData" => livekit.messages.lock().expect("whole").push(body),
                "ListRooms" => {
                    return Json(json!({"rooms": [{"metadata": *livekit.metadata.lock().expect("whole")}]}));
                }
                _ => {
                    *livekit.replacing.lock().expect("whole") += 1;
                    let text = body["metadata"].as_str().expect("a text").to_owned();
                    if text.contains("true") {
                        livekit.permits.acquire().await.expect("open").forget();
                    }
                    *livekit.metadata.lock().expect("whole") = text;
                }
            }
            Json(json!({}))
        }

        fn metadata(&self) -> Value {
            serde_json::from_str(&self.metadata.lock().expect("whole")).expect("JSON")
        }
    }

    async fn teller(folder: &std::path::Path) -> Teller {
        // Without it there is no client, even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Arc::new(Sqlite::open(&folder.join("store")).await.expect("a store"));
        let policy: Policy = serde_json::from_value(json!({"rooms": "*", "announce": true})).expect("a policy");
        let planner = Planner { config: Config::default(), other_livekit: None, demo: None };
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Teller::new(store, Arc::new(planner), Policies::new(vec![policy]), client)
    }

    /// A recording of the one room that is in this state from now on.
    async fn put(teller: &Teller, id: &str, server: &str, state: State) -> Record {
        let room = json!({"kind": "livekit", "server": server, "room": "standup", "api_key": "k", "api_secret": "s"});
        let request = serde_json::from_value(json!({"room": room})).expect("valid");
        let before = teller.store.get(id).await.expect("readable");
        let is_new = before.is_none();
        let mut record = before.unwrap_or_else(|| Record::new(id, request, None, 0));
        record.recording.state = state;
        if is_new {
            teller.store.create(&record, None, &[], 0).await.expect("stored");
        } else {
            record.version += 1;
            teller.store.replace(&record, &[]).await.expect("stored");
        }
        record
    }

    #[tokio::test]
    async fn a_room_is_told_of_an_end_when_its_last_recording_has_ended() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (livekit, server) = Livekit::start(9).await;
        let teller = teller(folder.path()).await;
        put(&teller, "r1", &server, State::Recording).await;
        let uri = put(&teller, "r2", &server, State::Paused).await.request.room.room.to_string();
        assert_eq!(teller.tell_once("r1", &uri, true).await, Ok(()));
        assert_eq!(livekit.metadata()["recording"], true);
        put(&teller, "r1", &server, State::Stopping).await;
        assert_eq!(teller.tell_once("r1", &uri, false).await, Ok(()));
        assert_eq!(livekit.metadata()["recording"], true, "the other one goes on");
        assert_eq!(livekit.messages.lock().expect("whole").len(), 1, "nobody is told of an end");
        put(&teller, "r2", &server, State::Failed).await;
        assert_eq!(teller.tell_once("r2", &uri, false).await, Ok(()));
        assert_eq!(livekit.metadata()["recording"], false);
        assert_eq!(livekit.messages.lock().expect("whole").len(), 2);
        let turn = teller.turn("another");
        assert!(teller.turns.lock().expect("whole").keys().eq(["another"]), "nobody tells the first one anything");
        drop(turn);
    }

    #[tokio::test]
    async fn an_end_does_not_overtake_a_beginning_that_is_slow_to_arrive() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (livekit, server) = Livekit::start(0).await;
        let teller = teller(folder.path()).await;
        let began = put(&teller, "r1", &server, State::Recording).await;
        teller.changed(State::Joining, &began);
        let until = Instant::now() + Duration::from_secs(60);
        while *livekit.replacing.lock().expect("whole") == 0 {
            assert!(Instant::now() < until, "nothing is told");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ended = put(&teller, "r1", &server, State::Stopping).await;
        teller.changed(State::Recording, &ended);
        livekit.permits.add_permits(9);
        teller.leave().await;
        assert_eq!(livekit.metadata()["recording"], false);
        let messages = livekit.messages.lock().expect("whole");
        assert_eq!(messages.len(), 2, "{messages:?}");
    }

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
