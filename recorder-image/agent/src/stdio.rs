//! The agent as a process: job and commands on stdin, events on stdout, a line of JSON each.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::EndReason;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Job, Request};

use crate::report::Report;
use crate::session::{Outcome, perform};

const JOB_DEADLINE: Duration = Duration::from_secs(10);
/// How often the launcher is told that we are there.
const ALIVE_INTERVAL: Duration = Duration::from_millis(500);

/// Performs the job that comes on stdin. `program` is this very binary. Returns when nothing of the recording runs any more.
pub async fn serve(program: &Path) -> std::io::Result<()> {
    let began = Instant::now();
    let (sender, events) = mpsc::unbounded_channel();
    let report = Report::new(sender);
    let writer = tokio::spawn(write_events(events));
    let alive = tokio::spawn(say_alive(report.clone()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let outcome = match read_job(&mut lines).await {
        Ok(job) => {
            let (sender, mut requests) = mpsc::channel(8);
            let reader = tokio::spawn(read_requests(
                lines,
                sender,
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
            ));
            let outcome = perform(&job, program, began, &mut requests, &report).await;
            reader.abort();
            outcome
        }
        Err(failure) => Outcome { end: EndReason::Failure, failure: Some(failure), delivery: None },
    };
    let Outcome { end, failure, delivery } = outcome;
    alive.abort();
    let _ = alive.await;
    report.send(AgentEvent::Finished { end, failure, delivery });
    drop(report);
    let _ = writer.await;
    Ok(())
}

async fn read_job(lines: &mut Lines<BufReader<Stdin>>) -> Result<Job, Failure> {
    let bad =
        |why: String| Failure::new(FailureKind::BadRequest, format!("The agent got no job that it can read: {why}."));
    let line = tokio::time::timeout(JOB_DEADLINE, lines.next_line())
        .await
        .map_err(|_| bad("none came within 10 s".into()))?
        .map_err(|error| bad(error.to_string()))?
        .ok_or_else(|| bad("stdin was closed".into()))?;
    serde_json::from_str(&line).map_err(|error| bad(error.to_string()))
}

async fn say_alive(report: Report) {
    let mut ticks = tokio::time::interval(ALIVE_INTERVAL);
    loop {
        ticks.tick().await;
        report.send(AgentEvent::Alive);
    }
}

/// Lines of stdin and signals, as requests. Dropping the sender tells that the launcher is gone.
async fn read_requests(
    mut lines: Lines<BufReader<Stdin>>,
    sender: mpsc::Sender<Request>,
    mut terminate: Signal,
    mut interrupt: Signal,
) {
    let mut stopping = false;
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
            _ = terminate.recv() => signalled(&mut stopping),
            _ = interrupt.recv() => signalled(&mut stopping),
        };
        if sender.send(request).await.is_err() {
            return;
        }
    }
}

/// The first signal stops, the second abandons.
fn signalled(stopping: &mut bool) -> Request {
    let command = if std::mem::replace(stopping, true) { AgentCommand::Abandon } else { AgentCommand::Stop };
    Request { id: 0, command }
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
