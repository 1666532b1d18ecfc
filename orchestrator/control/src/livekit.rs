//! LiveKit from outside of its rooms: access tokens, signatures of webhooks, and the room service.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
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
    /// Is in no room, and administers one.
    Administrator,
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    room_admin: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    room_list: bool,
}

/// What a webhook is signed by.
#[derive(Deserialize)]
struct Signature {
    iss: String,
    sha256: String,
}

impl Credentials {
    /// A token to join `room` as `identity`.
    pub fn token(&self, room: &str, identity: &str, name: &str, seat: Seat) -> Result<String, Failure> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (silent, administers) = (seat == Seat::Silent, seat == Seat::Administrator);
        let claims = Claims {
            iss: &self.key,
            sub: identity,
            name,
            nbf: now.saturating_sub(CLOCK_SKEW).as_secs(),
            exp: (now + VALID_FOR).as_secs(),
            kind: if silent { "egress" } else { "standard" },
            video: Grant {
                room,
                room_join: !administers,
                can_subscribe: !administers,
                can_publish: seat == Seat::Participant,
                can_publish_data: seat == Seat::Participant,
                hidden: silent,
                recorder: silent,
                room_admin: administers,
                room_list: administers,
            },
        };
        let key = EncodingKey::from_secret(self.secret.expose().as_bytes());
        encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("The LiveKit token could not be signed: {error}."))
        })
    }
}

impl Credentials {
    /// Whether a webhook's body was signed by these keys, by the token that came with it.
    pub fn has_signed(&self, token: &str, body: &[u8]) -> bool {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = CLOCK_SKEW.as_secs();
        let key = DecodingKey::from_secret(self.secret.expose().as_bytes());
        let Ok(signature) = decode::<Signature>(token, &key, &validation) else { return false };
        let Signature { iss, sha256 } = signature.claims;
        // Digests of a public text: how long a comparison takes tells nothing of use.
        iss == self.key && BASE64.decode(sha256).is_ok_and(|digest| digest == Sha256::digest(body).as_slice())
    }
}

/// How long a call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// LiveKit's room service, as much of it as is needed here.
#[derive(Debug)]
pub struct RoomService {
    client: reqwest::Client,
    base: Url,
    credentials: Credentials,
}

impl RoomService {
    /// That of the server at this `ws://` or `wss://` address.
    pub fn new(client: reqwest::Client, server: &Url, credentials: Credentials) -> Self {
        let mut base = server.clone();
        let scheme = if server.scheme() == "ws" { "http" } else { "https" };
        // From one special scheme to another: that is always possible.
        let _ = base.set_scheme(scheme);
        Self { client, base, credentials }
    }

    /// Sends a text to everybody in a room.
    pub async fn send(&self, room: &str, topic: &str, text: &Value) -> Result<(), Failure> {
        let data = BASE64.encode(text.to_string());
        self.call("SendData", room, &json!({"room": room, "data": data, "kind": "RELIABLE", "topic": topic})).await?;
        Ok(())
    }

    /// The room's metadata; none when there is no such room.
    pub async fn metadata(&self, room: &str) -> Result<Option<String>, Failure> {
        let rooms = self.call("ListRooms", room, &json!({"names": [room]})).await?;
        let Some(found) = rooms["rooms"].get(0) else { return Ok(None) };
        Ok(Some(found["metadata"].as_str().unwrap_or_default().to_owned()))
    }

    /// Replaces the room's metadata.
    pub async fn set_metadata(&self, room: &str, metadata: &str) -> Result<(), Failure> {
        self.call("UpdateRoomMetadata", room, &json!({"room": room, "metadata": metadata})).await?;
        Ok(())
    }

    async fn call(&self, method: &str, room: &str, body: &Value) -> Result<Value, Failure> {
        let token = self.credentials.token(room, "wallflower", "", Seat::Administrator)?;
        let path = format!("{}/twirp/livekit.RoomService/{method}", self.base.path().trim_end_matches('/'));
        let mut url = self.base.clone();
        url.set_path(&path);
        let failed = |why: String| {
            let host = url.host_str().unwrap_or_default();
            let message = format!("The LiveKit server at {host} did not do {method}: {why}.");
            Failure::new(FailureKind::RoomUnreachable, message)
        };
        let request = self.client.post(url.clone()).bearer_auth(token).timeout(CALL_DEADLINE);
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        let answer = request.send().await.map_err(|error| failed(error.without_url().to_string()))?;
        if !answer.status().is_success() {
            return Err(failed(format!("it answers HTTP {}", answer.status().as_u16())));
        }
        let text = answer.text().await.map_err(|error| failed(error.without_url().to_string()))?;
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
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

    #[test]
    fn a_webhook_is_taken_from_whoever_has_the_keys_and_for_its_own_body_only() {
        let credentials =
            Credentials { key: "devkey".into(), secret: Secret::new("a secret of thirty-two characters") };
        let sign = |key: &str, secret: &str, body: &[u8]| {
            let exp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs() + 60;
            let claims = serde_json::json!({"iss": key, "exp": exp, "sha256": BASE64.encode(Sha256::digest(body))});
            let key = EncodingKey::from_secret(secret.as_bytes());
            encode(&Header::new(Algorithm::HS256), &claims, &key).expect("signed")
        };
        let body = br#"{"event":"room_started"}"#;
        let good = sign("devkey", credentials.secret.expose(), body);
        assert!(credentials.has_signed(&good, body));
        assert!(!credentials.has_signed(&good, b"{}"), "another body");
        assert!(!credentials.has_signed(&sign("other", credentials.secret.expose(), body), body), "another key");
        assert!(
            !credentials.has_signed(&sign("devkey", "another secret of some length", body), body),
            "another secret"
        );
        assert!(!credentials.has_signed("no token", body));
    }
}
