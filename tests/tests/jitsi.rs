//! A Jitsi room by a real Prosody and the real lib-jitsi-meet: who is in it, what they say and how they react is in the recording, and
//! the recorder is shown to nobody. There is no bridge: pictures and voices are made in the recorder's page, behind the library.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wallflower_tests::harness::jitsi::{Guest, Guests};
use wallflower_tests::harness::pages::Answer;
use wallflower_tests::harness::{Bench, Ended, JitsiServer, Pages, Running, Serve, my_turn};
use wallflower_tests::media_probe::{Region, decode, tone};

const START: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(120);

/// As Jitsi's clients send a reaction where there is no bridge to carry it.
const REACTION: &str = "conference.sendMessage({ type: 'reaction', name: 'endpoint-reaction', reactions: ['love', 'love', 'clap'], timestamp: Date.now() }, '', false)";

fn with_account(server: &JitsiServer) -> Bench {
    let (user, password) = server.account();
    Bench::new().with("JITSI_USER", &user).with("JITSI_PASSWORD", password)
}

fn record(bench: &Bench, uri: &str, more: &[&str]) -> Running {
    bench.start(&[&["record", uri, "--output=room.mp4", "--fps=15", "--size=320x180", "--json"], more].concat())
}

fn room_event(running: &mut Running, kind: &str) -> Value {
    let event = running.wait_until("room", SOON, |event| event["room_event"]["kind"] == kind);
    event["room_event"].clone()
}

fn media_s(running: &mut Running, seconds: f64) {
    running.wait_until("progress", START, |event| event["progress"]["media_s"].as_f64() >= Some(seconds));
}

fn stop(running: Running, bench: &Bench) -> Ended {
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"stopped".into()), "{ended:#?}");
    bench.assert_nothing_left();
    ended
}

/// The mean colour of the middle of each frame.
fn colours(file: &Path) -> Vec<[f64; 3]> {
    let (mut colours, middle) = (Vec::new(), Region::new(0.45, 0.2, 0.1, 0.1));
    decode::frames(file, decode::Colours::Rgb, Some(middle), |frame| {
        let mean = frame.mean(Region::ALL);
        colours.push([mean[0], mean[1], mean[2]]);
    })
    .expect("the recording can be decoded");
    colours
}

fn is_like(colour: &[f64; 3], like: [f64; 3]) -> bool {
    colour.iter().zip(like).all(|(one, other)| (one - other).abs() < 24.0)
}

#[test]
fn what_happens_in_a_room_is_in_its_recording_and_the_recorder_is_hidden() {
    let Some(server) = JitsiServer::start() else { return };
    let (_turn, bench) = (my_turn(), with_account(&server));
    let Some(ada) = server.guest("team-standup", "Ada") else { return };
    ada.publishes(&json!({ "camera": "#00a000", "voice": 440 }));
    ada.does("conference.setSubject('All hands')");
    // Jitsi tells upper case from lower no more than its users do.
    let mut running = record(&bench, &server.room_uri("Team-Standup"), &[]);
    let joined = room_event(&mut running, "participant_joined");
    assert_eq!(joined["name"], "Ada");
    running.wait_for("started", START);

    // The server knows of the recorder, and Ada's client hides it.
    let members = server.members("team-standup");
    assert!(members.len() == 2 && members.contains(&server.account().0), "{members:?}");
    let seen =
        ada.does("return conference.getParticipants().map((other) => [other.isHidden(), other.getDisplayName()])");
    assert_eq!(seen, json!([[true, "Recorder"]]));

    // Members' clients get to know that the room is recorded; a library of 2022 leaves it to jicofo to say that the recording is on.
    assert_eq!(ada.does("return recordings.at(-1)"), json!("file"));

    // What opens the room is in no other process, and on no command line.
    for (pid, command) in bench.processes() {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let has_it = [environment, command.clone().into_bytes()]
            .iter()
            .any(|bytes| String::from_utf8_lossy(bytes).contains(server.account().1));
        assert!(!has_it || pid == running.pid(), "{command}");
    }

    ada.does("conference.sendTextMessage('Good morning')");
    assert_eq!(
        room_event(&mut running, "chat"),
        json!({"kind": "chat", "identity": joined["identity"], "name": "Ada", "text": "Good morning"})
    );
    ada.does("conference.sendPrivateTextMessage(conference.getParticipants()[0].getId(), 'for your eyes only')");
    ada.does(REACTION);
    let reaction = room_event(&mut running, "reaction");
    assert_eq!((&reaction["name"], &reaction["emoji"]), (&"Ada".into(), &"💖".into()));
    media_s(&mut running, 3.0);

    ada.publishes(&json!({ "camera": "#00a000", "screen": "#0000a0", "voice": 440 }));
    room_event(&mut running, "screen_share_started");
    // The page asks for pictures as large as their tiles: the screen fills the frame, and the camera is a small one beside it.
    let asked = || {
        let asked = ada.does("return conference.getParticipants()[0].getProperty('asked')");
        serde_json::from_str::<Value>(asked.as_str().unwrap_or("null")).expect("JSON")
    };
    let until = std::time::Instant::now() + SOON;
    let id = joined["identity"].as_str().expect("an identity");
    while asked()["constraints"][format!("{id}-desktop")]["maxHeight"] != 180 {
        assert!(std::time::Instant::now() < until, "{}", asked());
    }
    media_s(&mut running, 6.0);
    ada.publishes(&json!({ "camera": "#00a000", "voice": 440 }));
    room_event(&mut running, "screen_share_stopped");
    ada.does("conference.setDisplayName('Ada L.')");
    ada.does("conference.leave()");
    room_event(&mut running, "participant_left");
    let ended = stop(running, &bench);

    let spoke =
        |event: &Value| event["room_event"] == json!({"kind": "speaker_changed", "identity": joined["identity"]});
    assert!(ended.events.iter().any(spoke), "{ended:#?}");
    let told = serde_json::to_string(&ended.events).expect("JSON");
    let timeline = std::fs::read_to_string(bench.file("room.events.jsonl")).expect("a timeline");
    for told in [&told, &timeline, &ended.stderr] {
        assert!(!told.contains("for your eyes only") && !told.contains(server.account().1), "{told}");
    }
    assert_eq!(timeline.matches("Good morning").count(), 1, "{timeline}");
    assert_eq!(timeline.matches("\"reaction\"").count(), 2, "what is sent twice at once counts once: {timeline}");
    assert!(!told.contains("\"warning\""), "{told}");

    let colours = colours(&bench.file("room.mp4"));
    let seen = |like| colours.iter().filter(|colour| is_like(colour, like)).count();
    assert!(seen([0.0, 160.0, 0.0]) > 15, "the camera is seen: {colours:?}");
    assert!(seen([0.0, 0.0, 160.0]) > 15, "the screen is seen: {colours:?}");
    let samples = decode::samples(&bench.file("room.mp4")).expect("the recording can be decoded").values;
    let (voice, beside) = (tone::strongest(&samples, 440.0, 0.25), tone::strongest(&samples, 480.0, 0.25));
    assert!(voice > 0.02 && voice > 4.0 * beside, "the voice is heard: {voice:.4}, {beside:.4} beside it");
}

