//! However a recording ends, nothing of it is left, and what was recorded is not lost.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wallflower_tests::harness::pages::Answer;
use wallflower_tests::harness::run::{signal, wallflower};
use wallflower_tests::harness::{Bench, Ended, Pages, Running, my_turn, within};
use wallflower_tests::media_probe::decode;

const SOON: Duration = Duration::from_secs(120);
/// Small and slow: these tests are about processes.
const SMALL: [&str; 5] = ["--size=320x180", "--fps=10", "--json", "-o", "a.mp4"];

fn clock_page() -> Pages {
    let page = "<body style='background:#246;font:40px sans-serif'><p>0</p><script>let n = 0;\
                setInterval(() => { document.querySelector('p').textContent = ++n; }, 50);</script>";
    Pages::serve(&[("/", Answer::Html(page.into()))])
}

/// A recording that has two seconds of media.
fn recording(bench: &Bench, pages: &Pages) -> Running {
    let url = pages.url("/");
    let mut running = bench.start(&[&["record", &url], &SMALL[..]].concat());
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(2.0));
    running
}

#[track_caller]
fn seconds_of(bench: &Bench, file: &str) -> f64 {
    decode::pictures(&bench.file(file)).expect("the file decodes").duration()
}

#[test]
fn ctrl_c_and_sigterm_stop_and_finalize() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    for name in ["INT", "TERM", "HUP"] {
        let running = recording(&bench, &pages);
        running.signal(name);
        let ended = running.end(SOON);
        assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"stopped".into()), "{name}: {ended:#?}");
        assert!(seconds_of(&bench, "a.mp4") >= 2.0, "{name}");
        bench.assert_nothing_left();
        assert_eq!(bench.files(), ["a.mp4".to_owned()].into());
        std::fs::remove_file(bench.file("a.mp4")).expect("it is there");
    }
}

#[test]
fn a_recording_goes_on_when_nobody_reads_what_it_prints() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    for json in [&["--json"][..], &[]] {
        let mut command = bench.command(&wallflower());
        command.args(["record", &pages.url("/"), "--size=320x180", "--fps=10", "--duration=3s", "-o", "a.mp4"]);
        let mut running = command.args(json).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop((running.stdout.take(), running.stderr.take()));
        let status = running.wait().expect("it is ours");
        assert_eq!(status.code(), Some(0), "{json:?}");
        assert!((seconds_of(&bench, "a.mp4") - 3.0).abs() < 0.15, "{json:?}");
        bench.assert_nothing_left();
        std::fs::remove_file(bench.file("a.mp4")).expect("it is there");
    }
}

#[test]
fn a_stop_before_there_is_media_leaves_no_file() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let pages = Pages::serve(&[("/", Answer::Silence)]);
    let mut running = bench.start(&[&["record", &pages.url("/")], &SMALL[..]].concat());
    running.wait_for("joining", SOON);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 130, "{ended:#?}");
    bench.assert_nothing_left();
    assert_eq!(bench.files(), [].into());
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_keeps_what_was_captured() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let mut running = recording(&bench, &pages);
    // Stopped processes can't finish: the second signal has to cut the ladder short.
    signal(bench.process("ffmpeg"), "STOP");
    running.signal("INT");
    // Two signals of a kind that come at once are one.
    running.wait_for("stopping", SOON);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 130, "{ended:#?}");
    bench.assert_nothing_left();
    let files = bench.files();
    assert!(!files.contains("a.mp4"), "{files:?}");
    assert_eq!(files.len(), 1, "the capture is kept: {files:?}");
}

#[test]
fn when_the_owner_is_killed_the_agent_delivers_and_goes() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let running = recording(&bench, &pages);
    running.signal("KILL");
    assert!(!running.end(SOON).status.success());
    bench.assert_nothing_left();
    assert!(seconds_of(&bench, "a.mp4") >= 2.0);
    assert_eq!(bench.files(), ["a.mp4".to_owned()].into());
}

