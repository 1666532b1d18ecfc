//! What is said over one connection.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::{AgentEvent, Request};
use wallflower_domain::wire::link::{FromAgent, LONGEST_BEAT_S, SHORTEST_BEAT_S, Said, ToAgent};

use super::dial::Socket;
use super::outbox::Next;
use super::post::Post;

/// From the open connection to the first message.
const WELCOME_DEADLINE: Duration = Duration::from_secs(10);
/// For one message to be taken.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// An orchestrator that has not even answered a ping for so long is gone.
const SILENCE_DEADLINE: Duration = Duration::from_secs(16);
/// Closing is only polite.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// How a conversation ended.
#[derive(Debug)]
pub(super) enum Parting {
    /// The last word was heard.
    Over,
    /// For this reason, to follow "the connection ended:".
    Broken(String),
}

/// Talks until the last word was heard or the connection ends. The first message has to be a welcome.
pub(super) async fn converse(mut socket: Socket, post: &Arc<Post>, requests: &mpsc::Sender<Request>) -> Parting {
    let (from, beat) = match welcomed(&mut socket, post).await {
        Ok(welcome) => welcome,
        Err(why) => return Parting::Broken(why),
    };
    if post.is_over() {
        part(socket).await;
        return Parting::Over;
    }
    let (mut sink, mut stream) = socket.split();
    let parting = tokio::select! {
        parting = listen(&mut stream, post, requests) => parting,
        Err(why) = tell(&mut sink, post, from, beat) => Parting::Broken(why),
    };
    if let (Parting::Over, Ok(socket)) = (&parting, sink.reunite(stream)) {
        part(socket).await;
    }
    parting
}

async fn part(mut socket: Socket) {
    let closing = async {
        socket.close(None).await?;
        while socket.next().await.transpose()?.is_some() {}
        Ok::<(), tokio_tungstenite::tungstenite::Error>(())
    };
    // It may be broken already.
    let _ = timeout(CLOSE_DEADLINE, closing).await;
}

/// The number of the first event that is sent, and the time between signs of life.
async fn welcomed(socket: &mut Socket, post: &Arc<Post>) -> Result<(u64, Duration), String> {
    let first = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_)) | None => return Err("it was closed without a welcome".to_owned()),
                Some(Err(error)) => return Err(error.to_string()),
            }
        }
    };
    let text = timeout(WELCOME_DEADLINE, first).await.map_err(|_| "no welcome came in time".to_owned())??;
    match serde_json::from_str(&text) {
        Ok(ToAgent::Welcome { heard, beat_s }) => {
            let from = post.welcome(heard).await;
            let beat = Duration::from_secs_f64(beat_s.clamp(SHORTEST_BEAT_S, LONGEST_BEAT_S));
            from.map(|from| (from, beat)).map_err(|error| format!("the events can't be numbered anew ({error})"))
        }
        Ok(ToAgent::Heard { .. } | ToAgent::Asked { .. }) | Err(_) => {
            Err("its first message was no welcome; an agent and an orchestrator of one version understand each other"
                .to_owned())
        }
    }
}

async fn listen(stream: &mut SplitStream<Socket>, post: &Post, requests: &mpsc::Sender<Request>) -> Parting {
    loop {
        let text = match timeout(SILENCE_DEADLINE, stream.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => text,
            Ok(Some(Ok(Message::Close(_))) | None) => return Parting::Broken("the orchestrator closed it".to_owned()),
            Ok(Some(Ok(_))) => continue,
            Ok(Some(Err(error))) => return Parting::Broken(error.to_string()),
            Err(_) => {
                let seconds = SILENCE_DEADLINE.as_secs();
                return Parting::Broken(format!("the orchestrator was silent for {seconds} s"));
            }
        };
        match serde_json::from_str(&text) {
            Ok(ToAgent::Heard { number } | ToAgent::Welcome { heard: number, .. }) => {
                post.heard(number);
                if post.is_over() {
                    return Parting::Over;
                }
            }
            Ok(ToAgent::Asked { request }) => {
                if post.asked(request.id) {
                    hand_on(request, post, requests);
                }
            }
            Err(_) => not_understood(&text, post),
        }
    }
}

