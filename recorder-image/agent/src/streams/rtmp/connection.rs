//! One connection to an RTMP server, from the lookup of its name to a polite end or to what went wrong.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};
use wallflower_domain::wire::agent::StreamState;

use super::session::{Payload, Place, Progress, Session};
use super::tls::Trust;
use super::{flv, session};
use crate::fragment::{Fragment, Kind};
use crate::media::Media;
use crate::streams::address::Address;
use crate::streams::feed::Feed;
use crate::streams::status::Status;
use crate::streams::{Patience, Policy};

/// What the kernel may hold for us (it doubles the number). Small, because a server that reads no more is noticed only when this and
/// its own kernel's buffer are full; and still enough for 10 Mbit/s over 100 ms.
const SEND_BUFFER: u32 = 128 * 1024;
/// A message's length has 24 bits, and a few bytes stand before its sample.
const LARGEST_SAMPLE: usize = 0xff_ff00;
/// Bytes of answers that a server may leave unread.
const MOST_ANSWERS: usize = 64 * 1024;

/// Streams until the feed is over. An error is a sentence.
pub(crate) async fn publish(
    (address, tls, place): (&Address, bool, &Place),
    (policy, patience, trust): (Policy, Patience, &Trust),
    feed: &mut Feed,
    status: &Status,
    init: &Bytes,
) -> Result<(), String> {
    let media = Media::of(init).ok_or("The encoder's description of its tracks can't be read.")?;
    if let Some(objection) = flv::objection(&media) {
        return Err(objection);
    }
    let opening = async {
        let tcp = dial(address, policy, patience.setup / 3).await?;
        let wire: Box<dyn Wire> = match tls {
            true => Box::new(trust.connect(address.host(), tcp).await?),
            false => Box::new(tcp),
        };
        Ok::<_, String>(wire)
    };
    let began = Instant::now();
    let wire = tokio::select! {
        biased;
        () = feed.end() => return Ok(()),
        wire = timeout(patience.setup, opening) => match wire {
            Ok(wire) => wire?,
            Err(_) => return Err(format!("{} can't be reached: it does not answer.", address.server())),
        },
    };
    let connection = Connection {
        address,
        patience,
        wire,
        out: BytesMut::new(),
        unflushed: false,
        answers: 0,
        in_flight: None,
        clock: Clock { media, base_us: None },
        progress: began,
        live: false,
        closing: false,
    };
    connection.run(place, feed, status).await
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Tries the server's addresses one after the other, each for so long.
async fn dial(address: &Address, policy: Policy, each: Duration) -> Result<TcpStream, String> {
    let mut last = None;
    for place in address.look_up(policy).await? {
        match timeout(each, connect(place)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(ErrorKind::TimedOut.into()),
        }
    }
    let server = address.server();
    Err(match last {
        Some(error) if error.kind() == ErrorKind::ConnectionRefused => {
            format!("{server} refuses connections; is the server running?")
        }
        Some(error) => format!("{server} can't be reached ({error})."),
        None => format!("{server} has no address."),
    })
}

async fn connect(place: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if place.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    let stream = socket.connect(place).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

struct Connection<'a> {
    address: &'a Address,
    patience: Patience,
    wire: Box<dyn Wire>,
    /// What is to be written: never more than a fragment and a few answers.
    out: BytesMut,
    unflushed: bool,
    /// How much of it answers what the server said.
    answers: usize,
    /// Bytes of the fragment that is being written.
    in_flight: Option<u64>,
    clock: Clock,
    /// When the server last took something, or had nothing to take.
    progress: Instant,
    live: bool,
    closing: bool,
}

impl Connection<'_> {
    async fn run(mut self, place: &Place, feed: &mut Feed, status: &Status) -> Result<(), String> {
        let filler = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        let mut session = Session::new(place.clone(), filler, &mut self.out);
        self.pump(&mut session, feed, status).await
    }

    async fn pump(&mut self, session: &mut Session, feed: &mut Feed, status: &Status) -> Result<(), String> {
        let server = self.address.server();
        let (mut reader, mut writer) = tokio::io::split(&mut self.wire);
        let mut inbox = BytesMut::with_capacity(4096);
        let mut end = std::pin::pin!(feed.end());
        let closed = |live: bool| match live {
            true => format!("{server} has closed the connection."),
            false => format!(
                "{server} has closed the connection instead of taking the stream; are application and key right?"
            ),
        };
        let lost = |live: bool, error: std::io::Error| match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => closed(live),
            _ => format!("The connection to {server} was lost ({error})."),
        };
        loop {
            let is_writing = !self.out.is_empty() || self.unflushed;
            if self.closing && !is_writing {
                break;
            }
            if !is_writing {
                self.answers = 0;
                if let Some(bytes) = self.in_flight.take() {
                    feed.sent(bytes);
                }
                if self.live {
                    self.progress = Instant::now();
                }
            }
            let deadline = self.progress + if self.live { self.patience.stall } else { self.patience.setup };
            // A live server that has got all there is owes us nothing.
            let waits = !self.live || is_writing;
            tokio::select! {
                // What it has taken or said while we were not looking counts before the time since.
                biased;
                read = reader.read_buf(&mut inbox) => {
                    let read = read.map_err(|error| lost(self.live, error))?;
                    if read == 0 && self.closing {
                        return Ok(());
                    }
                    if read == 0 {
                        return Err(closed(self.live));
                    }
                    let before = self.out.len();
                    let said = session.take(&inbox, &mut self.out).map_err(|what| format!("{server} {what}"))?;
                    inbox.clear();
                    self.answers += self.out.len() - before;
                    if self.answers > MOST_ANSWERS {
                        return Err(format!("{server} asks without end, and reads no answer."));
                    }
                    if said == Progress::Accepted {
                        self.live = true;
                        self.progress = Instant::now();
                        feed.begin();
                        status.is_now(StreamState::Live);
                    }
                }
                wrote = push(&mut writer, &self.out), if is_writing => {
                    let wrote = wrote.map_err(|error| lost(self.live, error))?;
                    if wrote == 0 && !self.out.is_empty() {
                        return Err(closed(self.live));
                    }
                    self.unflushed = !self.out.is_empty();
                    self.out.advance(wrote);
                    if self.live {
                        self.progress = Instant::now();
                    }
                }
                fragment = feed.next(), if self.live && !is_writing && !self.closing => {
                    // However long there was nothing for it.
                    self.progress = Instant::now();
                    match fragment {
                        Some(fragment) => {
                            self.clock.send(&fragment, session, &mut self.out)?;
                            self.in_flight = Some(self.out.len() as u64);
                        }
                        None => {
                            session.finish(&mut self.out);
                            self.closing = true;
                        }
                    }
                },
                // Nothing was sent that should be finished.
                () = &mut end, if !self.live => return Ok(()),
                () = sleep_until(deadline), if waits => {
                    return Err(match self.live {
                        true => format!("{server} has taken nothing for {} s.", self.patience.stall.as_secs_f64()),
                        false => format!("{server} did not take the stream within {} s.", self.patience.setup.as_secs_f64()),
                    });
                }
            }
        }
        // Closing with something unread would make the kernel reset the connection, and the server lose what it has not read.
        let goodbye = async {
            writer.shutdown().await?;
            loop {
                inbox.clear();
                if reader.read_buf(&mut inbox).await? == 0 {
                    return Ok::<(), std::io::Error>(());
                }
            }
        };
        let _ = timeout(self.patience.goodbye, goodbye).await;
        Ok(())
    }
}

