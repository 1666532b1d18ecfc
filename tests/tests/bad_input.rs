//! What can't be recorded ends in time, with one sentence that says what and what to do, a documented exit code, nothing left running,
//! and no file that could be taken for a recording.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wallflower_tests::harness::pages::Answer;
use wallflower_tests::harness::run::wallflower;
use wallflower_tests::harness::{Bench, Ended, Pages, lacking, my_turn};

/// Of a refusal that needs no browser.
const AT_ONCE: Duration = Duration::from_secs(40);
/// Of one that does, on a machine that does other things as well.
const SOON: Duration = Duration::from_secs(120);

const PLATFORM: i32 = 1;
const REQUEST: i32 = 2;
const ROOM: i32 = 3;
const DESTINATION: i32 = 4;

/// Runs `record` and checks all that is true of every refusal. `says` are parts of the sentence.
#[track_caller]
fn refused(bench: &Bench, arguments: &[&str], deadline: Duration, code: i32, says: &[&str]) -> Ended {
    let ended = bench.run(&[&["record"], arguments].concat(), deadline);
    assert_eq!(ended.code(), code, "{ended:#?}");
    let sentence = ended.stderr.lines().find(|line| line.starts_with("wallflower: ") || line.starts_with("error: "));
    let sentence = sentence.unwrap_or_else(|| panic!("no sentence: {ended:#?}"));
    for part in says {
        assert!(sentence.contains(part), "\"{part}\" is not in: {sentence}");
    }
    bench.assert_nothing_left();
    let files: BTreeSet<String> = bench.files().into_iter().filter(|name| !name.ends_with(".failure.png")).collect();
    assert_eq!(files, BTreeSet::new(), "left in the output directory");
    ended
}

#[test]
fn rooms_that_are_none_are_refused_at_once() {
    let bench = Bench::new();
    for (room, says) in [
        ("zoom://meet/1", "rooms of the kind \"zoom:\" are unknown"),
        ("lobby", "\"lobby\" is no room"),
        ("demo:a/b", "can't name a demo room"),
        ("livekit+ws://127.0.0.1:7880", "names no room"),
        ("https://user:pw@127.0.0.1/", "user name or password"),
        ("jitsi+https://meet.example.org/", "names no room"),
        ("jitsi+https://meet.example.org/x?jwt=secret", "--jitsi-token"),
    ] {
        refused(&bench, &[room, "-o", "a.mp4"], AT_ONCE, REQUEST, &[says]);
    }
}

#[test]
fn frames_that_can_t_be_encoded_are_refused_at_once() {
    let bench = Bench::new();
    for (option, says) in [
        ("--size=1281x720", "needs an even number, such as 1282"),
        ("--size=1280x719", "height is 719"),
        ("--size=64x64", "must be 128 to 4096"),
        ("--size=8192x720", "must be 128 to 4096"),
        ("--size=huge", "write it as 1280x720"),
        ("--fps=0", "0 frames a second"),
        ("--fps=1000", "1000 frames a second"),
        ("--fps=many", "no whole number"),
        ("--duration=0", "between 0.1 seconds and 7 days"),
        ("--layout=circle", "grid, speaker, single-speaker, screen, interview, podcast, pip"),
    ] {
        refused(&bench, &["demo:x", "-o", "a.mp4", option], AT_ONCE, REQUEST, &[says]);
    }
}

#[test]
fn a_livekit_room_without_keys_is_refused_at_once() {
    refused(&Bench::new(), &["livekit+ws://127.0.0.1:1/r", "-o", "a.mp4"], AT_ONCE, REQUEST, &["LIVEKIT_API_KEY"]);
}

#[test]
fn hosts_that_do_not_answer_are_the_room_s_fault() {
    let (_turn, bench) = (my_turn(), Bench::new());
    // Bound and let go: nobody listens there.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let page = format!("http://127.0.0.1:{port}/");
    refused(&bench, &[&page, "-o", "a.mp4"], SOON, ROOM, &["can't be reached", "check the address"]);
    let livekit = format!("livekit+ws://127.0.0.1:{port}/r");
    let keys = ["--api-key=k", "--api-secret=sssssssssssssssssssssssssssssssss"];
    let arguments = [&[livekit.as_str(), "-o", "a.mp4"], &keys[..]].concat();
    let ended = refused(&bench, &arguments, SOON, ROOM, &["could not be reached", "check the address"]);
    assert!(!ended.stderr.contains("eyJ"), "a token is shown: {}", ended.stderr);
}

