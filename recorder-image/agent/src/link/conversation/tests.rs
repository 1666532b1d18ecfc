//! Over a pipe, with an orchestrator that says what it is told to.

use super::*;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use wallflower_domain::recording::EndReason;

use super::super::dial::Connection;

type Server = WebSocketStream<tokio::io::DuplexStream>;

/// Both ends of a connection.
async fn connected() -> (Socket, Server) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let ours: Box<dyn Connection> = Box::new(ours);
    let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    (ours, WebSocketStream::from_raw_socket(theirs, Role::Server, None).await)
}

async fn send(server: &mut Server, text: &str) {
    server.send(Message::text(text)).await.expect("sent");
}

/// The next numbered event.
async fn said(server: &mut Server) -> Said {
    loop {
        let message = timeout(WELCOME_DEADLINE, server.next()).await.expect("in time").expect("open").expect("good");
        if let Message::Text(text) = message
            && let FromAgent::Said(said) = serde_json::from_str(&text).expect("a message of ours")
        {
            return said;
        }
    }
}

fn warning(message: &str) -> AgentEvent {
    AgentEvent::Warning { message: message.into() }
}

/// A post that keeps its file.
async fn post(folder: &tempfile::TempDir) -> Arc<Post> {
    let post = Post::open(&folder.path().join("events"), 0).await;
    tokio::spawn(post.clone().file());
    post
}

#[tokio::test]
async fn what_was_not_heard_is_said_again_and_the_last_word_ends_it() {
    let folder = tempfile::tempdir().expect("temp dir");
    let post = post(&folder).await;
    let (asks, _requests) = mpsc::channel(1);
    post.take(warning("a"));
    post.take(warning("b"));
    let (ours, mut server) = connected().await;
    let conversation = async {
        send(&mut server, r#"{"type":"welcome","heard":0}"#).await;
        let said = [said(&mut server).await.number, said(&mut server).await.number];
        send(&mut server, r#"{"type":"heard","number":1}"#).await;
        drop(server);
        said
    };
    let (parting, first) = tokio::join!(converse(ours, &post, &asks), conversation);
    assert!(matches!(parting, Parting::Broken(_)), "{parting:?}");
    assert_eq!(first, [1, 2]);

    post.take(AgentEvent::Finished { end: EndReason::Stopped, failure: None, delivery: None });
    post.take(warning("too late"));
    let (ours, mut server) = connected().await;
    let conversation = async {
        send(&mut server, r#"{"type":"welcome","heard":1}"#).await;
        let said = [said(&mut server).await.number, said(&mut server).await.number];
        send(&mut server, r#"{"type":"heard","number":3}"#).await;
        // Whoever is slow hears once more that it lives.
        let is_sign_of_life = |message: &Message| match message {
            Message::Text(text) => text.contains(r#""type":"passing""#),
            message => message.is_ping(),
        };
        let last = loop {
            match server.next().await {
                Some(Ok(message)) if is_sign_of_life(&message) => {}
                last => break last,
            }
        };
        assert!(matches!(last, Some(Ok(Message::Close(_)) | Err(_)) | None), "nothing more is said: {last:?}");
        said
    };
    let (parting, second) = tokio::join!(converse(ours, &post, &asks), conversation);
    assert!(matches!(parting, Parting::Over), "{parting:?}");
    assert_eq!(second, [2, 3]);
    assert!(folder.path().join("events").exists());
    post.close().await;
    assert!(!folder.path().join("events").exists());
}

#[tokio::test]
async fn requests_are_handed_on_once_and_what_can_t_be_is_answered() {
    let folder = tempfile::tempdir().expect("temp dir");
    let post = post(&folder).await;
    let (asks, mut requests) = mpsc::channel(1);
    let (ours, mut server) = connected().await;
    let conversation = async {
        send(&mut server, r#"{"type":"welcome","heard":0}"#).await;
        for (request, command) in [(1, "mute"), (1, "mute"), (2, "unmute"), (3, "dance"), (0, "mute")] {
            let request = format!(r#"{{"id":{request},"command":{{"command":"{command}"}}}}"#);
            send(&mut server, &format!(r#"{{"type":"asked","request":{request}}}"#)).await;
        }
        send(&mut server, r#"{"type":"dance"}"#).await;
        let answers = [said(&mut server).await.event, said(&mut server).await.event];
        drop(server);
        answers
    };
    let (_, answers) = tokio::join!(converse(ours, &post, &asks), conversation);
    assert_eq!(requests.try_recv().map(|request| request.id), Ok(1));
    assert!(requests.try_recv().is_err(), "once");
    let told: Vec<_> = answers
        .iter()
        .map(|event| match event {
            AgentEvent::Answered { request, failure: Some(failure) } => (*request, failure.message.as_str()),
            other => panic!("no refusal: {other:?}"),
        })
        .collect();
    assert!(told[0].0 == 2 && told[0].1.contains("Too many"), "{told:?}");
    assert!(told[1].0 == 3 && told[1].1.contains("does not understand"), "{told:?}");
}

#[tokio::test]
async fn one_that_begins_without_a_welcome_is_left() {
    let folder = tempfile::tempdir().expect("temp dir");
    let post = post(&folder).await;
    let (asks, _requests) = mpsc::channel(1);
    for first in [r#"{"type":"heard","number":1}"#, "hello"] {
        let (ours, mut server) = connected().await;
        send(&mut server, first).await;
        let parting = converse(ours, &post, &asks).await;
        assert!(matches!(&parting, Parting::Broken(why) if why.contains("no welcome")), "{parting:?}");
    }
}

/// More than is read at once lies on the file of an agent that has gone.
#[tokio::test]
async fn what_an_agent_before_has_left_is_said_first_and_in_order() {
    const LEFT: u64 = 3000;
    let folder = tempfile::tempdir().expect("temp dir");
    let path = folder.path().join("events");
    let gone = Post::open(&path, 0).await;
    (0..LEFT).for_each(|_| gone.take(warning(&"x".repeat(200))));
    let filing = tokio::spawn(gone.clone().file());
    let filed = || std::fs::read_to_string(&path).is_ok_and(|text| text.lines().count() as u64 == LEFT);
    let wait = async {
        while !filed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(WELCOME_DEADLINE, wait).await.expect("it is written in time");
    filing.abort();
    let _ = filing.await;
    gone.close().await;

    let post = post(&folder).await;
    post.take(warning("mine"));
    let (asks, _requests) = mpsc::channel(1);
    let (ours, mut server) = connected().await;
    let conversation = async {
        send(&mut server, r#"{"type":"welcome","heard":7}"#).await;
        for number in 8..=LEFT {
            assert_eq!(said(&mut server).await.number, number);
        }
        let last = said(&mut server).await;
        drop(server);
        last
    };
    let (_, last) = tokio::join!(converse(ours, &post, &asks), conversation);
    assert_eq!((last.number, last.event), (LEFT + 1, warning("mine")));
}
