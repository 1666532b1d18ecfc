//! Serves Wallflower's own pages to the browser that records, on a loopback port of its own.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wallflower_domain::failure::{Failure, FailureKind};

/// A running server of the embedded pages.
pub(crate) struct Pages {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Pages {
    pub(crate) async fn serve() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Internal, format!("No port of 127.0.0.1 could be opened for the page: {error}."))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, wallflower_layout_app::pages()).await {
                tracing::error!(%error, "the server of the pages ended");
            }
        });
        Ok(Self { address, server })
    }

    /// Address of one of the pages.
    pub(crate) fn url(&self, page: &str) -> String {
        format!("http://{}/{page}", self.address)
    }

    pub(crate) async fn shutdown(self) {
        self.server.abort();
        let _ = self.server.await;
    }
}
