//! `--metrics`: the recording's metrics over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use wallflower_control::metrics::{CONTENT_TYPE, render};
use wallflower_domain::failure::{Failure, FailureKind};

use crate::control::StatusSource;

/// Further connections wait until one of these has ended.
const MAX_CONNECTIONS: usize = 16;
/// For one request and its answer; each has a connection of its own.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(5);

/// Serves `/metrics` until it is dropped.
pub(crate) struct MetricsServer {
    addr: SocketAddr,
    serving: JoinHandle<()>,
}

impl MetricsServer {
    /// Port 0 is any free one; see [`MetricsServer::url`].
    pub(crate) async fn bind(addr: SocketAddr, source: StatusSource) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            let message = format!("Metrics can't be served at {addr}: {error}; choose another address for --metrics.");
            Failure::new(FailureKind::BadRequest, message)
        };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let app = Router::new().route("/metrics", get(metrics)).with_state(source);
        Ok(Self { addr, serving: tokio::spawn(serve(listener, app)) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/metrics", self.addr)
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        // Its connections are its own, and end with it.
        self.serving.abort();
    }
}

async fn metrics(State(source): State<StatusSource>) -> Response {
    match render(&source.now()) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `axum::serve` has no bounds for connections that are kept open.
async fn serve(listener: TcpListener, app: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let service = TowerToHyperService::new(app.clone());
                    let connection =
                        http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
                    connections.spawn(async move {
                        // A client that goes, or takes too long, is its own affair.
                        let _ = timeout(CONNECTION_DEADLINE, connection).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "who asks for metrics can't be let in");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