fn hand_on(request: Request, post: &Post, requests: &mpsc::Sender<Request>) {
    let (request, why) = match requests.try_send(request) {
        Ok(()) => return,
        Err(TrySendError::Full(request)) => {
            (request, "Too many requests wait already; ask again when they are answered.")
        }
        Err(TrySendError::Closed(request)) => (request, "The recording has ended."),
    };
    let failure = Failure::new(FailureKind::BadRequest, why);
    post.take(AgentEvent::Answered { request: request.id, failure: Some(failure) });
}

/// A request of a later version is answered all the same. What it says is not logged: it may hold a stream's key.
fn not_understood(text: &str, post: &Post) {
    let message: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let id = message["request"]["id"].as_u64().filter(|id| message["type"] == "asked" && *id > 0);
    tracing::error!(request = id, "the orchestrator said something that this agent does not understand");
    if let Some(request) = id.filter(|id| post.asked(*id)) {
        let sentence = "This recording's agent does not understand the request; it is older than its orchestrator.";
        let failure = Some(Failure::new(FailureKind::BadRequest, sentence));
        post.take(AgentEvent::Answered { request, failure });
    }
}

/// Tells everything from this number on, what is true now, and each beat how it goes. Returns only when that fails.
async fn tell(
    sink: &mut SplitSink<Socket, Message>,
    post: &Arc<Post>,
    from: u64,
    beat: Duration,
) -> Result<(), String> {
    let (mut beats_at, mut pings_at) = (Instant::now(), Instant::now() + PING_INTERVAL);
    let mut next = from;
    let mut replay = None;
    loop {
        let now = Instant::now();
        if now >= beats_at {
            let event = post.progress().unwrap_or(AgentEvent::Alive);
            say(sink, &FromAgent::Passing { event }).await?;
            beats_at = now + beat;
        }
        if now >= pings_at {
            send(sink, Message::Ping(Bytes::new())).await?;
            pings_at = now + PING_INTERVAL;
        }
        match post.next(next) {
            Next::Said(said) => {
                replay = None;
                next = tell_one(sink, *said, next).await?;
                continue;
            }
            Next::OnFile => {
                let kept_from = post.kept_from();
                let (some, further) = post
                    .read(next, replay.take())
                    .await
                    .map_err(|error| format!("the events can't be read ({error})"))?;
                replay = further;
                if some.is_empty() {
                    tracing::error!(from = next, before = kept_from, "events are no longer in their file");
                    next = kept_from;
                }
                for said in some {
                    next = tell_one(sink, said, next).await?;
                }
                continue;
            }
            Next::Nothing => {}
        }
        if let Some(event) = post.next_passing() {
            say(sink, &FromAgent::Passing { event }).await?;
            continue;
        }
        tokio::select! {
            () = post.to_send.notified() => {}
            () = sleep_until(beats_at.min(pings_at)) => {}
        }
    }
}

/// Gives the number after it. What is earlier than `next` was sent already.
async fn tell_one(sink: &mut SplitSink<Socket, Message>, said: Said, next: u64) -> Result<u64, String> {
    let number = said.number;
    if number < next {
        return Ok(next);
    }
    say(sink, &FromAgent::Said(said)).await?;
    Ok(number + 1)
}

async fn say(sink: &mut SplitSink<Socket, Message>, message: &FromAgent) -> Result<(), String> {
    let text = serde_json::to_string(message).map_err(|error| error.to_string())?;
    send(sink, Message::text(text)).await
}

async fn send(sink: &mut SplitSink<Socket, Message>, message: Message) -> Result<(), String> {
    match timeout(WRITE_DEADLINE, sink.send(message)).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err("the orchestrator takes nothing".to_owned()),
    }
}

#[cfg(test)]
mod tests;
