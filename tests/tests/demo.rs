//! The built-in room: what its members show, say and do is in the recording, and the recorder is in nobody's view.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use wallflower_domain::wire::cast::default_members;
use wallflower_domain::wire::demo_room::{DemoDown, DemoRole, DemoUp};
use wallflower_tests::harness::{Bench, Visitor, my_turn, within};
use wallflower_tests::media_probe::region::{self, Activity};
use wallflower_tests::media_probe::{Region, decode, tone};

const START: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(120);

/// Tiles of four members as the grid lays them out beside chat: two by two, a narrow gap around each.
fn tile(member: usize) -> Region {
    Region::new(0.008 + 0.3836 * (member % 2) as f64, 0.014 + 0.493 * (member / 2) as f64, 0.3758, 0.479)
}

/// Where chat has its place.
const CHAT: Region = Region::new(0.7758, 0.014, 0.2164, 0.972);

/// A part of a region, in fractions of it.
fn part(of: Region, left: f64, top: f64, width: f64, height: f64) -> Region {
    Region::new(of.left + left * of.width, of.top + top * of.height, width * of.width, height * of.height)
}

#[track_caller]
fn watch(file: &Path, region: Region) -> Activity {
    region::watch(file, region).expect("the recording can be decoded")
}

/// Greatest change from a frame to the next.
fn greatest(activity: &Activity) -> f64 {
    activity.motion.iter().map(|(_, motion)| *motion).fold(0.0, f64::max)
}

/// Who speaks when, as a list of changes: the member whose fundamental is strongest in each quarter of a second.
fn speakers(file: &Path, voices: &[u32]) -> Vec<usize> {
    let samples = decode::samples(file).expect("the recording can be decoded");
    let mut order: Vec<usize> = Vec::new();
    for window in samples.values.chunks_exact(decode::SAMPLE_RATE as usize / 4) {
        let powers = voices.iter().map(|hertz| tone::amplitude(window, f64::from(*hertz)));
        let (loudest, power) = powers.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).expect("there are members");
        if power > 0.01 && order.last() != Some(&loudest) {
            order.push(loudest);
        }
    }
    order
}

fn room_events<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["event"] == "room")
        .map(|event| &event["room_event"])
        .filter(|event| event["kind"] == kind)
        .collect()
}

#[test]
fn a_demo_shows_faces_names_chat_and_reactions_and_sounds_like_its_members() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let running = bench.start(&["demo", "--output=demo.mp4", "--seconds=18", "--size=1280x720", "--fps=15", "--json"]);
    let ended = running.end(START + SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    bench.assert_nothing_left();
    assert_eq!(bench.files(), ["demo.captions.vtt", "demo.chat.vtt", "demo.mp4", "demo.png"].map(str::to_owned).into());
    let file = bench.file("demo.mp4");

    // What is planned: the default cast of four, in turns of 4 s.
    let members = default_members(4).expect("four are within bounds");
    let joined = room_events(&ended.events, "participant_joined");
    let names: Vec<_> = joined.iter().filter_map(|event| event["name"].as_str()).collect();
    for member in &members {
        assert!(names.contains(&member.name.as_str()), "{} is missing among {names:?}", member.name);
    }
    assert_eq!(names.len(), members.len(), "{names:?}");

    for member in 0..members.len() {
        let face = watch(&file, part(tile(member), 0.3, 0.1, 0.4, 0.6));
        assert!(
            face.moving(0.1) > within(0.5, 0.1),
            "face {member} moves in {:.0} % of frames",
            face.moving(0.1) * 100.0
        );
        // A plate is text on a dark, flat ground: rich in contrast, and still.
        let plate = watch(&file, part(tile(member), 0.03, 0.88, 0.12, 0.08));
        assert!(plate.texture > 15.0, "plate {member} has a texture of {:.1}", plate.texture);
        assert!(plate.moving(2.0) < 0.05, "plate {member} moves in {:.0} % of frames", plate.moving(2.0) * 100.0);
    }

    // The last line of chat is at the foot of its place. Five or six lines don't fill it: at its head, once the tiles have made room
    // for the first line, nothing changes any more.
    let lines = room_events(&ended.events, "chat").len();
    assert!((4..=6).contains(&lines), "{lines} lines");
    let changes = |of: &Activity| of.motion.iter().filter(|(at_s, motion)| *at_s > 5.0 && *motion > 4.0).count();
    let (foot, head) = (
        changes(&watch(&file, part(CHAT, 0.1, 0.92, 0.8, 0.05))),
        changes(&watch(&file, part(CHAT, 0.1, 0.05, 0.8, 0.2))),
    );
    assert!(foot >= lines - 2 && head == 0, "{lines} lines change {foot} frames at the foot, {head} at the head");
    // Reactions rise at the right of a member's tile; every member of four reacts within 18 s.
    assert!(room_events(&ended.events, "reaction").len() >= 4);
    for member in 0..2 {
        let reactions = watch(&file, part(tile(member), 0.6, 0.4, 0.38, 0.45));
        assert!(greatest(&reactions) > 1.0, "reactions of {member} change {:.2}", greatest(&reactions));
    }

    let voices: Vec<_> = members.iter().map(|member| member.voice_hz).collect();
    let order = speakers(&file, &voices);
    for pair in order.windows(2) {
        assert_eq!(pair[1], (pair[0] + 1) % members.len(), "they speak in turns: {order:?}");
    }
    assert!((4..=6).contains(&order.len()), "{order:?}");
}

#[test]
fn people_in_a_room_are_told_of_the_recording_but_never_see_the_recorder() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let listen = free_address();
    let running = bench.start(&[
        "record",
        "demo:lobby",
        &format!("--demo-listen={listen}"),
        "--output=room.mp4",
        "--size=640x360",
        "--fps=10",
        "--json",
    ]);
    let mut running = running;
    let mut visitor = Visitor::enter(listen, "lobby", "Vera");
    let welcome = visitor.wait_for("welcome", START, |told| matches!(told, DemoDown::Welcome { .. }));
    let DemoDown::Welcome { participants, recording, .. } = welcome else { unreachable!("it was waited for") };
    let roster: Vec<_> = participants.iter().map(|participant| participant.name.as_str()).collect();
    assert!(roster.is_empty() || roster == ["Vera"], "{roster:?}");
    if !recording {
        visitor.wait_for("recording", START, |told| *told == DemoDown::Recording { active: true });
    }
    running.wait_for("started", START);
    visitor.say(DemoUp::Chat { text: "Is this on?".into() });
    running.wait_until("room", SOON, |event| event["room_event"]["text"] == "Is this on?");
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(2.0));

    let others =
        |told: &DemoDown| matches!(told, DemoDown::Joined { participant } if participant.role != DemoRole::Person);
    assert!(!visitor.heard().iter().any(others), "{:#?}", visitor.heard());
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    bench.assert_nothing_left();
    let names = room_events(&ended.events, "participant_joined");
    assert!(names.iter().all(|event| event["name"] == "Vera"), "{names:?}");
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a loopback port is free")
}
