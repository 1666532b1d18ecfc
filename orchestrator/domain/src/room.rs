//! What is joined.

mod pattern;

pub use pattern::RoomPattern;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

/// A room, from the URI by which every command and request names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Room {
    /// `livekit+wss://host[:port]/ROOM`
    Livekit {
        /// `ws` or `wss` address of the server, without the room.
        server: Url,
        /// Name of the room.
        room: String,
    },
    /// `jitsi+https://host[:port]/[FOLDERS/]ROOM`
    Jitsi {
        /// `http` or `https` address of the deployment's web client, without the room; its path is that of a tenant, or `/`.
        server: Url,
        /// Name of the room. Jitsi does not tell upper case from lower.
        room: String,
    },
    /// `demo:ROOM`, hosted by Wallflower itself
    Demo {
        /// Name of the room: 1 to 64 of `A-Z a-z 0-9 _ -`.
        room: String,
    },
    /// `https://any.page/`
    Page {
        /// What is opened.
        url: Url,
    },
}

/// Why a text is no room URI.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RoomError {
    /// Not a URI at all.
    #[error(
        "\"{0}\" is no room: write livekit+wss://host/ROOM, jitsi+https://host/ROOM, demo:ROOM or https://any.page/"
    )]
    NotAUri(String),
    /// A scheme that Wallflower does not know.
    #[error(
        "rooms of the kind \"{0}:\" are unknown; there are livekit+wss://host/ROOM, livekit+ws://host/ROOM, jitsi+https://host/ROOM, jitsi+http://host/ROOM, demo:ROOM, https://any.page/ and http://any.page/"
    )]
    UnknownScheme(String),
    /// A Jitsi URI without the name of a room.
    #[error("the Jitsi URI names no room; write jitsi+https://host/ROOM, or jitsi+https://host/TENANT/ROOM")]
    NoJitsiRoomName,
    /// A Jitsi URI as the web client has it, with settings or a token behind the room.
    #[error(
        "a Jitsi room's URI ends with its name: leave out what begins with ? or #; a token is passed by --jitsi-token or the environment"
    )]
    JitsiSettings,
    /// A LiveKit URI without the name of a room.
    #[error("the LiveKit URI names no room; write livekit+wss://host/ROOM")]
    NoRoomName,
    /// A LiveKit URI with something behind the room that is not of its name.
    #[error(
        "a LiveKit room's URI ends with its name: leave out what begins with ? or #, or write %3F or %23 if it is of the name"
    )]
    LivekitSettings,
    /// User and password in a URI end up in logs.
    #[error(
        "the room's URI holds a user name or password; pass credentials by --api-key and --api-secret, for Jitsi by --jitsi-user and --jitsi-password, or by the environment"
    )]
    CredentialsInUri,
    /// A demo room's name has other characters, or too many.
    #[error("\"{0}\" can't name a demo room: use 1 to 64 letters, digits, _ and -")]
    BadDemoName(String),
}

impl std::str::FromStr for Room {
    type Err = RoomError;

    fn from_str(text: &str) -> Result<Self, RoomError> {
        if let Some(name) = text.strip_prefix("demo:") {
            return demo_room(name);
        }
        let url = Url::parse(text).map_err(|_| RoomError::NotAUri(text.to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RoomError::CredentialsInUri);
        }
        // The scheme as it was read: it may have been written in capitals, or behind spaces.
        match url.scheme() {
            "livekit+ws" | "livekit+wss" => livekit_room(url.as_str().trim_start_matches("livekit+")),
            "http" | "https" => Ok(Self::Page { url }),
            "jitsi+https" | "jitsi+http" => jitsi_room(url.as_str().trim_start_matches("jitsi+")),
            scheme => Err(RoomError::UnknownScheme(scheme.to_owned())),
        }
    }
}

fn demo_room(name: &str) -> Result<Room, RoomError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(RoomError::BadDemoName(name.chars().take(80).collect()));
    }
    Ok(Room::Demo { room: name.to_owned() })
}

fn livekit_room(text: &str) -> Result<Room, RoomError> {
    let (server, room) = last_segment(text)?;
    if server.query().is_some() || server.fragment().is_some() {
        return Err(RoomError::LivekitSettings);
    }
    if room.is_empty() {
        return Err(RoomError::NoRoomName);
    }
    Ok(Room::Livekit { server, room })
}

fn jitsi_room(text: &str) -> Result<Room, RoomError> {
    let (server, room) = last_segment(text)?;
    if server.query().is_some() || server.fragment().is_some() {
        return Err(RoomError::JitsiSettings);
    }
    if room.is_empty() {
        return Err(RoomError::NoJitsiRoomName);
    }
    Ok(Room::Jitsi { server, room })
}

/// An address without the last part of its path, and that part.
fn last_segment(text: &str) -> Result<(Url, String), RoomError> {
    let mut server = Url::parse(text).map_err(|_| RoomError::NotAUri(text.to_owned()))?;
    // Asked again: without the kind before it, `wss:/user:password@host/ROOM` is the same as with two slashes.
    if !server.username().is_empty() || server.password().is_some() {
        return Err(RoomError::CredentialsInUri);
    }
    let encoded = server.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    let room = percent_decode(encoded).ok_or_else(|| RoomError::NotAUri(text.to_owned()))?;
    let base = server.path().strip_suffix(encoded).unwrap_or_default().trim_end_matches('/').to_owned();
    server.set_path(&base);
    Ok((server, room))
}

fn percent_decode(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|name| name.into_owned())
}

