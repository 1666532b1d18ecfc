//! A running command.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wallflower_domain::failure::Failure;
use wallflower_domain::recording::EndReason;
use wallflower_domain::wire::agent::{AgentEvent, Delivery};

use super::{LOOK_EVERY, holds_within};

/// A `wallflower` that was started; killed when dropped.
#[derive(Debug)]
pub struct Wallflower {
    child: Child,
    began: Instant,
    lines: Receiver<String>,
    seen: Vec<String>,
    stderr: Option<JoinHandle<String>>,
}

/// How a `wallflower` ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; absent when a signal ended it.
    pub code: Option<i32>,
    /// What it printed on stdout, a line each.
    pub stdout: Vec<String>,
    /// What it printed on stderr.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

/// The last event of a recording.
#[derive(Clone, Debug)]
pub struct Finish {
    /// Why it ended.
    pub end: EndReason,
    /// What failed.
    pub failure: Option<Failure>,
    /// What was delivered.
    pub delivery: Option<Delivery>,
}

impl Wallflower {
    pub(super) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let mut child = command.spawn().expect("the binary starts");
        let (stdout, stderr) = (child.stdout.take().expect("is piped"), child.stderr.take().expect("is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut stderr = stderr;
            // What was read until an error is shown all the same.
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { child, began, lines, seen: Vec::new(), stderr: Some(stderr) }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids are positive")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("it is alive");
    }

    /// Waits for an event (of `--json`); panics with all that was said when none comes within `deadline`.
    pub fn event<T>(&mut self, what: &str, deadline: Duration, mut wanted: impl FnMut(&AgentEvent) -> Option<T>) -> T {
        let until = Instant::now() + deadline;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let _ = self.child.kill();
                let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
                panic!("no event \"{what}\" within {deadline:?}; it said:\n{}\n{stderr}", self.seen.join("\n"));
            };
            let event = serde_json::from_str(&line).ok();
            self.seen.push(line);
            if let Some(found) = event.as_ref().and_then(&mut wanted) {
                return found;
            }
        }
    }

    /// Waits until frames are recorded; returns the milliseconds that the agent took to the first.
    pub fn recording(&mut self, deadline: Duration) -> u64 {
        self.event("started", deadline, |event| match event {
            AgentEvent::Started { start_latency_ms, .. } => Some(*start_latency_ms),
            _ => None,
        })
    }

    /// Waits until that many seconds are recorded.
    pub fn recorded(&mut self, seconds: f64, deadline: Duration) {
        self.event("progress", deadline, |event| match event {
            AgentEvent::Progress { progress } if progress.media_s >= seconds => Some(()),
            _ => None,
        });
    }

    /// Waits for its end; panics when it does not come within `deadline`.
    pub fn end(mut self, deadline: Duration) -> Ended {
        let mut status = None;
        let ended = holds_within(deadline, || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        let took = self.began.elapsed();
        let Some(status) = status.filter(|_| ended) else {
            let _ = self.child.kill();
            let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
            self.seen.extend(self.lines.iter());
            panic!("it did not end within {deadline:?}; it said:\n{}\n{stderr}", self.seen.join("\n"));
        };
        // A helper that outlived it could hold the pipe open; that is for assert_nothing_left to say.
        let stderr =
            self.stderr.take().filter(|reader| holds_within(deadline.min(LOOK_EVERY * 250), || reader.is_finished()));
        let stderr = stderr.and_then(|reader| reader.join().ok()).unwrap_or_default();
        while let Ok(line) = self.lines.recv_timeout(LOOK_EVERY * 250) {
            self.seen.push(line);
        }
        Ended { code: status.code(), stdout: std::mem::take(&mut self.seen), stderr, took }
    }
}

impl Drop for Wallflower {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The last event; panics when the last line of stdout is none.
    pub fn finish(&self) -> Finish {
        match self.stdout.last().map(|line| serde_json::from_str(line)) {
            Some(Ok(AgentEvent::Finished { end, failure, delivery })) => Finish { end, failure, delivery },
            _ => panic!("no last event `finished`:\n{self:#?}"),
        }
    }

    /// What it delivered; panics when it did not complete.
    pub fn delivered(&self) -> Delivery {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.finish().delivery.expect("a completed recording was delivered")
    }

    /// The sentence on stderr; panics unless the exit code is that.
    pub fn refused(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:#?}");
        let sentence = self.stderr.trim();
        assert!(!sentence.is_empty(), "it failed without a word: {self:#?}");
        assert!(!sentence.contains("panicked"), "{sentence}");
        sentence
    }
}
