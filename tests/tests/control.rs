//! A running recording is told of and controlled from outside, by its user alone, and leaves nothing of that behind.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wallflower_tests::harness::devtools::tell_page;
use wallflower_tests::harness::pages::Answer;
use wallflower_tests::harness::run::signal;
use wallflower_tests::harness::{Bench, Ended, Pages, Running, my_turn};
use wallflower_tests::media_probe::decode::Colours;
use wallflower_tests::media_probe::{Region, decode};

const SOON: Duration = Duration::from_secs(120);
/// Of an answer over the socket, on a machine that does other things as well.
const AT_ONCE: Duration = Duration::from_secs(40);

const PLATFORM: i32 = 1;
const REQUEST: i32 = 2;
const STOPPED: i32 = 130;

fn clock_page() -> Pages {
    let page = "<body style='background:#246;font:40px sans-serif'><p>0</p><script>let n = 0;\
                setInterval(() => { document.querySelector('p').textContent = ++n; }, 50);</script>";
    Pages::serve(&[("/", Answer::Html(page.into())), ("/silent", Answer::Silence)])
}

fn start(bench: &Bench, url: &str, more: &[&str]) -> Running {
    bench.start(&[&["record", url, "--size=320x180", "--fps=10", "--json"], more].concat())
}

/// A recording that has a second of media.
fn recording(bench: &Bench, url: &str, more: &[&str]) -> Running {
    let mut running = start(bench, url, more);
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(1.0));
    running
}

/// What a client that succeeds prints.
#[track_caller]
fn told(bench: &Bench, arguments: &[&str]) -> Value {
    let ended = bench.run(&[arguments, &["--json"]].concat(), SOON);
    assert_eq!(ended.code(), 0, "{arguments:?}: {ended:#?}");
    printed(&ended)
}

#[track_caller]
fn printed(ended: &Ended) -> Value {
    ended.events.last().unwrap_or_else(|| panic!("nothing was printed: {ended:#?}")).clone()
}

/// Checks that a client is refused, with these parts in its sentence.
#[track_caller]
fn refused(bench: &Bench, arguments: &[&str], code: i32, says: &[&str]) {
    let ended = bench.run(&[arguments, &["--json"]].concat(), AT_ONCE);
    assert_eq!(ended.code(), code, "{arguments:?}: {ended:#?}");
    let sentence = printed(&ended)["error"]["message"].as_str().unwrap_or_else(|| panic!("{ended:#?}")).to_owned();
    assert!(ended.stderr.contains(&sentence), "{ended:#?}");
    for part in says {
        assert!(sentence.contains(part), "\"{part}\" is not in: {sentence}");
    }
}

fn sockets(bench: &Bench) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(bench.runtime().join("control")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Starts `wallflower wait`, and returns when it is connected.
#[track_caller]
fn waiting(bench: &Bench) -> Running {
    let waiting = bench.start(&["wait", "--json"]);
    let folder = bench.runtime().join("control").display().to_string();
    let until = Instant::now() + SOON;
    // One is the socket at which the owner listens.
    while std::fs::read_to_string("/proc/net/unix").expect("Linux").matches(&folder).count() < 2 {
        assert!(Instant::now() < until, "it does not connect");
        std::thread::sleep(Duration::from_millis(20));
    }
    waiting
}

#[track_caller]
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

#[test]
fn a_recording_is_listed_shown_and_stopped() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    assert_eq!(told(&bench, &["list"]), json!([]));
    let running = recording(&bench, &pages.url("/?token=hunter2"), &["-o", "a.mp4"]);

    let list = told(&bench, &["list"]);
    let id = text(&list[0], "id").to_owned();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list:#}");
    let status = told(&bench, &["show"]);
    assert_eq!((text(&status, "id"), text(&status, "state")), (id.as_str(), "recording"));
    assert_eq!(text(&status, "room"), pages.url("/"), "without its query, which may hold a token");
    assert_eq!(status["outputs"], json!([{"kind": "file", "path": bench.file("a.mp4")}]));
    assert_eq!(status["process"], running.pid());
    assert!(status["progress"]["media_s"].as_f64() >= Some(1.0), "{status:#}");
    assert!(status["first_frame_unix_us"].as_i64() > status["launched_unix_us"].as_i64(), "{status:#}");

    let over = told(&bench, &["stop", "--wait"]);
    assert_eq!((text(&over, "state"), text(&over, "end")), ("completed", "stopped"));
    let ended = running.end(SOON);
    assert_eq!((ended.code(), &ended.finished()["delivery"]), (0, &over["delivery"]), "{ended:#?}");
    assert!(decode::pictures(&bench.file("a.mp4")).expect("the file decodes").duration() >= 1.0);
    bench.assert_nothing_left();
    refused(&bench, &["show"], REQUEST, &["No recording is running"]);
    refused(&bench, &["stop", "--id", &id], REQUEST, &[&id, "is not running"]);
}

