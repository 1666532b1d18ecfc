//! Pages on a loopback port.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::oneshot;

type Log = Arc<Mutex<Vec<String>>>;

/// A server of Wallflower's own pages (the probe page among them) and of pages made for tests. Stops when dropped.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    log: Log,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Site {
    /// Serves, besides Wallflower's pages, each of `pages` under its path.
    pub fn serve(pages: &[(&'static str, &'static str)]) -> Self {
        let log = Log::default();
        let mut router = Router::new()
            .route("/gone", get(|| async { StatusCode::NOT_FOUND }))
            .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            // Never answers.
            .route("/hangs", get(std::future::pending::<Response>));
        for (path, text) in pages {
            let page = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], *text);
            router = router.route(path, get(move || async move { page.into_response() }));
        }
        let router = router
            .fallback_service(wallflower_layout_app::pages())
            .layer(middleware::from_fn_with_state(log.clone(), remember));

        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        listener.set_nonblocking(true).expect("a socket can be set so");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("the socket is good");
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.expect("it serves"),
                    _ = stopped => {}
                }
            });
        });
        Self { address, log, stop: Some(stop), server: Some(server) }
    }

    /// Address of a page, such as `probe.html?fps=30`.
    pub fn url(&self, page: &str) -> String {
        format!("http://{}/{}", self.address, page.trim_start_matches('/'))
    }

    /// Paths with queries of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.log.lock().expect("no request panicked").clone()
    }
}

impl Drop for Site {
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

async fn remember(State(log): State<Log>, request: Request, next: Next) -> Response {
    if let Ok(mut log) = log.lock() {
        log.push(request.uri().to_string());
    }
    next.run(request).await
}
