//! What the server does when a client keeps it waiting; with less patience than in earnest.

use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use super::*;

/// Anything on loopback that takes longer is not coming.
const DEADLINE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(200);

async fn serve(patience: Patience) -> DemoServer {
    DemoServer::bind_with("127.0.0.1:0".parse().unwrap(), patience).await.unwrap()
}

fn url(server: &DemoServer) -> String {
    format!("ws://{}/rooms/r/ws", server.addr())
}

fn join(name: &str) -> Message {
    let media = r#"{"mic":false,"camera":false,"screen":false}"#;
    Message::text(format!(r#"{{"type":"join","role":"person","name":"{name}","media":{media}}}"#))
}

#[tokio::test]
async fn who_does_not_join_in_time_is_refused() {
    let server = serve(Patience { join: SHORT, ..Patience::default() }).await;
    let (mut socket, _) = connect_async(url(&server)).await.unwrap();
    // A client that only pings has not joined either.
    socket.send(Message::Ping("here".into())).await.unwrap();
    let refusal = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return text,
                Some(Ok(_)) => {}
                other => panic!("a refusal expected, got {other:?}"),
            }
        }
    };
    let text = timeout(DEADLINE, refusal).await.unwrap();
    assert!(text.contains(r#""type":"refused""#) && text.contains("in time"), "{text}");
    server.shutdown().await;
}

#[tokio::test]
async fn who_gives_no_sign_of_life_is_taken_out() {
    // Long enough for a client of this busy machine to answer.
    let silence = Duration::from_secs(6);
    let server = serve(Patience { ping: silence / 24, silence, ..Patience::default() }).await;
    let (mut lively, _) = connect_async(url(&server)).await.unwrap();
    lively.send(join("Lively")).await.unwrap();
    let (mut silent, _) = connect_async(url(&server)).await.unwrap();
    let joined = Instant::now();
    silent.send(join("Silent")).await.unwrap();
    // Reading answers the pings; this client never reads.
    let left = async {
        loop {
            match lively.next().await {
                Some(Ok(Message::Text(text))) if text.contains(r#""type":"left""#) => return Instant::now(),
                Some(Ok(_)) => {}
                other => panic!("this client answers, and yet gets {other:?}"),
            }
        }
    };
    let left = timeout(DEADLINE, left).await.unwrap();
    assert!(left - joined >= silence / 2, "it was given no time");
    // And who answers stays, for much longer than the silence that is suffered.
    let stays = async { while let Some(Ok(_)) = lively.next().await {} };
    assert!(timeout(silence * 2, stays).await.is_err(), "a client that answers was taken out");
    drop(silent);
    server.shutdown().await;
}
