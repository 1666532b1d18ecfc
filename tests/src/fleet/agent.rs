//! One agent without a browser, in the words of [`wallflower_domain::wire::link`].

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wallflower_domain::recording::EndReason;
use wallflower_domain::timeline::{Delivered, OutputKind};
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Delivery, Progress, Request, Usage};
use wallflower_domain::wire::link::{Assignment, FromAgent, Said, ToAgent};

use super::account::Account;

/// As a real agent paces it: `recorder-image/agent/src/link/pace.rs`.
const FIRST_PAUSE_S: f64 = 0.1;
const LONGEST_PAUSE_S: f64 = 1.0;
const REFUSED_PAUSE_S: f64 = 5.0;
/// An orchestrator that says nothing for so long in the midst of a handshake is gone.
const DEADLINE: Duration = Duration::from_secs(10);
/// Ten thousand have to fit into a process.
const BUFFER_BYTES: usize = 2 * 1024;

type Socket = WebSocketStream<TcpStream>;

/// Why a connection ended.
enum Parting {
    /// The last word was heard.
    Over,
    /// It was lost.
    Broken,
}

struct Agent {
    account: Account,
    assignment: Assignment,
    /// Events that were not heard.
    unheard: VecDeque<Said>,
    said: u64,
    /// Requests that were carried out.
    done: Vec<u64>,
    began: Instant,
    is_over: bool,
}

/// Performs an assignment until its end was heard.
pub(super) async fn perform(assignment: Assignment, account: Account) {
    let said = assignment.link.heard;
    let mut agent = Agent {
        account,
        assignment,
        unheard: VecDeque::new(),
        said,
        done: Vec::new(),
        began: Instant::now(),
        is_over: false,
    };
    agent.say(AgentEvent::Joining);
    agent.say(AgentEvent::Started { attempt: 1, first_frame_unix_us: unix_us(), start_latency_ms: 1 });
    agent.keep().await;
}

impl Agent {
    fn id(&self) -> &str {
        &self.assignment.job.id
    }

    fn say(&mut self, event: AgentEvent) {
        self.said += 1;
        self.account.said(self.id(), self.said, &event);
        self.unheard.push_back(Said { number: self.said, at_us: unix_us(), event });
    }

    /// Dials, each replica in turn, until it is over.
    async fn keep(&mut self) {
        let urls = self.assignment.link.urls.len();
        let mut tries = 0;
        for index in (0..urls).cycle() {
            let pause = match self.dial(index).await {
                Ok(socket) => {
                    let since = Instant::now();
                    let parting = self.converse(socket).await;
                    self.account.note(&self.assignment.job.id, |entry| entry.is_connected = false);
                    if matches!(parting, Ok(Parting::Over)) {
                        return;
                    }
                    if since.elapsed() >= Duration::from_secs(5) {
                        tries = 0;
                    }
                    pause_s(tries)
                }
                Err(is_refused) => {
                    if is_refused {
                        REFUSED_PAUSE_S
                    } else {
                        pause_s(tries)
                    }
                }
            };
            tries += 1;
            sleep(Duration::from_secs_f64(pause * (0.5 + chance() / 2.0))).await;
        }
    }

    /// An error says whether somebody was there who would not have us.
    async fn dial(&self, index: usize) -> Result<Socket, bool> {
        let url = &self.assignment.link.urls[index];
        let dialled = async {
            let base = url.strip_prefix("http://").expect("test orchestrators speak HTTP");
            let tcp = TcpStream::connect(base).await.map_err(|_| false)?;
            tcp.set_nodelay(true).map_err(|_| false)?;
            let address = format!("ws://{base}/v1/agents/{}/link", self.id());
            let mut request = address.into_client_request().expect("it is an address");
            let bearer = format!("Bearer {}", self.assignment.link.token.expose());
            let bearer = HeaderValue::try_from(bearer).expect("tokens are hexadecimal");
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
            let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(0);
            let opened = client_async_with_config(request, tcp, Some(config)).await;
            opened.map(|(socket, _)| socket).map_err(|error| {
                matches!(error, tokio_tungstenite::tungstenite::Error::Http(response) if response.status().is_client_error())
            })
        };
        timeout(DEADLINE, dialled).await.unwrap_or(Err(false))
    }

