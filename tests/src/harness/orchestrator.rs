//! An orchestrator as an agent sees it: a WebSocket server that stores what it hears, asks for things, goes away and comes back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Job, Request};
use wallflower_domain::wire::link::{Assignment, FromAgent, Link, SHORTEST_BEAT_S, Said, ToAgent};

use super::server::TcpPort;

/// See the module. Away when it is made.
pub struct Orchestrator {
    port: TcpPort,
    token: String,
    mind: Arc<Mind>,
    running: Option<Serving>,
}

struct Serving {
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended already.
            let _ = stop.send(());
        }
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// What outlives its absences.
struct Mind {
    known: Mutex<Known>,
    changed: Condvar,
    /// Requests that are asked of who is connected.
    asks: broadcast::Sender<Request>,
    authorization: String,
}

/// What it knows.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Events, each once.
    pub stored: Vec<Said>,
    /// All events that came, with those that came again.
    pub came: Vec<Said>,
    /// What passed.
    pub passed: Vec<AgentEvent>,
    /// Requests without an answer; they are asked of every agent that connects.
    pub open: Vec<Request>,
    /// Connections that were welcomed.
    pub welcomed: u32,
    /// Agents that were turned away for their token.
    pub turned_away: u32,
    /// Addresses that were asked for.
    pub paths: Vec<String>,
}

impl Known {
    /// The stored events of this name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Said> {
        self.stored.iter().filter(move |said| name_of(&said.event) == name)
    }
}

/// An event's name on the wire.
#[must_use]
pub fn name_of(event: &AgentEvent) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    value["event"].as_str().unwrap_or_default().to_owned()
}

impl Orchestrator {
    /// One whose agents prove themselves with this token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let mind = Mind {
            known: Mutex::default(),
            changed: Condvar::new(),
            asks: broadcast::channel(64).0,
            authorization: format!("Bearer {token}"),
        };
        Self { port: TcpPort::take(), token: token.to_owned(), mind: Arc::new(mind), running: None }
    }

    /// One that is there.
    #[must_use]
    pub fn serve(token: &str) -> Self {
        let mut orchestrator = Self::new(token);
        orchestrator.come();
        orchestrator
    }

    /// What an agent of it is given.
    #[must_use]
    pub fn assignment(&self, job: Job, events: &Path, linger: Duration) -> Assignment {
        let link = Link {
            urls: vec![format!("http://{}", self.port.address())],
            token: Secret::new(&self.token),
            events: events.display().to_string(),
            heard: 0,
            linger_s: linger.as_secs_f64(),
        };
        Assignment { job, link }
    }

    /// Begins to listen.
    ///
    /// # Panics
    ///
    /// When its port can't be had, which is its own.
    pub fn come(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let (address, mind) = (self.port.address(), self.mind.clone());
        let (ready, is_ready) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async move {
                let listener = listen(address);
                ready.send(()).expect("somebody waits for it");
                let router = Router::new().fallback(any(answer)).with_state(mind);
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.expect("it serves"),
                    _ = stopped => {}
                }
            });
            // The end of the runtime is that of all connections.
        });
        is_ready.recv().expect("it listens");
        self.running = Some(Serving { stop: Some(stop), server: Some(server) });
    }

    /// Goes away with all connections, without a word. What comes then is refused by the kernel.
    pub fn go(&mut self) {
        self.running = None;
    }

    /// Asks for something, now or when an agent connects.
    pub fn ask(&self, id: u64, command: AgentCommand) {
        let request = Request { id, command };
        self.mind.known().open.push(request.clone());
        // Nobody may be connected.
        let _ = self.mind.asks.send(request);
    }

    /// Asks for something once more, whether it was answered or not.
    pub fn ask_again(&self, id: u64, command: AgentCommand) {
        let _ = self.mind.asks.send(Request { id, command });
    }

    /// What it knows now.
    #[must_use]
    pub fn known(&self) -> Known {
        self.mind.known().clone()
    }

    /// Waits until something is true of what it knows.
    ///
    /// # Panics
    ///
    /// When it is not in time.
    #[track_caller]
    pub fn wait_until(&self, what: &str, deadline: Duration, is_so: impl Fn(&Known) -> bool) -> Known {
        let until = Instant::now() + deadline;
        let mut known = self.mind.known();
        while !is_so(&known) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let Known { stored, welcomed, turned_away, paths, .. } = &*known;
                panic!(
                    "not within {deadline:?}: {what}; {welcomed} welcomed, {turned_away} turned away, {paths:?}, {stored:#?}"
                );
            }
            known = self.mind.changed.wait_timeout(known, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        known.clone()
    }

    /// Waits for an event of this name.
    ///
    /// # Panics
    ///
    /// When it does not come in time.
    #[track_caller]
    pub fn wait_for(&self, event: &str, deadline: Duration) -> Said {
        let known = self.wait_until(event, deadline, |known| known.named(event).next().is_some());
        known.named(event).next().expect("it is there").clone()
    }

    /// Waits for the answer to a request.
    ///
    /// # Panics
    ///
    /// When it does not come in time.
    #[track_caller]
    pub fn wait_for_answer(&self, id: u64, deadline: Duration) -> AgentEvent {
        let is_it = |said: &&Said| matches!(&said.event, AgentEvent::Answered { request, .. } if *request == id);
        let known = self.wait_until("an answer", deadline, |known| known.stored.iter().any(|said| is_it(&said)));
        known.stored.iter().find(is_it).expect("it is there").event.clone()
    }
}

