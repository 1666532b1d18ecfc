//! An orchestrator may die at any time: recordings go on, and what is said of them is true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use wallflower_tests::harness::run::signal;
use wallflower_tests::harness::webhooks::Posted;
use wallflower_tests::harness::{Bench, RedisServer, RtmpServer, Serve, Webhooks, my_turn};
use wallflower_tests::media_probe::decode;

const SOON: Duration = Duration::from_secs(120);
const SECRET: &str = "a secret of webhooks";
/// More than the machine has, because these recordings are small.
const ROOMY: &str = "[capacity]\ncores = 100.0\nmemory_mib = 100000\n";

fn small(room: &str, layout: &str) -> Value {
    json!({"room": format!("demo:{room}"), "layout": layout, "size": "320x180", "fps": 10})
}

#[track_caller]
fn seconds_of(bench: &Bench, id: &str) -> f64 {
    let file = bench.file(&format!("data/recordings/{id}/recording.mp4"));
    let sound = decode::samples(&file).expect("the sound decodes").duration();
    let pictures = decode::pictures(&file).expect("the file decodes").duration();
    assert!((sound - pictures).abs() < 0.7, "{sound} s of sound, {pictures} s of pictures");
    pictures
}

/// Names of the events of each recording, in the order in which they were taken, each counted once.
fn told(posted: &[Posted]) -> BTreeMap<String, Vec<String>> {
    let mut known = BTreeSet::new();
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for post in posted.iter().filter(|post| post.taken) {
        assert_eq!(post.header("wallflower-event"), post.body["event"], "{post:?}");
        assert!(is_signed(post), "{post:?}");
        if known.insert(post.header("wallflower-delivery").to_owned()) {
            let id = post.body["recording"]["id"].as_str().expect("it is about a recording").to_owned();
            let event = post.body["event"].as_str().expect("it has a name");
            told.entry(id).or_default().push(event.trim_start_matches("recording.").to_owned());
        }
    }
    told
}

