//! How a recording looks is changed while it is recorded: soon after the order, in the file and on the timeline.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wallflower_domain::wire::cast::default_members;
use wallflower_tests::harness::run::signal;
use wallflower_tests::harness::{Bench, Running, my_turn, within};
use wallflower_tests::media_probe::decode::Colours;
use wallflower_tests::media_probe::{Region, decode, tone};

const SOON: Duration = Duration::from_secs(120);
/// A frame of this recording.
const FRAME_S: f64 = 1.0 / 15.0;
/// Beside the tiles of three people, and beside avatars, there is nothing but the background.
const EDGE: Region = Region::new(0.0, 0.3, 0.006, 0.4);

#[track_caller]
fn order(bench: &Bench, arguments: &[&str]) {
    let ended = bench.run(&[&["layout"], arguments, &["--json"]].concat(), SOON);
    assert_eq!(ended.code(), 0, "{arguments:?}: {ended:#?}");
}

/// Orders a change over the recording's own socket; tells when, in microseconds since 1970 UTC.
fn order_at_once(bench: &Bench, change: &Value) -> i64 {
    let entries = std::fs::read_dir(bench.runtime().join("control")).expect("a folder of sockets");
    let path = entries.map(|entry| entry.expect("readable").path()).next().expect("a socket");
    let mut socket = UnixStream::connect(path).expect("its owner listens");
    let request = json!({"request": "do", "command": {"command": "look", "change": change}});
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    writeln!(socket, "{request}").expect("the order is taken");
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer).expect("an answer");
    assert!(answer.contains("\"ok\""), "{answer}");
    i64::try_from(now.as_micros()).expect("this millennium")
}

fn until_media(running: &mut Running, seconds: f64) {
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(seconds));
}

/// Times at which a part of the picture is of another colour than in the frame before, by far.
fn turns(file: &Path, region: Region) -> Vec<f64> {
    let (mut before, mut turns) = (None::<Vec<f64>>, Vec::new());
    let decoded = decode::frames(file, Colours::Rgb, Some(region), |frame| {
        let mean = frame.mean(Region::ALL);
        let far = |before: &Vec<f64>| before.iter().zip(&mean).any(|(one, other)| (one - other).abs() > 60.0);
        if before.as_ref().is_some_and(far) {
            turns.push(frame.pts);
        }
        before = Some(mean);
    });
    decoded.expect("the recording can be decoded");
    turns
}

/// The timeline's lines of these events, with their media times.
fn lines(bench: &Bench, file: &str, events: &[&str]) -> Vec<(f64, Value)> {
    let text = std::fs::read_to_string(bench.file(file)).expect("a timeline");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let wanted = lines.filter(|line| events.iter().any(|event| line["event"] == *event));
    wanted.map(|line| (line["media_s"].as_f64().expect("a media time"), line)).collect()
}

#[test]
fn a_change_is_seen_at_once_and_stands_for_the_next_attempt() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut running = bench.start(&[
        "demo",
        "--output=a.mp4",
        "--seconds=60",
        "--size=640x360",
        "--fps=15",
        "--participants=3",
        "--json",
    ]);
    let first = running.wait_for("started", SOON)["first_frame_unix_us"].as_i64().expect("a time");
    until_media(&mut running, 2.0);

    let asked = order_at_once(&bench, &json!({"theme": {"colors": {"background": "#ff00ff"}}}));
    until_media(&mut running, 5.0);
    order(&bench, &["podcast", "--banner", "Back at ten"]);
    until_media(&mut running, 8.0);
    // What it had been asked for is what the page begins with after the browser has died.
    let is_recorder = |command: &str| command.contains("--kiosk") && !command.contains("--type=");
    let browser = bench.processes().into_iter().find(|(_, command)| is_recorder(command)).expect("a browser").0;
    signal(browser, "KILL");
    running.wait_for("started", SOON);
    until_media(&mut running, 12.0);
    let status = bench.run(&["show", "--json"], SOON).events[0].clone();
    assert_eq!(status["look"], json!({"layout": "podcast", "banner": "Back at ten"}), "{status:#}");
    let stopped = bench.run(&["stop", "--wait", "--json"], SOON);
    assert_eq!(stopped.code(), 0, "{stopped:#?}");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    bench.assert_nothing_left();

    let file = bench.file("a.mp4");
    let told = lines(&bench, "a.events.jsonl", &["look_changed", "layout_changed"]);
    let kinds: Vec<&str> = told.iter().filter_map(|(_, line)| line["event"].as_str()).collect();
    assert_eq!(kinds, ["look_changed", "layout_changed", "look_changed"], "{told:#?}");
    let magenta = turns(&file, EDGE);
    let seen = *magenta.first().expect("the background turns");
    // A client that has to be started first takes its own time, which is not counted.
    let soon_s = within(0.2, 1.5) + FRAME_S;
    assert!((told[0].0 - seen).abs() <= soon_s, "seen at {seen} s, told at {} s", told[0].0);
    let asked = (asked - first) as f64 / 1e6;
    assert!(seen - asked <= soon_s, "asked at {asked} s, seen at {seen} s");

    // After the gap the room is shown as it was before it: magenta edge, avatars, and the banner.
    let last = decode::pictures(&file).expect("it decodes").end;
    let mut edges = Vec::new();
    let see = |frame: &decode::Frame<'_>| {
        if frame.pts > last - 1.0 {
            edges.push(frame.mean(EDGE));
        }
    };
    decode::frames(&file, Colours::Rgb, None, see).expect("it decodes");
    assert!(!edges.is_empty());
    for mean in edges {
        assert!(mean[0] > 180.0 && mean[1] < 90.0 && mean[2] > 180.0, "the edge is {mean:?}");
    }
}