#[test]
fn who_waits_exits_as_the_recording_does() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let running = recording(&bench, &pages.url("/"), &["-o", "a.mp4"]);
    let waited = waiting(&bench);
    running.signal("INT");
    let (waited, ended) = (waited.end(SOON), running.end(SOON));
    assert_eq!((waited.code(), ended.code()), (0, 0), "{waited:#?}");
    assert_eq!(text(&printed(&waited), "state"), "completed");

    let mut running = start(&bench, &pages.url("/silent"), &["-o", "b.mp4"]);
    running.wait_for("joining", SOON);
    let waited = waiting(&bench);
    told(&bench, &["stop"]);
    let (waited, ended) = (waited.end(SOON), running.end(SOON));
    assert_eq!((waited.code(), ended.code()), (STOPPED, STOPPED), "{waited:#?}");
    assert_eq!(text(&printed(&waited), "state"), "aborted");
    bench.assert_nothing_left();
}

#[test]
fn when_the_owner_is_killed_who_waits_is_told_and_the_agent_takes_the_socket_away() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let running = recording(&bench, &pages.url("/"), &["-o", "a.mp4"]);
    let id = text(&told(&bench, &["show"]), "id").to_owned();
    let waiting = waiting(&bench);
    running.signal("KILL");
    let waited = waiting.end(SOON);
    assert_eq!(waited.code(), PLATFORM, "{waited:#?}");
    let sentence = text(&printed(&waited)["error"], "message").to_owned();
    assert!(sentence.contains(&id) && sentence.contains("was killed"), "{sentence}");
    assert!(!running.end(SOON).status.success());
    bench.assert_nothing_left();
}

#[test]
fn of_two_recordings_the_one_that_is_named_is_meant() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let first = recording(&bench, &pages.url("/?1"), &["-o", "a.mp4"]);
    let second = recording(&bench, &pages.url("/?2"), &["-o", "b.mp4"]);
    let list = told(&bench, &["list"]);
    let ids = [text(&list[0], "id"), text(&list[1], "id")];
    assert_eq!([&list[0]["process"], &list[1]["process"]], [first.pid(), second.pid()], "oldest first");
    refused(&bench, &["stop"], REQUEST, &["--id", ids[0], ids[1]]);
    refused(&bench, &["show", "--id", "0"], REQUEST, &["--id", ids[0], ids[1]]);
    refused(&bench, &["show", "--id", "nonsense"], REQUEST, &["nonsense", ids[0], ids[1]]);

    let end_of = |id: &str| id[id.len() - 8..].to_owned();
    assert_eq!(text(&told(&bench, &["show", "--id", &end_of(ids[1])]), "id"), ids[1]);
    assert_eq!(told(&bench, &["stop", "--id", &end_of(ids[1])]), json!({"ok": {"id": ids[1]}}));
    assert_eq!(second.end(SOON).code(), 0);
    let left = told(&bench, &["show"]);
    assert_eq!((text(&left, "id"), text(&left, "state")), (ids[0], "recording"), "the other goes on");
    told(&bench, &["stop", "--id", ids[0]]);
    assert_eq!(first.end(SOON).code(), 0);
    bench.assert_nothing_left();
}

