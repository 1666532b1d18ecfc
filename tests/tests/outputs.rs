//! One encode feeds every output, live control changes it, and what is told of it is true.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wallflower_domain::wire::demo_room::DemoUp;
use wallflower_tests::harness::run::signal;
use wallflower_tests::harness::{
    Bench, MinioServer, RtmpServer, Running, Site, SrtListener, TlsFront, Visitor, my_turn, within,
};
use wallflower_tests::media_probe::{Region, Sync, counter, decode, region};

const SOON: Duration = Duration::from_secs(120);
const SMALL: [&str; 5] = ["--await-start", "--size=640x360", "--json", "-o", "a.mp4"];

#[track_caller]
fn reach(running: &mut Running, media_s: f64) {
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(media_s));
}

/// What has been captured by now, or a little later: progress is told each second.
#[track_caller]
fn captured_s(running: &mut Running) -> f64 {
    running.catch_up();
    running.wait_for("progress", SOON)["progress"]["media_s"].as_f64().expect("a number")
}

#[track_caller]
fn says(bench: &Bench, arguments: &[&str]) {
    let ended = bench.run(arguments, SOON);
    assert_eq!(ended.code(), 0, "{arguments:?}: {ended:#?}");
}

/// Numbers of the frame counter, with the time at which each is first shown.
#[track_caller]
fn numbers(file: &Path) -> BTreeMap<u32, f64> {
    let mut numbers = BTreeMap::new();
    let read = decode::frames(file, decode::Colours::Gray, None, |frame| {
        if let counter::Reading::Count(number) = counter::read(frame) {
            numbers.entry(number).or_insert(frame.pts);
        }
    });
    read.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    numbers
}

#[track_caller]
fn plays(file: &Path) {
    let mut command = Command::new("ffmpeg");
    let output = command.args(["-nostdin", "-v", "error", "-i"]).arg(file).args(["-f", "null", "-"]).output();
    let said = String::from_utf8_lossy(&output.expect("ffmpeg runs").stderr).into_owned();
    assert_eq!(said, "", "{}", file.display());
}

