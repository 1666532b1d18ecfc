//! What holds for rooms whatever a request says: who may record them, who of them is recorded, for how long, and which of them are
//! recorded by themselves.
//!
//! The first policy whose pattern fits a room counts; a room that none fits is recorded as requests say.

use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use wallflower_domain::layout::Layout;
use wallflower_domain::look::LookChange;
use wallflower_domain::request::{OutputRequest, RecordingRequest, Span};
use wallflower_domain::room::{Room, RoomPattern};

/// What holds for some rooms.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Which rooms, however a request writes them.
    pub rooms: RoomPattern,
    /// They are recorded by themselves when LiveKit's webhook says that they have begun.
    #[serde(default)]
    pub record: bool,
    /// Ids of the API keys by which they may be recorded; all when empty.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Arrangement of the tiles, where a request names none.
    #[serde(default)]
    pub layout: Option<Layout>,
    /// What is made, where a request names nothing.
    #[serde(default)]
    pub outputs: Vec<OutputRequest>,
    /// The most that a request may ask for.
    #[serde(default)]
    pub max_duration: Option<Span>,
    /// Participants who have not consented: never seen nor heard, whatever a request says.
    #[serde(default)]
    pub hide: Vec<String>,
    /// Only these have consented, if there are any.
    #[serde(default)]
    pub only: Vec<String>,
    /// The room is told when it is recorded and when no longer.
    #[serde(default)]
    pub announce: bool,
}

/// All policies, which may be replaced while recordings run. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies(Arc<RwLock<Vec<Policy>>>);

impl Policies {
    pub(crate) fn new(policies: Vec<Policy>) -> Self {
        Self(Arc::new(RwLock::new(policies)))
    }

    pub(crate) fn replace(&self, policies: Vec<Policy>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = policies;
    }

    /// The one for a room.
    pub(crate) fn of(&self, room: &Room) -> Option<Policy> {
        let policies = self.0.read().unwrap_or_else(PoisonError::into_inner);
        policies.iter().find(|policy| policy.rooms.fits(room)).cloned()
    }
}

/// Why a policy does not allow something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// This key may not record the room.
    Key,
    /// This field contradicts the policy.
    Field(&'static str),
}

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key => f.write_str("The policy for this room does not let this API key record it."),
            Self::Field(field) => {
                write!(f, "The policy for this room says who of it is recorded; leave \"{field}\" out.")
            }
        }
    }
}

impl Policy {
    /// The request as this policy allows it. `key` is the caller's; the orchestrator itself has none and may record everything.
    pub(crate) fn applied_to(
        &self,
        request: &RecordingRequest,
        caller: &Requester,
    ) -> Result<RecordingRequest, Forbidden> {
        self.admits(caller)?;
        // A page of the requester's joins the room itself, and gets to know everybody in it.
        if request.template.is_some() && !(self.hide.is_empty() && self.only.is_empty()) {
            return Err(Forbidden::Field("template"));
        }
        let mut allowed = request.clone();
        allowed.layout = allowed.layout.or(self.layout);
        if allowed.outputs.is_empty() {
            allowed.outputs.clone_from(&self.outputs);
        }
        allowed.max_duration = match (allowed.max_duration, self.max_duration) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        };
        for hidden in &self.hide {
            if !allowed.hide.contains(hidden) {
                allowed.hide.push(hidden.clone());
            }
        }
        if !self.only.is_empty() {
            if !allowed.only.is_empty() && allowed.only != self.only {
                return Err(Forbidden::Field("only"));
            }
            allowed.only.clone_from(&self.only);
        }
        Ok(allowed)
    }

    /// Whether a running recording's look may be changed so.
    pub(crate) fn allows(&self, change: &LookChange) -> Result<(), Forbidden> {
        if change.unhide.iter().any(|shown| self.hide.contains(shown)) {
            return Err(Forbidden::Field("unhide"));
        }
        if !self.only.is_empty() && change.only.is_some() {
            return Err(Forbidden::Field("only"));
        }
        Ok(())
    }

    fn admits(&self, caller: &Requester) -> Result<(), Forbidden> {
        let admitted = match caller {
            Requester::Ourselves => true,
            Requester::Client { key, is_admin } => {
                *is_admin || self.keys.is_empty() || key.as_ref().is_some_and(|key| self.keys.contains(key))
            }
        };
        if admitted { Ok(()) } else { Err(Forbidden::Key) }
    }
}

/// Who asks for a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requester {
    /// A policy of this server.
    Ourselves,
    /// Somebody with an API key, or without one where none is needed.
    Client {
        /// The key's id.
        key: Option<String>,
        /// It may do everything.
        is_admin: bool,
    },
}

