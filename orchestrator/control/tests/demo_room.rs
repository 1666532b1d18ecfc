//! The demo room's server, spoken to over loopback as browsers and recorders do.
#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use wallflower_control::demo_room::DemoServer;
use wallflower_domain::wire::demo_room::{DemoDown, DemoMedia, DemoRole, DemoSignal, DemoUp};

/// Anything on loopback that takes longer is not coming.
const PATIENCE: Duration = Duration::from_secs(10);
const MEDIA: DemoMedia = DemoMedia { mic: true, camera: true, screen: false };

async fn serve() -> DemoServer {
    DemoServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    async fn connect(server: &DemoServer, room: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let stream = TcpStream::connect(server.addr()).await.unwrap();
        Self::connect_over(stream, server.addr(), room, headers).await
    }

    async fn connect_over(
        stream: TcpStream,
        addr: SocketAddr,
        room: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request: Request = format!("ws://{addr}/rooms/{room}/ws").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = client_async(request, stream).await?;
        Ok(Self { socket })
    }

    /// Joins, and returns with the client its id.
    async fn join(server: &DemoServer, room: &str, role: DemoRole, name: &str) -> (Self, String) {
        let mut client = Self::connect(server, room, &[]).await.unwrap();
        client.say(join(role, name)).await;
        match client.next().await {
            DemoDown::Welcome { id, .. } => (client, id),
            other => panic!("welcome expected, told {other:?}"),
        }
    }

    async fn say(&mut self, message: DemoUp) {
        self.send(Message::text(serde_json::to_string(&message).unwrap())).await;
    }

    async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.socket.send(message)).await.expect("taken in time").unwrap();
    }

    async fn next_frame(&mut self) -> Option<Message> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("told in time") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(frame)) => return Some(frame),
                Some(Err(_)) | None => return None,
            }
        }
    }

    async fn next(&mut self) -> DemoDown {
        match self.next_frame().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("a message expected, got {other:?}"),
        }
    }

    async fn expect(&mut self, expected: DemoDown) {
        assert_eq!(self.next().await, expected);
    }

    /// The refusal's sentence; the socket must be closed after it.
    async fn refusal(&mut self) -> String {
        let DemoDown::Refused { reason } = self.next().await else { panic!("a refusal expected") };
        self.expect_close(CloseCode::Policy).await;
        reason
    }

    async fn expect_close(&mut self, code: CloseCode) {
        match self.next_frame().await {
            Some(Message::Close(Some(frame))) => assert_eq!(frame.code, code),
            other => panic!("a close frame expected, got {other:?}"),
        }
        assert_eq!(self.next_frame().await, None);
    }
}

fn join(role: DemoRole, name: &str) -> DemoUp {
    DemoUp::Join { role, name: name.to_owned(), media: MEDIA }
}

fn chat(text: &str) -> DemoUp {
    DemoUp::Chat { text: text.to_owned() }
}

fn chat_texts(message: &DemoDown) -> Vec<&str> {
    match message {
        DemoDown::Welcome { chat, .. } => chat.iter().map(|line| line.text.as_str()).collect(),
        DemoDown::Chat { line } => vec![&line.text],
        _ => vec![],
    }
}

