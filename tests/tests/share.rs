//! What somebody with a link sees of a recording, and what they don't.

use std::net::{SocketAddr, TcpStream};
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use wallflower_tests::harness::run::wallflower;
use wallflower_tests::harness::{Bench, Serve, my_turn};

const SOON: Duration = Duration::from_secs(120);
const ROOMY: &str = "[capacity]\ncores = 100.0\nmemory_mib = 100000\n";

/// Status, head and the length of the body of what a browser gets.
fn get(server: SocketAddr, path: &str, range: &str) -> (u16, String, usize) {
    use std::io::{Read as _, Write as _};
    let mut socket = TcpStream::connect_timeout(&server, SOON).expect("it listens");
    socket.set_read_timeout(Some(SOON)).expect("a deadline can be set");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {server}\r\nAccept: text/html, */*\r\nRange: {range}\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head, answer.len() - end - 4)
}

fn run(bench: &Bench, serve: &Serve, arguments: &[&str]) -> Output {
    let mut command = bench.command(&wallflower());
    command.args(arguments).env("WALLFLOWER_SERVER", format!("http://{}", serve.address()));
    command.output().expect("it runs")
}

/// The path that a command prints the address of.
#[track_caller]
fn link(bench: &Bench, serve: &Serve, arguments: &[&str]) -> String {
    let output = run(bench, serve, arguments);
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let path = text.strip_prefix(&format!("http://{}", serve.address()));
    path.unwrap_or_else(|| panic!("{output:?}")).to_owned()
}

#[test]
fn a_link_plays_the_recording_and_shows_nothing_else_of_it() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", ROOMY);
    let id = serve.record(&json!({
        "room": "demo:standup", "size": "320x180", "fps": 10,
        "outputs": [{"kind": "audio", "path": "talk.m4a"}, {"kind": "hls"}, {"kind": "images", "every": "1s"},
                    {"kind": "file", "path": "day 1/Stand-up.mp4"}]
    }));
    let early = link(&bench, &serve, &["share", &id, "--expires", "1h"]);
    serve.capture(&id, 3.0, SOON);
    serve.order(&id, "markers", &json!({"label": "Plans & plots"}));
    let live = serve.wait(&id, "live", SOON, |_| {
        let sources = serve.ask("GET", &format!("{early}/recording"), None).1["sources"].clone();
        sources[0]["kind"] == "hls"
    });
    assert_eq!(live["state"], "recording");
    assert_eq!(get(serve.address(), &format!("{early}/files/hls/index.m3u8"), "bytes=0-").0, 206);
    let at = serve.show(&id)["progress"]["media_s"].as_f64().unwrap_or(0.0);
    serve.capture(&id, at + 2.0, SOON);
    serve.stop(&id);
    serve.reach(&id, "completed", SOON);

    let full = link(&bench, &serve, &["share", &id, "--downloads"]);
    let (_, shown) = serve.ask("GET", &format!("{full}/recording"), None);
    assert_eq!((&shown["phase"], &shown["title"]), (&json!("ready"), &json!("standup")), "{shown:#}");
    let kinds: Vec<&Value> =
        shown["sources"].as_array().expect("a list").iter().map(|source| &source["kind"]).collect();
    assert_eq!(kinds, ["video", "hls", "audio"], "the best first");
    assert_eq!(shown["sources"][0]["path"], "files/day%201/Stand-up.mp4");
    assert_eq!((&shown["sources"][0]["width"], &shown["sources"][0]["media_type"]), (&json!(320), &json!("video/mp4")));
    assert!(shown["duration_s"].as_f64() > Some(3.0) && shown["began_at"].is_string(), "{shown:#}");
    let names: Vec<&Value> = shown["downloads"].as_array().expect("a list").iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["talk.m4a", "Stand-up.mp4"]);
    let (_, same) = serve.ask("GET", &format!("{early}/recording"), None);
    assert_eq!((&same["downloads"], &same["sources"]), (&json!([]), &shown["sources"]), "the other link offers none");

    // All that is named is there, in parts.
    let paths = [
        &shown["sources"][0]["path"],
        &shown["sources"][1]["path"],
        &shown["sources"][2]["path"],
        &shown["poster"],
        &shown["chapters"],
    ];
    for path in paths.map(|path| path.as_str().unwrap_or_else(|| panic!("{shown:#}"))) {
        let (status, head, length) = get(serve.address(), &format!("{full}/{path}"), "bytes=2-5");
        assert_eq!((status, length), (206, 4), "{path}: {head}");
        assert!(head.contains("referrer-policy: no-referrer") && head.contains("nosniff"), "{head}");
    }
    // The rest of the recording is not, nor is another's, nor the server's own.
    let folder = bench.file(&format!("data/recordings/{id}"));
    assert!(folder.join("talk.manifest.json").exists() || folder.join("day 1/Stand-up.manifest.json").exists());
    for path in [
        "talk.manifest.json",
        "talk.events.jsonl",
        "day%201/Stand-up.manifest.json",
        "day%201/Stand-up.events.jsonl",
        "hls/../talk.manifest.json",
        "%2e%2e/%2e%2e/keys.json",
        "../../share.secret",
        ".spool/wanted.json",
    ] {
        assert_eq!(get(serve.address(), &format!("{full}/files/{path}"), "").0, 404, "{path}");
    }

    let file = link(&bench, &serve, &["share", &id, "--download", "talk.m4a", "--expires", "7d"]);
    let (status, head, length) = get(serve.address(), &file, "bytes=0-9");
    assert!(head.contains("content-disposition: attachment; filename*=utf-8''talk.m4a"), "{head}");
    assert_eq!((status, length), (206, 10));
    let listed = run(&bench, &serve, &["share", &id, "--list"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.lines().count() == 4 && listed.contains("talk.m4a") && listed.contains("the player, with downloads"),
        "{listed}"
    );
    let first = listed.lines().nth(1).and_then(|line| line.split_whitespace().next()).expect("an id");
    assert!(run(&bench, &serve, &["share", &id, "--revoke", first]).status.success());
    assert_eq!(get(serve.address(), &early, "").0, 410);
    let refused = run(&bench, &serve, &["share", &id, "--download", "nothing.mp4"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");

    let log = std::fs::read_to_string(serve.log(&bench)).expect("a log");
    for path in [&early, &full, &file] {
        assert!(!log.contains(path.trim_start_matches("/s/")), "a token is told");
    }
    serve.end();
    bench.assert_nothing_left();
}