impl Room {
    /// As it may be told: the query of a page may hold tokens.
    pub fn shown(&self) -> String {
        match self {
            Self::Page { url } => {
                let mut url = url.clone();
                url.set_query(None);
                url.set_fragment(None);
                url.to_string()
            }
            Self::Livekit { .. } | Self::Jitsi { .. } | Self::Demo { .. } => self.to_string(),
        }
    }
}

impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Livekit { server, room } => write!(f, "livekit+{}", with_segment(server, room)),
            Self::Jitsi { server, room } => write!(f, "jitsi+{}", with_segment(server, room)),
            Self::Demo { room } => write!(f, "demo:{room}"),
            Self::Page { url } => url.fmt(f),
        }
    }
}

fn with_segment(server: &Url, room: &str) -> Url {
    let mut url = server.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push(room);
    }
    url
}

impl TryFrom<String> for Room {
    type Error = RoomError;

    fn try_from(text: String) -> Result<Self, RoomError> {
        text.parse()
    }
}

impl From<Room> for String {
    fn from(room: Room) -> Self {
        room.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_room_survives_the_way_to_text_and_back() {
        for text in [
            "livekit+wss://meet.example.org/standup",
            "livekit+ws://127.0.0.1:7880/a%20room%2Fwith%20slash",
            "livekit+wss://meet.example.org/sfu/standup",
            "jitsi+https://meet.example.org/standup",
            "jitsi+http://127.0.0.1:8080/a%20team/Daily%2Fstandup",
            "demo:lobby",
            "https://example.org/page?x=1",
            "https://meet.example.org/standup#config.iAmRecorder=true",
        ] {
            let room: Room = text.parse().expect(text);
            assert_eq!(room.to_string(), text);
        }
    }

    #[test]
    fn a_livekit_uri_is_split_into_server_and_room() {
        let room: Room = "livekit+ws://127.0.0.1:7880/a+b%20c".parse().expect("valid");
        let Room::Livekit { server, room } = room else { panic!("not LiveKit") };
        assert_eq!((server.as_str(), room.as_str()), ("ws://127.0.0.1:7880/", "a+b c"));
    }

    #[test]
    fn a_jitsi_uri_is_split_into_web_client_and_room() {
        for (text, client, name) in [
            ("jitsi+https://meet.example.org/Daily%20Standup", "https://meet.example.org/", "Daily Standup"),
            ("jitsi+https://meet.example.org/tenant/standup", "https://meet.example.org/tenant", "standup"),
        ] {
            let Room::Jitsi { server, room } = text.parse().expect(text) else { panic!("not Jitsi") };
            assert_eq!((server.as_str(), room.as_str()), (client, name));
        }
    }

    #[test]
    fn a_scheme_in_capitals_is_the_same_scheme() {
        for (text, room) in [
            (" LiveKit+WSS://Meet.example.org:443/Board", "livekit+wss://meet.example.org/Board"),
            ("JITSI+https://Meet.example.org/Board", "jitsi+https://meet.example.org/Board"),
        ] {
            assert_eq!(text.parse::<Room>().expect(text).to_string(), room);
        }
    }

    #[test]
    fn bad_rooms_are_refused_with_their_own_sentence() {
        let error = |text: &str| text.parse::<Room>().expect_err(text);
        assert_eq!(error("zoom://x/y"), RoomError::UnknownScheme("zoom".into()));
        assert_eq!(error("lobby"), RoomError::NotAUri("lobby".into()));
        assert_eq!(error("livekit+ws://h:1"), RoomError::NoRoomName);
        assert_eq!(error("livekit+ws://h:1/"), RoomError::NoRoomName);
        assert_eq!(error("livekit+wss://h/board?x=1"), RoomError::LivekitSettings);
        assert_eq!(error("livekit+wss://h/board?"), RoomError::LivekitSettings);
        assert_eq!(error("livekit+wss://h/board#x"), RoomError::LivekitSettings);
        for text in ["livekit+wss://u:pw@h/x", "livekit+wss:/u:pw@h/x", "livekit+wss:u@h/x", "jitsi+https:/u:pw@h/x"] {
            assert_eq!(error(text), RoomError::CredentialsInUri, "{text}");
        }
        assert_eq!(error("demo:../etc"), RoomError::BadDemoName("../etc".into()));
        assert_eq!(error("demo:"), RoomError::BadDemoName(String::new()));
        assert_eq!(error("https://user:pw@h/"), RoomError::CredentialsInUri);
        assert_eq!(error("jitsi+https://meet.example.org/"), RoomError::NoJitsiRoomName);
        assert_eq!(error("jitsi+https://meet.example.org/x?jwt=e.y.J"), RoomError::JitsiSettings);
        assert_eq!(error("jitsi+https://meet.example.org/x#config.iAmRecorder=true"), RoomError::JitsiSettings);
        assert_eq!(error("jitsi+https://user:pw@h/x"), RoomError::CredentialsInUri);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}") {
            let _ = text.parse::<Room>();
        }

        #[test]
        fn any_livekit_room_name_survives(name in "[^\\p{C}./]{1,40}") {
            let room = Room::Livekit { server: Url::parse("wss://h/").expect("url"), room: name };
            prop_assert_eq!(room.to_string().parse::<Room>().expect("own text"), room);
        }

        #[test]
        fn any_jitsi_room_name_survives(name in "[^\\p{C}./]{1,40}", tenant in "[a-z]{0,6}") {
            let server = Url::parse("https://h/").and_then(|root| root.join(&tenant)).expect("url");
            let room = Room::Jitsi { server, room: name };
            prop_assert_eq!(room.to_string().parse::<Room>().expect("own text"), room);
        }
    }
}
