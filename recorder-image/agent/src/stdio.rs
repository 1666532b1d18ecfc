//! The agent as a process. Its first line of stdin says for whom it works:
//!
//! - a [`Job`]: for whoever has started it. Requests come on stdin, events go to stdout, a line of JSON each.
//! - an [`Assignment`]: for an orchestrator, which it dials; see [`crate::link`]. Neither stdin nor stdout is used any further.
//! - a [`WarmUp`]: for nobody yet. It starts what it can, and an assignment follows when there is one; see [`crate::warm`].

use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::EndReason;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Job, Request};
use wallflower_domain::wire::link::Assignment;
use wallflower_domain::wire::warm::WarmUp;

use crate::link;
use crate::report::Report;
use crate::session::{Outcome, perform, refuse_all};
use crate::warm;

const JOB_DEADLINE: Duration = Duration::from_secs(10);
/// How often the launcher is told that we are there.
const ALIVE_INTERVAL: Duration = Duration::from_millis(500);

/// Performs what comes on stdin. `program` is this very binary. Returns when nothing of the recording runs any more; fails only when
/// there was nothing that could be performed.
pub async fn serve(program: &Path) -> Result<(), Failure> {
    let began = Instant::now();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    match read_order(&mut lines).await {
        Ok(Order::Job(job)) => serve_launcher(&job, lines, program, began).await,
        Ok(Order::Assignment(assignment)) => {
            drop(lines);
            link::serve(*assignment, program, began, None).await
        }
        Ok(Order::WarmUp(WarmUp { warm })) => match warm::wait(warm, &mut lines, program).await? {
            Some((assignment, came, warm)) => {
                drop(lines);
                link::serve(assignment, program, came, Some(warm)).await
            }
            None => Ok(()),
        },
        Err(Unreadable { failure, is_assignment }) => {
            if !is_assignment {
                let (sender, events) = mpsc::unbounded_channel();
                let told =
                    AgentEvent::Finished { end: EndReason::Failure, failure: Some(failure.clone()), delivery: None };
                Report::new(sender).send(told);
                write_events(events).await;
            }
            Err(failure)
        }
    }
}

/// Performs a job for whoever is at the other ends of stdin and stdout.
async fn serve_launcher(
    job: &Job,
    lines: Lines<BufReader<Stdin>>,
    program: &Path,
    began: Instant,
) -> Result<(), Failure> {
    let signals = Signals::new()?;
    let (sender, events) = mpsc::unbounded_channel();
    let report = Report::new(sender);
    let writer = tokio::spawn(write_events(events));
    let alive = tokio::spawn(say_alive(report.clone()));
    let (sender, mut requests) = mpsc::channel(8);
    let reader = tokio::spawn(read_requests(lines, sender, signals));
    let Outcome { end, failure, delivery } = perform(job, program, began, None, &mut requests, &report).await;
    refuse_all(&mut requests, &report);
    reader.abort();
    alive.abort();
    let _ = alive.await;
    report.send(AgentEvent::Finished { end, failure, delivery });
    drop(report);
    let _ = writer.await;
    Ok(())
}

/// What an agent is started for.
enum Order {
    Job(Box<Job>),
    Assignment(Box<Assignment>),
    WarmUp(WarmUp),
}

/// A first line that makes no sense.
struct Unreadable {
    failure: Failure,
    /// It was meant for an agent of an orchestrator, which reads no events on stdout.
    is_assignment: bool,
}

async fn read_order(lines: &mut Lines<BufReader<Stdin>>) -> Result<Order, Unreadable> {
    let bad = |why: String| Unreadable {
        failure: Failure::new(FailureKind::BadRequest, format!("The agent got no job that it can read: {why}.")),
        is_assignment: false,
    };
    let line = tokio::time::timeout(JOB_DEADLINE, lines.next_line())
        .await
        .map_err(|_| bad("none came within 10 s".into()))?
        .map_err(|error| bad(error.to_string()))?
        .ok_or_else(|| bad("stdin was closed".into()))?;
    order(&line)
}

fn order(line: &str) -> Result<Order, Unreadable> {
    let value: Option<serde_json::Value> = serde_json::from_str(line).ok();
    let has = |key: &str| value.as_ref().is_some_and(|value| value.get(key).is_some());
    let is_assignment = has("link") || has("job");
    let is_for_later = !is_assignment && has("warm");
    let (what, read) = match (is_assignment, is_for_later) {
        (true, _) => ("assignment", parse(line).map(Order::Assignment)),
        (_, true) => ("warm-up", parse(line).map(Order::WarmUp)),
        _ => ("job", parse(line).map(Order::Job)),
    };
    read.map_err(|why| Unreadable { failure: unreadable(what, &why), is_assignment: is_assignment || is_for_later })
}

/// The line after a [`WarmUp`].
pub(crate) fn read_assignment(line: &str) -> Result<Assignment, Failure> {
    parse(line).map_err(|why| unreadable("assignment", &why))
}

fn unreadable(what: &str, why: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, format!("The agent got no {what} that it can read: {why}."))
}

