//! One client's WebSocket, from its first message to its end.
//!
//! ```text
//! connected ── join in time ──▶ seated ─┬─ reads: messages to the room, at a bounded pace
//!     │                                 ├─ writes: letters from the mailbox, pings
//!     └─ else ──▶ refused               └─ ends with whichever of them ends first ──▶ leaves the room ──▶ farewell
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use wallflower_domain::wire::demo_room::{DemoDown, DemoRole, DemoUp};

use super::mailbox::{Letters, Overflow};
use super::room::{Refusal, RoomName};
use super::rooms::{Rooms, Seat, json};

/// A session description with many tracks takes some 20 KiB.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Above this the connection is cut without a word: what is to be refused with a sentence has to be read first.
pub(super) const MAX_READ_BYTES: usize = 4 * MAX_MESSAGE_BYTES;
/// How long a client may take to accept our last words.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long the server waits for a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For `join`, from the opening of the socket.
    pub(super) join: Duration,
    /// Between pings.
    pub(super) ping: Duration,
    /// For any sign of life; a pong is one.
    pub(super) silence: Duration,
    /// For one message to be taken.
    pub(super) write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { join: seconds(5), ping: seconds(10), silence: seconds(30), write: seconds(10) }
    }
}

/// What the edge knows about a client before it speaks.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) room: RoomName,
    pub(super) may_record: bool,
}

/// Why a socket ends.
#[derive(Debug)]
enum End {
    /// The client went, or can't be reached.
    Gone,
    /// The client takes nothing more.
    Slow,
    Refused(Refusal),
    /// The room has let go of the client, and everything it had to say is written.
    Closed,
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Serves a client to its end.
pub(super) async fn serve(
    socket: WebSocket,
    visitor: Visitor,
    rooms: Arc<Rooms>,
    patience: Patience,
    closing: watch::Receiver<bool>,
) {
    let (mut writer, mut reader) = socket.split();
    let end = match admit(&mut reader, &visitor, &rooms, patience, closing).await {
        Err(end) => end,
        Ok((seat, mut letters, overflow)) => {
            let end = tokio::select! {
                end = read(&mut reader, &seat, patience) => end,
                end = write(&mut writer, &mut letters, patience) => end,
                () = overflow.happens() => End::Slow,
            };
            // The others are told before this client is, which may take its time.
            drop(seat);
            end
        }
    };
    tracing::debug!(room = %visitor.room, ?end, "socket ends");
    // When it takes too long the connection is cut, which is all that is left to do.
    let _ = timeout(FAREWELL, farewell(writer, reader, end)).await;
}

async fn admit(
    reader: &mut SplitStream<WebSocket>,
    visitor: &Visitor,
    rooms: &Arc<Rooms>,
    patience: Patience,
    mut closing: watch::Receiver<bool>,
) -> Result<(Seat, Letters, Overflow), End> {
    let first = tokio::select! {
        first = timeout(patience.join, next_message(reader, patience.silence)) => first,
        _ = closing.wait_for(|closing| *closing) => return Err(End::Closed),
    };
    let Ok(first) = first else { return Err(Refusal::new("This client has not joined in time.").into()) };
    match first? {
        DemoUp::Join { role: DemoRole::Recorder, .. } if !visitor.may_record => {
            Err(Refusal::new("A recorder must run on the machine that serves the room.").into())
        }
        DemoUp::Join { role, name, media } => Ok(rooms.join(&visitor.room, role, &name, media)?),
        _ => Err(Refusal::new("The first message of a client must be `join`.").into()),
    }
}

async fn read(reader: &mut SplitStream<WebSocket>, seat: &Seat, patience: Patience) -> End {
    let mut pace = Pace::default();
    loop {
        let message = next_message(reader, patience.silence).await;
        if let Err(end) = message.and_then(|message| seat.handle(message).map_err(End::from)) {
            return end;
        }
        sleep_until(pace.next(Instant::now())).await;
    }
}

async fn write(writer: &mut SplitSink<WebSocket, Message>, letters: &mut Letters, patience: Patience) -> End {
    let mut pings = interval(patience.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let written = tokio::select! {
            _ = pings.tick() => timeout(patience.write, writer.send(Message::Ping(Bytes::new()))).await,
            letter = letters.next() => match letter {
                None => return End::Closed,
                // The letter's share of the mailbox is held until the text is written.
                Some(letter) => timeout(patience.write, writer.send(Message::Text(letter.text.clone()))).await,
            },
        };
        match written {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Gone,
            Err(_) => return End::Slow,
        }
    }
}

/// The next message, or why there will be none. Frames that are no messages are signs of life.
async fn next_message(reader: &mut SplitStream<WebSocket>, silence: Duration) -> Result<DemoUp, End> {
    loop {
        let frame = timeout(silence, reader.next()).await;
        match frame {
            Ok(Some(Ok(Message::Text(text)))) => return Ok(parse(&text)?),
            Ok(Some(Ok(Message::Binary(_)))) => return Err(Refusal::new("Messages are JSON text.").into()),
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => return Err(End::Gone),
        }
    }
}

fn parse(text: &str) -> Result<DemoUp, Refusal> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(Refusal::new(format!("A message is at most {} KiB.", MAX_MESSAGE_BYTES / 1024)));
    }
    serde_json::from_str(text).map_err(|error| {
        // The error quotes what it can't read, which may be long.
        let why: String = error.to_string().chars().take(200).collect();
        Refusal::new(format!("This is no message of a demo room: {why}"))
    })
}

