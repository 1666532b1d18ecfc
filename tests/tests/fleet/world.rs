//! A fleet, and what is to be true of it whatever is killed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Runtime;
use wallflower_tests::fleet::account::Entry;
use wallflower_tests::fleet::load::arrivals;
use wallflower_tests::fleet::process::{cpu_s, peak_mib};
use wallflower_tests::fleet::{Account, Client, Fleet};
use wallflower_tests::harness::{Bench, Serve};

use super::clients::Clients;

pub(crate) const SOON: Duration = Duration::from_secs(40);
/// What the machine has does not matter to agents that take nothing.
pub(crate) const ROOMY: &str = "[capacity]\ncores = 1e9\nmemory_mib = 1000000000000\n";

/// A fleet with those who record it, and all that was acknowledged to clients.
pub(crate) struct World {
    pub(crate) bench: Bench,
    pub(crate) runtime: Runtime,
    pub(crate) fleet: Fleet,
    pub(crate) serves: Vec<Serve>,
    pub(crate) clients: Clients,
}

#[track_caller]
pub(crate) fn wait(what: &str, deadline: Duration, is_it: impl Fn() -> bool) {
    let until = Instant::now() + deadline;
    while !is_it() {
        assert!(Instant::now() < until, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl World {
    /// `config` is beside what makes it roomy.
    pub(crate) fn new(replicas: usize, config: &str) -> Self {
        Self::on(Bench::new(), replicas, &format!("{config}{ROOMY}"))
    }

    pub(crate) fn on(bench: Bench, replicas: usize, config: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let fleet = runtime.block_on(async { Fleet::listen(&bench.file("launcher")) });
        let mut serves: Vec<Serve> =
            (0..replicas).map(|index| Serve::at_an_address(&format!("replica-{index}"))).collect();
        let servers: Vec<SocketAddr> = serves.iter().map(Serve::address).collect();
        let urls: Vec<String> = servers.iter().map(|server| format!("http://{server}")).collect();
        let config = format!("launcher = \"{}\"\nlink_urls = {urls:?}\n{config}", fleet.name());
        for serve in &mut serves {
            serve.configure(&bench, &config);
            serve.start_again(&bench);
        }
        let clients = Clients {
            client: Client::default(),
            account: fleet.account().clone(),
            servers: Arc::new(Mutex::new(servers)),
            acks: Arc::default(),
        };
        Self { bench, runtime, fleet, serves, clients }
    }

    pub(crate) fn account(&self) -> &Account {
        self.fleet.account()
    }

    /// Brings so many recordings about.
    pub(crate) fn fill(&self, agents: u32) -> Duration {
        let began = Instant::now();
        let clients = &self.clients;
        let rate = 250.0;
        let time = Duration::from_secs_f64(f64::from(agents) / rate);
        let asked = self.runtime.block_on(arrivals(rate, time, |number, due| {
            let clients = clients.clone();
            async move { clients.start(number, due).await }
        }));
        let refused: Vec<_> =
            asked.iter().filter(|asked| asked.status != Some(201)).map(|asked| asked.status).collect();
        assert!(refused.is_empty(), "refused: {refused:?}");
        let agents = asked.len();
        wait("all record", 4 * SOON, || self.account().count(Entry::start_is_heard) >= agents);
        began.elapsed()
    }

    /// Waits until everybody is connected, what is stopped has ended, and nothing waits to be launched.
    pub(crate) fn settle(&self) {
        let clients = &self.clients;
        let stopped = clients.acks(|acks| acks.stopped.clone());
        wait("what was stopped has ended", SOON, || {
            let ended = |id: &String| self.account().of(id).is_some_and(|entry| entry.end_is_heard());
            stopped.iter().all(ended)
        });
        wait("all are connected", SOON, || {
            self.account().count(|entry| entry.is_live() && !(entry.is_connected && entry.start_is_heard())) == 0
        });
        wait("nothing waits", SOON, || {
            let path = "/v1/recordings?state=queued,starting,joining,interrupted,stopping,finalizing";
            let page = self.runtime.block_on(clients.client.ask(clients.server(0), "GET", path, None));
            page.is_some_and(|(status, page)| status == 200 && page["recordings"].as_array().is_some_and(Vec::is_empty))
        });
    }

    /// Compares what the orchestrator says with what clients were told and what agents know.
    pub(crate) fn assert_nothing_lost_or_doubled(&self) {
        let known = self.runtime.block_on(self.clients.all());
        let (created, stopped) = self.clients.acks(|acks| (acks.created.clone(), acks.stopped.clone()));
        let account = self.account().all();
        for id in &created {
            assert!(known.contains_key(id), "{id} was acknowledged and is lost");
            assert!(account.contains_key(id), "{id} was never launched: {:#}", known[id]);
        }
        for (id, entry) in &account {
            assert_eq!(entry.launched, [1], "{id} was launched again: {entry:?}");
            let recording = known.get(id).unwrap_or_else(|| panic!("{id} has an agent and no record"));
            let state = if entry.end_is_heard() { "completed" } else { "recording" };
            assert_eq!(
                (recording["state"].as_str(), &recording["agents"]),
                (Some(state), &json!(1)),
                "{entry:?} {recording:#}"
            );
        }
        for id in &stopped {
            assert!(account[id].end_is_heard(), "{id}: its stop was acknowledged and is lost");
        }
        assert_eq!(known.len(), account.len(), "each recording has an agent");
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        self.serves.iter().filter_map(Serve::pid).map(peak_mib).fold(0.0, f64::max)
    }

    pub(crate) fn cpu_s(&self) -> f64 {
        self.serves.iter().filter_map(Serve::pid).map(cpu_s).sum()
    }
}