/// Says what is wrong, but not with which value: it may be a key that stands in the wrong place.
fn parse<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        let quotes_a_value =
            ["invalid type", "invalid value", "unknown variant"].iter().any(|how| text.starts_with(how));
        match text.rsplit_once(", expected ") {
            Some((_, expected)) if quotes_a_value => format!("a value is not what it must be: expected {expected}"),
            _ if error.is_data() && !text.starts_with("unknown field") && !text.starts_with("missing field") => {
                format!("a value is not what it must be, at line {} column {}", error.line(), error.column())
            }
            _ => text,
        }
    })
}

async fn say_alive(report: Report) {
    let mut ticks = tokio::time::interval(ALIVE_INTERVAL);
    loop {
        ticks.tick().await;
        report.send(AgentEvent::Alive);
    }
}

/// SIGTERM and SIGINT as requests: the first stops, the second abandons.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    stopping: bool,
}

impl Signals {
    pub(crate) fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(FailureKind::Internal, format!("The agent can't receive signals: {error}."))
            })
        };
        let (terminate, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, stopping: false })
    }

    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        let stopping = std::mem::replace(&mut self.stopping, true);
        Request { id: 0, command: if stopping { AgentCommand::Abandon } else { AgentCommand::Stop } }
    }
}

/// Lines of stdin and signals, as requests. Dropping the sender tells that the launcher is gone.
async fn read_requests(mut lines: Lines<BufReader<Stdin>>, sender: mpsc::Sender<Request>, mut signals: Signals) {
    loop {
        let request = tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(line)) => match serde_json::from_str(&line) {
                    Ok(request) => request,
                    Err(error) => {
                        tracing::error!(%error, "a request that can't be read was ignored");
                        continue;
                    }
                },
                Ok(None) | Err(_) => return,
            },
            request = signals.next() => request,
        };
        if sender.send(request).await.is_err() {
            return;
        }
    }
}

/// A launcher that no longer reads does not stop the recording.
async fn write_events(mut events: mpsc::UnboundedReceiver<AgentEvent>) {
    let mut stdout = tokio::io::stdout();
    while let Some(event) = events.recv().await {
        match serde_json::to_string(&event) {
            Ok(mut line) => {
                line.push('\n');
                if stdout.write_all(line.as_bytes()).await.is_err() || stdout.flush().await.is_err() {
                    tracing::debug!("nobody reads the agent's events");
                }
            }
            Err(error) => tracing::error!(%error, "an event can't be written as JSON"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::path::Path;

    fn job() -> Value {
        serde_json::to_value(crate::spool::tests::job(Path::new("/a.mp4"))).expect("plain data")
    }

    fn assignment() -> Value {
        let link = json!({"urls": ["http://h"], "token": "hunter2", "events": "/e", "linger_s": 1.0});
        json!({"job": job(), "link": link})
    }

    #[test]
    fn the_first_line_is_a_job_or_an_assignment_or_says_that_there_will_be_one() {
        assert!(matches!(order(&job().to_string()), Ok(Order::Job(_))));
        assert!(matches!(order(&assignment().to_string()), Ok(Order::Assignment(_))));
        let warm_up = json!({"warm": {"size": {"width": 1280, "height": 720}, "public_only": false}});
        assert!(matches!(order(&warm_up.to_string()), Ok(Order::WarmUp(_))));
    }

    #[test]
    fn a_line_that_makes_no_sense_is_refused_without_its_values() {
        let with = |base: &Value, pointer: &str, key: &str, value: Value| {
            let mut order = base.clone();
            order.pointer_mut(pointer).expect("there")[key] = value;
            order.to_string()
        };
        for (line, is_assignment, says) in [
            ("hunter2".to_owned(), false, "expected value"),
            ("{}".to_owned(), false, "missing field `id`"),
            (with(&job(), "", "colour", json!("hunter2")), false, "unknown field `colour`"),
            (with(&job(), "/standing", "streams", json!(["rtmp://h/hunter2"])), false, "expected struct JobStream"),
            (with(&job(), "", "layout", json!("hunter2")), false, "a value is not what it must be"),
            (with(&assignment(), "/link", "colour", json!("hunter2")), true, "unknown field `colour`"),
            (with(&assignment(), "/link", "urls", json!("hunter2, expected x")), true, "a sequence"),
            (with(&assignment(), "/link", "linger_s", json!("hunter2")), true, "f64"),
            (with(&assignment(), "", "job", json!("hunter2")), true, "struct Job"),
            (json!({"link": assignment()["link"]}).to_string(), true, "missing field `job`"),
            (json!({"job": job()}).to_string(), true, "missing field `link`"),
            (json!({"warm": {"size": "hunter2", "public_only": false}}).to_string(), true, "RawFrameSize"),
        ] {
            let Err(Unreadable { failure, is_assignment: told }) = order(&line) else { panic!("taken: {line}") };
            assert_eq!((failure.kind, told), (FailureKind::BadRequest, is_assignment), "{line}");
            assert!(failure.message.contains(says) && !failure.message.contains("hunter2"), "{failure} for {line}");
        }
    }
}