/// What is true of every recording that went on: completed, as long in the file as it was by the clock, decodable to its last frame
/// without a complaint, one gap, nothing left.
#[track_caller]
fn went_on(bench: &Bench, ended: &Ended, first_frame_us: i64, stopped: Stopped, what: &str) {
    assert_eq!(ended.code(), 0, "{what}: {ended:#?}");
    let delivery = &ended.finished()["delivery"];
    let gaps = delivery["gaps"].as_array().unwrap_or_else(|| panic!("{what}: no gaps in {delivery}"));
    let total: f64 = gaps.iter().filter_map(|gap| gap["length_s"].as_f64()).sum();
    assert!(total <= within(5.0, 15.0), "{what}: {gaps:#?}");
    let seconds = seconds_of(bench, "a.mp4");
    stopped.assert_length(seconds, first_frame_us, &format!("{what}, {gaps:#?}"));
    let sound = decode::samples(&bench.file("a.mp4")).expect("the sound decodes").duration();
    assert!((seconds - sound).abs() <= 0.1, "{what}: {seconds} s of pictures, {sound} s of sound");
    let check = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning", "-i"])
        .arg(bench.file("a.mp4"))
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg runs");
    assert_eq!(String::from_utf8_lossy(&check.stderr), "", "{what}: ffmpeg complains");
    bench.assert_nothing_left();
    assert_eq!(bench.files(), ["a.mp4".to_owned()].into(), "{what}");
}

/// Between what moments a recording was stopped.
struct Stopped {
    asked_us: i64,
    said_us: i64,
}

impl Stopped {
    /// Asks it to stop, and hears that it does.
    fn now(running: &mut Running) -> Self {
        let asked_us = unix_us();
        running.signal("INT");
        running.wait_for("stopping", SOON);
        Self { asked_us, said_us: unix_us() }
    }

    /// It is as long as it was by the clock.
    #[track_caller]
    fn assert_length(&self, seconds: f64, first_frame_us: i64, what: &str) {
        let since = |us: i64| (us - first_frame_us) as f64 / 1e6;
        let (least, most) = (since(self.asked_us), since(self.said_us));
        let slack = within(0.4, 1.0);
        assert!(
            (least - slack..=most + slack).contains(&seconds),
            "{seconds} s, by the clock {least} to {most}: {what}"
        );
    }
}

fn unix_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// Records, does `harm` in the middle, and stops two seconds after the next attempt has begun.
fn interrupted(bench: &Bench, pages: &Pages, what: &str, harm: impl FnOnce(&Bench)) {
    let url = pages.url("/");
    let mut running = bench.start(&[&["record", &url], &SMALL[..]].concat());
    let first = running.wait_for("started", SOON)["first_frame_unix_us"].as_i64().expect("it tells when");
    // Three seconds of media: the first fragment of two seconds is on disk.
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(4.5));
    harm(bench);
    running.wait_for("interrupted", SOON);
    running.wait_for("started", SOON);
    let from = unix_us();
    running.wait_until("progress", SOON, |event| {
        event["progress"]["media_s"].as_f64() >= Some((from - first) as f64 / 1e6 + 2.0)
    });
    let stopped = Stopped::now(&mut running);
    let ended = running.end(SOON);
    went_on(bench, &ended, first, stopped, what);
    std::fs::remove_file(bench.file("a.mp4")).expect("it is there");
}

#[test]
fn when_the_agent_is_killed_the_next_one_goes_on() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    interrupted(&bench, &pages, "agent", |bench| signal(bench.process("agent"), "KILL"));
}

#[test]
fn a_pause_outlasts_the_agent() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let mut running = recording(&bench, &pages);
    assert_eq!(bench.run(&["pause", "--mode=hold"], SOON).code(), 0);
    running.wait_for("paused", SOON);
    signal(bench.process("agent"), "KILL");
    running.wait_for("interrupted", SOON);
    running.wait_for("paused", SOON);
    let shown = bench.run(&["show", "--json"], SOON);
    assert_eq!(shown.events[0]["state"], "paused", "{shown:#?}");
    assert_eq!(bench.run(&["resume"], SOON).code(), 0);
    running.wait_for("resumed", SOON);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let pauses = ended.finished()["delivery"]["pauses"].as_array().cloned().unwrap_or_default();
    assert_eq!(pauses.len(), 1, "{pauses:#?}");
    bench.assert_nothing_left();
}

#[test]
fn after_five_further_agents_the_recording_is_given_up_and_can_be_recovered() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let mut running = recording(&bench, &pages);
    for _ in 0..5 {
        signal(bench.process("agent"), "KILL");
        running.wait_for("interrupted", SOON);
        running.wait_for("started", SOON);
    }
    signal(bench.process("agent"), "KILL");
    let ended = running.end(SOON);
    assert_eq!(ended.finished()["failure"]["kind"], "agent_lost", "{ended:#?}");
    assert!(ended.stderr.contains("wallflower recover") || ended.finished().to_string().contains("wallflower recover"));
    bench.assert_nothing_left();
    assert_eq!(bench.run(&["recover"], SOON).code(), 0);
    assert!(seconds_of(&bench, "a.mp4") >= 2.0);
    assert_eq!(bench.files(), ["a.mp4".to_owned()].into());
}

