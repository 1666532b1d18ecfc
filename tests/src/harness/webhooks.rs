//! Somebody who takes webhooks, or does not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// One that was posted, taken or not.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The text that was signed.
    pub text: String,
    /// What it says.
    pub body: Value,
    /// Whether it was taken.
    pub taken: bool,
}

impl Posted {
    /// The value of a header, empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// A receiver on loopback; gone when dropped.
#[derive(Debug)]
pub struct Webhooks {
    address: SocketAddr,
    state: Shared,
    runtime: Option<Runtime>,
}

type Shared = Arc<Mutex<Inner>>;

#[derive(Debug)]
struct Inner {
    refuse: usize,
    posted: Vec<Posted>,
}

fn lock(state: &Shared) -> MutexGuard<'_, Inner> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Webhooks {
    /// Starts one that answers the first so many by 503.
    ///
    /// # Panics
    ///
    /// When it can't listen.
    #[must_use]
    pub fn start(refuse: usize) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let state = Arc::new(Mutex::new(Inner { refuse, posted: Vec::new() }));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/hook", post(take)).with_state(state.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, state, runtime: Some(runtime) }
    }

    /// Where to post to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All that was posted, in order.
    #[must_use]
    pub fn posted(&self) -> Vec<Posted> {
        lock(&self.state).posted.clone()
    }
}

async fn take(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut inner = lock(&state);
    let taken = inner.refuse == 0;
    inner.refuse = inner.refuse.saturating_sub(1);
    let text = String::from_utf8_lossy(&body).into_owned();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    inner.posted.push(Posted { headers, text, body, taken });
    if taken { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not here: a test may be within a runtime of its own.
            thread::spawn(move || drop(runtime));
        }
    }
}