/// Picture and sound are there, and together. Loose: other tests' builds may run beside this.
#[track_caller]
fn in_sync(file: &Path, seconds: f64) {
    let sync = Sync::of(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let length = sync.pictures.duration();
    assert!((length - seconds).abs() < 2.6, "{}: {length} s instead of {seconds}", file.display());
    assert!(sync.counters.unique() > 0.6, "{}: {sync}", file.display());
    assert!(sync.offsets.median_ms().abs() < within(150.0, 300.0), "{}: {sync}", file.display());
}

#[test]
fn one_encode_feeds_file_hls_and_stream() {
    let Some(server) = RtmpServer::start() else { return };
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let (url, stream) = (site.url("probe.html"), server.url("live", "secret-key"));
    let more = ["--hls", "live", "--audio", "a.opus", "--duration", "14s", "--stream", &stream];
    let mut running = bench.start(&[&["record", &url], &SMALL[..], &more].concat());
    running.wait_until("stream", SOON, |event| event["stream"]["state"] == "live");
    reach(&mut running, 7.0);
    for (_, command) in bench.processes() {
        let is_ours = command.contains("wallflower") && command.contains("record");
        assert!(is_ours || !command.contains("secret-key"), "the key is in {command}");
    }
    // Live: what is there already plays.
    plays(&bench.file("live/index.m3u8"));
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let told = ended.events.iter().map(Value::to_string).collect::<String>() + &ended.stderr;
    assert!(!told.contains("secret-key"), "the key is told");
    bench.assert_nothing_left();
    in_sync(&bench.file("a.mp4"), 14.0);
    in_sync(&bench.file("live/index.m3u8"), 14.0);
    let [published] = &server.recordings("secret-key")[..] else { panic!("one stream was published") };
    in_sync(published, 12.0);
    let sound = decode::samples(&bench.file("a.opus")).expect("the sound decodes").duration();
    assert!((sound - 14.0).abs() < 0.2, "{sound} s of sound");
    let manifest = std::fs::read_to_string(bench.file("a.manifest.json")).expect("there is a manifest");
    assert!(!manifest.contains("secret-key"), "{manifest}");
    let manifest: Value = serde_json::from_str(&manifest).expect("it is JSON");
    let kinds: Vec<_> =
        manifest["outputs"].as_array().into_iter().flatten().filter_map(|o| o["kind"].as_str()).collect();
    assert_eq!(kinds, ["file", "audio", "hls", "stream"]);
}

#[test]
fn streams_by_srt_and_rtmps_beside_images() {
    let (Some(server), bench) = (RtmpServer::start(), Bench::new()) else { return };
    let Some(listener) = SrtListener::start(&bench.file("taken.ts")) else { return };
    let front = TlsFront::before(server.address().port());
    let bench = bench.with("SSL_CERT_FILE", &front.authority().display().to_string());
    let (_turn, site) = (my_turn(), Site::serve());
    let (url, srt) = (site.url("probe.html"), listener.url());
    let rtmps = format!("rtmps://localhost:{}/live/over-tls", front.port());
    let more =
        ["--images", "pictures", "--images-every", "2s", "--duration", "9s", "--stream", &srt, "--stream", &rtmps];
    let ended = bench.run(&[&["record", &url], &SMALL[..], &more].concat(), SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert!(!ended.stderr.contains("over-tls"), "{}", ended.stderr);
    bench.assert_nothing_left();
    in_sync(&bench.file("a.mp4"), 9.0);
    // A stream begins once its server takes it, with a keyframe.
    in_sync(&listener.end(), 7.5);
    let [published] = &server.recordings("over-tls")[..] else { panic!("one stream was published") };
    in_sync(published, 7.5);

    let pictures = std::fs::read_dir(bench.file("pictures")).expect("there are pictures").flatten();
    let mut names: Vec<String> = pictures.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    let of = |second: u32| format!("frame-{second:06}s.jpg");
    let expected =
        [vec!["contact-sheet.jpg".to_owned()], (0..5).map(|n| of(2 * n)).collect(), vec!["thumbnail.jpg".to_owned()]];
    assert_eq!(names, expected.concat());
    let shown = |name: &str| numbers(&bench.file("pictures").join(name)).into_keys().next();
    let in_file = numbers(&bench.file("a.mp4"));
    for second in [2, 4, 6, 8] {
        let number = shown(&of(second)).unwrap_or_else(|| panic!("{} shows no number", of(second)));
        // The number of a frame beside that second, or the one that came last before: a page may stand still for a while.
        let (begins_s, ends_s) = (f64::from(second) - 0.05, f64::from(second) + 0.05);
        let stood = in_file.iter().filter(|(_, at_s)| **at_s <= begins_s).map(|(number, _)| *number).max();
        let came = in_file.get(&number).is_some_and(|at_s| (begins_s..ends_s).contains(at_s));
        assert!(came || Some(number) == stood, "{}: {number}, not {stood:?}", of(second));
    }
}

#[test]
fn a_stream_gets_the_part_between_its_beginning_and_its_end() {
    let Some(server) = RtmpServer::start() else { return };
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let (url, stream) = (site.url("probe.html"), server.url("live", "part"));
    let mut running = bench.start(&[&["record", &url], &SMALL[..]].concat());
    reach(&mut running, 10.0);
    says(&bench, &["stream", "add", &stream]);
    running.wait_until("stream", SOON, |event| event["stream"]["state"] == "live");
    let live_s = captured_s(&mut running);
    reach(&mut running, 20.0);
    says(&bench, &["stream", "remove", &stream]);
    let removed_s = captured_s(&mut running);
    reach(&mut running, removed_s + 2.0);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let whole = numbers(&bench.file("a.mp4"));
    let [published] = &server.recordings("part")[..] else { panic!("one stream was published") };
    let part = numbers(published);
    let at =
        |number: Option<&u32>| number.and_then(|number| whole.get(number)).copied().expect("it is in the file too");
    let (first_s, last_s) = (at(part.keys().next()), at(part.keys().next_back()));
    // It begins with a keyframe, and there is one each two seconds; it ends with a fragment of half a second.
    assert!((10.0..live_s + 2.2).contains(&first_s), "it began at {first_s}, live before {live_s}");
    assert!((19.3..removed_s + 0.2).contains(&last_s), "it ended at {last_s}, removed before {removed_s}");
    let within = whole.iter().filter(|(_, at_s)| (first_s..=last_s).contains(*at_s));
    let missing = within.filter(|(number, _)| !part.contains_key(number)).count();
    assert_eq!(missing, 0, "frames of the file are missing in the stream");
    bench.assert_nothing_left();
}

#[test]
fn times_are_the_file_s_after_a_pause_and_a_gap() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let listen = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port is free");
    let mut running = bench.start(&[
        "record",
        "demo:lobby",
        &format!("--demo-listen={listen}"),
        "--size=640x360",
        "--fps=30",
        "--json",
        "-o",
        "a.mp4",
    ]);
    let began = running.wait_for("started", SOON)["first_frame_unix_us"].as_i64().expect("it tells when");
    let visitor = Visitor::enter(listen, "lobby", "Vera");
    reach(&mut running, 3.0);
    says(&bench, &["pause", "--mode=cut"]);
    running.wait_for("paused", SOON);
    let media_s = |running: &Running| {
        let progress = running.heard().iter().rfind(|event| event["event"] == "progress").expect("it goes on");
        progress["progress"]["media_s"].as_f64().expect("a number")
    };
    let paused_s = media_s(&running);
    reach(&mut running, paused_s + 3.0);
    says(&bench, &["resume"]);
    running.wait_for("resumed", SOON);
    // What is lost of a pause that is cut is no gap.
    let resumed_s = media_s(&running);
    reach(&mut running, resumed_s + 1.0);
    signal(bench.process("ffmpeg"), "KILL");
    running.wait_for("interrupted", SOON);
    let again = running.wait_for("started", SOON)["first_frame_unix_us"].as_i64().expect("it tells when");
    let again_s = (again - began) as f64 / 1e6;
    reach(&mut running, again_s + 3.0);
    visitor.say(DemoUp::Chat { text: "Is <this> on?".into() });
    running.wait_until("room", SOON, |event| event["room_event"]["text"] == "Is <this> on?");
    says(&bench, &["mark", "Budget; 2=3"]);
    reach(&mut running, again_s + 6.0);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    drop(visitor);
    plays(&bench.file("a.mp4"));

    let delivery = &ended.finished()["delivery"];
    let length = |of: &str| -> f64 {
        let all = delivery[of].as_array().expect("a list");
        assert_eq!(all.len(), 1, "{of}: {delivery:#}");
        all[0]["length_s"].as_f64().expect("a number")
    };
    let (pause_s, gap_s) = (length("pauses"), length("gaps"));
    assert!(
        (2.5..within(6.0, 60.0)).contains(&pause_s) && gap_s < within(5.0, 15.0),
        "paused for {pause_s} s, gap of {gap_s} s"
    );
    let captured_s =
        ended.events.iter().rev().find_map(|event| event["progress"]["media_s"].as_f64()).expect("progress");
    let file_s = decode::pictures(&bench.file("a.mp4")).expect("it decodes").duration();
    assert!((file_s - (captured_s - pause_s)).abs() < within(0.8, 2.0), "{file_s} s of file, {captured_s} s captured");

    let vtt = std::fs::read_to_string(bench.file("a.chat.vtt")).expect("there was chat");
    assert!(vtt.contains("<v Vera>Is &lt;this&gt; on?"), "{vtt}");
    let told_s = seconds(vtt.lines().find_map(|line| line.split_once(" --> ")).expect("a cue").0);
    // The last great change in the corner where chat comes up, before the line goes again.
    let corner = region::watch(&bench.file("a.mp4"), Region::new(0.55, 0.7, 0.44, 0.29)).expect("it decodes");
    let shown_s =
        corner.motion.iter().find(|(at_s, motion)| *at_s > told_s - 0.3 && *motion > 0.12).map(|(at_s, _)| *at_s);
    let shown_s = shown_s.unwrap_or_else(|| panic!("no chat is seen around {told_s}: {:?}", corner.motion));
    println!("chat: told at {told_s}, seen at {shown_s}");
    assert!((shown_s - told_s).abs() <= within(0.1, 2.0), "the line is told at {told_s} and seen at {shown_s}");

    let chapters = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "chapter=start_time:chapter_tags=title", "-of", "csv=p=0"])
        .arg(bench.file("a.mp4"))
        .output()
        .expect("ffprobe runs");
    let chapters = String::from_utf8_lossy(&chapters.stdout).into_owned();
    let [start, budget] = &chapters.lines().collect::<Vec<_>>()[..] else { panic!("two chapters, not {chapters}") };
    assert_eq!(*start, "0.000000,Start");
    let (at, title) = budget.split_once(',').expect("a time and a title");
    assert_eq!(title, "Budget; 2=3");
    let marked_s: f64 = at.parse().expect("a time");
    assert!(
        (told_s - 0.2..told_s + within(3.0, 30.0)).contains(&marked_s),
        "marked at {marked_s}, after a line at {told_s}"
    );
    bench.assert_nothing_left();
}

