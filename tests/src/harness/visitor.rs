//! Somebody in a demo room: no media, but all that everybody there is told.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use wallflower_domain::wire::demo_room::{DemoDown, DemoMedia, DemoRole, DemoUp};

const CONNECT_DEADLINE: Duration = Duration::from_secs(60);

/// A person in a demo room; leaves when dropped.
pub struct Visitor {
    told: Receiver<DemoDown>,
    heard: Vec<DemoDown>,
    say: Option<UnboundedSender<DemoUp>>,
    connection: Option<JoinHandle<()>>,
}

impl Visitor {
    /// Joins a room of the demo server at that address, which may come up only now.
    ///
    /// # Panics
    ///
    /// When the server is not there in time.
    #[must_use]
    pub fn enter(server: SocketAddr, room: &str, name: &str) -> Self {
        let url = format!("ws://{server}/rooms/{room}/ws");
        let (tell, told) = mpsc::channel();
        let (say, said) = unbounded_channel();
        let join = DemoUp::Join { role: DemoRole::Person, name: name.to_owned(), media: DemoMedia::default() };
        say.send(join).expect("the receiver is in scope");
        let connection = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(converse(&url, said, &tell));
        });
        Self { told, heard: Vec::new(), say: Some(say), connection: Some(connection) }
    }

    /// Sends a message.
    ///
    /// # Panics
    ///
    /// When the connection has ended.
    pub fn say(&self, message: DemoUp) {
        self.say.as_ref().expect("kept until drop").send(message).expect("the connection lives");
    }

    /// Waits until something is told; panics with all that was told when it is not in time.
    ///
    /// # Panics
    ///
    /// See above.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, deadline: Duration, is_it: impl Fn(&DemoDown) -> bool) -> DemoDown {
        let until = Instant::now() + deadline;
        loop {
            match self.told.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(told) => {
                    self.heard.push(told.clone());
                    if is_it(&told) {
                        return told;
                    }
                }
                Err(_) => panic!("was not told \"{what}\" within {deadline:?}, but {:#?}", self.heard),
            }
        }
    }

    /// All that was told so far.
    pub fn heard(&mut self) -> &[DemoDown] {
        self.heard.extend(self.told.try_iter());
        &self.heard
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        drop(self.say.take());
        if let Some(connection) = self.connection.take() {
            let _ = connection.join();
        }
    }
}

/// Until nothing more is to be said, or the server goes.
async fn converse(url: &str, mut said: UnboundedReceiver<DemoUp>, tell: &mpsc::Sender<DemoDown>) {
    let began = Instant::now();
    let mut socket = loop {
        match tokio_tungstenite::connect_async(url).await {
            Ok((socket, _)) => break socket,
            Err(error) => assert!(began.elapsed() < CONNECT_DEADLINE, "{url}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    loop {
        tokio::select! {
            message = said.recv() => {
                let Some(message) = message else { break };
                let text = serde_json::to_string(&message).expect("it is plain data");
                if socket.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let told = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
                    if tell.send(told).is_err() {
                        break;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
    // The server may be gone first.
    let _ = socket.close(None).await;
}
