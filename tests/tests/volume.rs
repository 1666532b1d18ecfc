//! How loud participants are, each by themselves: measured on the fundamentals of their voices.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wallflower_domain::wire::cast::{CastConfig, CastSpeech, CastTarget};
use wallflower_tests::harness::{Bench, Cast, LivekitServer, Running, my_turn};
use wallflower_tests::media_probe::{decode, tone};

const START: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(120);
/// A voice says the same over and over, in so many seconds.
const LOOP_S: f64 = 9.0;
/// After the first frame: a room takes a moment to be heard.
const HEARD_FROM_S: f64 = 3.0;
/// After a change, and before the next.
const SETTLED_S: f64 = 0.5;

/// Two who speak all the time.
fn both() -> CastConfig {
    let mut config = Cast::of(2);
    config.script.speech = CastSpeech::Always;
    config
}

fn until_media(running: &mut Running, seconds: f64) {
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(seconds));
}

fn order(bench: &Bench, volumes: &[String]) {
    let mut line = vec!["layout", "--json"];
    line.extend(volumes.iter().map(String::as_str));
    let ended = bench.run(&line, SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
}

/// The media times of the changes, as the timeline has them, and the last one's volumes.
fn changes(bench: &Bench) -> Vec<(f64, Value)> {
    let text = std::fs::read_to_string(bench.file("room.events.jsonl")).expect("a timeline");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let changes = lines.filter(|line| line["event"] == "look_changed");
    changes.map(|line| (line["media_s"].as_f64().expect("a time"), line["change"]["volume"].clone())).collect()
}

/// How loud each voice is on the average of a loop that begins at each of these times.
fn loudness(file: &Path, voices: &[u32], stages: &[f64]) -> Vec<Vec<f64>> {
    let samples = decode::samples(file).expect("the recording can be decoded");
    let of = |hertz: u32, from: f64| {
        let windows: Vec<f64> = samples
            .between(from, from + LOOP_S)
            .chunks_exact(decode::SAMPLE_RATE as usize / 4)
            .map(|window| tone::amplitude(window, f64::from(hertz)))
            .collect();
        windows.iter().sum::<f64>() / windows.len().max(1) as f64
    };
    voices.iter().map(|hertz| stages.iter().map(|from| of(*hertz, *from)).collect()).collect()
}

#[track_caller]
fn assert_ratio(what: &str, one: f64, other: f64, expected: f64) {
    let ratio = one / other;
    assert!((ratio / expected - 1.0).abs() < 0.12, "{what}: {one:.4} against {other:.4} is {ratio:.3}, not {expected}");
}

#[test]
fn a_livekit_room_is_mixed_as_the_request_says_and_as_it_is_told_later() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let (key, secret) = server.credentials();
    let bench = bench.with("LIVEKIT_API_KEY", key).with("LIVEKIT_API_SECRET", secret);
    let cast = Cast::as_livekit(&bench, &server, "mix", both(), "member", None);
    let room = server.room_uri("mix");
    let line = ["record", &room, "--output=room.mp4", "--size=320x180", "--fps=10", "--json"];
    // A beginning of identities, and one that goes before it.
    let mut running = bench.start(&[&line[..], &["--volume=member-*=50", "--volume=member-1=100"]].concat());
    running.wait_for("started", START);
    until_media(&mut running, 13.0);
    order(&bench, &["--volume=member-0=100%".into(), "--volume=member-1=".into()]);
    until_media(&mut running, 25.0);
    order(&bench, &["--volume=member-0=0".into(), "--volume=member-1=150".into()]);
    until_media(&mut running, 37.0);
    let status = bench.run(&["show", "--json"], SOON).events[0].clone();
    let volume = &status["look"]["volume"];
    assert_eq!((&volume["member-0"], &volume["member-1"]), (&json!(0), &json!(150)), "{status:#}");
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let voices: Vec<u32> = cast.config.members.iter().map(|member| member.voice_hz).collect();
    cast.leave();
    bench.assert_nothing_left();

    let told = changes(&bench);
    let [(turned, _), (hushed, volume)] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!(*volume, json!({"member-0": 0, "member-1": 150}));
    let stages = [HEARD_FROM_S, turned + SETTLED_S, hushed + SETTLED_S];
    let loudness = loudness(&bench.file("room.mp4"), &voices, &stages);
    let (first, second) = (&loudness[0], &loudness[1]);
    assert_ratio("50 % against 100 %", first[0], first[1], 0.5);
    assert!(first[2] < first[1] / 20.0, "0 %: {:.4} against {:.4}", first[2], first[1]);
    // Who has no volume any more has that of all members.
    assert_ratio("100 % against 50 %", second[0], second[1], 2.0);
    assert_ratio("150 % against 50 %", second[2], second[1], 3.0);
}

#[test]
fn a_demo_room_is_mixed_as_it_is_told() {
    let (_turn, bench, cast_bench) = (my_turn(), Bench::new(), Bench::new());
    let listen = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port is free");
    let listening = format!("--demo-listen={listen}");
    let line = ["record", "demo:mix", &listening, "--output=room.mp4", "--size=320x180", "--fps=10", "--json"];
    let mut running = bench.start(&line);
    running.wait_for("joining", START);
    let mut config = both();
    config.target = CastTarget::Demo { url: format!("ws://{listen}/rooms/mix/ws") };
    let cast = Cast::enter(&cast_bench, config);
    let members = cast.config.members.clone();
    let identity = |running: &Running, name: &str| {
        let joined = running.heard().iter().map(|event| &event["room_event"]);
        let mut joined = joined.filter(|event| event["kind"] == "participant_joined" && event["name"] == name);
        joined.next().map(|event| event["identity"].as_str().expect("an identity").to_owned())
    };
    running.wait_until("room", START, |event| event["room_event"]["name"] == members[1].name.as_str());
    let who: Vec<String> = members.iter().filter_map(|member| identity(&running, &member.name)).collect();
    assert_eq!(who.len(), 2, "{who:?}");
    // Everybody has been heard for a while.
    let begins = {
        let at = |event: &Value| event["progress"]["media_s"].as_f64();
        at(&running.wait_until("progress", SOON, |event| at(event) >= Some(1.0))).expect("a time") + 3.0
    };
    until_media(&mut running, begins + LOOP_S + 1.0);
    order(&bench, &[format!("--volume={}=25", who[0]), format!("--volume={}=200", who[1])]);
    until_media(&mut running, begins + 2.0 * LOOP_S + 4.0);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    drop(cast);

    let told = changes(&bench);
    let [(changed, _)] = told.as_slice() else { panic!("{told:#?}") };
    let voices: Vec<u32> = members.iter().map(|member| member.voice_hz).collect();
    let loudness = loudness(&bench.file("room.mp4"), &voices, &[begins, changed + SETTLED_S]);
    assert_ratio("25 %", loudness[0][1], loudness[0][0], 0.25);
    assert_ratio("200 %", loudness[1][1], loudness[1][0], 2.0);
    bench.assert_nothing_left();
}