#[test]
fn a_host_that_never_answers_ends_at_the_deadline() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let pages = Pages::serve(&[("/", Answer::Silence)]);
    let url = pages.url("/");
    let arguments = [&url, "-o", "a.mp4", "--start-deadline=2s"];
    refused(&bench, &arguments, SOON, ROOM, &["within 2 s"]);
}

#[test]
fn a_page_that_answers_an_error_is_not_recorded() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let pages = Pages::serve(&[("/broken", Answer::Status(500))]);
    refused(&bench, &[&pages.url("/nowhere"), "-o", "a.mp4"], SOON, ROOM, &["HTTP 404"]);
    refused(&bench, &[&pages.url("/broken"), "-o", "a.mp4"], SOON, ROOM, &["HTTP 500"]);
}

#[test]
fn a_page_that_gives_no_start_signal_is_explained() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let silent = "<h1>mute</h1><script>console.log('about to', {wait: 1}); fetch('/missing?secret=1');</script>";
    let throws = "<script>setTimeout(() => { throw new TypeError('no such room'); });</script>";
    let pages = Pages::serve(&[("/silent", Answer::Html(silent.into())), ("/throws", Answer::Html(throws.into()))]);
    let run = |path: &str, says: &[&str]| {
        refused(&bench, &[&pages.url(path), "-o", "a.mp4", "--await-start", "--start-deadline=8s"], SOON, ROOM, says)
    };
    let ended = run("/silent", &["no start signal within 8 s", "START_RECORDING"]);
    assert!(ended.stderr.contains("about to"), "the console is shown: {}", ended.stderr);
    assert!(ended.stderr.contains("/missing: HTTP 404"), "failed requests are shown: {}", ended.stderr);
    assert!(!ended.stderr.contains("secret=1"), "queries may hold secrets: {}", ended.stderr);
    let picture = bench.file("a.failure.png");
    assert!(picture.is_file() && ended.stderr.contains("a.failure.png"), "{}", ended.stderr);
    run("/throws", &["no start signal", "no such room"]);
}

#[test]
fn a_page_that_says_that_it_failed_is_quoted() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let page = r#"<script>__wallflowerSend('{"type":"failed","fault":"room","message":"The room is full; try later."}')</script>"#;
    let pages = Pages::serve(&[("/", Answer::Html(page.into()))]);
    refused(&bench, &[&pages.url("/"), "-o", "a.mp4", "--await-start"], SOON, ROOM, &["The room is full; try later."]);
}

#[test]
fn destinations_that_can_t_be_written_are_refused_before_anything_starts() {
    let bench = Bench::new();
    for (file, code, says) in [
        ("/proc/a.mp4", DESTINATION, "can't be written"),
        ("/dev/null/a.mp4", DESTINATION, "can't be written"),
        ("a.avi", REQUEST, ".mp4, .mkv"),
        ("/tmp", REQUEST, "end its name"),
    ] {
        refused(&bench, &["demo:x", "--demo-listen=127.0.0.1:0", "-o", file], AT_ONCE, code, &[says]);
    }
}

#[test]
fn a_file_that_is_there_is_not_replaced_unasked() {
    let bench = Bench::new();
    std::fs::write(bench.file("a.mp4"), "precious").expect("written");
    let ended = bench.run(&["record", "demo:x", "--demo-listen=127.0.0.1:0", "-o", "a.mp4"], AT_ONCE);
    assert_eq!(ended.code(), REQUEST, "{ended:#?}");
    assert!(ended.stderr.contains("--force"), "{}", ended.stderr);
    assert_eq!(std::fs::read(bench.file("a.mp4")).expect("still there"), b"precious");
}

#[test]
fn a_full_disk_is_the_destination_s_fault() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let Some(disk) = SmallDisk::mount(&bench.file("disk"), "512k") else { return };
    let pages = Pages::serve(&[("/", Answer::Html(NOISE.into()))]);
    let file = disk.0.join("a.mp4");
    let file = file.to_str().expect("utf-8");
    let url = pages.url("/");
    let arguments = ["record", &url, "--duration=30s", "-o", file];
    let refused = bench.run(&arguments, AT_ONCE);
    assert_eq!(refused.code(), DESTINATION, "{refused:#?}");
    assert!(refused.stderr.contains("disk_reserve_bytes"), "{}", refused.stderr);
    let careless = [&arguments[..], &["--watch", "disk_reserve_bytes=0"]].concat();
    let ended = bench.run(&careless, Duration::from_secs(40));
    assert_eq!(ended.code(), DESTINATION, "{ended:#?}");
    assert!(ended.stderr.contains("full"), "{}", ended.stderr);
    assert!(!Path::new(file).exists(), "no truncated file is passed off as a recording");
    bench.assert_nothing_left();
}

