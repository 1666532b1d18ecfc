//! A real LiveKit room: who is in it is in the recording, and the recorder is seen by nobody.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use wallflower_domain::wire::cast::{CastSide, CastSpeech};
use wallflower_tests::harness::livekit::Listed;
use wallflower_tests::harness::{Bench, Cast, LivekitServer, Pages, Running, my_turn, within};
use wallflower_tests::media_probe::{Region, decode, region, tone};

const START: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(120);

/// Two tiles of 4:3 stand side by side; their name plates are in the lower left corner, of this upper edge.
const PLATE_TOP: f64 = 0.777;

fn record(bench: &Bench, server: &LivekitServer, room: &str, more: &[&str]) -> Running {
    let (key, secret) = server.credentials();
    let (uri, key, secret) = (server.room_uri(room), format!("--api-key={key}"), format!("--api-secret={secret}"));
    let arguments = ["record", &uri, &key, &secret, "--output=room.mp4", "--fps=15", "--json"];
    bench.start(&[&arguments, more].concat())
}

/// Amplitude of a voice's fundamental where it is strongest, against that of a frequency a semitone and a half above it, where
/// none of the members has any.
fn assert_speaks(file: &Path, name: &str, hertz: u32) {
    let samples = decode::samples(file).expect("the recording can be decoded");
    let strongest = |hertz: f64| tone::strongest(&samples.values, hertz, 0.25);
    let (voice, beside) = (strongest(f64::from(hertz)), strongest(f64::from(hertz) * 1.09));
    assert!(voice > 0.02 && voice > 2.0 * beside, "{name}: {voice:.4} at {hertz} Hz, {beside:.4} beside it");
}

#[test]
fn two_members_are_seen_heard_and_named_and_the_recorder_is_hidden() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let cast = Cast::in_livekit(&bench, &server, "standup", 2);
    let mut running = record(&bench, &server, "standup", &["--duration=12s", "--size=1280x720"]);
    running.wait_for("started", START);

    // The server knows of the recorder, and hides it: only an administrator's list has it, marked as hidden.
    let listed = server.participants("standup");
    let (hidden, seen): (Vec<_>, Vec<_>) = listed.iter().partition(|participant| participant.is_hidden());
    let identities: Vec<_> = seen.iter().map(|participant| participant.identity.as_str()).collect();
    assert_eq!(identities.len(), 2, "{listed:#?}");
    assert!(identities.iter().all(|identity| identity.starts_with("member-")), "{listed:#?}");
    assert!(hidden.len() == 1 && hidden[0].tracks.is_empty(), "{listed:#?}");

    let ended = running.end(START);
    assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"limit_duration".into()), "{ended:#?}");
    let members = cast.config.members.clone();
    cast.leave();
    bench.assert_nothing_left();

    // They come in at the same time, so in any order.
    let joined = room_events(&ended.events, "participant_joined");
    let joined: BTreeSet<_> = joined.iter().filter_map(|event| event["name"].as_str()).collect();
    assert_eq!(joined, members.iter().map(|member| member.name.as_str()).collect());

    let file = bench.file("room.mp4");
    for (i, member) in members.iter().enumerate() {
        let left = 0.5 * i as f64;
        let watch = |region| region::watch(&file, region).expect("the recording can be decoded");
        let face = watch(Region::new(left + 0.15, 0.3, 0.2, 0.3));
        assert!(
            face.moving(0.1) > within(0.5, 0.1),
            "{} moves in {:.0} % of frames",
            member.name,
            face.moving(0.1) * 100.0
        );
        let plate = watch(Region::new(left + 0.02, PLATE_TOP, 0.08, 0.03));
        assert!(plate.texture > 15.0, "{}'s plate has a texture of {:.1}", member.name, plate.texture);
        assert_speaks(&file, &member.name, member.voice_hz);
    }
}

/// By default browsers ask for mono, whatever is sent, and an audio graph may mix to it unseen.
#[test]
fn what_is_sent_in_stereo_is_recorded_in_stereo() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut config = Cast::of(2);
    config.script.speech = CastSpeech::Always;
    for (member, side) in config.members.iter_mut().zip([CastSide::Left, CastSide::Right]) {
        member.side = Some(side);
    }
    let cast = Cast::as_livekit(&bench, &server, "hall", config, "member", None);
    let ended = record(&bench, &server, "hall", &["--duration=8s", "--size=320x180"]).end(START);
    assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"limit_duration".into()), "{ended:#?}");
    let hertz: Vec<_> = cast.config.members.iter().map(|member| f64::from(member.voice_hz)).collect();
    cast.leave();
    bench.assert_nothing_left();

    let sides = decode::sides(&bench.file("room.mp4")).expect("the recording can be decoded");
    for side in [0, 1] {
        let voice = |on: usize| tone::strongest(&sides[on].values, hertz[side], 0.25);
        let (here, there) = (voice(side), voice(1 - side));
        assert!(here > 0.02 && here > 8.0 * there, "member {side}: {here:.4} on its side, {there:.4} on the other");
    }
}