impl Requester {
    /// Whose the recording is.
    pub(crate) fn owner(&self) -> Option<String> {
        match self {
            Self::Ourselves => None,
            Self::Client { key, .. } => key.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(value: serde_json::Value) -> Policy {
        serde_json::from_value(value).expect("valid")
    }

    fn request(value: serde_json::Value) -> RecordingRequest {
        serde_json::from_value(value).expect("valid")
    }

    fn client(key: &str) -> Requester {
        Requester::Client { key: Some(key.to_owned()), is_admin: false }
    }

    #[test]
    fn the_first_policy_that_fits_fills_in_and_bounds_what_is_asked_for() {
        let policies = Policies::new(vec![
            policy(json!({
                "rooms": "demo:board-*", "layout": "speaker", "outputs": [{"kind": "hls"}], "max_duration": "1h", "hide": ["guest-*"],
            })),
            policy(json!({"rooms": "*", "layout": "podcast"})),
        ]);
        let room = |text: &str| text.parse::<Room>().expect("a room");
        assert_eq!(policies.of(&room("demo:lobby")).and_then(|policy| policy.layout), Some(Layout::Podcast));
        let board = policies.of(&room("demo:board-1")).expect("one fits");
        let allowed = board.applied_to(&request(json!({"room": "demo:board-1"})), &client("a")).expect("allowed");
        let filled = json!({
            "room": "demo:board-1", "layout": "speaker", "outputs": [{"kind": "hls"}], "max_duration": "1h", "hide": ["guest-*"],
        });
        assert_eq!(allowed, request(filled));
        let asked = request(json!({
            "room": "demo:board-1", "layout": "grid", "outputs": [{"kind": "file"}], "max_duration": "2h", "hide": ["bob"],
        }));
        let allowed = board.applied_to(&asked, &client("a")).expect("allowed");
        assert_eq!((allowed.layout, allowed.outputs.len()), (Some(Layout::Grid), 1));
        assert_eq!(allowed.max_duration.map(|span| span.as_secs_f64()), Some(3600.0));
        assert_eq!(allowed.hide, ["bob", "guest-*"]);
        policies.replace(Vec::new());
        assert_eq!(policies.of(&room("demo:board-1")), None);
    }

    #[test]
    fn who_has_not_consented_is_not_shown_by_anybody() {
        let policy = policy(json!({"rooms": "*", "hide": ["bob"], "only": ["a-*", "bob"], "keys": ["k1"]}));
        let asked = |value| policy.applied_to(&request(value), &client("k1"));
        assert_eq!(asked(json!({"room": "demo:a", "only": ["carol"]})), Err(Forbidden::Field("only")));
        assert_eq!(asked(json!({"room": "demo:a"})).map(|allowed| allowed.only.len()), Ok(2));
        let change = |value| policy.allows(&serde_json::from_value(value).expect("valid"));
        assert_eq!(change(json!({"unhide": ["bob"]})), Err(Forbidden::Field("unhide")));
        assert_eq!(change(json!({"only": null})), Err(Forbidden::Field("only")));
        assert_eq!(change(json!({"hide": ["carol"], "unhide": ["carol"]})), Ok(()));
    }

    #[test]
    fn no_page_of_a_requester_s_gets_into_a_room_of_which_not_all_have_consented() {
        let asked = request(json!({"room": "demo:a", "template": "https://example.org/t"}));
        let admin = Requester::Client { key: None, is_admin: true };
        for policy in [policy(json!({"rooms": "*", "hide": ["bob"]})), policy(json!({"rooms": "*", "only": ["a-*"]}))] {
            for caller in [&client("k1"), &admin] {
                let no = policy.applied_to(&asked, caller).expect_err("forbidden");
                assert_eq!(no, Forbidden::Field("template"));
                assert!(no.to_string().contains("leave \"template\" out"), "{no}");
            }
        }
        let other = policy(json!({"rooms": "*", "layout": "speaker", "announce": true}));
        let allowed = other.applied_to(&asked, &client("k1")).expect("allowed");
        assert_eq!(allowed.template, asked.template);
    }

    #[test]
    fn a_policy_can_t_be_got_around_by_another_way_to_write_its_room() {
        let policies = Policies::new(vec![policy(json!({"rooms": "livekit+wss://h/board*", "keys": ["k1"]}))]);
        for text in ["livekit+wss://h/board", "livekit+ws://H:80/x//board", "livekit+wss://h.:443/%62oard"] {
            assert!(policies.of(&text.parse::<Room>().expect(text)).is_some(), "{text}");
        }
        assert!(policies.of(&"livekit+wss://h/lobby".parse::<Room>().expect("a room")).is_none());
    }

    #[test]
    fn only_the_keys_that_it_names_may_record() {
        let policy = policy(json!({"rooms": "*", "keys": ["k1"]}));
        let by = |caller: &Requester| policy.applied_to(&request(json!({"room": "demo:a"})), caller).map(|_| ());
        assert_eq!(by(&client("k1")), Ok(()));
        assert_eq!(by(&client("k2")), Err(Forbidden::Key));
        assert_eq!(by(&Requester::Client { key: None, is_admin: false }), Err(Forbidden::Key));
        assert_eq!(by(&Requester::Client { key: Some("k2".to_owned()), is_admin: true }), Ok(()));
        assert_eq!(by(&Requester::Ourselves), Ok(()));
    }
}
