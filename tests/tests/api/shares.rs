//! Links for people without a key, and the log of who did what.

use serde_json::{Value, json};

use crate::server::{Answer, Server, until};

/// Makes a link; its id, and its path on the server.
#[track_caller]
fn share(server: &Server, key: &str, id: &str, body: &Value) -> (String, String) {
    let made = server.post(&format!("/v1/recordings/{id}/shares"), key, &body.to_string());
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.json();
    let url = made["url"].as_str().expect("an address");
    let path = url.strip_prefix(&format!("http://{}", server.address)).expect("of this server");
    (made["id"].as_str().expect("an id").to_owned(), path.to_owned())
}

fn in_a_browser(server: &Server, path: &str) -> Answer {
    server.send(&format!("GET {path}"), &[("Accept", "text/html,application/xhtml+xml;q=0.9")], "")
}

/// What a link that leads nowhere is answered by: a problem for programs, and a page for people.
#[track_caller]
fn leads_nowhere(server: &Server, path: &str, status: u16, kind: &str) {
    for at in [path.to_owned(), format!("{path}/recording"), format!("{path}/files/recording.mp4")] {
        let problem = server.open(&format!("GET {at}")).problem(status);
        assert_eq!(problem["type"], format!("urn:wallflower:problem:{kind}"));
    }
    is_the_page(&in_a_browser(server, path), status);
}