/// Status line, headers and body of one request.
async fn get(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("answered in time").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_recorder_is_seen_by_nobody_and_everyone_is_told_of_it() {
    let server = serve().await;
    let (mut ada, ada_id) = Client::join(&server, "r", DemoRole::Person, "Ada").await;
    let mut recorder = Client::connect(&server, "r", &[("origin", "http://127.0.0.1:40123")]).await.unwrap();
    recorder.say(join(DemoRole::Recorder, "")).await;
    let DemoDown::Welcome { id: recorder_id, participants, recording, .. } = recorder.next().await else {
        panic!("welcome expected")
    };
    assert_eq!(participants.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), [&ada_id]);
    assert!(recording);
    ada.expect(DemoDown::Recording { active: true }).await;

    let mut bob = Client::connect(&server, "r", &[]).await.unwrap();
    bob.say(join(DemoRole::Person, "Bob")).await;
    let DemoDown::Welcome { participants, recording, .. } = bob.next().await else { panic!("welcome expected") };
    assert!(recording);
    assert_eq!(participants.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), [&ada_id]);
    assert!(matches!(ada.next().await, DemoDown::Joined { participant } if participant.name == "Bob"));
    assert!(matches!(recorder.next().await, DemoDown::Joined { participant } if participant.name == "Bob"));

    let subscribe = DemoSignal::Subscribe;
    let (to, publisher) = (ada_id.clone(), ada_id.clone());
    recorder.say(DemoUp::Signal { to, publisher, signal: subscribe.clone() }).await;
    let (from, publisher) = (recorder_id.clone(), ada_id.clone());
    ada.expect(DemoDown::Signal { from, publisher, signal: subscribe }).await;
    let offer = DemoSignal::Offer { sdp: "v=0".to_owned(), screen: None };
    ada.say(DemoUp::Signal { to: recorder_id, publisher: ada_id.clone(), signal: offer.clone() }).await;
    recorder.expect(DemoDown::Signal { from: ada_id.clone(), publisher: ada_id, signal: offer }).await;

    // The connection is cut without a word, as when a recorder is killed.
    drop(recorder);
    ada.expect(DemoDown::Recording { active: false }).await;
    bob.expect(DemoDown::Recording { active: false }).await;
    server.shutdown().await;
}

#[tokio::test]
async fn a_recorder_from_elsewhere_is_refused() {
    let server = serve().await;
    let host = server.addr().to_string();
    let passed_on = [("x-forwarded-for", "192.0.2.7")];
    let rebound = [("origin", "http://rebound.example"), ("host", "rebound.example")];
    for headers in [&passed_on[..], &rebound[..]] {
        let mut client = Client::connect(&server, "r", headers).await.unwrap();
        client.say(join(DemoRole::Recorder, "")).await;
        assert!(client.refusal().await.contains("on the machine that serves the room"));
        let mut person = Client::connect(&server, "r", headers).await.unwrap();
        person.say(join(DemoRole::Person, "Ada")).await;
        assert!(matches!(person.next().await, DemoDown::Welcome { .. }));
    }
    for origin in ["https://elsewhere.example", "null"] {
        match Client::connect(&server, "r", &[("origin", origin), ("host", &host)]).await.map(|_| ()) {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 403),
            other => panic!("403 expected for {origin}, got {other:?}"),
        }
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_is_dropped_and_hurts_nobody() {
    let server = serve().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.addr()).await.unwrap();
    let mut slow = Client::connect_over(stream, server.addr(), "r", &[]).await.unwrap();
    slow.say(join(DemoRole::Person, "Slow")).await;
    let DemoDown::Welcome { id: slow_id, .. } = slow.next().await else { panic!("welcome expected") };
    let (mut ada, ada_id) = Client::join(&server, "r", DemoRole::Person, "Ada").await;
    let (mut bob, _) = Client::join(&server, "r", DemoRole::Person, "Bob").await;
    assert!(matches!(ada.next().await, DemoDown::Joined { .. }));

    // More than the kernel's buffers and the mailbox hold together.
    for _ in 0..150 {
        let signal = DemoSignal::Offer { sdp: "x".repeat(200 * 1024), screen: None };
        ada.say(DemoUp::Signal { to: slow_id.clone(), publisher: ada_id.clone(), signal }).await;
    }
    ada.say(chat("still here")).await;
    ada.expect(DemoDown::Left { id: slow_id.clone() }).await;
    bob.expect(DemoDown::Left { id: slow_id }).await;
    assert_eq!(chat_texts(&ada.next().await), ["still here"]);
    assert_eq!(chat_texts(&bob.next().await), ["still here"]);

    let mut read = 0;
    while slow.next_frame().await.is_some() {
        read += 1;
    }
    assert!(read < 150, "{read}: it was told everything, so it was not slow");
    server.shutdown().await;
}