#[test]
fn when_the_agent_is_killed_after_the_end_another_one_finishes() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let url = pages.url("/");
    // A file that has to be encoded once more takes a while to be finished.
    let mut running = bench.start(&["record", &url, "--size=640x360", "--fps=15", "--json", "-o", "a.webm"]);
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(5.0));
    running.signal("INT");
    running.wait_for("finalizing", SOON);
    signal(bench.process("agent"), "KILL");
    let told = running.wait_for("warning", SOON);
    assert!(told["message"].as_str().is_some_and(|text| text.contains("another one finishes it")), "{told:#}");
    let ended = running.end(SOON);
    assert_eq!((ended.code(), &ended.finished()["end"]), (0, &"stopped".into()), "{ended:#?}");
    assert!(seconds_of(&bench, "a.webm") >= 5.0);
    bench.assert_nothing_left();
    assert_eq!(bench.files(), ["a.webm".to_owned()].into());
}

/// A browser that starts as long as a file is not there.
fn fragile_browser(bench: &Bench) -> PathBuf {
    let (script, broken) = (bench.file("browser"), bench.file("broken"));
    let find = "command -v chromium || command -v google-chrome || command -v chromium-browser";
    let text = format!("#!/bin/sh\n[ -e '{}' ] && exit 7\nexec \"$({find})\" \"$@\"\n", broken.display());
    std::fs::write(&script, text).expect("written");
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("it may be run");
    script
}

#[test]
fn what_can_t_go_on_within_a_minute_is_delivered_as_far_as_it_got() {
    let _turn = my_turn();
    let bench = Bench::new();
    let script = fragile_browser(&bench).display().to_string();
    let (bench, pages) = (bench.with("WALLFLOWER_CHROMIUM", &script), clock_page());
    let mut running = recording(&bench, &pages);
    std::fs::write(bench.file("broken"), "").expect("written");
    let since = Instant::now();
    signal(bench.process("chromium"), "KILL");
    running.wait_for("interrupted", SOON);
    running.wait_for("finalizing", Duration::from_secs(90));
    let waited = since.elapsed();
    assert!(waited > Duration::from_secs(45), "it was given up after {waited:?}");
    let ended = running.end(SOON);
    let failure = &ended.finished()["failure"];
    let sentence = failure["message"].as_str().unwrap_or_default();
    assert!(sentence.contains("could not go on within 60 s"), "{failure:#}");
    assert_eq!(ended.code(), 1, "{ended:#?}");
    let seconds = seconds_of(&bench, "a.mp4");
    assert!((2.0..20.0).contains(&seconds), "{seconds} s, without the minute in which there was nothing");
    bench.assert_nothing_left();
}

#[test]
fn a_gap_that_is_cut_is_told_but_not_seen() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let url = pages.url("/");
    let mut running = bench.start(&[&["record", &url, "--gaps=cut"], &SMALL[..]].concat());
    let first = running.wait_for("started", SOON)["first_frame_unix_us"].as_i64().expect("it tells when");
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(3.0));
    signal(bench.process("Xvfb"), "KILL");
    running.wait_for("interrupted", SOON);
    let again = running.wait_for("started", SOON)["first_frame_unix_us"].as_i64().expect("it tells when");
    let again_s = (again - first) as f64 / 1e6;
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(again_s + 2.0));
    let stopped = Stopped::now(&mut running);
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let gaps = ended.finished()["delivery"]["gaps"].as_array().cloned().unwrap_or_default();
    let gap_s = gaps.iter().filter_map(|gap| gap["length_s"].as_f64()).sum::<f64>();
    assert!(gaps.len() == 1 && gap_s > 0.1, "{gaps:#?}");
    let seconds = seconds_of(&bench, "a.mp4");
    stopped.assert_length(seconds + gap_s, first, &format!("{seconds} s in the file, a gap of {gap_s} s"));
    let sound = decode::samples(&bench.file("a.mp4")).expect("the sound decodes").duration();
    assert!((seconds - sound).abs() <= 0.1, "{seconds} s of pictures, {sound} s of sound");
    bench.assert_nothing_left();
}

#[test]
fn what_hangs_is_mended_like_what_dies() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    for child in ["ffmpeg", "agent"] {
        interrupted(&bench, &pages, child, |bench| signal(bench.process(child), "STOP"));
    }
}

