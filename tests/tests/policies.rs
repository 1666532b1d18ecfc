//! What a server's policies say holds: a room is recorded by itself, without those who have not consented, and it is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wallflower_tests::harness::run::signal;
use wallflower_tests::harness::{Bench, Cast, LivekitServer, Serve, my_turn};
use wallflower_tests::media_probe::{decode, tone};

const SOON: Duration = Duration::from_secs(120);

/// Waits until something is there.
#[track_caller]
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} does not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_room_is_recorded_by_itself_without_who_has_not_consented_and_is_told() {
    let serve = Serve::at_an_address("a");
    let hook = format!("http://{}/v1/livekit/webhook", serve.address());
    let Some(livekit) = LivekitServer::start_telling(Some(&hook)) else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let (key, secret) = livekit.credentials();
    let host = livekit.host();
    let deployment =
        format!("[[livekit]]\nhost = \"{host}\"\nplain = true\napi_key = \"{key}\"\napi_secret = \"{secret}\"\n");
    let policy = "[[policies]]\nrooms = \"*/board-*\"\nrecord = true\nannounce = true\nhide = [\"member-1\"]\n";
    let mut serve = serve;
    serve.configure(&bench, &format!("{deployment}{policy}"));
    serve.start_again(&bench);

    let cast = Cast::in_livekit(&bench, &livekit, "board-1", 2);
    let recording = until("a recording", || {
        let (_, page) = serve.ask("GET", "/v1/recordings", None);
        page["recordings"].get(0).cloned()
    });
    let id = recording["id"].as_str().expect("an id").to_owned();
    assert_eq!(recording["room"], livekit.room_uri("board-1"));
    serve.capture(&id, 2.0, SOON);
    let told = |metadata: String| serde_json::from_str::<Value>(&metadata).is_ok_and(|told| told["recording"] == true);
    until("word of it", || livekit.metadata("board-1").filter(|metadata| told(metadata.clone())));

    // Nobody can take back what the policy says, while it says so.
    let unhide = json!({"unhide": ["member-1"]});
    let (status, problem) = serve.ask("POST", &format!("/v1/recordings/{id}/layout"), Some(&unhide));
    assert_eq!((status, problem["type"].as_str()), (403, Some("urn:wallflower:problem:policy")), "{problem:#}");
    // Both have had their turn of 4 s by then.
    serve.capture(&id, 12.0, SOON);
    serve.stop(&id);
    let ended = serve.reach(&id, "completed", SOON);
    until("word of its end", || livekit.metadata("board-1").filter(|metadata| !told(metadata.clone())));

    let members = cast.config.members.clone();
    let file = bench.file(&format!("data/recordings/{id}/recording.mp4"));
    let samples = decode::samples(&file).expect("it decodes");
    let loudest = |member: usize| tone::strongest(&samples.values, f64::from(members[member].voice_hz), 0.25);
    assert!(loudest(0) > 0.02, "who has consented is heard by {:.4}", loudest(0));
    assert!(loudest(1) < loudest(0) / 5.0, "who has not is heard by {:.4} of {:.4}", loudest(1), loudest(0));
    assert_eq!(ended["end"], "stopped", "{ended:#}");

    // Of an end, too, of which its agent can't say a word.
    let lost = serve.record(&json!({"room": livekit.room_uri("board-1"), "size": "320x180", "fps": 10}));
    serve.capture(&lost, 1.0, SOON);
    until("word of another one", || livekit.metadata("board-1").filter(|metadata| told(metadata.clone())));
    let agent = bench.process("agent");
    signal(agent, "STOP");
    serve.stop(&lost);
    signal(agent, "KILL");
    let finished = serve.reach(&lost, "completed", SOON);
    assert_eq!(finished["agents"], 2, "{finished:#}");
    until("word of its end", || livekit.metadata("board-1").filter(|metadata| !told(metadata.clone())));

    // The policies are read anew, and the server goes on.
    serve.configure(&bench, &deployment);
    serve.reload(&bench);
    livekit.delete_room("board-1");
    drop(cast);
    let again = Cast::in_livekit(&bench, &livekit, "board-1", 1);
    let asked = serve.record(&json!({"room": livekit.room_uri("board-1"), "size": "320x180", "fps": 10}));
    serve.capture(&asked, 1.0, SOON);
    serve.order(&asked, "layout", &unhide);
    let (_, page) = serve.ask("GET", "/v1/recordings", None);
    assert_eq!(page["recordings"].as_array().map(Vec::len), Some(3), "nothing was recorded by itself: {page:#}");
    serve.stop(&asked);
    serve.reach(&asked, "completed", SOON);
    again.leave();
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn an_event_that_livekit_has_not_signed_starts_nothing() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let deployment = "[[livekit]]\nhost = \"meet.example.org\"\napi_key = \"k\"\napi_secret = \"s\"\n";
    let mut serve = Serve::start(&bench, "a", &format!("{deployment}[[policies]]\nrooms = \"*\"\nrecord = true\n"));
    let event = json!({"event": "room_started", "room": {"name": "board", "sid": "RM_1"}});
    let (status, problem) = serve.ask("POST", "/v1/livekit/webhook", Some(&event));
    assert_eq!(status, 401, "{problem:#}");
    let (_, page) = serve.ask("GET", "/v1/recordings", None);
    assert_eq!(page["recordings"], json!([]));
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn a_server_that_keeps_pages_out_of_its_network_records_the_rooms_that_it_hosts() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", "allow_private = false\n");
    let (status, problem) = serve.ask("POST", "/v1/recordings", Some(&json!({"room": "http://127.0.0.1:9/"})));
    assert_eq!((status, problem["field"].as_str()), (422, Some("room")), "{problem:#}");
    let id = serve.record(&json!({"room": "demo:lobby", "size": "320x180", "fps": 10}));
    serve.capture(&id, 1.0, SOON);
    serve.stop(&id);
    serve.reach(&id, "completed", SOON);
    serve.end();
    bench.assert_nothing_left();
}