#[test]
fn the_recorder_is_in_nobody_s_view() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench, other) = (my_turn(), Bench::new(), Bench::new());
    let cast = Cast::in_livekit(&bench, &server, "standup", 1);
    // A second recorder sees what any participant is told; the first is in the room all the while.
    let mut first = record(&bench, &server, "standup", &["--size=320x180"]);
    first.wait_for("started", START);
    let mut second = record(&other, &server, "standup", &["--size=320x180"]);
    second.wait_until("progress", START, |event| event["progress"]["media_s"].as_f64() >= Some(2.0));
    for (running, bench) in [(first, &bench), (second, &other)] {
        running.signal("INT");
        let ended = running.end(SOON);
        assert_eq!(ended.code(), 0, "{ended:#?}");
        let joined = room_events(&ended.events, "participant_joined");
        assert_eq!(joined.len(), 1, "{joined:?}");
        assert_eq!(joined[0]["identity"], "member-0");
        assert!(bench.file("room.mp4").exists());
    }
    cast.leave();
    bench.assert_nothing_left();
    other.assert_nothing_left();
}

#[test]
fn a_room_that_is_closed_ends_the_recording_and_completes_it() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let cast = Cast::in_livekit(&bench, &server, "standup", 1);
    let mut running = record(&bench, &server, "standup", &["--size=320x180"]);
    running.wait_until("progress", START, |event| event["progress"]["media_s"].as_f64() >= Some(2.0));
    server.delete_room("standup");
    let ended = running.end(SOON);
    assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"room_ended".into()), "{ended:#?}");
    assert!(decode::pictures(&bench.file("room.mp4")).expect("it can be decoded").duration() >= 2.0);
    drop(cast);
    bench.assert_nothing_left();
}

#[test]
fn a_wrong_key_is_the_request_s_fault() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let uri = server.room_uri("standup");
    let (key, _) = server.credentials();
    let secret = "another secret of at least thirty-two characters";
    let ended = bench.run(
        &["record", &uri, "--api-key", key, "--api-secret", secret, "--output=room.mp4", "--size=320x180", "--json"],
        SOON,
    );
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert_eq!(ended.finished()["failure"]["kind"], "room_refused", "{ended:#?}");
    assert!(!ended.stderr.contains(secret) && !ended.stderr.contains("eyJ"), "{}", ended.stderr);
    assert!(bench.files().iter().all(|file| !file.ends_with(".mp4")), "{:?}", bench.files());
    bench.assert_nothing_left();
}

#[test]
fn a_template_by_livekit_s_egress_sdk_records_without_an_edit() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../layout-app/dist-egress");
    assert!(built.is_dir(), "`npm run build:egress` in layout-app makes {}", built.display());
    let pages = Pages::of_folder(&built);
    let cast = Cast::in_livekit(&bench, &server, "standup", 2);
    let template = format!("--template={}", pages.url("/"));
    let mut running = record(&bench, &server, "standup", &[&template, "--layout=speaker", "--size=640x360"]);
    running.wait_until("progress", START, |event| event["progress"]["media_s"].as_f64() >= Some(9.0));
    let members = cast.config.members.clone();
    // Its layout is changed as LiveKit does it: in the metadata of the recorder.
    let recorder = server.participants("standup").into_iter().find(Listed::is_hidden).expect("a recorder").identity;
    server.set_metadata("standup", &recorder, r#"{"layout":"grid"}"#);
    running.wait_until("progress", START, |event| event["progress"]["media_s"].as_f64() >= Some(12.0));
    // The SDK ends the recording when the room is closed.
    server.delete_room("standup");
    drop(cast);
    let ended = running.end(SOON);
    assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"room_ended".into()), "{ended:#?}");
    bench.assert_nothing_left();

    let file = bench.file("room.mp4");
    let watch = |region| region::watch(&file, region).expect("the recording can be decoded");
    let edge = Region::new(0.0, 0.0, 1.0, 0.02);
    let mut colours = Vec::new();
    decode::frames(&file, decode::Colours::Rgb, Some(edge), |frame| colours.push(frame.mean(Region::ALL)))
        .expect("frames");
    let is = |colour: &Vec<f64>, like: [f64; 3]| colour.iter().zip(like).all(|(one, other)| (one - other).abs() < 12.0);
    let (first, last) = (&colours[0], &colours[colours.len() - 5]);
    assert!(is(first, [78.0, 0.0, 34.0]), "the page knows its layout: {first:?}");
    assert!(is(last, [0.0, 34.0, 78.0]), "the page knows of its change: {last:?}");
    for (i, member) in members.iter().enumerate() {
        let face = watch(Region::new(0.15 + 0.5 * i as f64, 0.3, 0.2, 0.3));
        assert!(face.moving(0.1) > within(0.4, 0.1), "a face moves in {:.0} % of frames", face.moving(0.1) * 100.0);
        assert_speaks(&file, &member.name, member.voice_hz);
    }
}

fn room_events<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let told = events.iter().filter(|event| event["event"] == "room").map(|event| &event["room_event"]);
    told.filter(|event| event["kind"] == kind).collect()
}
