//! `wallflower serve`, and the API that it speaks.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http;
use super::run::{Bench, signal, wallflower};
use super::server::{Server, TcpPort};

/// Tests ask of what an orchestrator does, not of what a machine that is busy with other tests does to pages and encoders.
const UNHURRIED: &str = "
[recording.watch]
slow_page_s = 0
frozen_page_s = 0
slow_encoder_s = 0
stalled_encoder_s = 0
";

/// An orchestrator with addresses of its own; killed when dropped. Its agents belong to the bench and go on.
#[derive(Debug)]
pub struct Serve {
    server: Option<Server>,
    name: String,
    api: TcpPort,
    demo: TcpPort,
}

impl Serve {
    /// Starts one whose data is in the bench's directory `data`. `config` is the rest of its configuration.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(bench: &Bench, name: &str, config: &str) -> Self {
        let mut serve = Self::at_an_address(name);
        serve.configure(bench, config);
        serve.start_again(bench);
        serve
    }

    /// One that has addresses, and does not run yet.
    #[must_use]
    pub fn at_an_address(name: &str) -> Self {
        Self { server: None, name: name.to_owned(), api: TcpPort::take(), demo: TcpPort::take() }
    }

    /// Writes its configuration.
    ///
    /// # Panics
    ///
    /// When that can't be written.
    pub fn configure(&self, bench: &Bench, config: &str) {
        let (api, demo) = (self.api.address(), self.demo.address());
        let own = format!("listen = \"{api}\"\ndemo_listen = \"{demo}\"\ndata = \"data\"\n");
        fs::write(self.config(bench), own + config + UNHURRIED).expect("the configuration can be written");
    }

    /// Has it read its configuration's policies anew.
    ///
    /// # Panics
    ///
    /// When it does not run, or does not do so.
    pub fn reload(&self, bench: &Bench) {
        let log = || fs::read_to_string(self.log(bench)).unwrap_or_default().matches(" policies, from ").count();
        let before = log();
        signal(self.server.as_ref().expect("it runs").pid(), "HUP");
        let until = Instant::now() + Duration::from_secs(20);
        while log() == before {
            assert!(Instant::now() < until, "the policies are not read anew");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its process; none while it does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    fn config(&self, bench: &Bench) -> PathBuf {
        bench.file(&format!("{}.toml", self.name))
    }

    /// Starts it at its addresses, after a [`kill`](Self::kill).
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub fn start_again(&mut self, bench: &Bench) {
        assert!(self.server.is_none(), "it runs already");
        let mut command = bench.command(&wallflower());
        command.args(["serve", "--config"]).arg(self.config(bench)).env("WALLFLOWER_LOG", "info,chromiumoxide=off");
        let ready = || http::ask(self.address(), "GET /readyz", &[], "").is_ok_and(|answer| answer.status == 200);
        let server = Server::start(command, &self.log(bench), ready);
        self.server = Some(server.unwrap_or_else(|reason| panic!("{reason}")));
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self, bench: &Bench) -> PathBuf {
        bench.file(&format!("{}.log", self.name))
    }

    /// As `kill -9` does it.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            signal(server.pid(), "TERM");
            assert!(server.ends_within(Duration::from_secs(20)), "the orchestrator does not end when it is asked to");
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.api.address()
    }

    /// Where its demo rooms are.
    #[must_use]
    pub fn demo(&self) -> SocketAddr {
        self.demo.address()
    }

    /// Status and body of an answer.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let text = body.map(Value::to_string).unwrap_or_default();
        let line = format!("{method} {path}");
        let answer = http::ask(self.address(), &line, &[("Content-Type", "application/json")], &text);
        let answer = answer.unwrap_or_else(|error| panic!("{line}: {error}"));
        (answer.status, serde_json::from_str(&answer.body).unwrap_or(Value::Null))
    }

    /// A value of `/metrics`, by its name and labels as they are written there; 0 where there is none.
    ///
    /// # Panics
    ///
    /// When it is no number.
    #[must_use]
    pub fn metric(&self, series: &str) -> f64 {
        // It has none before all recordings are known.
        let text = http::ask(self.address(), "GET /metrics", &[], "").map(|answer| answer.body).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a value of `/metrics` is this.
    ///
    /// # Panics
    ///
    /// When it is not in time.
    #[track_caller]
    pub fn wait_for_metric(&self, series: &str, wanted: f64, deadline: Duration) {
        let until = Instant::now() + deadline;
        while (self.metric(series) - wanted).abs() > f64::EPSILON {
            let value = self.metric(series);
            assert!(Instant::now() < until, "{series} is {value} and not {wanted} within {deadline:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks for a recording; its id.
    ///
    /// # Panics
    ///
    /// When it is not taken.
    #[track_caller]
    pub fn record(&self, request: &Value) -> String {
        let (status, recording) = self.ask("POST", "/v1/recordings", Some(request));
        assert_eq!(status, 201, "{recording:#}");
        recording["id"].as_str().expect("it has an id").to_owned()
    }

    /// A recording.
    ///
    /// # Panics
    ///
    /// When it is not there.
    #[track_caller]
    pub fn show(&self, id: &str) -> Value {
        let (status, recording) = self.ask("GET", &format!("/v1/recordings/{id}"), None);
        assert_eq!(status, 200, "{recording:#}");
        recording
    }

    /// Orders something of a recording, which has to take effect: now, or a little later on a busy machine.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn order(&self, id: &str, what: &str, body: &Value) -> Value {
        let (status, answer) = self.ask("POST", &format!("/v1/recordings/{id}/{what}"), Some(body));
        assert!([200, 202].contains(&status), "{what}: {status} {answer:#}");
        answer
    }

    /// Stops a recording.
    ///
    /// # Panics
    ///
    /// When that is refused.
    #[track_caller]
    pub fn stop(&self, id: &str) {
        self.order(id, "stop", &json!({}));
    }

    /// Waits until something is true of a recording.
    ///
    /// # Panics
    ///
    /// When it does not become true in time.
    #[track_caller]
    pub fn wait(&self, id: &str, what: &str, deadline: Duration, is_it: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + deadline;
        loop {
            let recording = self.show(id);
            if is_it(&recording) {
                return recording;
            }
            assert!(Instant::now() < until, "not {what} within {deadline:?}: {recording:#}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a recording is in a state.
    ///
    /// # Panics
    ///
    /// When it does not come to that in time.
    #[track_caller]
    pub fn reach(&self, id: &str, state: &str, deadline: Duration) -> Value {
        self.wait(id, state, deadline, |recording| recording["state"] == state)
    }

    /// Waits until a recording has so many seconds of media.
    ///
    /// # Panics
    ///
    /// When it does not come to that in time.
    #[track_caller]
    pub fn capture(&self, id: &str, seconds: f64, deadline: Duration) -> Value {
        let what = format!("at {seconds} s");
        self.wait(id, &what, deadline, |recording| recording["progress"]["media_s"].as_f64() >= Some(seconds))
    }
}