#[test]
fn when_everything_is_killed_the_recording_can_be_recovered() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let mut running = recording(&bench, &pages);
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(4.5));
    signal(bench.process("agent"), "STOP");
    running.signal("KILL");
    for (pid, _) in bench.processes() {
        // One may have gone with another.
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
    assert!(!running.end(SOON).status.success());
    let url = pages.url("/");
    let next = bench.run(&["record", &url, "--size=320x180", "--fps=10", "--duration=1s", "-o", "b.mp4"], SOON);
    assert!(next.stderr.contains("wallflower recover"), "the next run tells: {next:#?}");
    let recovered = bench.run(&["recover"], SOON);
    assert_eq!(recovered.code(), 0, "{recovered:#?}");
    assert!(seconds_of(&bench, "a.mp4") >= 2.0);
    assert_eq!(bench.files(), ["a.mp4".to_owned(), "b.mp4".to_owned()].into());
    bench.assert_nothing_left();
    assert!(bench.run(&["recover"], SOON).stderr.contains("nothing to be recovered"));
}

#[test]
fn when_agent_and_guard_are_killed_the_next_run_sweeps() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    let running = recording(&bench, &pages);
    // Nobody is there to launch the next agent, and nobody to sweep: the agent itself must not hear of it.
    let agent = bench.process("agent");
    signal(agent, "STOP");
    signal(bench.process("guard"), "KILL");
    running.signal("KILL");
    signal(agent, "KILL");
    assert!(!running.end(SOON).status.success());
    assert!(!bench.processes().is_empty(), "nobody was there to sweep");
    let url = pages.url("/");
    let ended = bench.run(&["record", &url, "--size=320x180", "--fps=10", "--duration=1s", "-o", "b.mp4"], SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    bench.assert_nothing_left();
}

#[test]
fn when_a_child_dies_the_recording_goes_on_and_the_gap_is_a_slate() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    for child in ["Xvfb", "pulseaudio", "chromium", "ffmpeg"] {
        interrupted(&bench, &pages, child, |bench| signal(bench.process(child), "KILL"));
    }
}

#[test]
fn when_the_renderer_dies_the_recording_goes_on() {
    let (_turn, bench, pages) = (my_turn(), Bench::new(), clock_page());
    interrupted(&bench, &pages, "renderer", |bench| {
        for (pid, _) in bench.processes().iter().filter(|(_, command)| command.contains("--type=renderer")) {
            signal(*pid, "KILL");
        }
    });
}

#[test]
fn when_the_page_hangs_the_recording_goes_on() {
    let page = "<body><script>let seq = 0; const beat = () => window.__wallflowerSend(JSON.stringify({type: 'heartbeat', seq: seq++}));\
                beat(); setInterval(beat, 1000);</script>";
    let (_turn, bench, pages) = (my_turn(), Bench::new(), Pages::serve(&[("/", Answer::Html(page.into()))]));
    interrupted(&bench, &pages, "hang", |bench| {
        for (pid, _) in bench.processes().iter().filter(|(_, command)| command.contains("--type=renderer")) {
            signal(*pid, "STOP");
        }
    });
}

#[test]
fn two_recordings_at_once_do_not_touch_each_other() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let page = |colour: &str| Answer::Html(format!("<body style='background:{colour}'>"));
    let pages = Pages::serve(&[("/red", page("#ff0000")), ("/blue", page("#0000ff"))]);
    let start = |path: &str, file: &str| {
        bench.start(&["record", &pages.url(path), "--size=320x180", "--fps=10", "--duration=3s", "--json", "-o", file])
    };
    let (red, blue) = (start("/red", "red.mp4"), start("/blue", "blue.mp4"));
    for (running, file) in [(red, "red.mp4"), (blue, "blue.mp4")] {
        assert_eq!(running.end(SOON).code(), 0, "{file}");
    }
    let colour = |file: &str| {
        let mut mean = [0.0; 3];
        decode::frames(&bench.file(file), decode::Colours::Rgb, None, |frame| mean = mean_of(frame.pixels))
            .expect("decodes");
        mean
    };
    let (red, blue) = (colour("red.mp4"), colour("blue.mp4"));
    assert!(red[0] > 200.0 && red[2] < 50.0, "{red:?}");
    assert!(blue[2] > 200.0 && blue[0] < 50.0, "{blue:?}");
    bench.assert_nothing_left();
}

fn mean_of(rgb: &[u8]) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for pixel in rgb.chunks_exact(3) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += f64::from(*value);
        }
    }
    let pixels = (rgb.len() / 3).max(1) as f64;
    sums.map(|sum| sum / pixels)
}
