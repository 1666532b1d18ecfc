//! A real LiveKit server on loopback.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::SystemTime;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{self, Server, TcpPort, free_udp_port};
use super::{http, lacking};

const KEY: &str = "devkey";
const SECRET: &str = "a secret of at least thirty-two characters";

/// A server that was started; killed when dropped.
#[derive(Debug)]
pub struct LivekitServer {
    _server: Server,
    _ports: [TcpPort; 2],
    address: SocketAddr,
    directory: TempDir,
}

/// A participant as the server lists it.
#[derive(Clone, Debug, Deserialize)]
pub struct Listed {
    /// Its identity.
    pub identity: String,
    /// What it may do.
    #[serde(default)]
    pub permission: Option<Value>,
    /// What it publishes.
    #[serde(default)]
    pub tracks: Vec<Value>,
}

impl Listed {
    /// Whether the others are not told of it.
    pub fn is_hidden(&self) -> bool {
        self.permission.as_ref().is_some_and(|permission| permission["hidden"] == json!(true))
    }
}

impl LivekitServer {
    /// Starts one, or says why not: see [`lacking`].
    pub fn start() -> Option<Self> {
        Self::start_telling(None)
    }

    /// Starts one that posts its webhooks to this address.
    pub fn start_telling(hook: Option<&str>) -> Option<Self> {
        let Some(program) = server::installed("livekit-server") else {
            lacking("LiveKit's server", "`make setup` installs it, or name it by WALLFLOWER_LIVEKIT_SERVER");
            return None;
        };
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let (signalling, media_tcp) = (TcpPort::take(), TcpPort::take());
        let mut ended = String::new();
        // Between finding a free UDP port and the server taking it another process may: then the next try finds others.
        for _ in 0..3 {
            let config = json!({
                "port": signalling.number(),
                "bind_addresses": ["127.0.0.1"],
                "rtc": {
                    "tcp_port": media_tcp.number(),
                    "udp_port": free_udp_port(),
                    "node_ip": "127.0.0.1",
                    "use_external_ip": false,
                    "enable_loopback_candidate": true,
                    "interfaces": { "includes": ["lo"] },
                },
                "keys": { KEY: SECRET },
                "logging": { "level": "info" },
            });
            let mut config = config;
            if let Some(hook) = hook {
                config["webhook"] = json!({ "api_key": KEY, "urls": [hook] });
            }
            let file = directory.path().join("livekit.yaml");
            // JSON is YAML.
            fs::write(&file, config.to_string()).expect("the configuration can be written");
            let mut command = Command::new(&program);
            command.arg("--config").arg(&file);
            let address = signalling.address();
            let answers = || http::ask(address, "GET /", &[], "").is_ok_and(|answer| answer.status == 200);
            match Server::start(command, &directory.path().join("log"), answers) {
                Ok(server) => {
                    return Some(Self { _server: server, _ports: [signalling, media_tcp], address, directory });
                }
                Err(reason) => ended = reason,
            }
        }
        panic!("three times, {ended}");
    }

    /// Host and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// A room's metadata; none when there is no such room.
    pub fn metadata(&self, room: &str) -> Option<String> {
        let rooms: Value = serde_json::from_str(&self.call("ListRooms", room, &json!({ "names": [room] }))).ok()?;
        rooms["rooms"][0]["metadata"].as_str().map(str::to_owned)
    }

    /// `ws://` address.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// URI by which `wallflower record` names a room of it.
    pub fn room_uri(&self, room: &str) -> String {
        format!("livekit+{}/{room}", self.url())
    }

    /// API key and secret.
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (KEY, SECRET)
    }

    /// A token to join a room as a participant who publishes.
    pub fn participant_token(&self, room: &str, identity: &str, name: &str) -> String {
        token(identity, name, &json!({ "room": room, "roomJoin": true, "canPublish": true, "canSubscribe": true }))
    }

    /// All participants of a room, hidden ones included.
    pub fn participants(&self, room: &str) -> Vec<Listed> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            participants: Vec<Listed>,
        }
        let answer = self.call("ListParticipants", room, &json!({ "room": room }));
        serde_json::from_str::<List>(&answer).unwrap_or_else(|error| panic!("{error} in {answer}")).participants
    }

    /// Closes a room: everyone is sent away.
    pub fn delete_room(&self, room: &str) {
        self.call("DeleteRoom", room, &json!({ "room": room }));
    }

    /// Replaces the metadata of a participant.
    pub fn set_metadata(&self, room: &str, identity: &str, metadata: &str) {
        self.call("UpdateParticipant", room, &json!({ "room": room, "identity": identity, "metadata": metadata }));
    }

    /// Sends one participant away.
    pub fn remove(&self, room: &str, identity: &str) {
        self.call("RemoveParticipant", room, &json!({ "room": room, "identity": identity }));
    }

    fn call(&self, method: &str, room: &str, request: &Value) -> String {
        let grant = json!({ "room": room, "roomAdmin": true, "roomList": true, "roomCreate": true });
        let authorization = format!("Bearer {}", token("tests", "", &grant));
        let headers = [("Content-Type", "application/json"), ("Authorization", authorization.as_str())];
        let line = format!("POST /twirp/livekit.RoomService/{method}");
        let answer = http::ask(self.address, &line, &headers, &request.to_string()).expect("LiveKit answers");
        assert_eq!(answer.status, 200, "{method}: {}\n{}", answer.body, self.log());
        answer.body
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

fn token(identity: &str, name: &str, grant: &Value) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs();
    let claims =
        json!({ "iss": KEY, "sub": identity, "name": name, "nbf": now - 60, "exp": now + 3600, "video": grant });
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET.as_bytes()))
        .expect("a token can be signed")
}
