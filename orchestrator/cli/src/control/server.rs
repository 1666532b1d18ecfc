//! The owner's end of a control socket.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::unistd::getuid;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use wallflower_agent::control_sockets;
use wallflower_control::driver::Order;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::State;
use wallflower_domain::wire::agent::AgentCommand;
use wallflower_domain::wire::control::{Answer, ControlRequest, Done, MAX_REQUEST_BYTES, Status};

use super::lines::{Incoming, Lines};
use super::source::{NeverBegan, StatusSource};

/// Further clients wait until one of these has gone.
const MAX_CONNECTIONS: usize = 64;
/// A client that asks nothing for so long is cut off.
const IDLE_DEADLINE: Duration = Duration::from_secs(60);
/// For a client to take an answer.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// So long a question for a later version waits for one.
const NEWS_DEADLINE: Duration = Duration::from_secs(20);
/// For an order to take effect.
const ORDER_DEADLINE: Duration = Duration::from_secs(30);
/// For the last connection to be taken at the end.
const LATE: Duration = Duration::from_millis(20);
/// For clients to hear of the end.
const GOODBYE: Duration = Duration::from_secs(1);
/// The directory may be removed, by whoever removes the last socket in it, before ours is there.
const BIND_TRIES: usize = 20;

/// Answers at a recording's control socket. Dropping it removes the socket and cuts everybody off; [`ControlServer::close`] lets
/// them hear of the end first.
pub(crate) struct ControlServer {
    root: PathBuf,
    id: String,
    closing: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl ControlServer {
    /// Listens from now on. Orders for the driver go to `orders`; `streams` is how many the recording begins with.
    pub(crate) async fn open(
        root: &Path,
        source: StatusSource,
        orders: mpsc::Sender<Order>,
        streams: usize,
    ) -> Result<Self, Failure> {
        control_sockets::sweep(root).await;
        let id = source.id();
        let listener = bind(root, &id).map_err(|error| {
            let path = control_sockets::path_of(root, &id);
            let message = format!(
                "The control socket {} can't be opened: {error}; make room there, or set WALLFLOWER_RUNTIME_DIR.",
                path.display()
            );
            Failure::new(FailureKind::Internal, message)
        })?;
        let (closing, closed) = oneshot::channel();
        let desk = Desk { source, orders, last_stream: Arc::new(AtomicUsize::new(streams)) };
        let serving = tokio::spawn(serve(listener, desk, closed));
        Ok(Self { root: root.to_owned(), id, closing: Some(closing), serving })
    }

    /// Takes the socket away, once those who wait for the end have been told.
    pub(crate) async fn close(mut self) {
        control_sockets::remove(&self.root, &self.id);
        drop(self.closing.take());
        let _ = (&mut self.serving).await;
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.serving.abort();
        control_sockets::remove(&self.root, &self.id);
    }
}

/// The socket gets its name when it listens and is closed to others: one that refuses is taken for dead.
fn bind(root: &Path, id: &str) -> io::Result<UnixListener> {
    let folder = control_sockets::folder(root);
    let mut tries = 0;
    loop {
        tries += 1;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let bound = tempfile::Builder::new().make_in(&folder, |path| {
            let listener = UnixListener::bind(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        });
        match bound {
            Ok(socket) => return socket.persist(control_sockets::path_of(root, id)).map_err(|failed| failed.error),
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < BIND_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

async fn serve(listener: UnixListener, desk: Desk, mut closed: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut closed => break,
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, desk.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "a client of the control socket can't be let in");
                    // Such as too many open files, which goes away by time only.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    // Who has come before the socket went is still heard.
    while connections.len() < MAX_CONNECTIONS
        && let Ok(Ok((stream, _))) = timeout(LATE, listener.accept()).await
    {
        connections.spawn(converse(stream, desk.clone()));
    }
    drop(listener);
    let gone = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(GOODBYE, gone).await;
}

/// Answers one client until it goes, or has heard of the end.
async fn converse(stream: UnixStream, mut desk: Desk) {
    let is_ours = stream.peer_cred().is_ok_and(|peer| peer.uid() == getuid().as_raw() || peer.uid() == 0);
    if !is_ours {
        return;
    }
    let mut lines = Lines::new(stream, MAX_REQUEST_BYTES);
    loop {
        let Ok(Ok(incoming)) = timeout(IDLE_DEADLINE, lines.read()).await else { return };
        let (reply, is_last) = match incoming {
            Incoming::End => return,
            Incoming::TooLong => {
                let failure = bad_request(format!("A request has at most {MAX_REQUEST_BYTES} bytes."));
                (Reply::Refused(Answer::Error(failure)), true)
            }
            Incoming::Line(line) => desk.answer(&line).await,
        };
        let written = timeout(WRITE_DEADLINE, lines.write(&reply)).await;
        if is_last || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

fn bad_request(message: String) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}

/// Where requests are answered.
#[derive(Clone)]
struct Desk {
    source: StatusSource,
    orders: mpsc::Sender<Order>,
    /// Number of the stream that was asked for last.
    last_stream: Arc<AtomicUsize>,
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Reply {
    Status(Box<Answer<Status>>),
    Done(Answer<Done>),
    Refused(Answer<()>),
}

impl Desk {
    /// The answer, and whether there is nothing more to be said.
    async fn answer(&mut self, line: &[u8]) -> (Reply, bool) {
        match serde_json::from_slice(line) {
            Ok(ControlRequest::Status { after_version }) => {
                let status = self.status(after_version).await;
                let is_last = status.as_ref().map_or(true, |status| status.recording.state.is_terminal());
                (Reply::Status(Box::new(status.into())), is_last)
            }
            Ok(ControlRequest::Do { command }) => (Reply::Done(self.carry_out(command).await.into()), false),
            Err(error) => {
                (Reply::Refused(Answer::Error(bad_request(format!("The request can't be read: {error}.")))), false)
            }
        }
    }

    async fn status(&mut self, after_version: Option<u64>) -> Result<Status, Failure> {
        if let Some(known) = after_version {
            let news = self.source.wait_until(|recording| recording.version > known);
            // Without news it is told as it is.
            timeout(NEWS_DEADLINE, news).await.unwrap_or(Ok(())).map_err(never_began)?;
        }
        Ok(self.source.now())
    }

    async fn carry_out(&mut self, mut command: AgentCommand) -> Result<Done, Failure> {
        let state = self.source.now().recording.state;
        if let Some(failure) = refusal(state, &command) {
            return Err(failure);
        }
        let mut stream = None;
        if let AgentCommand::AddStream { id, .. } = &mut command {
            *id = format!("s{}", self.last_stream.fetch_add(1, Ordering::Relaxed) + 1);
            stream = Some(id.clone());
        }
        let ordered = if command.is_end() {
            timeout(ORDER_DEADLINE, self.end(command)).await
        } else {
            timeout(ORDER_DEADLINE, self.order(command)).await
        };
        ordered.unwrap_or_else(|_| {
            let message = format!(
                "The agent has not answered within {} s; look at the recording by `wallflower show`, and ask again.",
                ORDER_DEADLINE.as_secs()
            );
            Err(Failure::new(FailureKind::AgentLost, message))
        })?;
        Ok(Done { id: self.source.id(), stream })
    }

    async fn order(&self, command: AgentCommand) -> Result<(), Failure> {
        let ended = || bad_request("The recording has ended before that could be done.".to_owned());
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order { command, answer: Some(answer) }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// A stop is never refused: it has taken effect when the driver has taken it.
    async fn end(&mut self, command: AgentCommand) -> Result<(), Failure> {
        // A driver that takes no more orders has come to the end.
        let _ = self.orders.send(command.into()).await;
        self.source.wait_until(|recording| recording.stop_requested).await.map_err(never_began)
    }
}

fn never_began(_: NeverBegan) -> Failure {
    let message = "The recording could not be started; the command that was to record says why.";
    Failure::new(FailureKind::AgentLost, message)
}

/// What can't be done to a recording that ends.
fn refusal(state: State, command: &AgentCommand) -> Option<Failure> {
    let state = match state {
        State::Stopping => "is stopping",
        State::Finalizing => "is being finalized",
        State::Completed | State::Failed | State::Aborted => "has ended",
        State::Queued | State::Starting | State::Joining | State::Recording | State::Paused | State::Interrupted => {
            return None;
        }
    };
    let what = match command {
        AgentCommand::Stop | AgentCommand::Abandon => return None,
        AgentCommand::Pause { .. } => "it can't be paused",
        AgentCommand::Resume => "it can't be resumed",
        AgentCommand::Mute => "it can't be muted",
        AgentCommand::Unmute => "it can't be unmuted",
        AgentCommand::Mark { .. } => "nothing can be marked",
        AgentCommand::AddStream { .. } => "no stream can be added",
        AgentCommand::RemoveStream { .. } => "no stream can be removed",
        AgentCommand::Look { .. } => "its look can't be changed",
    };
    Some(bad_request(format!("The recording {state}: {what} any more.")))
}

#[cfg(test)]
mod tests;
