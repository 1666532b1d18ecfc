//! What is malformed, oversized, forbidden, contradictory, or meant to get somewhere else.

use serde_json::json;

use crate::server::{Server, bearer, until};

const RECORDINGS: &str = "/v1/recordings";
const ROOM: &str = r#"{"room": "demo:lobby"}"#;

#[test]
fn an_idempotency_key_makes_one_recording_and_is_for_one_request() {
    let server = Server::paused();
    let once = |body: &str| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "monday")];
        server.send("POST /v1/recordings", &headers, body)
    };
    let (first, again) = (once(ROOM), once(ROOM));
    assert_eq!((first.status, again.status), (201, 200), "{again:?}");
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(
        first.header("location"),
        Some(format!("/v1/recordings/{}", first.json()["id"].as_str().expect("an id")).as_str())
    );
    let other = once(r#"{"room": "demo:other"}"#).problem(422);
    assert_eq!(other["type"], "urn:wallflower:problem:idempotency-key-reused");
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "")];
    let problem = server.send("POST /v1/recordings", &headers, ROOM).problem(400);
    assert_eq!(problem["field"], "Idempotency-Key");
}

#[test]
fn a_body_that_is_no_request_is_refused_by_its_field() {
    let server = Server::paused();
    let send = |kind: &str, body: &str| server.send("POST /v1/recordings", &[("Content-Type", kind)], body);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        send(kind, ROOM).problem(415);
    }
    assert_eq!(send("application/json; charset=utf-8", ROOM).status, 201);
    let large = format!(r#"{{"room": "demo:lobby", "metadata": {{"a": "{}"}}}}"#, "x".repeat(4 * 1024 * 1024));
    send("application/json", &large).problem(413);
    let long = "x".repeat(513);
    for (body, field) in [
        (json!({}), "room"),
        (json!({"room": "demo:lobby", "laoyut": "grid"}), "laoyut"),
        (json!({"room": "ftp://lobby"}), "room"),
        (json!({"room": {"kind": "demo"}}), "room"),
        (json!({"room": "demo:lobby", "layout": "circle"}), "layout"),
        (json!({"room": "demo:lobby", "fps": 61}), "fps"),
        (json!({"room": "demo:lobby", "theme": {"tiels": {}}}), "theme.tiels"),
        (json!({"room": "demo:lobby", "outputs": [{"kind": "file", "path": "../a.mp4"}]}), "outputs[0]"),
        (json!({"room": "demo:lobby", "start_at": "tomorrow"}), "start_at"),
        (json!({"room": "demo:lobby", "priority": 300}), "priority"),
        (json!({"room": "demo:lobby", "metadata": {"a": long}}), "metadata.a"),
    ] {
        let problem = send("application/json", &body.to_string()).problem(400);
        assert!(problem["field"].as_str().is_some_and(|named| named.starts_with(field)), "{body}: {problem}");
    }
    for body in ["[]", "null", "{", "{}}", "\"demo:lobby\"", "\u{0}"] {
        send("application/json", body).problem(400);
    }
    let twice = json!({"room": "demo:lobby", "outputs": [{"kind": "file", "path": "a.mp4"}, {"kind": "file", "path": "a.mp4"}]});
    let problem = send("application/json", &twice.to_string()).problem(422);
    assert_eq!(problem["field"], "outputs");
    let detail = problem["detail"].as_str().expect("a sentence");
    assert!(
        detail.contains(" a.mp4") && !detail.contains("/recordings/"),
        "nothing of the server's directories: {detail}"
    );
}

#[test]
fn parameters_that_make_no_sense_are_named() {
    let server = Server::paused();
    for (query, field) in [
        ("limit=0", Some("limit")),
        ("limit=201", Some("limit")),
        ("limit=many", None),
        ("cursor=x", Some("cursor")),
        ("state=sleeping", Some("state")),
        ("state=", Some("state")),
        ("sort=asc", None),
    ] {
        let problem = server.send(&format!("GET /v1/recordings?{query}"), &[], "").problem(400);
        assert_eq!(problem["field"].as_str(), field, "{query}: {problem}");
    }
    server.send("GET /nowhere", &[], "").problem(404);
    server.send("GET /v1/recordings/%ff", &[], "").problem(404);
    server.send("PUT /v1/recordings", &[], "").problem(405);
}