#[test]
fn a_full_dev_shm_does_not_stop_a_recording() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let pages = Pages::serve(&[("/", Answer::Html(NOISE.into()))]);
    if !is_root() {
        lacking("root", "only root can fill /dev/shm for one process alone");
        return;
    }
    let script = "mount -t tmpfs -o size=64k tmpfs /dev/shm && exec \"$0\" \"$@\"";
    let url = pages.url("/");
    let mut unshare = bench.command("unshare".as_ref());
    unshare.args(["--mount", "sh", "-c", script]).arg(wallflower());
    unshare.args(["record", &url, "--size=320x180", "--fps=10", "--duration=2s", "-o", "a.mp4"]);
    let output = unshare.output().expect("unshare runs");
    assert!(output.status.success(), "{output:#?}");
    assert!(bench.file("a.mp4").is_file());
    bench.assert_nothing_left();
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    for (program, package) in
        [("chromium", "chromium"), ("ffmpeg", "ffmpeg"), ("Xvfb", "xvfb"), ("pulseaudio", "pulseaudio")]
    {
        let bins = tempfile::tempdir().expect("a temporary directory");
        for other in
            ["chromium", "ffmpeg", "ffprobe", "Xvfb", "pulseaudio"].into_iter().filter(|other| *other != program)
        {
            let path =
                Command::new("sh").args(["-c", &format!("command -v {other}")]).output().expect("sh runs").stdout;
            let path = String::from_utf8(path).expect("utf-8");
            if !path.trim().is_empty() {
                std::os::unix::fs::symlink(path.trim(), bins.path().join(other)).expect("linked");
            }
        }
        let says = format!("apt-get install {package}");
        let arguments = ["demo:x", "--demo-listen=127.0.0.1:0", "-o", "a.mp4"];
        let bench = Bench::new().with("PATH", bins.path().to_str().expect("utf-8"));
        refused(&bench, &arguments, AT_ONCE, PLATFORM, &[&says]);
    }
}

#[test]
fn a_program_that_fails_is_quoted() {
    let (_turn, bins) = (my_turn(), tempfile::tempdir().expect("a temporary directory"));
    let pages = Pages::serve(&[("/", Answer::Html(NOISE.into()))]);
    let broken = bins.path().join("broken");
    std::fs::write(&broken, "#!/bin/sh\necho 'libX is not what it was' >&2\nexit 7\n").expect("written");
    let made = Command::new("chmod").arg("+x").arg(&broken).status().expect("chmod runs");
    assert!(made.success());
    for variable in ["WALLFLOWER_XVFB", "WALLFLOWER_PULSEAUDIO", "WALLFLOWER_CHROMIUM", "WALLFLOWER_FFMPEG"] {
        let url = pages.url("/");
        let bench = Bench::new().with(variable, broken.to_str().expect("utf-8"));
        refused(&bench, &[&url, "-o", "a.mp4"], SOON, PLATFORM, &["libX is not what it was", "exit status: 7"]);
    }
}

#[test]
fn themes_that_are_not_valid_are_refused_with_the_key() {
    let bench = Bench::new();
    let theme = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(theme.path(), r#"{"colors": {"backgruond": "red"}}"#).expect("written");
    let path = theme.path().to_str().expect("utf-8");
    refused(&bench, &["demo:x", "-o", "a.mp4", "--theme", path], AT_ONCE, REQUEST, &["backgruond", "line 1"]);
}

/// Fills a disk fast.
const NOISE: &str = "<canvas width=1280 height=720></canvas><script>const c = document.querySelector('canvas').getContext('2d');\
    const draw = () => { const i = c.createImageData(1280, 720); const p = new Uint32Array(i.data.buffer); let s = Math.random() * 2 ** 31 | 1;\
    for (let n = 0; n < p.length; n++) { s ^= s << 13; s ^= s >>> 17; s ^= s << 5; p[n] = s | 0xff000000; } c.putImageData(i, 0, 0);\
    requestAnimationFrame(draw); }; draw();</script>";

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// A tmpfs of a size; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, size: &str) -> Option<Self> {
        if !is_root() {
            lacking("root", "only root can mount a small disk");
            return None;
        }
        std::fs::create_dir(path).expect("made");
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(path).status();
        assert!(status.expect("mount runs").success());
        Some(Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