/// `HH:MM:SS.mmm`
fn seconds(text: &str) -> f64 {
    text.split(':').filter_map(|part| part.parse::<f64>().ok()).fold(0.0, |sum, part| sum * 60.0 + part)
}

#[test]
fn a_recording_is_uploaded_and_wrong_keys_are_known_before_it_begins() {
    let Some(minio) = MinioServer::start() else { return };
    minio.create_bucket("meetings");
    let (_turn, site) = (my_turn(), Site::serve());
    let bench =
        |secret: &str| Bench::new().with("AWS_ACCESS_KEY_ID", minio.access_key()).with("AWS_SECRET_ACCESS_KEY", secret);
    let url = site.url("probe.html");
    let record = |bench: &Bench, bucket: &str| {
        let _ = std::fs::remove_file(bench.file("a.mp4"));
        let upload = format!("s3://{bucket}/{{id}}/?endpoint={}", minio.endpoint());
        let more = ["--hls", "live", "--force", "--duration", "5s", "--upload", &upload];
        bench.run(&[&["record", &url], &SMALL[..], &more].concat(), SOON)
    };
    let good = bench(minio.secret_key());
    let ended = record(&good, "meetings");
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let objects = minio.objects("meetings");
    for ending in ["/a.mp4", "/a.manifest.json", "/a.events.jsonl", "/live/index.m3u8", ".m4s"] {
        assert!(objects.iter().any(|key| key.ends_with(ending)), "{ending} is not among {objects:?}");
    }
    let key = objects.iter().find(|key| key.ends_with("/a.mp4")).expect("it was found");
    let file = std::fs::read(good.file("a.mp4")).expect("it is here as well");
    assert!(minio.object("meetings", key).is_some_and(|object| object == file), "another file was uploaded");
    let manifest = std::fs::read_to_string(good.file("a.manifest.json")).expect("there is a manifest");
    assert!(manifest.contains("\"verified\": true"), "{manifest}");

    let wrong = bench("not-the-secret");
    let refused = record(&wrong, "meetings");
    assert_eq!(refused.code(), 2, "{refused:#?}");
    assert!(!refused.stderr.contains("not-the-secret"), "{}", refused.stderr);
    let missing = record(&good, "nowhere");
    assert_ne!(missing.code(), 0, "{missing:#?}");
    assert!(missing.stderr.contains("nowhere"), "{}", missing.stderr);
    for ended in [&refused, &missing] {
        assert!(!ended.events.iter().any(|event| event["event"] == "started"), "nobody was recorded: {ended:#?}");
    }
    good.assert_nothing_left();
}

#[test]
fn sound_alone_starts_no_video_encoder() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let url = site.url("probe.html");
    let arguments =
        ["record", &url, "--await-start", "--json", "--duration=5s", "--audio", "a.m4a", "--audio", "a.wav"];
    let mut running = bench.start(&arguments);
    reach(&mut running, 2.0);
    let ffmpeg = bench.processes().into_iter().find(|(_, command)| command.contains("ffmpeg")).expect("it captures").1;
    assert!(!ffmpeg.contains("matroska") && !ffmpeg.contains("libx264"), "{ffmpeg}");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    for file in ["a.m4a", "a.wav"] {
        let sound = decode::samples(&bench.file(file)).expect("it decodes").duration();
        assert!((sound - 5.0).abs() < 0.15, "{file}: {sound} s");
    }
    bench.assert_nothing_left();
}
