//! A Jitsi deployment on loopback, as far as it goes without a bridge: a real Prosody, the real lib-jitsi-meet, a focus that lets
//! everybody in, and media that are made in the recorder's page.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::browser::Browser;
use super::server::{self, Server, TcpPort};
use super::web::Web;
use super::{http, lacking};

const PROGRAM: &str = "prosody";
const USER: &str = "recorder";
const HIDDEN: &str = "recorder.meet.test";
const PASSWORD: &str = "a-password-of-tests";

const SETTINGS: &str = include_str!("jitsi/prosody.cfg.lua");
const MODULES: [(&str, &str); 2] = [
    ("mod_test_focus.lua", include_str!("jitsi/mod_test_focus.lua")),
    ("mod_test_rooms.lua", include_str!("jitsi/mod_test_rooms.lua")),
];
const IN_PAGE: &str = include_str!("jitsi/in_page.js");
const GUEST: &str = include_str!("jitsi/guest.html");

/// A browser has to start, and to join.
const JOIN_DEADLINE: Duration = Duration::from_secs(60);
const ORDER_DEADLINE: Duration = Duration::from_secs(20);

/// Whom a deployment lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guests {
    /// Everybody.
    Welcome,
    /// Nobody without an account.
    Refused,
}

/// A deployment that runs; ended when dropped.
#[derive(Debug)]
pub struct JitsiServer {
    prosody: Option<Server>,
    port: TcpPort,
    directory: TempDir,
    web: Web,
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    config: String,
    /// Without WebSockets.
    bosh: String,
    lib: String,
}

impl JitsiServer {
    /// Starts one that lets everybody in, or says why not: see [`lacking`].
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::start_for(Guests::Welcome)
    }

    /// Starts one.
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    #[must_use]
    #[track_caller]
    pub fn start_for(guests: Guests) -> Option<Self> {
        if !server::is_on_path(PROGRAM) {
            lacking("Prosody", "`make setup` installs it");
            return None;
        }
        let Some(lib) = server::kept("lib-jitsi-meet", "lib-jitsi-meet/lib-jitsi-meet.min.js") else {
            lacking("lib-jitsi-meet", "`make setup` downloads it, or name one by WALLFLOWER_LIB_JITSI_MEET");
            return None;
        };
        let (port, directory) = (TcpPort::take(), tempfile::tempdir().expect("a temporary directory can be made"));
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
            fs::write(path, text).expect("a temporary directory can be written to");
        };
        for (name, text) in MODULES {
            write(&format!("modules/{name}"), text);
        }
        let account = format!("data/{}/accounts/{USER}.dat", HIDDEN.replace('.', "%2e"));
        write(&account, &format!("return {{ [\"password\"] = \"{PASSWORD}\" }};\n"));
        let how = match guests {
            Guests::Welcome => "anonymous",
            Guests::Refused => "internal_plain",
        };
        let settings = SETTINGS
            .replace("@FOLDER@", &directory.path().display().to_string())
            .replace("@PORT@", &port.number().to_string())
            .replace("@GUESTS@", how);
        write("prosody.cfg.lua", &settings);
        let mut config = json!({
            "hosts": { "domain": "meet.test", "muc": "conference.meet.test", "focus": "focus.meet.test" },
            "hiddenDomain": HIDDEN,
            "websocket": format!("ws://{}/xmpp-websocket", port.address()),
            "bosh": format!("//{}/http-bind", port.address()),
            "enableUnifiedOnChrome": true,
        });
        let lib = fs::read_to_string(lib).expect("lib-jitsi-meet can be read");
        let script = format!("var config = {config};");
        config["websocket"] = Value::Null;
        let bosh = format!("var config = {config};");
        let files = Arc::new(Files { config: script, bosh, lib: format!("{lib}\n;{IN_PAGE}") });
        let web = Web::serve(client(files.clone()));
        let mut deployment = Self { prosody: None, port, directory, web, files };
        deployment.start_again();
        Some(deployment)
    }

    /// Starts its Prosody, after a [`kill`](Self::kill).
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.prosody.is_none(), "it runs already");
        let mut command = Command::new(PROGRAM);
        command.arg("-F").arg("--config").arg(self.directory.path().join("prosody.cfg.lua"));
        let ready = || self.ask("GET", "rooms/none").is_some();
        let server = Server::start(command, &self.directory.path().join("log"), ready);
        self.prosody = Some(server.unwrap_or_else(|reason| panic!("{reason}")));
    }

    /// Ends its Prosody at once; everybody's connection breaks.
    pub fn kill(&mut self) {
        drop(self.prosody.take());
    }

    /// URI by which `wallflower record` names a room of it. Before the room may be a tenant, such as in `team/standup`; the tenant
    /// `bosh` is told of no WebSocket.
    #[must_use]
    pub fn room_uri(&self, room: &str) -> String {
        format!("jitsi+http://{}/{room}", self.web.address)
    }

    /// Host and port of its web client.
    #[must_use]
    pub fn host(&self) -> String {
        self.web.address.to_string()
    }

    /// User and password of the account of its hidden domain.
    #[must_use]
    pub fn account(&self) -> (String, &'static str) {
        (format!("{USER}@{HIDDEN}"), PASSWORD)
    }

    /// All who are in a room, as an administrator sees them: their addresses without what is theirs alone.
    ///
    /// # Panics
    ///
    /// When Prosody does not answer.
    #[must_use]
    pub fn members(&self, room: &str) -> Vec<String> {
        let listed = self.ask("GET", &format!("rooms/{room}")).expect("Prosody answers");
        serde_json::from_str(&listed).unwrap_or_else(|error| panic!("{error} in {listed}"))
    }

    /// Ends a meeting for everybody.
    ///
    /// # Panics
    ///
    /// When there is no such room.
    pub fn close(&self, room: &str) {
        self.ask("POST", &format!("close/{room}")).expect("there is such a room");
    }

    /// Lets somebody into a room; none where there is no browser.
    ///
    /// # Panics
    ///
    /// When they do not get in.
    #[must_use]
    #[track_caller]
    pub fn guest(&self, room: &str, name: &str) -> Option<Guest> {
        Guest::enter(self.files.clone(), room, name)
    }

    fn ask(&self, method: &str, what: &str) -> Option<String> {
        let answer = http::ask(self.port.address(), &format!("{method} /test/{what}"), &[], "").ok()?;
        (answer.status == 200).then_some(answer.body)
    }
}