/// The identity of each member of a demo room, in the order of their names.
fn identities(running: &Running) -> Vec<String> {
    let joined = running.heard().iter().filter(|event| event["room_event"]["kind"] == "participant_joined");
    let mut people: Vec<(String, String)> = joined
        .map(|event| &event["room_event"])
        .map(|event| (event["name"].to_string(), event["identity"].as_str().expect("an identity").to_owned()))
        .collect();
    people.sort();
    people.into_iter().map(|(_, identity)| identity).collect()
}

#[test]
fn who_is_hidden_is_neither_seen_nor_heard_until_shown_again() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut members = default_members(2).expect("two are within bounds");
    members.sort_by(|one, other| one.name.cmp(&other.name));
    let arguments =
        ["demo", "--output=a.mp4", "--seconds=60", "--size=640x360", "--fps=10", "--participants=2", "--json"];
    let mut running = bench.start(&arguments);
    running.wait_for("started", SOON);
    until_media(&mut running, 1.0);
    let who = identities(&running);
    assert_eq!(who.len(), 2, "{who:?}");
    order(&bench, &["--hide", &who[1]]);
    until_media(&mut running, 14.0);
    order(&bench, &["--unhide", &who[1]]);
    until_media(&mut running, 25.0);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    bench.assert_nothing_left();

    let file = bench.file("a.mp4");
    let told = lines(&bench, "a.events.jsonl", &["look_changed"]);
    let [(hidden, _), (shown, _)] = told.as_slice() else { panic!("{told:#?}") };
    // They speak in turns of 4 s, so each is heard within 9.
    let samples = decode::samples(&file).expect("it decodes");
    let loudest = |member: usize, from: f64, to: f64| {
        let hertz = f64::from(members[member].voice_hz);
        let windows = samples.between(from, to).chunks_exact(decode::SAMPLE_RATE as usize / 4);
        windows.map(|window| tone::amplitude(window, hertz)).fold(0.0, f64::max)
    };
    let while_hidden = (hidden + 0.3, shown - 0.1);
    let (heard, hushed) = (loudest(0, while_hidden.0, while_hidden.1), loudest(1, while_hidden.0, while_hidden.1));
    assert!(heard > 0.02, "the one who is not hidden is heard by {heard:.4}");
    assert!(hushed < heard / 10.0, "who is hidden is heard by {hushed:.4}, the other by {heard:.4}");
    let again = loudest(1, shown + 0.3, samples.duration());
    assert!(again > 0.02, "who is shown again is heard by {again:.4}");

    // Alone, a person fills the frame; together they stand side by side, and there is background above them.
    let above = Region::new(0.1, 0.01, 0.8, 0.05);
    let turns = turns(&file, above);
    let near = |time: f64| turns.iter().any(|turn| (turn - time).abs() < 1.0);
    assert!(
        near(*hidden) && near(*shown),
        "hidden at {hidden} s and shown at {shown} s; the picture turns at {turns:?}"
    );
}
