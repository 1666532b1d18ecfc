//! Serves Wallflower's own pages, or a designer's, to the browser that records, on a loopback port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::JobPage;

/// A running server of the embedded pages, or of a template.
pub(crate) struct Pages {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Pages {
    /// What a recording's page is opened from.
    pub(crate) async fn serve(page: &JobPage) -> Result<Self, Failure> {
        match page {
            JobPage::TemplateFolder { folder, .. } => {
                Self::serve_router(wallflower_layout_app::template(Path::new(folder))).await
            }
            JobPage::Stage { .. } | JobPage::Template { .. } | JobPage::Page { .. } => Self::serve_own().await,
        }
    }

    /// Wallflower's own pages.
    pub(crate) async fn serve_own() -> Result<Self, Failure> {
        Self::serve_router(wallflower_layout_app::pages()).await
    }

    async fn serve_router(router: axum::Router) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Internal, format!("No port of 127.0.0.1 could be opened for the page: {error}."))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
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
