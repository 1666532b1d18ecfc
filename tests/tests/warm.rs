//! Agents that wait for a recording: one begins sooner by them, and nothing of them is left when nobody needs them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use wallflower_domain::request::Moment;
use wallflower_domain::wire::cast::{CastConfig, CastTarget};
use wallflower_tests::harness::run::signal;
use wallflower_tests::harness::{Bench, Cast, Serve, my_turn, within};
use wallflower_tests::media_probe::decode;

const SOON: Duration = Duration::from_secs(120);
/// More than the machine has, because these recordings are small.
const ROOMY: &str = "[capacity]\ncores = 100.0\nmemory_mib = 100000\n";
const READY: &str = "wallflower_warm_agents";
const USED: &str = "wallflower_warm_used_total";
const MISSED: &str = "wallflower_warm_missed_total{reason=\"none_ready\"}";
const UNFIT: &str = "wallflower_warm_missed_total{reason=\"other_kind\"}";

fn warm(agents: u32, size: &str) -> String {
    format!("{ROOMY}[warm]\nagents = {agents}\nsize = \"{size}\"\n")
}

fn asked(size: &str) -> Value {
    json!({"room": "demo:one", "layout": "grid", "size": size, "fps": 10})
}

/// So many people in the room that is recorded.
fn members(bench: &Bench, serve: &Serve, count: usize) -> Cast {
    let room = CastTarget::Demo { url: format!("ws://{}/rooms/one/ws", serve.demo()) };
    Cast::enter(bench, CastConfig::of(count, room).expect("the count is within bounds"))
}

/// A recording, and how long it took from the request to its first frame.
#[track_caller]
fn start(serve: &Serve, request: &Value) -> (String, Duration) {
    let asked_at = SystemTime::now();
    let id = serve.record(request);
    let recording = serve.wait(&id, "begun", SOON, |recording| recording["started_at"].is_string());
    let first: Moment = serde_json::from_value(recording["started_at"].clone()).expect("a moment");
    let first = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(first.unix_us()).expect("after 1970"));
    (id, first.duration_since(asked_at).expect("it was asked for before"))
}

/// Ends it; it has to be whole.
#[track_caller]
fn finish(serve: &Serve, bench: &Bench, id: &str) {
    serve.capture(id, 2.0, SOON);
    serve.stop(id);
    let ended = serve.reach(id, "completed", SOON);
    assert_eq!((ended["end"].as_str(), ended["agents"].as_u64()), (Some("stopped"), Some(1)), "{ended:#}");
    assert_eq!(ended["delivery"]["gaps"], json!([]), "{ended:#}");
    let file = bench.file(&format!("data/recordings/{id}/recording.mp4"));
    let (sound, pictures) = (decode::samples(&file).expect("sound"), decode::pictures(&file).expect("pictures"));
    assert!(pictures.duration() >= 2.0 && (sound.duration() - pictures.duration()).abs() < 0.7, "{ended:#}");
}

fn agents(bench: &Bench) -> Vec<u32> {
    let processes = bench.processes();
    processes.iter().filter(|(_, command)| command.ends_with("wallflower agent ")).map(|(pid, _)| *pid).collect()
}