/// By the secret, over time and text, as the documentation says.
fn is_signed(post: &Posted) -> bool {
    let signature = post.header("wallflower-signature");
    let Some((time, sum)) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("keys of every length are taken");
    mac.update(format!("{time}.{}", post.text).as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    sum == expected
}

/// Waits until a recording's end was told.
#[track_caller]
fn end_is_told(webhooks: &Webhooks, id: &str, end: &str) -> Vec<String> {
    let until = std::time::Instant::now() + SOON;
    loop {
        let told = told(&webhooks.posted()).remove(id).unwrap_or_default();
        if told.last().is_some_and(|last| last == end) {
            return told;
        }
        assert!(std::time::Instant::now() < until, "{end} was not told: {told:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn recordings_outlive_the_orchestrator_and_complete() {
    let Some(rtmp) = RtmpServer::start() else { return };
    let _turn = my_turn();
    let webhooks = Webhooks::start(2);
    let bench = Bench::new().with("WALLFLOWER_WEBHOOK_SECRET", SECRET);
    let mut serve = Serve::start(&bench, "a", &format!("{ROOMY}[[webhooks]]\nurl = \"{}\"\n", webhooks.url()));
    let streamed = rtmp.url("live", "outlives");
    let grid = serve.record(&small("one", "grid"));
    let paused = serve.record(&small("two", "speaker"));
    let mut request = small("three", "podcast");
    request["outputs"] = json!([{"kind": "file"}, {"kind": "stream", "url": streamed}]);
    let stream = serve.record(&request);
    for id in [&grid, &paused, &stream] {
        serve.capture(id, 2.0, SOON);
    }
    serve.order(&paused, "pause", &json!({"mode": "cut"}));
    serve.reach(&paused, "paused", SOON);
    serve.wait(&stream, "live", SOON, |recording| recording["streams"][0]["state"] == "live");

    serve.kill();
    // Nobody is there to be told, and nothing stops.
    assert_eq!(bench.processes().iter().filter(|(_, command)| command.ends_with("wallflower agent ")).count(), 3);
    serve.start_again(&bench);
    for (id, state) in [(&grid, "recording"), (&paused, "paused"), (&stream, "recording")] {
        assert_eq!(serve.show(id)["state"], state);
    }
    let known = serve.show(&grid)["progress"]["media_s"].as_f64().unwrap_or(0.0);
    serve.capture(&grid, known + 2.0, SOON);
    serve.order(&paused, "resume", &json!({}));
    let at = serve.show(&paused)["progress"]["media_s"].as_f64().unwrap_or(0.0);
    serve.capture(&paused, at + 2.0, SOON);
    serve.order(&grid, "markers", &json!({"label": "after the break"}));
    for id in [&grid, &paused, &stream] {
        serve.stop(id);
    }
    for id in [&grid, &paused, &stream] {
        let ended = serve.reach(id, "completed", SOON);
        assert_eq!((ended["end"].as_str(), ended["agents"].as_u64()), (Some("stopped"), Some(1)), "{ended:#}");
        assert_eq!(ended["delivery"]["gaps"], json!([]), "{ended:#}");
        let told_s = ended["delivery"]["duration_s"].as_f64().expect("a number");
        assert!((seconds_of(&bench, id) - told_s).abs() < 0.2, "{ended:#}");
        serve.stop(id);
    }
    let pauses = serve.show(&paused)["delivery"]["pauses"].clone();
    assert_eq!(pauses.as_array().map(Vec::len), Some(1), "{pauses:#}");
    assert_eq!(serve.show(&grid)["markers"][0]["label"], "after the break");
    let [published] = &rtmp.recordings("outlives")[..] else { panic!("one stream was published") };
    assert!(decode::pictures(published).expect("the stream decodes").duration() > 2.0);

    let straight = ["queued", "starting", "joining", "recording", "stopping", "finalizing", "completed"];
    for id in [&grid, &stream] {
        assert_eq!(end_is_told(&webhooks, id, "completed"), straight);
    }
    let detour =
        ["queued", "starting", "joining", "recording", "paused", "recording", "stopping", "finalizing", "completed"];
    assert_eq!(end_is_told(&webhooks, &paused, "completed"), detour);
    assert!(webhooks.posted().iter().any(|post| !post.taken), "some had to be posted again");

    let everything = format!("{:#}", serve.show(&stream)) + &std::fs::read_to_string(serve.log(&bench)).expect("a log");
    assert!(!everything.contains("outlives"), "the stream's key is told");
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn two_orchestrators_on_one_redis_do_each_other_s_work() {
    let Some(redis) = RedisServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let start =
        |name: &str, more: &str| Serve::start(&bench, name, &format!("store = \"{}\"\n{more}{ROOMY}", redis.url()));
    let mut first = start("a", "");
    // Agents that the second one launches may connect to either.
    let mut second = start("b", &format!("link_urls = [\"http://{}\"]\n", first.address()));
    let one = second.record(&small("one", "grid"));
    first.capture(&one, 1.0, SOON);
    let two = first.record(&small("two", "speaker"));
    first.capture(&two, 1.0, SOON);
    // Ordered of one replica, carried out by an agent that is connected to another.
    second.order(&one, "pause", &json!({"mode": "hold"}));
    first.reach(&one, "paused", SOON);
    first.order(&one, "resume", &json!({}));
    second.reach(&one, "recording", SOON);
    first.kill();
    assert_eq!(second.show(&one)["state"], "recording");
    first.start_again(&bench);
    second.order(&two, "markers", &json!({"label": "still here"}));
    for id in [&one, &two] {
        second.stop(id);
        let ended = second.reach(id, "completed", SOON);
        assert_eq!((ended["agents"].as_u64(), &ended["delivery"]["gaps"]), (Some(1), &json!([])), "{ended:#}");
        seconds_of(&bench, id);
        assert_eq!(first.show(id)["version"], ended["version"]);
    }
    first.end();
    second.end();
    bench.assert_nothing_left();
}

#[test]
fn an_agent_that_is_lost_is_followed_by_another() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", ROOMY);
    let id = serve.record(&small("one", "grid"));
    serve.capture(&id, 2.0, SOON);
    signal(bench.process("agent"), "KILL");
    // On a busy machine more may be mended than what is broken here.
    serve.wait(&id, "interrupted", SOON, |recording| recording["interruptions"].as_u64() >= Some(1));
    serve.reach(&id, "recording", SOON);
    // Nobody is there to see the second one die.
    serve.kill();
    signal(bench.process("agent"), "KILL");
    serve.start_again(&bench);
    serve.wait(&id, "with its third agent", SOON, |recording| recording["agents"] == 3);
    serve.reach(&id, "recording", SOON);
    let at = serve.show(&id)["progress"]["media_s"].as_f64().unwrap_or(0.0);
    serve.capture(&id, at + 2.0, SOON);
    serve.stop(&id);
    let ended = serve.reach(&id, "completed", SOON);
    assert!(ended["delivery"]["gaps"].as_array().map(Vec::len) >= Some(2), "{ended:#}");
    assert!(seconds_of(&bench, &id) >= 4.0);
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn an_agent_that_is_lost_after_the_end_is_followed_by_one_that_finishes() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", ROOMY);
    let mut request = small("one", "grid");
    // What has to be encoded once more takes a while to be finished, the more so the larger it is.
    (request["size"], request["fps"]) = (json!("640x360"), json!(15));
    request["outputs"] = json!([{"kind": "file", "path": "recording.mp4"}, {"kind": "file", "path": "recording.webm"}]);
    let id = serve.record(&request);
    serve.capture(&id, 4.0, SOON);
    serve.stop(&id);
    serve.reach(&id, "finalizing", SOON);
    signal(bench.process("agent"), "KILL");
    let ended = serve.reach(&id, "completed", SOON);
    assert_eq!((ended["agents"].as_u64(), &ended["end"]), (Some(2), &json!("stopped")), "{ended:#}");
    assert!(seconds_of(&bench, &id) >= 4.0);
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn what_does_not_fit_waits_and_says_why() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", "[capacity]\nrecordings = 1\n");
    let first = serve.record(&small("one", "grid"));
    serve.capture(&first, 1.0, SOON);
    let second = serve.record(&small("two", "grid"));
    let mut urgent = small("three", "grid");
    urgent["priority"] = json!(10);
    let third = serve.record(&urgent);
    let mut later = small("four", "grid");
    later["start_at"] = json!("2099-01-01T00:00:00Z");
    let later = serve.record(&later);
    let waits = |id: &str, why: &str| {
        serve.wait(id, why, SOON, |recording| recording["waiting"].as_str().is_some_and(|said| said.contains(why)));
    };
    waits(&third, "0 ahead, all 1 places are taken");
    waits(&second, "1 ahead");
    waits(&later, "starts at 2099-01-01");
    serve.stop(&later);
    assert_eq!(serve.show(&later)["state"], "aborted");
    serve.stop(&first);
    serve.reach(&first, "completed", SOON);
    serve.capture(&third, 1.0, SOON);
    assert_eq!(serve.show(&second)["state"], "queued");
    for id in [&second, &third] {
        serve.stop(id);
    }
    serve.reach(&second, "aborted", SOON);
    serve.reach(&third, "completed", SOON);
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn what_has_expired_is_deleted_with_its_files() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", &format!("{ROOMY}[recording]\nkeep = \"15s\"\n"));
    let id = serve.record(&small("one", "grid"));
    serve.capture(&id, 1.0, SOON);
    let folder = bench.file(&format!("data/recordings/{id}"));
    serve.stop(&id);
    let ended = serve.reach(&id, "completed", SOON);
    assert!(ended["expires_at"].is_string(), "{ended:#}");
    let until = std::time::Instant::now() + SOON;
    while serve.ask("GET", &format!("/v1/recordings/{id}"), None).0 != 404 {
        assert!(std::time::Instant::now() < until, "it is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!folder.exists(), "its files are still there");
    serve.end();
    bench.assert_nothing_left();
}