#[tokio::test]
async fn what_the_room_does_not_understand_is_refused_with_a_sentence() {
    let server = serve().await;
    let oversized = format!(r#"{{"type":"chat","text":"{}"}}"#, "x".repeat(300 * 1024));
    for (wrong, why) in [
        (Message::text("{"), "no message of a demo room"),
        (Message::text(r#"{"type":"leave"}"#), "unknown variant `leave`"),
        (Message::text(r#"{"type":"chat","text":"a","colour":"red"}"#), "unknown field `colour`"),
        (Message::binary(vec![1, 2, 3]), "JSON text"),
        (Message::text(oversized), "256 KiB"),
        (Message::text(r#"{"type":"chat","text":""}"#), "1 to 2000 characters"),
    ] {
        let (mut ada, _) = Client::join(&server, "r", DemoRole::Person, "Ada").await;
        let (mut bob, bob_id) = Client::join(&server, "r", DemoRole::Person, "Bob").await;
        bob.send(wrong).await;
        let reason = bob.refusal().await;
        assert!(reason.contains(why), "{reason}");
        assert!(matches!(ada.next().await, DemoDown::Joined { .. }));
        ada.expect(DemoDown::Left { id: bob_id }).await;
    }
    server.shutdown().await;
}

#[tokio::test]
async fn the_first_message_is_a_join_that_the_room_accepts() {
    let server = serve().await;
    for (first, why) in [
        (serde_json::to_string(&chat("hello")).unwrap(), "must be `join`"),
        (serde_json::to_string(&join(DemoRole::Person, " ")).unwrap(), "name"),
        ("hello".to_owned(), "no message of a demo room"),
    ] {
        let mut client = Client::connect(&server, "r", &[]).await.unwrap();
        client.send(Message::text(first)).await;
        let reason = client.refusal().await;
        assert!(reason.contains(why), "{reason}");
    }
    assert!(!server.close_room(&"r".parse().unwrap()), "nobody has opened the room");
    server.shutdown().await;
}

#[tokio::test]
async fn a_frame_beyond_all_measure_is_not_read() {
    let server = serve().await;
    let (mut ada, ada_id) = Client::join(&server, "r", DemoRole::Person, "Ada").await;
    let (mut bob, _) = Client::join(&server, "r", DemoRole::Person, "Bob").await;
    // The server may cut the connection before all of it is taken.
    let _ = timeout(PATIENCE, ada.socket.send(Message::text("x".repeat(8 * 1024 * 1024)))).await.unwrap();
    bob.expect(DemoDown::Left { id: ada_id }).await;
    server.shutdown().await;
}

#[tokio::test]
async fn closing_a_room_ends_it_for_everybody_and_for_that_room_only() {
    let server = serve().await;
    let (mut ada, _) = Client::join(&server, "one", DemoRole::Person, "Ada").await;
    let (mut recorder, _) = Client::join(&server, "one", DemoRole::Recorder, "").await;
    let (mut bob, _) = Client::join(&server, "two", DemoRole::Person, "Bob").await;
    ada.expect(DemoDown::Recording { active: true }).await;
    ada.say(chat("the last line")).await;
    assert_eq!(chat_texts(&ada.next().await), ["the last line"]);
    assert_eq!(chat_texts(&recorder.next().await), ["the last line"]);

    assert!(server.close_room(&"one".parse().unwrap()));
    for client in [&mut ada, &mut recorder] {
        client.expect(DemoDown::Closed).await;
        client.expect_close(CloseCode::Normal).await;
    }
    assert!(!server.close_room(&"one".parse().unwrap()));

    bob.say(chat("going on")).await;
    assert_eq!(chat_texts(&bob.next().await), ["going on"]);
    let mut eve = Client::connect(&server, "one", &[]).await.unwrap();
    eve.say(join(DemoRole::Person, "Eve")).await;
    let welcome = eve.next().await;
    assert!(matches!(&welcome, DemoDown::Welcome { participants, recording: false, .. } if participants.is_empty()));
    assert_eq!(chat_texts(&welcome), [""; 0], "the new room of that name is another room");
    server.shutdown().await;
}

#[tokio::test]
async fn an_empty_room_is_forgotten() {
    let server = serve().await;
    let (mut ada, _) = Client::join(&server, "r", DemoRole::Person, "Ada").await;
    let (mut bob, bob_id) = Client::join(&server, "r", DemoRole::Person, "Bob").await;
    ada.say(chat("hello")).await;
    assert_eq!(chat_texts(&bob.next().await), ["hello"]);
    bob.socket.close(None).await.unwrap();
    assert!(matches!(ada.next().await, DemoDown::Joined { .. }));
    assert!(matches!(ada.next().await, DemoDown::Chat { .. }));
    ada.expect(DemoDown::Left { id: bob_id }).await;
    ada.socket.close(None).await.unwrap();
    // The server answers a close when the client's seat is already free.
    while ada.next_frame().await.is_some() {}
    assert!(!server.close_room(&"r".parse().unwrap()));
    server.shutdown().await;
}

#[tokio::test]
async fn sixty_four_rooms_may_be_open_and_no_more() {
    let server = serve().await;
    let mut clients = Vec::new();
    for number in 0..64 {
        clients.push(Client::join(&server, &format!("room-{number}"), DemoRole::Person, "Ada").await.0);
    }
    let mut one_more = Client::connect(&server, "room-64", &[]).await.unwrap();
    one_more.say(join(DemoRole::Person, "Bob")).await;
    assert!(one_more.refusal().await.contains("64 rooms are open already"));
    Client::join(&server, "room-63", DemoRole::Person, "Bob").await;
    server.shutdown().await;
}

#[tokio::test]
async fn shutting_down_says_goodbye_to_everybody_and_leaves_nothing_open() {
    let server = serve().await;
    let addr = server.addr();
    let (mut ada, _) = Client::join(&server, "one", DemoRole::Person, "Ada").await;
    let (mut bob, _) = Client::join(&server, "two", DemoRole::Person, "Bob").await;
    let mut undecided = Client::connect(&server, "one", &[]).await.unwrap();
    // Browsers open connections before they need them.
    let mut unused = TcpStream::connect(addr).await.unwrap();
    let goodbyes = async {
        for client in [&mut ada, &mut bob] {
            client.expect(DemoDown::Closed).await;
            client.expect_close(CloseCode::Normal).await;
        }
        undecided.expect_close(CloseCode::Normal).await;
        assert_eq!(timeout(PATIENCE, unused.read(&mut [0])).await.expect("closed in time").unwrap(), 0);
    };
    tokio::join!(server.shutdown(), goodbyes);
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn the_same_address_serves_the_pages() {
    let server = serve().await;
    let addr = server.addr();
    for (path, status, part) in [
        ("/healthz", "200 OK", "\r\n\r\nok"),
        ("/", "307 Temporary Redirect", "location: /join.html\r\n"),
        ("/rooms/Team-7", "307 Temporary Redirect", "location: /join.html?room=Team-7\r\n"),
        ("/rooms/a%20b", "404 Not Found", "There is no room here: the name of a demo room is"),
        ("/rooms/a%2Fb/ws", "404 Not Found", "There is no room here: the name of a demo room is"),
        ("/rooms/Team-7/ws", "400 Bad Request", "Connection"),
        ("/join.html", "200 OK", "content-type: text/html; charset=utf-8\r\n"),
        ("/nothing", "404 Not Found", "content-type: text/plain; charset=utf-8\r\n"),
    ] {
        let answer = get(addr, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) && answer.contains(part), "{path}: {answer}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn an_address_in_use_is_a_clear_error() {
    let server = serve().await;
    let error = DemoServer::bind(server.addr()).await.unwrap_err().to_string();
    assert!(error.contains(&server.addr().to_string()) && error.contains("in use"), "{error}");
    server.shutdown().await;
}
