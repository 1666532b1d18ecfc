//! What a client may rely on: states, versions, pages.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::server::{Server, until};

#[test]
fn while_launching_is_paused_requests_are_queued_and_say_so() {
    let server = Server::paused();
    let id = server.record_openly();
    let shown = until("the reason", || {
        let shown = server.open(&format!("GET /v1/recordings/{id}")).json();
        (!shown["waiting"].is_null()).then_some(shown)
    });
    assert_eq!((shown["state"].as_str(), shown["waiting"].as_str()), (Some("queued"), Some("launching is paused")));
}

#[test]
fn what_contradicts_a_recording_s_state_is_a_conflict() {
    let server = Server::paused();
    let id = server.record_openly();
    let at = format!("/v1/recordings/{id}");
    let orders = |at: &str| {
        for (order, body) in [
            ("pause", ""),
            ("resume", ""),
            ("mute", ""),
            ("unmute", ""),
            ("markers", r#"{"label": "here"}"#),
            ("streams", r#"{"url": "rtmp://127.0.0.1/app/key"}"#),
        ] {
            let headers = [("Content-Type", "application/json")];
            let problem = server.send(&format!("POST {at}/{order}"), &headers, body).problem(409);
            assert!(!problem.to_string().contains("app/key"), "{problem}");
        }
        server.open(&format!("DELETE {at}/streams/s1")).problem(409);
    };
    orders(&at);
    server.open(&format!("DELETE {at}")).problem(409);

    let stopped = server.open(&format!("POST {at}/stop"));
    assert_eq!((stopped.status, stopped.json()["state"].as_str()), (200, Some("aborted")), "{stopped:?}");
    let again = server.open(&format!("POST {at}/stop"));
    assert_eq!((again.status, again.json()), (200, stopped.json()), "one that has ended stays as it is");
    orders(&at);
    let events = server.open(&format!("GET {at}/events"));
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert!(events.body.contains("event: recording") && events.body.contains("event: end"), "{events:?}");
    assert_eq!(server.open(&format!("DELETE {at}")).status, 204);
    for request in [format!("GET {at}"), format!("DELETE {at}"), format!("POST {at}/stop"), format!("POST {at}/pause")]
    {
        server.open(&request).problem(404);
    }
}

#[test]
fn pages_are_whole_and_stable_while_recordings_are_added() {
    let server = Server::paused();
    let mut first: Vec<String> = (0..7).map(|_| server.record_openly()).collect();
    first.reverse();
    let (mut seen, mut cursor, mut added) = (Vec::new(), String::new(), Vec::new());
    loop {
        let page = server.open(&format!("GET /v1/recordings?limit=2{cursor}")).json();
        let listed = page["recordings"].as_array().expect("a list");
        assert!(listed.len() <= 2 && !listed.is_empty(), "{page:#}");
        seen.extend(listed.iter().map(|recording| recording["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        if added.len() < 3 {
            added.push(server.record_openly());
        }
    }
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "none twice: {seen:?}");
    let before: Vec<_> = seen.iter().filter(|id| first.contains(id)).cloned().collect();
    assert_eq!(before, first, "all that was there, newest first");
    let all = server.open("GET /v1/recordings?state=queued&room=demo:lobby").json();
    assert_eq!(all["recordings"].as_array().map(Vec::len), Some(first.len() + added.len()));
    assert_eq!(server.open("GET /v1/recordings?state=completed,failed").json()["recordings"], serde_json::json!([]));
}

#[test]
fn a_version_that_is_known_is_not_sent_again_and_the_next_is_awaited() {
    let server = Server::paused();
    let id = server.record_openly();
    let at = format!("/v1/recordings/{id}");
    let version = until("its reason to wait", || {
        let shown = server.open(&format!("GET {at}")).json();
        shown["waiting"].as_str().and_then(|_| shown["version"].as_u64())
    });
    let began = Instant::now();
    let waited = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.open(&format!("GET {at}?after_version={version}")));
        assert_eq!(server.open(&format!("POST {at}/stop")).status, 200);
        waiting.join().expect("an answer")
    });
    assert!(waited.json()["version"].as_u64() > Some(version), "{waited:?}");
    assert!(began.elapsed() < Duration::from_secs(25), "it did not wait to the end of its patience");

    let shown = server.open(&format!("GET {at}"));
    let tag = shown.header("etag").expect("a tag").to_owned();
    assert_eq!(tag, format!("\"{}\"", shown.json()["version"]));
    let known = |tags: &str| server.send(&format!("GET {at}"), &[("If-None-Match", tags)], "");
    let same = known(&format!("\"0\", {tag}"));
    assert_eq!((same.status, same.body.as_str(), same.header("etag")), (304, "", Some(tag.as_str())));
    assert_eq!(known("\"0\"").status, 200);
}