#[test]
fn a_recorder_without_an_account_is_seen_and_says_so_and_goes_with_the_meeting() {
    let Some(server) = JitsiServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let Some(ada) = server.guest("standup", "Ada") else { return };
    // A tenant whose clients speak XMPP over BOSH, which Prosody allows from every origin.
    let uri = server.room_uri("bosh/standup");
    let mut running = record(&bench, &uri, &[]);
    let warning = running.wait_for("warning", START);
    assert!(warning["message"].as_str().is_some_and(|text| text.contains("--jitsi-user")), "{warning}");
    media_s(&mut running, 2.0);
    let seen =
        ada.does("return conference.getParticipants().map((other) => [other.isHidden(), other.getDisplayName()])");
    assert_eq!(seen, json!([[false, "Recorder"]]));
    server.close("standup");
    let ended = running.end(SOON);
    assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"room_ended".into()), "{ended:#?}");
    assert!(bench.file("room.mp4").exists());
    bench.assert_nothing_left();
}

#[test]
fn a_room_with_a_password_is_opened_by_it_alone() {
    let Some(server) = JitsiServer::start() else { return };
    let (_turn, bench) = (my_turn(), with_account(&server));
    let Some(ada) = server.guest("standup", "Ada") else { return };
    ada.does("await conference.lock('a-passcode')");
    let arguments = ["record", &server.room_uri("standup"), "--output=room.mp4", "--json"];
    refused(&bench, &bench.run(&arguments, START), 2, "has a password; give it by --jitsi-passcode");
    let bench = bench.with("JITSI_PASSCODE", "another-passcode");
    refused(&bench, &bench.run(&arguments, START), 2, "refused its password");
    let bench = bench.with("JITSI_PASSCODE", "a-passcode");
    let mut running = record(&bench, &server.room_uri("standup"), &[]);
    media_s(&mut running, 1.0);
    let ended = stop(running, &bench);
    assert!(!format!("{ended:?}").contains("a-passcode"), "{ended:#?}");
}

#[test]
fn a_recorder_that_is_sent_away_goes() {
    let Some(server) = JitsiServer::start() else { return };
    let (_turn, bench) = (my_turn(), with_account(&server));
    let Some(ada) = server.guest("standup", "Ada") else { return };
    let mut running = record(&bench, &server.room_uri("a-team/standup"), &[]);
    media_s(&mut running, 2.0);
    ada.does("conference.kickParticipant(conference.getParticipants()[0].getId(), 'not now')");
    let ended = running.end(SOON);
    assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"kicked".into()), "{ended:#?}");
    bench.assert_nothing_left();
}

