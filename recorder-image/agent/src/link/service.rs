//! An agent that an orchestrator has launched, from its assignment to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::{AgentEvent, Request};
use wallflower_domain::wire::link::{Assignment, Link};

use super::connection::{Orchestrator, keep};
use super::dial::{Target, bearer};
use super::post::Post;
use crate::report::Report;
use crate::session::{Outcome, perform, refuse_all};
use crate::stdio::Signals;
use crate::streams::Trust;
use crate::warm::Warm;

/// Requests that may wait.
const MAX_WAITING: usize = 64;
/// More replicas would take too long to be tried in turn.
const MAX_URLS: usize = 32;
/// An agent that may not linger has so long to say its last word over a connection that is there.
const SHORTEST_LINGER: Duration = Duration::from_secs(5);
/// Longest time that an agent lingers: a week.
const LONGEST_LINGER_S: f64 = 7.0 * 86_400.0;
/// For the file to take the last word.
const FILING_DEADLINE: Duration = Duration::from_secs(10);

/// Performs what is assigned and tells the orchestrator of it. Returns when nothing of the recording runs any more, and its end was
/// heard or nobody was there to hear it for long enough. `warm` is what was started before there was an assignment.
pub(crate) async fn serve(
    assignment: Assignment,
    program: &Path,
    began: Instant,
    warm: Option<Warm>,
) -> Result<(), Failure> {
    let Assignment { job, link } = assignment;
    let able = checked(link, &job.id)
        .map_err(|why| Failure::new(FailureKind::BadRequest, format!("The agent can't take its assignment: {why}.")))
        .and_then(|checked| Ok((checked, Signals::new()?)));
    let (Checked { orchestrator, events, heard, linger }, signals) = match able {
        Ok(able) => able,
        Err(failure) => {
            if let Some(warm) = warm {
                warm.leave().await;
            }
            return Err(failure);
        }
    };
    let post = Post::open(&events, heard).await;
    let (sender, told) = mpsc::unbounded_channel();
    let report = Report::new(sender);
    // One sender is kept here: an orchestrator that is away is no owner that is gone.
    let (asks, mut requests) = mpsc::channel(MAX_WAITING);
    let taking = tokio::spawn({
        let post = post.clone();
        async move { post.take_all(told).await }
    });
    let filing = tokio::spawn(post.clone().file());
    let mut connection = tokio::spawn(keep(orchestrator, post.clone(), asks.clone()));
    let leave = Arc::new(Notify::new());
    let signalled = tokio::spawn(forward(signals, asks.clone(), leave.clone()));

    let Outcome { end, failure, delivery } = perform(&job, program, began, warm, &mut requests, &report).await;
    refuse_all(&mut requests, &report);
    report.send(AgentEvent::Finished { end, failure, delivery });
    drop(report);
    let _ = taking.await;

    let finished = tokio::time::Instant::now();
    let is_filed = tokio::time::timeout(FILING_DEADLINE, filing).await.is_ok();
    tokio::select! {
        _ = &mut connection => {}
        () = tokio::time::sleep_until(finished + linger) => {
            let seconds = linger.as_secs();
            let events = events.display();
            if is_filed && post.has_file() {
                tracing::error!("No orchestrator heard within {seconds} s how the recording ended; it is told in {events}.");
            } else {
                tracing::error!("No orchestrator heard within {seconds} s how the recording ended, and {events} could not be written.");
            }
        }
        () = leave.notified() => tracing::warn!("told to leave before an orchestrator has heard how the recording ended"),
    }
    connection.abort();
    signalled.abort();
    post.close().await;
    drop(asks);
    Ok(())
}

/// Signals as requests; when nobody takes them any more, the wish to leave.
async fn forward(mut signals: Signals, asks: mpsc::Sender<Request>, leave: Arc<Notify>) {
    loop {
        let request = signals.next().await;
        if asks.send(request).await.is_err() {
            leave.notify_one();
        }
    }
}

struct Checked {
    orchestrator: Orchestrator,
    events: PathBuf,
    heard: u64,
    linger: Duration,
}

/// What is wrong with it is told as a sentence's end.
fn checked(link: Link, recording: &str) -> Result<Checked, String> {
    let Link { urls, token, events, heard, linger_s } = link;
    if urls.is_empty() || urls.len() > MAX_URLS {
        return Err(format!("it names {} addresses of orchestrators; 1 to {MAX_URLS} are possible", urls.len()));
    }
    let targets = urls.iter().map(|url| Target::parse(url, recording)).collect::<Result<_, _>>()?;
    if token.expose().is_empty() || bearer(&token).is_err() {
        return Err("its token is empty, or no text that an HTTP header can carry".to_owned());
    }
    let events = PathBuf::from(events);
    if !events.is_absolute() {
        return Err(format!("the file of events must have an absolute path, not \"{}\"", events.display()));
    }
    if !(0.0..=LONGEST_LINGER_S).contains(&linger_s) {
        return Err(format!("it is to linger for {linger_s} s; 0 to {LONGEST_LINGER_S} are possible"));
    }
    let linger = Duration::from_secs_f64(linger_s).max(SHORTEST_LINGER);
    Ok(Checked { orchestrator: Orchestrator { targets, token, trust: Trust::default() }, events, heard, linger })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::secret::Secret;

    fn link() -> Link {
        Link {
            urls: vec!["http://127.0.0.1:7070".into()],
            token: Secret::new("hunter2"),
            events: "/x/events".into(),
            heard: 0,
            linger_s: 60.0,
        }
    }

    #[test]
    fn a_link_that_can_t_work_is_refused_with_a_reason_and_without_its_token() {
        assert_eq!(checked(link(), "r").expect("good").linger, Duration::from_secs(60));
        let hurried = Link { linger_s: 0.0, ..link() };
        assert_eq!(checked(hurried, "r").expect("good").linger, SHORTEST_LINGER);
        let bad = [
            (Link { urls: Vec::new(), ..link() }, "0 addresses"),
            (Link { urls: vec!["http://h".into(); 33], ..link() }, "33 addresses"),
            (Link { urls: vec!["http://h".into(), "h".into()], ..link() }, "can't be read"),
            (Link { token: Secret::new(""), ..link() }, "token is empty"),
            (Link { token: Secret::new("hunter2\r\n"), ..link() }, "token is empty, or no text"),
            (Link { events: "events".into(), ..link() }, "absolute"),
            (Link { linger_s: -1.0, ..link() }, "linger"),
            (Link { linger_s: f64::NAN, ..link() }, "linger"),
        ];
        for (link, says) in bad {
            let why = checked(link, "r").err().unwrap_or_else(|| panic!("not refused: {says}"));
            assert!(why.contains(says) && !why.contains("hunter2"), "{why}");
        }
    }
}