/// Waits until exactly this many agents are there.
#[track_caller]
fn there_are(bench: &Bench, count: usize) {
    let until = Instant::now() + SOON;
    while agents(bench).len() != count {
        assert!(Instant::now() < until, "{:?} and not {count}: {:#?}", agents(bench), bench.processes());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_recording_begins_sooner_by_a_warm_agent_which_is_followed_by_another() {
    let (_turn, bench) = (my_turn(), Bench::new());
    // Behind a fence, which is opened only when the room is known.
    let config = format!("allow_private = false\n{}", warm(1, "320x180"));
    let mut serve = Serve::start(&bench, "a", &config);
    // A room without a picture would be waited for, however the agent starts.
    let cast = members(&bench, &serve, 1);
    let (mut cold, mut quick) = (Duration::MAX, Duration::MAX);
    for round in 1..=2_u32 {
        serve.wait_for_metric(READY, 1.0, SOON);
        let (id, took) = start(&serve, &asked("320x182"));
        cold = cold.min(took);
        assert_eq!((serve.metric(USED), serve.metric(READY)), (f64::from(round - 1), 1.0));
        finish(&serve, &bench, &id);

        there_are(&bench, 1);
        let waiting = agents(&bench);
        let (id, took) = start(&serve, &asked("320x180"));
        quick = quick.min(took);
        assert!(agents(&bench).contains(&waiting[0]), "it is another one");
        serve.wait_for_metric(USED, f64::from(round), SOON);
        finish(&serve, &bench, &id);
        assert!(bench.file(&format!("data/agents/{id}.log")).is_file(), "what it says is kept by its recording's name");
    }
    assert_eq!((serve.metric(MISSED), serve.metric(UNFIT)), (0.0, 2.0));
    println!("from the request to the first frame: {cold:.2?} cold, {quick:.2?} warm");
    assert!(quick < within(cold, SOON), "{quick:?} and not less than {cold:?}");
    serve.wait_for_metric(READY, 1.0, SOON);
    cast.leave();
    serve.end();
    // Not a moment later: an orchestrator that is asked to end sees them off.
    assert_eq!(agents(&bench), [0_u32; 0]);
    bench.assert_nothing_left();
    let logs = fs::read_dir(bench.file("data/agents")).expect("a folder").flatten().map(|entry| entry.file_name());
    assert!(!logs.into_iter().any(|name| name.to_string_lossy().starts_with("warm-")), "logs of nobody are left");
}

/// The figure, of a room with four members whose browser runs on the same machine.
#[test]
#[ignore = "a figure, for `make bench`"]
fn a_warm_start_of_720p30_takes_a_second_at_most() {
    const STARTS: usize = 9;
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", &warm(1, "1280x720"));
    let cast = members(&bench, &serve, 4);
    let request = json!({"room": "demo:one", "size": "1280x720", "fps": 30});
    let mut took: Vec<Duration> = (0..STARTS)
        .map(|_| {
            serve.wait_for_metric(READY, 1.0, SOON);
            let (id, took) = start(&serve, &request);
            finish(&serve, &bench, &id);
            took
        })
        .collect();
    assert_eq!(serve.metric(UNFIT) + serve.metric(MISSED), 0.0);
    took.sort();
    let (median, longest) = (took[STARTS / 2], took[STARTS - 1]);
    println!(
        "warm start of 720p30 with four members, {STARTS} times: median {median:.2?}, longest {longest:.2?}; goal 1 s"
    );
    cast.leave();
    serve.end();
    bench.assert_nothing_left();
    assert!(median <= within(Duration::from_secs(1), Duration::from_secs(3)), "{took:?}");
}

/// The only agent that waits, once it is another than before. That nobody waited in between need not be seen.
#[track_caller]
fn replaced(bench: &Bench, serve: &mut Serve, before: u32) -> u32 {
    let until = Instant::now() + SOON;
    loop {
        let now = agents(bench);
        if let [agent] = now[..]
            && agent != before
            && serve.metric(READY) == 1.0
        {
            return agent;
        }
        assert!(Instant::now() < until, "{before} is not replaced: {now:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_warm_agent_that_dies_or_hangs_is_replaced_and_keeps_no_recording_waiting() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", &warm(1, "320x180"));
    serve.wait_for_metric(READY, 1.0, SOON);
    let first = agents(&bench);
    signal(first[0], "KILL");
    let second = replaced(&bench, &mut serve, first[0]);
    // It is of no use without its browser, and says so itself.
    signal(bench.process("chromium"), "KILL");
    let third = replaced(&bench, &mut serve, second);
    // One that hangs looks as if it were ready.
    signal(third, "STOP");
    let (id, _) = start(&serve, &asked("320x180"));
    assert!(!agents(&bench).contains(&third), "one that hangs is killed");
    assert_eq!((serve.metric(USED), serve.metric(MISSED)), (0.0, 1.0));
    finish(&serve, &bench, &id);
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn a_warm_agent_whose_browser_was_upgraded_is_replaced() {
    let chromium = wallflower_agent::Program::Chromium.find().expect("it is installed");
    let bench = Bench::new();
    let program = bench.file("chromium");
    let bench = bench.with("WALLFLOWER_CHROMIUM", &program.display().to_string());
    // As a package does it: another file takes the place of the first.
    let install = || {
        let new = bench.file("chromium.new");
        fs::write(&new, format!("#!/bin/sh\nexec {} \"$@\"\n", chromium.display())).expect("written");
        fs::set_permissions(&new, Permissions::from_mode(0o755)).expect("it is ours");
        fs::rename(&new, &program).expect("replaced");
    };
    install();
    let (_turn, mut serve) = (my_turn(), Serve::start(&bench, "a", &warm(1, "320x180")));
    serve.wait_for_metric(READY, 1.0, SOON);
    let first = agents(&bench);
    install();
    replaced(&bench, &mut serve, first[0]);
    let log = fs::read_to_string(serve.log(&bench)).expect("a log");
    assert!(log.contains("chromium is not what it was started from"), "it is not told why: {log}");
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn idle_agents_go_with_their_orchestrator_and_busy_ones_stay() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let mut serve = Serve::start(&bench, "a", &warm(2, "320x180"));
    serve.wait_for_metric(READY, 2.0, SOON);
    let (id, _) = start(&serve, &asked("320x180"));
    serve.wait_for_metric(READY, 2.0, SOON);
    there_are(&bench, 3);
    serve.kill();
    there_are(&bench, 1);
    serve.start_again(&bench);
    serve.wait_for_metric(READY, 2.0, SOON);
    there_are(&bench, 3);
    finish(&serve, &bench, &id);
    serve.kill();
    bench.assert_nothing_left();
}

#[test]
fn warm_agents_give_way_where_the_machine_is_full_and_old_ones_are_renewed() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let config = "[capacity]\nrecordings = 2\ncores = 100.0\nmemory_mib = 100000\n[warm]\nagents = 2\nsize = \"320x180\"\nrenew = \"30s\"\n";
    let mut serve = Serve::start(&bench, "a", config);
    serve.wait_for_metric(READY, 2.0, SOON);
    let before = agents(&bench);
    let until = Instant::now() + SOON;
    while agents(&bench).iter().any(|agent| before.contains(agent)) {
        assert!(serve.metric(READY) >= 1.0, "others are ready before they go");
        assert!(Instant::now() < until, "they are not renewed");
        std::thread::sleep(Duration::from_millis(200));
    }
    let one = start(&serve, &asked("320x182")).0;
    serve.wait_for_metric(READY, 1.0, SOON);
    let two = start(&serve, &asked("320x182")).0;
    serve.wait_for_metric(READY, 0.0, SOON);
    there_are(&bench, 2);
    for id in [&one, &two] {
        finish(&serve, &bench, id);
    }
    serve.wait_for_metric(READY, 2.0, SOON);
    serve.end();
    bench.assert_nothing_left();
}