async fn farewell(mut writer: SplitSink<WebSocket, Message>, mut reader: SplitStream<WebSocket>, end: End) {
    let last = match end {
        // There is nobody to read it, or no way to write it.
        End::Gone | End::Slow => return,
        End::Refused(Refusal(reason)) => Some((close_code::POLICY, DemoDown::Refused { reason })),
        End::Closed => None,
    };
    let code = match last {
        None => close_code::NORMAL,
        Some((code, message)) => {
            let _ = writer.feed(Message::Text(json(&message))).await;
            code
        }
    };
    let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::default() }));
    if writer.send(close).await.is_ok() {
        // Closing over unread input would make the client lose what was just said.
        while let Some(Ok(_)) = reader.next().await {}
    }
}

/// How fast one client may speak. A join in a full room takes some 600 messages; who goes on faster is read more slowly, so
/// that nobody can fill the mailboxes of the others.
#[derive(Debug, Default)]
struct Pace {
    /// When all that was said so far would have been said at an even pace.
    even: Option<Instant>,
}

impl Pace {
    const BURST: u32 = 1000;
    const STEP: Duration = Duration::from_millis(5);

    /// When the message after this one may be read.
    fn next(&mut self, now: Instant) -> Instant {
        let even = self.even.map_or(now, |even| even.max(now)) + Self::STEP;
        self.even = Some(even);
        even.checked_sub(Self::STEP * Self::BURST).map_or(now, |due| due.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_read_at_once_and_a_flood_at_an_even_pace() {
        let now = Instant::now() + Pace::STEP * Pace::BURST;
        let mut pace = Pace::default();
        for _ in 0..Pace::BURST {
            assert_eq!(pace.next(now), now);
        }
        assert_eq!(pace.next(now), now + Pace::STEP);
        assert_eq!(pace.next(now + Pace::STEP), now + Pace::STEP * 2);
        let later = now + Pace::STEP * (Pace::BURST + 2);
        for _ in 0..Pace::BURST {
            assert_eq!(pace.next(later), later);
        }
    }

    #[test]
    fn what_is_no_message_is_refused_with_a_short_sentence() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            "7",
            r#"{"type":"leave"}"#,
            r#"{"type":"chat"}"#,
            r#"{"type":"chat","text":"a","x":1}"#,
        ] {
            let Refusal(reason) = parse(text).unwrap_err();
            assert!(reason.starts_with("This is no message of a demo room: "), "{reason}");
        }
        let Refusal(reason) = parse(&format!(r#"{{"type":"{}"}}"#, "x".repeat(100_000))).unwrap_err();
        assert!(reason.len() < 300, "{}", reason.len());
    }

    #[test]
    fn a_message_may_be_as_large_as_the_limit_and_no_larger() {
        let message = |filler: usize| format!(r#"{{"type":"chat","text":"{}"}}"#, "x".repeat(filler));
        let around = message(0).len();
        assert!(parse(&message(MAX_MESSAGE_BYTES - around)).is_ok());
        assert_eq!(parse(&message(MAX_MESSAGE_BYTES - around + 1)), Err(Refusal::new("A message is at most 256 KiB.")));
    }
}