    async fn converse(&mut self, mut socket: Socket) -> Result<Parting, tokio_tungstenite::tungstenite::Error> {
        let Ok(Some(first)) = timeout(DEADLINE, socket.next()).await else { return Ok(Parting::Broken) };
        let Some(ToAgent::Welcome { heard, beat_s }) = read(&first?) else { return Ok(Parting::Broken) };
        let by = socket.get_ref().peer_addr()?;
        self.account.note(&self.assignment.job.id, |entry| {
            entry.welcomes.push((std::time::Instant::now(), by));
            entry.is_connected = true;
        });
        self.heard(heard);
        if self.is_over {
            return Ok(Parting::Over);
        }
        for said in self.unheard.clone() {
            tell(&mut socket, &FromAgent::Said(said)).await?;
        }
        let beat = Duration::from_secs_f64(beat_s);
        // Not all of them at once.
        let mut beats_at = Instant::now() + beat.mul_f64(chance());
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    None | Some(Ok(Message::Close(_))) => return Ok(Parting::Broken),
                    Some(message) => match read(&message?) {
                        Some(ToAgent::Heard { number }) => self.heard(number),
                        Some(ToAgent::Asked { request }) => self.asked(request, &mut socket).await?,
                        Some(ToAgent::Welcome { .. }) | None => {}
                    },
                },
                () = sleep_until(beats_at) => {
                    beats_at += beat;
                    let event = AgentEvent::Progress { progress: self.progress() };
                    tell(&mut socket, &FromAgent::Passing { event }).await?;
                }
            }
            if self.is_over {
                // Closing is only polite.
                let _ = timeout(Duration::from_secs(1), socket.close(None)).await;
                return Ok(Parting::Over);
            }
        }
    }

    fn heard(&mut self, number: u64) {
        while self.unheard.front().is_some_and(|said| said.number <= number) {
            self.unheard.pop_front();
        }
        self.account.note(&self.assignment.job.id, |entry| {
            entry.heard = entry.heard.max(number);
            self.is_over = entry.end_is_heard();
        });
    }

    /// Carries out a request, once.
    async fn asked(
        &mut self,
        request: Request,
        socket: &mut Socket,
    ) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        if self.done.contains(&request.id) {
            return Ok(());
        }
        self.done.push(request.id);
        self.account.note(&self.assignment.job.id, |entry| entry.done.push(request.id));
        let from = self.said;
        self.say(AgentEvent::Answered { request: request.id, failure: None });
        if request.command == AgentCommand::Stop {
            self.say(AgentEvent::Stopping { reason: EndReason::Stopped });
            self.say(AgentEvent::Finalizing);
            self.say(AgentEvent::Finished { end: EndReason::Stopped, failure: None, delivery: Some(self.delivery()) });
        }
        let said: Vec<Said> = self.unheard.iter().filter(|said| said.number > from).cloned().collect();
        for said in said {
            tell(socket, &FromAgent::Said(said)).await?;
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        let media_s = self.began.elapsed().as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "frames of some minutes")]
        let frames = (media_s * 30.0) as u64;
        Progress { media_s, frames, fps: 30.0, speed: 1.0, unique: frames, bytes: frames * 4000, ..Progress::default() }
    }

    fn delivery(&self) -> Delivery {
        let progress = self.progress();
        Delivery {
            outputs: vec![Delivered {
                kind: OutputKind::File,
                location: format!("{}/recording.mp4", self.assignment.job.spool),
                bytes: progress.bytes,
                sha256: Some("0".repeat(64)),
                duration_s: Some(progress.media_s),
                facts: None,
                uploads: Vec::new(),
                failure: None,
            }],
            manifest: None,
            duration_s: progress.media_s,
            frames: progress.frames,
            gaps: Vec::new(),
            pauses: Vec::new(),
            usage: Some(Usage { encoder_cores: 0.2, browser_cores: 0.2, pss_bytes: 400 << 20, ..Usage::default() }),
        }
    }
}

async fn tell(socket: &mut Socket, message: &FromAgent) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let text = serde_json::to_string(message).expect("plain data");
    socket.send(Message::text(text)).await
}

fn read(message: &Message) -> Option<ToAgent> {
    let Message::Text(text) = message else { return None };
    Some(serde_json::from_str(text).expect("an orchestrator speaks the protocol"))
}

fn pause_s(tries: i32) -> f64 {
    (FIRST_PAUSE_S * 2_f64.powi(tries.min(16))).min(LONGEST_PAUSE_S)
}

/// From 0 to 1.
pub(super) fn chance() -> f64 {
    use std::hash::{BuildHasher as _, RandomState};
    f64::from(u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
