//! The HTTP edge: routes, the listening socket, and the end of it all.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::origin;
use super::room::{InvalidRoomName, MAX_CLIENTS, RoomName};
use super::rooms::{MAX_ROOMS, Rooms};
use super::socket::{self, MAX_READ_BYTES, Patience, Visitor};

/// Open sockets, joined or not.
const MAX_SOCKETS: u32 = (MAX_ROOMS * MAX_CLIENTS) as u32;
/// For everything that is still open to end, once it has been told.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The demo room's address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("the demo room can't listen on {addr} ({source}): choose another address, or port 0 for a free port")]
pub struct BindError {
    /// The address that was asked for.
    pub addr: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// A running demo room server. Dropping it cuts everybody off; [`DemoServer::shutdown`] says goodbye first.
#[derive(Debug)]
pub struct DemoServer {
    addr: SocketAddr,
    edge: Edge,
    closing: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Edge {
    rooms: Arc<Rooms>,
    /// One permit for every open socket.
    sockets: Arc<Semaphore>,
    patience: Patience,
    closing: watch::Receiver<bool>,
}

impl DemoServer {
    /// Listens and serves from now on. With port 0 the system chooses one: see [`DemoServer::addr`].
    ///
    /// # Errors
    ///
    /// The address is in use, or not one of this machine.
    pub async fn bind(addr: SocketAddr) -> Result<Self, BindError> {
        Self::bind_with(addr, Patience::default()).await
    }

    async fn bind_with(addr: SocketAddr, patience: Patience) -> Result<Self, BindError> {
        let failed = |source| BindError { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let (closing, mut closed) = watch::channel(false);
        let sockets = Arc::new(Semaphore::new(MAX_SOCKETS as usize));
        let edge = Edge { rooms: Arc::default(), sockets, patience, closing: closing.subscribe() };
        // Signals are small and are waited for. A socket that refuses the option still works.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let app = routes(edge.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
            // An error says that the server is dropped, which is its end as well.
            let _ = closed.wait_for(|closing| *closing).await;
        });
        let serving = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the demo room has stopped serving");
            }
        });
        Ok(Self { addr, edge, closing, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes a room for everybody in it; false when there is none of that name.
    pub fn close_room(&self, room: &RoomName) -> bool {
        self.edge.rooms.close_room(room)
    }

    /// Tells everybody that it is over, and waits until nothing is open any more, for 5 s at most.
    pub async fn shutdown(mut self) {
        self.edge.rooms.close();
        self.closing.send_replace(true);
        let ends = async {
            // Every permit is back when every socket has ended.
            let _ = self.edge.sockets.acquire_many(MAX_SOCKETS).await;
            let _ = (&mut self.serving).await;
        };
        if timeout(SHUTDOWN, ends).await.is_err() {
            tracing::warn!("some clients of the demo room have not gone in time, and are cut off");
        }
    }
}

impl Drop for DemoServer {
    fn drop(&mut self) {
        self.edge.rooms.close();
        self.closing.send_replace(true);
        self.serving.abort();
    }
}

fn routes(edge: Edge) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/join.html") }))
        .route("/rooms/{room}", get(join_page))
        .route("/rooms/{room}/ws", get(open_socket))
        .route("/healthz", get(|| async { "ok" }))
        .with_state(edge)
        .fallback_service(wallflower_layout_app::pages())
}

/// Why a request gets no page and no socket: one sentence for a person.
struct Rejection(StatusCode, String);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

async fn join_page(Path(room): Path<String>) -> Result<Redirect, Rejection> {
    let room = room_name(&room)?;
    // A room's name needs no escaping in a URL.
    Ok(Redirect::temporary(&format!("/join.html?room={room}")))
}

async fn open_socket(
    State(edge): State<Edge>,
    Path(room): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Rejection> {
    let room = room_name(&room)?;
    if !origin::may_connect(&headers) {
        let why = "Pages of another site may not join this room.";
        return Err(Rejection(StatusCode::FORBIDDEN, why.to_owned()));
    }
    let upgrade = upgrade.map_err(|error| Rejection(error.status(), error.body_text()))?;
    let Ok(permit) = Arc::clone(&edge.sockets).try_acquire_owned() else {
        let why = "Too many are connected to the demo rooms; come back later.";
        return Err(Rejection(StatusCode::SERVICE_UNAVAILABLE, why.to_owned()));
    };
    let visitor = Visitor { room, may_record: origin::may_record(peer, &headers) };
    Ok(upgrade.max_message_size(MAX_READ_BYTES).max_frame_size(MAX_READ_BYTES).on_upgrade(async move |socket| {
        socket::serve(socket, visitor, edge.rooms, edge.patience, edge.closing).await;
        drop(permit);
    }))
}

fn room_name(text: &str) -> Result<RoomName, Rejection> {
    text.parse()
        .map_err(|error: InvalidRoomName| Rejection(StatusCode::NOT_FOUND, format!("There is no room here: {error}.")))
}

#[cfg(test)]
mod tests;