#[test]
fn a_connection_that_breaks_is_made_anew_while_the_recording_goes_on() {
    let Some(mut server) = JitsiServer::start() else { return };
    let (_turn, bench) = (my_turn(), with_account(&server));
    let Some(ada) = server.guest("standup", "Ada") else { return };
    let mut running = record(&bench, &server.room_uri("standup"), &[]);
    media_s(&mut running, 2.0);
    server.kill();
    room_event(&mut running, "reconnecting");
    server.start_again();
    drop(ada);
    let bob: Option<Guest> = server.guest("standup", "Bob");
    room_event(&mut running, "reconnected");
    running.wait_until("room", SOON, |event| event["room_event"]["name"] == "Bob");
    let ended = stop(running, &bench);
    drop(bob);
    let attempts = ended.events.iter().filter(|event| event["event"] == "started").count();
    assert_eq!(attempts, 1, "the page itself comes back: {ended:#?}");
}

#[test]
fn a_server_joins_by_the_account_of_its_configuration_and_tells_it_nobody() {
    let Some(jitsi) = JitsiServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let (user, password) = jitsi.account();
    let deployment =
        format!("[[jitsi]]\nhost = \"{}\"\nplain = true\nuser = \"{user}\"\npassword = \"{password}\"\n", jitsi.host());
    let mut serve = Serve::start(&bench, "a", &deployment);
    let room = jitsi.room_uri("standup");
    let id = serve.record(&json!({ "room": room, "size": "320x180", "fps": 15 }));
    let captured = serve.capture(&id, 1.0, START);
    assert_eq!((&captured["room"], jitsi.members("standup")), (&json!(room), vec![user]));
    serve.stop(&id);
    let ended = serve.reach(&id, "completed", SOON);

    // A template of a requester's could read it.
    let request = json!({ "room": room, "template": "https://example.org/" });
    let (status, problem) = serve.ask("POST", "/v1/recordings", Some(&request));
    assert!(status == 422 && problem["detail"].as_str().is_some_and(|text| text.contains("template")), "{problem:#}");

    let (_, listed) = serve.ask("GET", "/v1/recordings", None);
    let log = std::fs::read_to_string(serve.log(&bench)).expect("a log");
    for told in [captured.to_string(), ended.to_string(), problem.to_string(), listed.to_string(), log] {
        assert!(!told.contains(password), "{told}");
    }
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn a_wrong_password_is_the_request_s_fault() {
    let Some(server) = JitsiServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new().with("JITSI_PASSWORD", "hunter2"));
    let ended = bench.run(
        &["record", &server.room_uri("standup"), "--jitsi-user", &server.account().0, "--output=room.mp4", "--json"],
        START,
    );
    refused(&bench, &ended, 2, "refused the account");
    assert!(!ended.stderr.contains("hunter2") && !format!("{:?}", ended.events).contains("hunter2"), "{ended:#?}");
}

#[test]
fn a_deployment_that_lets_nobody_in_without_a_login_is_told_of() {
    let Some(server) = JitsiServer::start_for(Guests::Refused) else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let ended = bench.run(&["record", &server.room_uri("standup"), "--output=room.mp4", "--json"], START);
    refused(&bench, &ended, 2, "without a login; give an account of its hidden domain (--jitsi-user");
}

#[test]
fn an_address_without_a_jitsi_is_told_of() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let pages = Pages::serve(&[("/", Answer::Html("<h1>Nothing of that kind</h1>".into()))]);
    let ended =
        bench.run(&["record", &format!("jitsi+{}", pages.url("/standup")), "--output=room.mp4", "--json"], START);
    refused(&bench, &ended, 3, "check that the address is that of a Jitsi web client");
}

#[test]
fn the_deployment_s_own_web_client_is_recorded_as_a_page_with_its_settings_and_they_are_not_shown() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let script = "<body style='margin:0'><script>document.body.style.background = location.hash.includes('config.iAmRecorder=true') ? '#00a000' : '#a00000'</script>";
    let pages = Pages::serve(&[("/standup", Answer::Html(script.into()))]);
    let uri = pages.url("/standup#config.iAmRecorder=true&appData.localStorageContent=%22hunter2%22");
    let ended = {
        let mut running = record(&bench, &uri, &["--duration=2s"]);
        running.wait_for("started", START);
        running.end(SOON)
    };
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let seen = colours(&bench.file("room.mp4"));
    assert!(seen.iter().all(|colour| is_like(colour, [0.0, 160.0, 0.0])), "{seen:?}");
    let manifest = std::fs::read_to_string(bench.file("room.manifest.json")).expect("a manifest");
    for told in [&manifest, &ended.stderr, &format!("{:?}", ended.events)] {
        assert!(!told.contains("hunter2") && !told.contains("iAmRecorder"), "{told}");
    }
    bench.assert_nothing_left();
}

fn refused(bench: &Bench, ended: &Ended, code: i32, says: &str) {
    assert_eq!(ended.code(), code, "{ended:#?}");
    let message = ended.finished()["failure"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains(says), "{message}");
    assert!(bench.files().iter().all(|file| !file.ends_with(".mp4")), "{:?}", bench.files());
    bench.assert_nothing_left();
}
