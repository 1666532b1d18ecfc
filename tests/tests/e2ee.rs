//! LiveKit rooms that are encrypted from end to end: whoever has the key records them, and whoever has not is told so.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use wallflower_domain::wire::cast::{CastAction, CastSpeech};
use wallflower_tests::harness::{Bench, Cast, Ended, LivekitServer, Running, my_turn, within};
use wallflower_tests::media_probe::{Region, decode, region, tone};

const START: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(120);
const KEY: &str = "correct horse battery staple";

/// The key is in a file: what is on the command line can be read by everybody.
fn record(bench: &Bench, server: &LivekitServer, key: Option<&str>, more: &[&str]) -> Running {
    let (uri, file) = (server.room_uri("vault"), bench.file("key.txt"));
    let mut arguments = vec!["record", &uri, "--output=room.mp4", "--size=640x360", "--fps=15", "--json"];
    if let Some(key) = key {
        std::fs::write(file, format!("{key}\n")).expect("a key can be written");
        arguments.push("--e2ee-key-file=key.txt");
    }
    bench.start(&[&arguments, more].concat())
}

/// Signs tokens for the server.
fn bench_of(server: &LivekitServer) -> Bench {
    let (key, secret) = server.credentials();
    Bench::new().with("LIVEKIT_API_KEY", key).with("LIVEKIT_API_SECRET", secret)
}

fn loudest(file: &Path, hertz: u32) -> f64 {
    let samples = decode::samples(file).expect("the recording can be decoded");
    tone::strongest(&samples.values, f64::from(hertz), 0.25)
}

fn warnings(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.file("room.events.jsonl")).expect("a timeline");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let warnings = lines.filter(|line| line["event"] == "warning");
    warnings.map(|line| line["message"].as_str().expect("a sentence").to_owned()).collect()
}

/// In nothing that is printed or kept.
fn assert_secret(bench: &Bench, ended: &Ended, key: &str) {
    assert!(!format!("{ended:?}").contains(key), "the key was printed");
    for name in bench.files().iter().filter(|name| *name != "key.txt" && !name.ends_with(".mp4")) {
        let text = std::fs::read(bench.file(name)).expect("readable");
        assert!(!String::from_utf8_lossy(&text).contains(key), "the key is in {name}");
    }
}

#[test]
fn whoever_has_the_key_sees_hears_and_reads_the_room() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), bench_of(&server));
    let cast = Cast::as_livekit(&bench, &server, "vault", Cast::of(2), "member", Some(KEY));
    let mut running = record(&bench, &server, Some(KEY), &["--duration=12s"]);
    running.wait_for("started", START);
    let told = |(_, command): &(u32, String)| command.contains(KEY) || command.contains("horse");
    assert!(!bench.processes().iter().any(told), "the key is on a command line");
    let ended = running.end(START);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let (members, script) = (cast.config.members.clone(), cast.config.script.clone());
    cast.leave();
    bench.assert_nothing_left();
    assert_secret(&bench, &ended, KEY);
    assert_eq!(warnings(&bench), [""; 0]);

    let file = bench.file("room.mp4");
    for (i, member) in members.iter().enumerate() {
        let face = region::watch(&file, Region::new(0.15 + 0.5 * i as f64, 0.3, 0.2, 0.3)).expect("it decodes");
        assert!(
            face.moving(0.1) > within(0.4, 0.1),
            "{} moves in {:.0} % of frames",
            member.name,
            face.moving(0.1) * 100.0
        );
        let (voice, beside) = (loudest(&file, member.voice_hz), loudest(&file, member.voice_hz * 109 / 100));
        assert!(voice > 0.02 && voice > 2.0 * beside, "{}: {voice:.4}, {beside:.4} beside it", member.name);
    }
    // What is written is encrypted as well.
    let chat = std::fs::read_to_string(bench.file("room.chat.vtt")).expect("somebody wrote");
    let written = script.cues.iter().filter_map(|cue| match &cue.action {
        CastAction::Chat { text } => Some(text),
        CastAction::Reaction { .. } => None,
    });
    assert!(written.filter(|text| chat.contains(*text)).count() >= 2, "{chat}");
}

#[test]
fn without_the_right_key_nothing_is_recorded_and_the_request_is_told_why() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), bench_of(&server));
    let cast = Cast::as_livekit(&bench, &server, "vault", Cast::of(2), "member", Some(KEY));
    for (key, said) in [(Some("another key"), "another key than the one that was given"), (None, "no key was given")] {
        let ended = record(&bench, &server, key, &["--duration=20s"]).end(START);
        assert_eq!(ended.code(), 2, "{ended:#?}");
        let failure = &ended.finished()["failure"];
        assert_eq!(failure["kind"], "room_refused", "{ended:#?}");
        let message = failure["message"].as_str().expect("a sentence");
        assert!(message.contains(said) && message.contains("--e2ee-key-file"), "{message}");
        assert!(!bench.files().contains("room.mp4"), "{:?}", bench.files());
    }
    cast.leave();
    bench.assert_nothing_left();
}

#[test]
fn who_comes_with_another_key_is_neither_seen_nor_heard_and_the_timeline_says_why() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), bench_of(&server));
    let mut both = Cast::of(2);
    both.script.speech = CastSpeech::Always;
    let mut other = both.clone();
    let stranger = other.members.pop().expect("two");
    let cast = Cast::as_livekit(&bench, &server, "vault", other, "member", Some(KEY));
    let mut running = record(&bench, &server, Some(KEY), &[]);
    running.wait_for("started", START);
    let mut alone = both;
    alone.members = vec![stranger.clone()];
    let strangers = Cast::as_livekit(&bench, &server, "vault", alone, "stranger", Some("another key"));
    let warned = running.wait_for("warning", SOON)["message"].as_str().expect("a sentence").to_owned();
    assert!(warned.contains(&stranger.name) && warned.contains("another key than the one"), "{warned}");
    let heard = running.heard().len();
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(10.0));
    assert!(running.heard().len() > heard);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let known = cast.config.members[0].voice_hz;
    cast.leave();
    strangers.leave();
    bench.assert_nothing_left();
    assert_secret(&bench, &ended, "another key\n");
    assert_eq!(warnings(&bench), [warned]);
    let file = bench.file("room.mp4");
    let (heard, hushed) = (loudest(&file, known), loudest(&file, stranger.voice_hz));
    assert!(heard > 0.02 && hushed < heard / 10.0, "{heard:.4} of who has the key, {hushed:.4} of who has not");
}