#[test]
fn the_socket_is_closed_to_others_and_speaks_lines_of_json() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let running = recording(&bench, &pages.url("/"), &["-o", "a.mp4"]);
    let sockets = sockets(&bench);
    let [socket] = sockets.as_slice() else { panic!("{sockets:?}") };
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(socket), mode(socket.parent().expect("a directory"))), (0o600, 0o700));

    let mut stream = UnixStream::connect(socket).expect("connects");
    stream.set_read_timeout(Some(AT_ONCE)).expect("set");
    let mut lines = BufReader::new(stream.try_clone().expect("cloned")).lines();
    let mut ask = |request: &str| -> Value {
        stream.write_all(format!("{request}\n").as_bytes()).expect("sent");
        let line = lines.next().expect("an answer").expect("in time");
        serde_json::from_str(&line).expect("JSON")
    };
    assert_eq!(ask(r#"{"request":"status"}"#)["ok"]["state"], "recording");
    assert_eq!(ask(r#"{"request":"do","command":{"command":"dance"}}"#)["error"]["kind"], "bad_request");
    assert_eq!(
        ask(r#"{"request":"do","command":{"command":"stop"}}"#)["ok"]["id"],
        socket.file_stem().unwrap().to_str().unwrap()
    );
    assert_eq!(running.end(SOON).code(), 0);
    bench.assert_nothing_left();
}

#[test]
fn an_owner_that_does_not_answer_is_listed_as_such() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let running = recording(&bench, &pages.url("/"), &["-o", "a.mp4"]);
    running.signal("STOP");
    let list = told(&bench, &["list"]);
    running.signal("CONT");
    assert!(text(&list[0]["error"], "message").contains("does not answer"), "{list:#}");
    told(&bench, &["stop"]);
    assert_eq!(running.end(SOON).code(), 0);
    bench.assert_nothing_left();
}

/// Kills everything of a recording, so that nobody is there to take its socket away.
fn kill_everything(bench: &Bench, running: Running) {
    let agent = bench.process("agent");
    signal(agent, "STOP");
    signal(bench.process("guard"), "KILL");
    running.signal("KILL");
    signal(agent, "KILL");
    assert!(!running.end(SOON).status.success());
    assert_eq!(sockets(bench).len(), 1, "nobody was there to take it away");
}

#[test]
fn the_socket_of_a_dead_run_is_removed_by_who_comes_by() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    kill_everything(&bench, recording(&bench, &pages.url("/"), &["-o", "a.mp4"]));
    assert_eq!(told(&bench, &["list"]), json!([]));
    assert_eq!(sockets(&bench), [] as [PathBuf; 0], "by a client");

    kill_everything(&bench, recording(&bench, &pages.url("/"), &["-o", "b.mp4"]));
    let running = recording(&bench, &pages.url("/"), &["-o", "c.mp4"]);
    assert_eq!(sockets(&bench).len(), 1, "by the next run");
    assert_eq!(told(&bench, &["show"])["process"], running.pid());
    told(&bench, &["stop"]);
    assert_eq!(running.end(SOON).code(), 0);
    bench.assert_nothing_left();
}

/// Status line and headers, and body.
fn get(url: &str) -> (String, String) {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
    let mut stream = TcpStream::connect(host).expect("connects");
    stream.set_read_timeout(Some(AT_ONCE)).expect("set");
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

#[test]
fn metrics_are_served_while_it_records() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let running = recording(&bench, &pages.url("/?token=hunter2"), &["-o", "a.mp4", "--metrics=0"]);
    let url = text(&told(&bench, &["show"]), "metrics").to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "a port alone is one of loopback: {url}");
    // A client that says nothing is in nobody's way.
    let silent = TcpStream::connect(url["http://".len()..].split('/').next().expect("a host")).expect("connects");
    let (head, body) = get(&url);
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
    let value = |series: &str| -> f64 {
        let line = body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {body}")).parse().expect("a number")
    };
    assert_eq!(value(r#"wallflower_recording_state{state="recording"}"#), 1.0);
    assert_eq!(value(r#"wallflower_recording_state{state="paused"}"#), 0.0);
    assert!(value("wallflower_recording_media_seconds_total") >= 1.0);
    assert!(value("wallflower_recording_frames_total") >= 5.0);
    assert!(body.contains(&format!("room=\"{}\"", pages.url("/"))) && !body.contains("hunter2"), "{body}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    assert!(get(&url.replace("/metrics", "/")).0.starts_with("HTTP/1.1 404"));

    let port = format!("--metrics={}", url["http://".len()..].trim_end_matches("/metrics"));
    let ended = bench.run(&["record", &pages.url("/"), "-o", "b.mp4", &port], AT_ONCE);
    assert_eq!(ended.code(), REQUEST, "{ended:#?}");
    assert!(ended.stderr.contains("choose another address for --metrics"), "{ended:#?}");
    running.signal("INT");
    assert_eq!(running.end(SOON).code(), 0);
    drop(silent);
    bench.assert_nothing_left();
}

#[test]
fn keys_from_the_environment_are_in_no_other_process_and_on_no_command_line() {
    let (_turn, pages) = (my_turn(), clock_page());
    let keys = [
        ("WALLFLOWER_STREAM", "rtmp://127.0.0.1:1/app/hunter2"),
        ("LIVEKIT_API_SECRET", "hunter2"),
        // Those of stores are for the agent, which uploads.
        ("AWS_SECRET_ACCESS_KEY", "for-the-agent"),
        ("BACKUP_AWS_SECRET_ACCESS_KEY", "for-the-agent"),
    ];
    let bench = keys.iter().fold(Bench::new(), |bench, (name, value)| bench.with(name, value));
    std::fs::write(bench.file("streams"), "srt://127.0.0.1:1?passphrase=hunter2hunter2\n").expect("written");
    let running = recording(&bench, &pages.url("/"), &["-o", "a.mp4", "--stream-file=streams"]);
    let (processes, agent) = (bench.processes(), bench.process("agent"));
    assert!(processes.len() >= 6, "browser, display, sound, encoder, agent and guard: {processes:#?}");
    for (pid, command) in processes {
        assert!(!command.contains("hunter2"), "{command}");
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        let has_key = environment.contains("hunter2");
        assert!(!has_key || pid == running.pid(), "in the environment of {command}");
        let has_store_key = environment.contains("for-the-agent");
        assert!(!has_store_key || pid == running.pid() || pid == agent, "in the environment of {command}");
    }
    let status = told(&bench, &["show"]);
    assert!(!status.to_string().contains("hunter2"), "{status:#}");
    running.signal("INT");
    let ended = running.end(SOON);
    assert!(ended.code() == 0 && !format!("{ended:?}").contains("hunter2"), "{ended:#?}");
    bench.assert_nothing_left();
}

#[test]
fn what_streams_can_t_be_is_refused_before_anything_is_started() {
    let bench = Bench::new();
    std::fs::write(bench.file("twice"), "rtmp://h/a/hunter2\n# and again\nrtmp://h/a/hunter2\n").expect("written");
    for (arguments, says) in [
        (&["--stream-file=nowhere"][..], "nowhere can't be read"),
        (&["--stream-file=twice"], "the same address"),
        (&["--stream=rtmp://h/a/hunter2", "--stream=rtmp://h/a/hunter2"], "the same address"),
    ] {
        let ended = bench.run(&[&["record", "http://127.0.0.1:1/", "-o", "a.mp4"], arguments].concat(), AT_ONCE);
        assert_eq!(ended.code(), REQUEST, "{ended:#?}");
        assert!(ended.stderr.contains(says) && !ended.stderr.contains("hunter2"), "{ended:#?}");
    }
    bench.assert_nothing_left();
}

#[test]
fn pause_resume_mute_and_markers_take_effect_and_are_told() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let mut running = recording(&bench, &pages.url("/"), &["-o", "a.mp4"]);
    let done = |arguments: &[&str]| assert!(told(&bench, arguments)["ok"].is_object(), "{arguments:?}");
    done(&["pause"]);
    assert_eq!(running.wait_for("paused", AT_ONCE)["mode"], "cut");
    let status = told(&bench, &["show"]);
    assert_eq!((text(&status, "state"), text(&status, "paused")), ("paused", "cut"));
    done(&["pause", "--mode=cut"]);
    refused(&bench, &["pause", "--mode=hold"], REQUEST, &["paused already"]);
    done(&["resume"]);
    running.wait_for("resumed", AT_ONCE);
    done(&["pause", "--mode=hold"]);
    assert_eq!(running.wait_for("paused", AT_ONCE)["mode"], "hold");
    done(&["resume"]);

    done(&["mute"]);
    running.wait_until("muted", AT_ONCE, |event| event["muted"] == true);
    assert_eq!(told(&bench, &["show"])["muted"], true);
    done(&["unmute"]);
    running.wait_until("muted", AT_ONCE, |event| event["muted"] == false);

    done(&["mark", "Questions and answers"]);
    let at_s = running.wait_for("marked", AT_ONCE)["media_s"].as_f64().expect("it tells where");
    let status = told(&bench, &["show"]);
    assert_eq!(status["markers"], json!([{"label": "Questions and answers", "media_s": at_s}]));
    refused(&bench, &["mark", " "], REQUEST, &["title"]);
    assert_eq!(
        (text(&status, "state"), &status["paused"], &status["muted"]),
        ("recording", &json!(null), &json!(false))
    );
    assert_eq!(told(&bench, &["stop", "--wait"])["state"], "completed");
    assert_eq!(running.end(SOON).code(), 0);
    bench.assert_nothing_left();
}

/// Waits until so many seconds more are captured, and tells up to where that is.
fn goes_on(running: &mut Running, seconds: f64) -> f64 {
    let media_s = |event: &Value| event["progress"]["media_s"].as_f64();
    let from_s = media_s(&running.wait_for("progress", AT_ONCE)).expect("it tells how much");
    let until = |event: &Value| media_s(event) >= Some(from_s + seconds);
    media_s(&running.wait_until("progress", SOON, until)).expect("it tells how much")
}

/// An encoder that takes three seconds to start as long as a file is there; another file tells that it has begun to.
fn slow_encoder(bench: &Bench) -> PathBuf {
    let (script, slow, starts) = (bench.file("encoder"), bench.file("slow"), bench.file("starts"));
    let (slow, starts) = (slow.display(), starts.display());
    let text = format!("#!/bin/sh\n[ -e '{slow}' ] && {{ : >'{starts}'; sleep 3; }}\nexec ffmpeg \"$@\"\n");
    std::fs::write(&script, text).expect("written");
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("it may be run");
    script
}

#[test]
fn a_pause_that_is_ordered_while_an_attempt_starts_begins_and_ends_as_it_is_told() {
    let _turn = my_turn();
    let bench = Bench::new();
    let encoder = slow_encoder(&bench).display().to_string();
    let (bench, pages) = (bench.with("WALLFLOWER_FFMPEG", &encoder), clock_page());
    let mut running = start(&bench, &pages.url("/"), &["-o", "a.mp4"]);
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(3.0));
    std::fs::write(bench.file("slow"), "").expect("written");
    signal(bench.process("ffmpeg"), "KILL");
    running.wait_for("interrupted", SOON);
    let until = Instant::now() + SOON;
    while !bench.file("starts").exists() {
        assert!(Instant::now() < until, "the next attempt does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pausing = bench.start(&["pause", "--json"]);
    running.wait_for("started", SOON);
    std::fs::remove_file(bench.file("slow")).expect("it is there");
    let early = running.heard().iter().any(|event| event["event"] == "paused");
    assert!(!early, "it was told as paused before it was covered: {:#?}", running.heard());
    running.wait_for("paused", AT_ONCE);
    assert_eq!(pausing.end(AT_ONCE).code(), 0);
    goes_on(&mut running, 2.5);
    told(&bench, &["resume"]);
    running.wait_for("resumed", AT_ONCE);
    let end_s = goes_on(&mut running, 4.0);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");

    let pauses = ended.finished()["delivery"]["pauses"].as_array().cloned().unwrap_or_default();
    let [pause] = pauses.as_slice() else { panic!("{pauses:#?}") };
    let number = |key: &str| pause[key].as_f64().unwrap_or_else(|| panic!("no {key} in {pause:#}"));
    let (at_s, length_s) = (number("at_s"), number("length_s"));
    let seconds = decode::pictures(&bench.file("a.mp4")).expect("the file decodes").duration();
    assert!(seconds - at_s >= 3.5, "{seconds} s in the file, of which {at_s} s are before the pause");
    assert!(length_s >= 2.0, "{pause:#}");
    assert!(seconds >= end_s - length_s - 0.5, "{seconds} s in the file of {end_s} s with {pause:#}");
    bench.assert_nothing_left();
}

#[test]
fn a_page_that_is_loaded_anew_during_a_pause_is_covered() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let pages = Pages::serve(&[("/", Answer::Html("<body style='background:#f00'>".into()))]);
    let mut running = recording(&bench, &pages.url("/"), &["-o", "a.mp4"]);
    told(&bench, &["pause", "--mode=hold"]);
    running.wait_for("paused", AT_ONCE);
    let covered_s = goes_on(&mut running, 0.5);
    let mut still_s = covered_s;
    for _ in 0..2 {
        tell_page(&bench, "Page.reload", &json!({}));
        still_s = goes_on(&mut running, 1.5);
    }
    told(&bench, &["resume"]);
    goes_on(&mut running, 3.0);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let loaded = pages.seen().iter().filter(|path| *path == "/").count();
    assert_eq!(loaded, 3, "{:?}", pages.seen());

    let (mut uncovered, mut last) = (Vec::new(), Vec::new());
    let see = |frame: &decode::Frame<'_>| {
        let mean = frame.mean(Region::ALL);
        let is_page = mean[0] > 180.0 && mean[1] < 90.0;
        if (covered_s..still_s).contains(&frame.pts) && is_page {
            uncovered.push(frame.pts);
        }
        last = mean;
    };
    decode::frames(&bench.file("a.mp4"), Colours::Rgb, None, see).expect("it decodes");
    assert!(uncovered.is_empty(), "the page is seen at {uncovered:?} s, covered from {covered_s} to {still_s} s");
    assert!(last[0] > 180.0 && last[1] < 90.0, "after the pause the page is seen again, not {last:?}");
    bench.assert_nothing_left();
}

#[test]
fn streams_are_added_told_without_their_keys_and_removed() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    std::fs::write(bench.file("streams"), "rtmp://127.0.0.1:1/app/hunter2\n").expect("written");
    let running = recording(&bench, &pages.url("/"), &["-o", "a.mp4", "--metrics=0", "--stream-file=streams"]);
    let added =
        bench.start_with_line(&["stream", "add", "-", "--json"], "rtmp://127.0.0.1:1/other/hunter3").end(AT_ONCE);
    assert_eq!((added.code(), &printed(&added)["ok"]["stream"]), (0, &json!("s2")), "{added:#?}");
    refused(&bench, &["stream", "add", "http://127.0.0.1:1/app/hunter4"], REQUEST, &["rtmp://"]);
    let status = told(&bench, &["show"]);
    let streams: Vec<_> = status["streams"]
        .as_array()
        .expect("streams")
        .iter()
        .map(|stream| (text(stream, "id"), text(stream, "address")))
        .collect();
    assert_eq!(streams, [("s1", "rtmp://127.0.0.1:1/app/****"), ("s2", "rtmp://127.0.0.1:1/other/****")]);
    let (_, body) = get(text(&status, "metrics"));
    let series = "wallflower_stream_state{stream=\"s1\",address=\"rtmp://127.0.0.1:1/app/****\",state=\"live\"} 0";
    assert!(body.contains(series), "{body}");

    told(&bench, &["stream", "remove", "s1"]);
    told(&bench, &["stream", "remove", "rtmp://127.0.0.1:1/other/hunter3"]);
    refused(&bench, &["stream", "remove", "s1"], REQUEST, &["stream"]);
    let status = told(&bench, &["show"]);
    for stream in status["streams"].as_array().expect("streams") {
        assert_eq!(text(stream, "state"), "ended", "{status:#}");
    }
    let (_, metrics) = get(text(&status, "metrics"));
    told(&bench, &["stop"]);
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    for told in [status.to_string(), metrics, format!("{ended:?}")] {
        assert!(!told.contains("hunter"), "{told}");
    }
    bench.assert_nothing_left();
}