impl Mind {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something, and tells those who wait.
    fn note<T>(&self, note: impl FnOnce(&mut Known) -> T) -> T {
        let noted = note(&mut self.known());
        self.changed.notify_all();
        noted
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket can be made");
    socket.set_reuseaddr(true).expect("a socket that is not bound takes options");
    socket.bind(address).expect("the port is ours");
    socket.listen(16).expect("a bound socket listens")
}

async fn answer(State(mind): State<Arc<Mind>>, uri: Uri, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    mind.note(|known| known.paths.push(uri.path().to_owned()));
    let is_ours = headers.get("authorization").is_some_and(|value| value.as_bytes() == mind.authorization.as_bytes());
    if !is_ours {
        mind.note(|known| known.turned_away += 1);
        return StatusCode::UNAUTHORIZED.into_response();
    }
    upgrade.on_upgrade(move |socket| async move {
        // An agent that is gone says so by its next connection.
        let _ = converse(socket, &mind).await;
    })
}

async fn converse(mut socket: WebSocket, mind: &Mind) -> Result<(), axum::Error> {
    let mut asks = mind.asks.subscribe();
    let (heard, open) = mind.note(|known| {
        known.welcomed += 1;
        (known.stored.last().map_or(0, |said| said.number), known.open.clone())
    });
    say(&mut socket, &ToAgent::Welcome { heard, beat_s: SHORTEST_BEAT_S }).await?;
    for request in open {
        say(&mut socket, &ToAgent::Asked { request }).await?;
    }
    loop {
        tokio::select! {
            request = asks.recv() => {
                if let Ok(request) = request {
                    say(&mut socket, &ToAgent::Asked { request }).await?;
                }
            }
            message = socket.recv() => match message.transpose()? {
                Some(Message::Text(text)) => {
                    let message = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
                    if let Some(number) = mind.note(|known| known.hear(message)) {
                        say(&mut socket, &ToAgent::Heard { number }).await?;
                    }
                }
                Some(Message::Close(_)) | None => return Ok(()),
                Some(_) => {}
            },
        }
    }
}

async fn say(socket: &mut WebSocket, message: &ToAgent) -> Result<(), axum::Error> {
    let text = serde_json::to_string(message).expect("it is plain data");
    socket.send(Message::text(text)).await
}

impl Known {
    /// Gives the number of the last event that is stored, after one that is numbered.
    fn hear(&mut self, message: FromAgent) -> Option<u64> {
        match message {
            FromAgent::Passing { event } => {
                self.passed.push(event);
                None
            }
            FromAgent::Said(said) => {
                self.came.push(said.clone());
                let last = self.stored.last().map_or(0, |said| said.number);
                if said.number > last {
                    if let AgentEvent::Answered { request, .. } = &said.event {
                        self.open.retain(|open| open.id != *request);
                    }
                    self.stored.push(said);
                }
                self.stored.last().map(|said| said.number)
            }
        }
    }
}
