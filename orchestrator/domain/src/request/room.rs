//! The room of a request: its URI, or an object that says the same and more.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::jitsi::{JitsiAccess, JitsiLogin};
use crate::room::{Room, RoomError};
use crate::secret::Secret;

/// A room, and what is needed to get in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Written", into = "Written")]
pub struct RoomRequest {
    /// Which.
    pub room: Room,
    /// Keys of its deployment in place of the server's own.
    pub keys: Option<LivekitKeys>,
    /// How a Jitsi room is joined, in place of what the server knows of its deployment.
    pub access: Option<JitsiAccess>,
    /// A page is recorded from its start signal on, not as soon as it has loaded.
    pub await_start: bool,
}

/// By what tokens for a LiveKit deployment are signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivekitKeys {
    /// Its name.
    pub api_key: String,
    /// The secret.
    pub api_secret: Secret,
}

impl From<Room> for RoomRequest {
    fn from(room: Room) -> Self {
        Self { room, keys: None, access: None, await_start: false }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Written {
    /// Its URI. A demo room's name has 1 to 64 letters, digits, `_` and `-`.
    Uri(
        #[cfg_attr(feature = "schema", schemars(extend(
            "pattern" = "^(demo:[A-Za-z0-9_-]{1,64}$|livekit\\+wss?://|jitsi\\+https?://|https?://)",
            "examples" = ["demo:lobby", "livekit+wss://meet.example.org/standup", "jitsi+https://meet.example.org/standup", "https://example.org/"]
        )))]
        String,
    ),
    /// The same in parts, and more.
    Object(#[cfg_attr(feature = "schema", schemars(with = "Object"))] serde_json::Value),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "RoomObject"))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Object {
    /// A room of a LiveKit deployment.
    Livekit {
        /// Its `wss://` or `ws://` address.
        #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^wss?://", "examples" = ["wss://meet.example.org"])))]
        server: Url,
        /// Name of the room.
        #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
        room: String,
        /// Signs tokens together with `api_secret`, in place of the server's own keys.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        api_key: Option<String>,
        /// Given with `api_key` or not at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        api_secret: Option<Secret>,
    },
    /// A room of a Jitsi deployment.
    Jitsi {
        /// Address of its web client, without the room; with the tenant, where there are some.
        #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^https?://", "examples" = ["https://meet.example.org"])))]
        server: Url,
        /// Name of the room.
        #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
        room: String,
        /// An account of the deployment's hidden domain, such as `recorder@recorder.meet.example.org`: members' clients don't show it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Given with `user` or not at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<Secret>,
        /// A token (JWT) of the deployment in place of an account; members see who it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Secret>,
        /// The room's own password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passcode: Option<Secret>,
    },
    /// A room that Wallflower hosts itself.
    Demo {
        /// Its name.
        #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$")))]
        room: String,
    },
    /// Any page.
    Page {
        /// What is opened.
        #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^https?://")))]
        url: Url,
        /// It is recorded from its start signal on, not as soon as it has loaded.
        #[serde(default)]
        await_start: bool,
    },
}

impl TryFrom<Written> for RoomRequest {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Uri(uri) => Ok(uri.parse::<Room>().map_err(|error| error.to_string())?.into()),
            Written::Object(object) => {
                serde_json::from_value::<Object>(object).map_err(|error| error.to_string())?.try_into()
            }
        }
    }
}

impl TryFrom<Object> for RoomRequest {
    type Error = String;

    fn try_from(object: Object) -> Result<Self, String> {
        let said = |error: RoomError| error.to_string();
        match object {
            Object::Livekit { server, room, api_key, api_secret } => {
                if !matches!(server.scheme(), "ws" | "wss") {
                    return Err(format!(
                        "a LiveKit server's address begins with wss:// or ws://, not {}:",
                        server.scheme()
                    ));
                }
                if room.is_empty() {
                    return Err("\"room\" is empty; it must name the LiveKit room".to_owned());
                }
                // By its text, so that there is one place that knows what is allowed.
                let room = Room::Livekit { server, room }.to_string().parse::<Room>().map_err(said)?;
                let keys = match (api_key, api_secret) {
                    (Some(api_key), Some(api_secret)) => Some(LivekitKeys { api_key, api_secret }),
                    (None, None) => None,
                    _ => return Err("\"api_key\" and \"api_secret\" are given together or not at all".to_owned()),
                };
                Ok(Self { keys, ..Self::from(room) })
            }
            Object::Jitsi { server, room, user, password, token, passcode } => {
                if !matches!(server.scheme(), "http" | "https") {
                    return Err(format!(
                        "a Jitsi deployment's address begins with https:// or http://, not {}:",
                        server.scheme()
                    ));
                }
                if room.is_empty() {
                    return Err("\"room\" is empty; it must name the Jitsi room".to_owned());
                }
                let access = JitsiAccess::of(user.as_deref(), password.as_ref(), token.as_ref(), passcode.as_ref())
                    .map_err(|error| error.to_string())?;
                let room = Room::Jitsi { server, room }.to_string().parse::<Room>().map_err(said)?;
                let access = (access != JitsiAccess::default()).then_some(access);
                Ok(Self { access, ..Self::from(room) })
            }
            Object::Demo { room } => Ok(format!("demo:{room}").parse::<Room>().map_err(said)?.into()),
            Object::Page { url, await_start } => {
                let room = url.as_str().parse::<Room>().map_err(said)?;
                Ok(Self { await_start, ..Self::from(room) })
            }
        }
    }
}

impl From<RoomRequest> for Written {
    fn from(request: RoomRequest) -> Self {
        let RoomRequest { room, keys, access, await_start } = request;
        if keys.is_none() && access.is_none() && !await_start {
            return Self::Uri(room.to_string());
        }
        let (api_key, api_secret) = keys.map(|keys| (keys.api_key, keys.api_secret)).unzip();
        let object = match room {
            Room::Livekit { server, room } => Object::Livekit { server, room, api_key, api_secret },
            Room::Jitsi { server, room } => {
                let JitsiAccess { login, passcode } = access.unwrap_or_default();
                let (user, password, token) = match login {
                    JitsiLogin::Guest => (None, None, None),
                    JitsiLogin::Account { user, password } => (Some(user), Some(password), None),
                    JitsiLogin::Token { token } => (None, None, Some(token)),
                };
                Object::Jitsi { server, room, user, password, token, passcode }
            }
            Room::Demo { room } => Object::Demo { room },
            Room::Page { url } => Object::Page { url, await_start },
        };
        Self::Object(serde_json::to_value(object).unwrap_or_default())
    }
}