/// Writes some of `bytes`, or flushes when there are none. Cancel safe.
async fn push(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<usize> {
    if bytes.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write(bytes).await }
}

/// Turns media time into the connection's own, which begins at zero.
struct Clock {
    media: Media,
    base_us: Option<i64>,
}

impl Clock {
    fn send(&mut self, fragment: &Fragment, session: &session::Session, out: &mut BytesMut) -> Result<(), String> {
        let samples = self.media.samples(fragment).ok_or("A fragment of the encoder's output can't be read.")?;
        let Some(first) = samples.first() else { return Ok(()) };
        if self.base_us.is_none() {
            self.base_us = Some(first.decode_us);
            let rate = fragment.picture.as_ref().filter(|run| run.length_s > 0.0);
            #[expect(clippy::cast_precision_loss, reason = "frames of half a second")]
            let rate = rate.map(|run| run.sizes.len() as f64 / run.length_s);
            session.send(Payload::Data(&flv::metadata(&self.media, rate)), 0, out);
            for track in &self.media.tracks {
                if let Some(body) = flv::Body::configuration(&track.format) {
                    session.send(payload(&body), 0, out);
                }
            }
        }
        let base_us = self.base_us.unwrap_or_default();
        if samples.iter().any(|sample| sample.data.len() > LARGEST_SAMPLE) {
            return Err("A picture of the recording is too large for RTMP.".to_owned());
        }
        for sample in &samples {
            let format = &self.media.tracks[sample.track].format;
            let (decode, show) = (milliseconds(sample.decode_us - base_us), milliseconds(sample.show_us - base_us));
            let body = flv::Body::sample(format, sample, show - decode);
            // Times wrap after 49 days, as the protocol has it.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it wraps")]
            session.send(payload(&body), decode.max(0) as u32, out);
        }
        Ok(())
    }
}

fn payload<'a>(body: &'a flv::Body<'_>) -> Payload<'a> {
    match body.kind {
        Kind::Picture => Payload::Picture(body.parts()),
        Kind::Sound => Payload::Sound(body.parts()),
    }
}

fn milliseconds(us: i64) -> i64 {
    (us + 500).div_euclid(1000)
}