#[track_caller]
fn is_the_page(page: &Answer, status: u16) {
    assert_eq!((page.status, page.header("content-type")), (status, Some("text/html; charset=utf-8")), "{page:?}");
    assert!(page.body.contains("<div id=\"page\">"), "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("private, no-store"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_link_needs_no_key_and_holds_until_it_is_taken_back_or_expires() {
    let server = Server::paused();
    let key = server.key("record");
    let id = server.record(&key);
    let (share_id, path) = share(&server, &key, &id, &json!({}));
    is_the_page(&in_a_browser(&server, &path), 200);
    let shown = server.open(&format!("GET {path}/recording"));
    assert_eq!(shown.header("referrer-policy"), Some("no-referrer"));
    let shown = shown.json();
    assert_eq!((&shown["phase"], &shown["title"], &shown["sources"]), (&json!("waiting"), &json!("lobby"), &json!([])));
    server.open(&format!("GET {path}/files/recording.mp4")).problem(404);

    let (_, brief) = share(&server, &key, &id, &json!({"expires_in": "1s"}));
    until("its expiry", || (server.open(&format!("GET {brief}")).status == 410).then_some(()));
    leads_nowhere(&server, &brief, 410, "link-expired");

    let listed = server.get(&format!("/v1/recordings/{id}/shares"), &key);
    assert!(!listed.body.contains(path.trim_start_matches("/s/")), "{listed:?}");
    let ids: Vec<Value> =
        listed.json()["shares"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [json!(share_id)], "what has expired is not listed");
    let at = format!("/v1/recordings/{id}/shares/{share_id}");
    assert_eq!(server.delete(&at, &key).status, 204);
    server.delete(&at, &key).problem(404);
    leads_nowhere(&server, &path, 410, "link-revoked");
}

#[test]
fn what_is_no_link_of_ours_leads_nowhere_whatever_it_looks_like() {
    let server = Server::paused();
    let key = server.key("record");
    let id = server.record(&key);
    let (_, path) = share(&server, &key, &id, &json!({}));
    let other = Server::paused();
    let other_key = other.key("record");
    let (_, theirs) = share(&other, &other_key, &other.record(&other_key), &json!({}));
    let cut = path.get(..path.len() - 1).expect("ASCII");
    let changed = format!("{cut}{}", if path.ends_with('A') { 'Q' } else { 'A' });
    for forged in [cut, &changed, &theirs, &format!("{path}A"), "/s/x", "/s/%00", &format!("/s/{}", "A".repeat(3000))] {
        leads_nowhere(&server, forged, 404, "no-such-link");
    }
    for asset in ["nothing.js", "../player.html", "%2e%2e/index.html"] {
        server.open(&format!("GET /s/assets/{asset}")).problem(404);
    }
}

#[test]
fn a_link_is_made_only_for_what_is_one_s_own_and_only_as_the_server_allows() {
    let server = Server::paused();
    let (owner, other, reader) = (server.key("record"), server.key("record"), server.key("read"));
    let id = server.record(&owner);
    let at = format!("/v1/recordings/{id}/shares");
    server.post(&at, &other, "{}").problem(404);
    server.get(&at, &other).problem(404);
    server.post(&at, &reader, "{}").problem(403);
    server.get(&at, &reader).problem(403);
    for (body, status, field) in [
        (json!({"expires_in": "91days"}), 422, "expires_in"),
        (json!({"expires_in": "0s"}), 400, "expires_in"),
        (json!({"expires_in": "soon"}), 400, "expires_in"),
        (json!({"file": "../../keys.json"}), 400, "file"),
        (json!({"file": "a.mp4", "downloads": true}), 400, "downloads"),
        (json!({"forever": true}), 400, "forever"),
    ] {
        let problem = server.post(&at, &owner, &body.to_string()).problem(status);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    for _ in 0..100 {
        share(&server, &owner, &id, &json!({}));
    }
    server.post(&at, &owner, "{}").problem(409);
    assert_eq!(server.post(&format!("/v1/recordings/{id}/stop"), &owner, "").status, 200);
    let problem = server.post(&at, &owner, r#"{"file": "nothing.mp4"}"#).problem(422);
    assert_eq!(problem["field"], "file");
    assert_eq!(server.delete(&format!("/v1/recordings/{id}"), &owner).status, 204);
}

#[test]
fn a_link_to_a_file_gives_that_file_with_ranges_and_nothing_else() {
    let server = Server::paused();
    let key = server.key("record");
    let id = server.record(&key);
    let folder = server.folder(&id).join("day 1");
    std::fs::create_dir_all(&folder).expect("made");
    let (_, path) = share(&server, &key, &id, &json!({"file": "day 1/Müller.mp4"}));
    server.open(&format!("GET {path}")).problem(404);
    is_the_page(&in_a_browser(&server, &path), 404);
    std::fs::write(folder.join("Müller.mp4"), "0123456789").expect("written");
    std::fs::write(folder.join("other.mp4"), "other").expect("written");
    let whole = in_a_browser(&server, &path);
    assert_eq!((whole.status, whole.body.as_str()), (200, "0123456789"));
    assert_eq!(whole.header("content-disposition"), Some("attachment; filename*=UTF-8''M%C3%BCller.mp4"));
    assert_eq!(whole.header("referrer-policy"), Some("no-referrer"));
    let part = server.send(&format!("GET {path}"), &[("Range", "bytes=2-4")], "");
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    for other in ["day%201/other.mp4", "day%201/M%C3%BCller.mp4", "../../keys.json"] {
        server.open(&format!("GET {path}/files/{other}")).problem(404);
    }
}

#[test]
fn who_did_what_is_noted_for_administrators_and_without_secrets() {
    let server = Server::paused();
    let (admin, owner, reader) = (server.key("admin"), server.key("record"), server.key("read"));
    let id = server.record(&owner);
    let (share_id, path) = share(&server, &owner, &id, &json!({}));
    in_a_browser(&server, &path);
    server.post(&format!("/v1/recordings/{id}/stop"), &reader, "").problem(403);
    server.send(&format!("POST /v1/recordings/{id}/stop"), &[("Authorization", "Bearer wf_nobody")], "").problem(401);
    server.open("GET /s/forged").problem(404);
    let headers = [("Authorization", format!("Bearer {owner}")), ("X-Forwarded-For", "203.0.113.7".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(server.send(&format!("POST /v1/recordings/{id}/stop"), &headers, "").status, 200);

    server.get("/v1/audit", &owner).problem(403);
    let page = server.get(&format!("/v1/audit?recording={id}"), &admin);
    let noted: Vec<(Value, Value, Value)> = page.json()["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| (entry["action"].clone(), entry["name"].clone(), entry["status"].clone()))
        .collect();
    let expected = [
        ("POST /v1/recordings/{id}/stop", json!("record"), 200),
        ("POST /v1/recordings/{id}/stop", json!("read"), 403),
        ("GET /s/{token}", json!(null), 200),
        ("POST /v1/recordings/{id}/shares", json!("record"), 201),
        ("POST /v1/recordings", json!("record"), 201),
    ]
    .map(|(action, name, status)| (json!(action), name, json!(status)));
    assert_eq!(noted, expected, "{page:?}");
    let entries = page.json()["entries"].clone();
    assert_eq!((&entries[0]["forwarded_for"], &entries[0]["from"]), (&json!("203.0.113.7"), &json!("127.0.0.1")));
    assert_eq!(entries[2]["share"], json!(share_id));

    // What is done at the machine itself is noted as well.
    server.revoke(&reader);
    server.get("/v1/recordings", &reader).problem(401);
    let newest = server.get("/v1/audit?limit=1", &admin).json()["entries"][0].clone();
    assert_eq!((&newest["action"], &newest["name"]), (&json!("wallflower keys revoke"), &json!("read")));
    assert_eq!(newest["key"].as_str(), reader.split('_').nth(1), "{newest:#}");

    let mut all = String::new();
    for file in std::fs::read_dir(server.data().join("audit")).expect("the log").flatten() {
        all.push_str(&std::fs::read_to_string(file.path()).expect("text"));
    }
    assert_eq!(all.matches("wallflower keys create --scope ").count(), 3, "{all}");
    for secret in [&admin, &owner, &reader, path.trim_start_matches("/s/")] {
        assert!(!all.contains(secret), "{all}");
    }
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = server.get(&format!("/v1/audit?limit=2{cursor}"), &admin).json();
        seen += page["entries"].as_array().map_or(0, Vec::len);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all.lines().count());
    for (query, field) in [("limit=0", "limit"), ("limit=201", "limit"), ("cursor=x", "cursor")] {
        assert_eq!(server.get(&format!("/v1/audit?{query}"), &admin).problem(400)["field"], field);
    }
}