/// A participant in a browser of its own, by the same library.
#[derive(Debug)]
pub struct Guest {
    orders: UnboundedSender<String>,
    told: Receiver<Value>,
    _browser: Browser,
    _web: Web,
}

impl Guest {
    #[track_caller]
    fn enter(files: Arc<Files>, room: &str, name: &str) -> Option<Self> {
        let (orders, awaited) = unbounded_channel();
        let (tell, told) = channel();
        let awaited = Arc::new(Mutex::new(awaited));
        let tell = move |body: String| async move {
            // A test that is over listens no longer.
            let _ = tell.send(serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}")));
        };
        let router = client(files)
            .route("/", get(|| async { Html(GUEST) }))
            .route("/order", get(move || next_order(awaited)))
            .route("/told", post(tell));
        let web = Web::serve(router);
        let browser = Browser::open(&url_of(web.address, room, name))?;
        let guest = Self { orders, told, _browser: browser, _web: web };
        let joined = guest.hear(JOIN_DEADLINE);
        assert!(joined["joined"].is_string(), "{name} does not get in: {joined}");
        Some(guest)
    }

    /// Runs a script there, which may use `conference` and `await`, and gives what it returns.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[track_caller]
    pub fn does(&self, script: &str) -> Value {
        self.orders.send(script.to_owned()).expect("the browser asks for orders");
        let told = self.hear(ORDER_DEADLINE);
        assert!(told.get("failed").is_none(), "{script}: {told}");
        told
    }

    /// Publishes media that are made in the recorder's page: see `jitsi/in_page.js`.
    #[track_caller]
    pub fn publishes(&self, media: &Value) {
        let text = Value::String(media.to_string());
        self.does(&format!("conference.setLocalParticipantProperty('inpage', {text})"));
    }

    #[track_caller]
    fn hear(&self, deadline: Duration) -> Value {
        match self.told.recv_timeout(deadline) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => panic!("the guest's browser says nothing within {deadline:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("the guest's browser is gone"),
        }
    }
}

fn url_of(address: SocketAddr, room: &str, name: &str) -> String {
    format!("http://{address}/#{room}/{name}")
}

/// An order within some seconds, or nothing: whoever asks then asks again.
async fn next_order(awaited: Arc<Mutex<UnboundedReceiver<String>>>) -> String {
    let mut awaited = awaited.lock().await;
    tokio::time::timeout(Duration::from_secs(5), awaited.recv()).await.ok().flatten().unwrap_or_default()
}

/// The deployment's web client: of its files those that a page of ours asks for, for every tenant.
fn client(files: Arc<Files>) -> Router {
    let script = |text: String| ([(header::CONTENT_TYPE, "text/javascript")], text).into_response();
    Router::new().fallback(get(move |uri: Uri| async move {
        match uri.path() {
            "/bosh/config.js" => script(files.bosh.clone()),
            path if path.ends_with("/config.js") => script(files.config.clone()),
            path if path.ends_with("/libs/lib-jitsi-meet.min.js") => script(files.lib.clone()),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }))
}