#[test]
fn a_key_opens_what_is_its_own_and_no_more() {
    let server = Server::paused();
    let (mine, other) = (server.key("record"), server.key("record"));
    let (reader, admin) = (server.key("read"), server.key("admin"));
    for headers in [vec![], vec![("Authorization", "Bearer wf_0_0")], vec![("Authorization", "Basic YTpi")]] {
        let refused = server.send("GET /v1/recordings", &headers, "");
        refused.problem(401);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    server.post(RECORDINGS, &reader, ROOM).problem(403);
    server.get("/v1/webhooks/dead", &mine).problem(403);
    let id = server.record(&mine);
    let (at, stop) = (format!("/v1/recordings/{id}"), format!("/v1/recordings/{id}/stop"));
    for (key, status, listed) in [(&mine, 200, 1), (&other, 404, 0), (&reader, 404, 0), (&admin, 200, 1)] {
        assert_eq!(server.get(&at, key).status, status);
        let list = server.get(RECORDINGS, key).json();
        assert_eq!(list["recordings"].as_array().map(Vec::len), Some(listed), "{list}");
    }
    for path in ["", "/events", "/files/a.mp4", "/live/index.m3u8"] {
        server.get(&format!("{at}{path}"), &other).problem(404);
    }
    server.post(&stop, &other, "").problem(404);
    server.post(&stop, &reader, "").problem(403);
    server.delete(&at, &other).problem(404);
    assert_eq!(server.get(&at, &mine).json()["stop_requested"], false);
}

#[test]
fn no_path_leads_out_of_a_recording_s_directory() {
    let server = Server::paused();
    let (id, neighbour) = (server.record_openly(), server.record_openly());
    for (folder, text) in [(&id, "mine"), (&neighbour, "theirs")] {
        let folder = server.folder(folder);
        std::fs::create_dir_all(folder.join(".spool")).expect("made");
        std::fs::create_dir_all(folder.join("hls")).expect("made");
        for name in ["a.mp4", ".events.jsonl", ".spool/a", "hls/index.m3u8"] {
            std::fs::write(folder.join(name), text).expect("written");
        }
    }
    std::os::unix::fs::symlink("/etc/hostname", server.folder(&id).join("linked")).expect("linked");
    let get = |path: &str| server.send(&format!("GET /v1/recordings/{id}/{path}"), &[], "");
    let file = get("files/a.mp4");
    assert_eq!((file.status, file.body.as_str()), (200, "mine"), "{file:?}");
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(get("live/index.m3u8").body, "mine");
    let part = server.send(&format!("GET /v1/recordings/{id}/files/a.mp4"), &[("Range", "bytes=1-2")], "");
    assert_eq!((part.status, part.body.as_str()), (206, "in"), "{part:?}");
    let none = server.send(&format!("GET /v1/recordings/{id}/files/a.mp4"), &[("Range", "bytes=9-")], "");
    assert_eq!(none.status, 416, "{none:?}");
    for path in [
        format!("files/../{neighbour}/a.mp4"),
        format!("files/..%2f{neighbour}%2fa.mp4"),
        format!("files/%2e%2e/{neighbour}/a.mp4"),
        "files/%2e%2e%2f%2e%2e%2fwallflower.db".to_owned(),
        "files/../../../wallflower.toml".to_owned(),
        "files//etc/hostname".to_owned(),
        "files/%2fetc%2fhostname".to_owned(),
        "files/.events.jsonl".to_owned(),
        "files/%2eevents.jsonl".to_owned(),
        "files/.spool/a".to_owned(),
        "files/hls/../a.mp4".to_owned(),
        "files/hls/./index.m3u8".to_owned(),
        "files/a.mp4%00".to_owned(),
        "files/a.mp4/".to_owned(),
        "files/hls".to_owned(),
        "files/linked".to_owned(),
        "files/%ff".to_owned(),
        "live/../a.mp4".to_owned(),
        "live/..%2fa.mp4".to_owned(),
    ] {
        get(&path).problem(404);
    }
}

#[test]
fn a_token_is_good_for_its_own_recording_only() {
    let server = Server::with_hollow_agents();
    let (id, other) = (server.record_openly(), server.record_openly());
    let assignment = until("an agent of the first recording", || {
        let told = std::fs::read_dir(server.agents()).expect("it is there").flatten();
        let told = told.filter_map(|agent| std::fs::read_to_string(agent.path()).ok());
        let told = told.filter_map(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        told.into_iter().find(|assignment| assignment["job"]["id"] == *id)
    });
    let token = bearer(assignment["link"]["token"].as_str().expect("a token"));
    let link =
        |id: &str, token: &str| server.send(&format!("GET /v1/agents/{id}/link"), &[("Authorization", token)], "");
    link(&id, &token).problem(400);
    for stranger in ["Bearer ", "Bearer 0", "Basic YTpi"] {
        link(&id, stranger).problem(401);
    }
    link(&other, &token).problem(401);
    link("0", &token).problem(401);
    // It is no API key either.
    server.send("GET /v1/recordings", &[("Authorization", &token)], "").problem(401);
}
