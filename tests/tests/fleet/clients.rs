//! Those who ask an orchestrator, and remember what it has acknowledged.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wallflower_tests::fleet::load::arrivals;
use wallflower_tests::fleet::{Account, Client};

use super::Scale;

/// Those who ask.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) client: Client,
    pub(crate) account: Account,
    /// Whoever is there to be asked.
    pub(crate) servers: Arc<Mutex<Vec<SocketAddr>>>,
    pub(crate) acks: Arc<Mutex<Acks>>,
}

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Acks {
    pub(crate) created: Vec<String>,
    /// Of those, the ones that nobody has stopped.
    pub(crate) running: Vec<String>,
    pub(crate) stopped: Vec<String>,
}

/// What a request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Start,
    Get,
    List,
    Stop,
}

/// What came of one.
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    pub(crate) due: Instant,
    pub(crate) took: Duration,
    /// None when there was no answer.
    pub(crate) status: Option<u16>,
    /// Of a start.
    pub(crate) id: Option<String>,
}

impl Clients {
    pub(crate) fn server(&self, number: u64) -> SocketAddr {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(number).unwrap_or_default() % servers.len();
        servers[index]
    }

    pub(crate) fn acks<T>(&self, act: impl FnOnce(&mut Acks) -> T) -> T {
        act(&mut self.acks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One that runs, spread by the number of the request.
    pub(crate) fn some(&self, number: u64) -> Option<String> {
        self.acks(|acks| {
            let count = acks.running.len();
            (count > 0).then(|| acks.running[spread(number, count)].clone())
        })
    }

    /// The same, which nobody else will stop.
    pub(crate) fn some_to_stop(&self, number: u64) -> Option<String> {
        self.acks(|acks| {
            let count = acks.running.len();
            let mut tries = (0..20).map(|more| spread(number + more * 7919, count.max(1)));
            let index = tries.find(|index| {
                let entry = acks.running.get(*index).and_then(|id| self.account.of(id));
                entry.is_some_and(|entry| entry.start_is_heard())
            })?;
            Some(acks.running.swap_remove(index))
        })
    }

    pub(crate) async fn start(&self, number: u64, due: Instant) -> Asked {
        let body =
            json!({"room": format!("https://rooms.example/{number}"), "metadata": {"number": number.to_string()}});
        let answer = self.client.ask(self.server(number), "POST", "/v1/recordings", Some(&body)).await;
        let took = due.elapsed();
        let status = answer.as_ref().map(|(status, _)| *status);
        let id =
            answer.filter(|(status, _)| *status == 201).and_then(|(_, body)| body["id"].as_str().map(str::to_owned));
        if let Some(id) = &id {
            self.acks(|acks| {
                acks.created.push(id.clone());
                acks.running.push(id.clone());
            });
        }
        Asked { kind: Kind::Start, due, took, status, id }
    }

    /// The request of this number.
    pub(crate) async fn ask(&self, number: u64, due: Instant) -> Asked {
        let kind = [Kind::Get, Kind::List, Kind::Get, Kind::Stop][usize::try_from(number % 4).unwrap_or_default()];
        let server = self.server(number / 4);
        let ask = |method, path| {
            let client = self.client.clone();
            async move { client.ask(server, method, path, None).await.map(|(status, _)| status) }
        };
        let status = match kind {
            Kind::List => ask("GET", "/v1/recordings?state=recording").await,
            Kind::Stop => match self.some_to_stop(number) {
                None => Some(200),
                Some(id) => {
                    let status = ask("POST", &format!("/v1/recordings/{id}/stop")).await;
                    if status == Some(200) {
                        self.acks(|acks| acks.stopped.push(id));
                    }
                    status
                }
            },
            Kind::Get | Kind::Start => match self.some(number) {
                None => Some(200),
                Some(id) => ask("GET", &format!("/v1/recordings/{id}")).await,
            },
        };
        Asked { kind, due, took: due.elapsed(), status, id: None }
    }

    /// Starts and requests, each at its rate.
    pub(crate) async fn load(self, scale: Scale) -> Vec<Asked> {
        let started = arrivals(scale.starts, scale.time, |number, due| {
            let clients = self.clone();
            async move { clients.start(number, due).await }
        });
        let asked = arrivals(scale.requests, scale.time, |number, due| {
            let clients = self.clone();
            async move { clients.ask(number, due).await }
        });
        let (mut started, asked) = tokio::join!(started, asked);
        started.extend(asked);
        started
    }

    /// All recordings that the orchestrator knows.
    pub(crate) async fn all(&self) -> HashMap<String, Value> {
        let (mut all, mut cursor) = (HashMap::new(), String::new());
        loop {
            let path = format!("/v1/recordings?limit=200{cursor}");
            let (status, page) = self.client.ask(self.server(0), "GET", &path, None).await.expect("an answer");
            assert_eq!(status, 200, "{page}");
            for recording in page["recordings"].as_array().expect("a list") {
                all.insert(recording["id"].as_str().expect("an id").to_owned(), recording.clone());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

/// An index that looks like chance.
pub(crate) fn spread(number: u64, count: usize) -> usize {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    usize::try_from(mixed).unwrap_or_default() % count
}
