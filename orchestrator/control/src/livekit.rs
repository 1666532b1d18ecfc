//! Access tokens for LiveKit rooms, made with the deployment's API key and secret.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::secret::Secret;

/// Long enough for any recording; LiveKit checks it only when a participant joins or joins again.
const VALID_FOR: Duration = Duration::from_secs(24 * 3600);
/// Clocks of two machines differ.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// API key and secret of a LiveKit deployment.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Names the pair; not secret.
    pub key: String,
    /// Signs tokens.
    pub secret: Secret,
}

/// What a token lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Hidden, recorder, subscribe only.
    Silent,
    /// Publishes: for synthetic participants.
    Participant,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    name: &'a str,
    nbf: u64,
    exp: u64,
    kind: &'a str,
    video: Grant<'a>,
}

/// LiveKit's video grant; the names are LiveKit's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Grant<'a> {
    room: &'a str,
    room_join: bool,
    can_subscribe: bool,
    can_publish: bool,
    can_publish_data: bool,
    hidden: bool,
    recorder: bool,
}

impl Credentials {
    /// A token to join `room` as `identity`.
    pub fn token(&self, room: &str, identity: &str, name: &str, seat: Seat) -> Result<String, Failure> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let silent = seat == Seat::Silent;
        let claims = Claims {
            iss: &self.key,
            sub: identity,
            name,
            nbf: now.saturating_sub(CLOCK_SKEW).as_secs(),
            exp: (now + VALID_FOR).as_secs(),
            kind: if silent { "egress" } else { "standard" },
            video: Grant {
                room,
                room_join: true,
                can_subscribe: true,
                can_publish: !silent,
                can_publish_data: !silent,
                hidden: silent,
                recorder: silent,
            },
        };
        let key = EncodingKey::from_secret(self.secret.expose().as_bytes());
        encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("The LiveKit token could not be signed: {error}."))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation, decode};

    #[test]
    fn the_silent_participant_s_token_is_hidden_and_can_only_subscribe() {
        let credentials =
            Credentials { key: "devkey".into(), secret: Secret::new("a secret of thirty-two characters") };
        let token = credentials.token("standup", "wallflower-1", "", Seat::Silent).expect("signed");
        let key = DecodingKey::from_secret(credentials.secret.expose().as_bytes());
        let claims =
            decode::<serde_json::Value>(&token, &key, &Validation::new(Algorithm::HS256)).expect("valid").claims;
        assert_eq!((&claims["iss"], &claims["sub"]), (&"devkey".into(), &"wallflower-1".into()));
        let expected = serde_json::json!({
            "room": "standup", "roomJoin": true, "canSubscribe": true, "canPublish": false, "canPublishData": false,
            "hidden": true, "recorder": true,
        });
        assert_eq!(claims["video"], expected);
    }
}
