//! Templates of HTML and CSS alone: a folder, our custom elements, and a real room, from the page to the file.

use std::net::TcpListener;
use std::time::Duration;

use wallflower_domain::wire::cast::{CastConfig, CastTarget};
use wallflower_tests::harness::{Bench, Cast, Ended, LivekitServer, Running, my_turn, within};
use wallflower_tests::media_probe::{Region, region};

const START: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(120);

/// All that a template has to be. The left half is the speaker, the right half the template's own green.
const TEMPLATE: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <title>Twenty lines</title>
    <link rel="icon" href="data:," />
    <script type="module" src="/wallflower/elements.js"></script>
    <style>
      body { background: #00a000; }
      wf-tile { width: 50vw; height: 100vh; }
      h1 { position: fixed; top: 40vh; right: 5vw; margin: 0; font-size: 4rem; }
      wf-captions { position: fixed; bottom: 0; right: 0; width: 50vw; }
    </style>
  </head>
  <body>
    <wf-tile speaker></wf-tile>
    <h1><wf-count></wf-count> <wf-clock></wf-clock></h1>
    <wf-captions></wf-captions>
  </body>
</html>
"#;

fn template(bench: &Bench, html: &str) -> String {
    let folder = bench.file("template");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    std::fs::write(folder.join("index.html"), html).expect("a page can be written");
    format!("--template={}", folder.display())
}

fn is_shown(running: &mut Running) {
    running.wait_until("room", START, |event| event["room_event"]["kind"] == "caption");
    running.wait_until("progress", START, |event| event["progress"]["media_s"].as_f64() >= Some(6.0));
    running.signal("INT");
}

fn assert_shown(bench: &Bench, ended: &Ended) {
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let file = bench.file("room.mp4");
    let watch = |region| region::watch(&file, region).expect("the recording can be decoded");
    let face = watch(Region::new(0.15, 0.25, 0.2, 0.4));
    assert!(face.moving(0.1) > within(0.3, 0.1), "the face moves in {:.0} % of frames", face.moving(0.1) * 100.0);
    let own = watch(Region::new(0.7, 0.05, 0.2, 0.2)).colour;
    assert!(own[1] > 120.0 && own[0] < 40.0 && own[2] < 40.0, "the template's own background is {own:?}");
    let words = watch(Region::new(0.6, 0.38, 0.36, 0.16));
    assert!(words.texture > 8.0, "count and clock have a texture of {:.1}", words.texture);
    let vtt = std::fs::read_to_string(bench.file("room.captions.vtt")).expect("something was said");
    assert!(vtt.starts_with("WEBVTT\n") && vtt.contains("<v "), "{vtt}");
}

#[test]
fn twenty_lines_of_html_record_a_demo_room() {
    let (_turn, bench, cast_bench) = (my_turn(), Bench::new(), Bench::new());
    let listen = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port is free");
    let template = template(&bench, TEMPLATE);
    let options = [template.as_str(), "--output=room.mp4", "--size=640x360", "--fps=10", "--json"];
    let listening = format!("--demo-listen={listen}");
    let mut running = bench.start(&[&["record", "demo:lobby", listening.as_str()], &options[..]].concat());
    let target = CastTarget::Demo { url: format!("ws://{listen}/rooms/lobby/ws") };
    let cast = Cast::enter(&cast_bench, CastConfig::of(2, target).expect("within bounds"));
    is_shown(&mut running);
    let ended = running.end(SOON);
    // Their room has gone with its host.
    drop(cast);
    assert_shown(&bench, &ended);
    bench.assert_nothing_left();
}

#[test]
fn the_same_twenty_lines_record_a_livekit_room() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench) = (my_turn(), Bench::new());
    let cast = Cast::in_livekit(&bench, &server, "standup", 2);
    let (key, secret) = server.credentials();
    let bench = bench.with("LIVEKIT_API_KEY", key).with("LIVEKIT_API_SECRET", secret);
    let template = template(&bench, TEMPLATE);
    let options = [template.as_str(), "--output=room.mp4", "--size=640x360", "--fps=10", "--json"];
    let room = server.room_uri("standup");
    let mut running = bench.start(&[&["record", room.as_str()], &options[..]].concat());
    is_shown(&mut running);
    let ended = running.end(SOON);
    cast.leave();
    assert_shown(&bench, &ended);
    assert!(!format!("{ended:?}").contains("eyJ"), "a token was printed");
}

#[test]
fn a_template_that_can_t_be_shown_fails_before_the_room_is_joined_and_says_what_to_mend() {
    let (_turn, bench) = (my_turn(), Bench::new());
    std::fs::create_dir_all(bench.file("empty")).expect("a folder can be made");
    let record = |template: &str| {
        let listening = "--demo-listen=127.0.0.1:0";
        bench.run(&["record", "demo:lobby", listening, "--output=a.mp4", "--json", template], SOON)
    };
    let empty = record(&format!("--template={}", bench.file("empty").display()));
    assert_eq!(empty.code(), 2, "{empty:#?}");
    assert!(empty.stderr.contains("index.html"), "{}", empty.stderr);

    let broken = record(&template(
        &bench,
        "<!doctype html><script src=/wallflower/elements.js type=module></script><script type=module>undefinedName()</script>",
    ));
    assert_eq!(broken.finished()["failure"]["kind"], "page_failed", "{broken:#?}");
    assert!(
        broken.stderr.contains("undefinedName") && broken.stderr.contains("mend the template"),
        "{}",
        broken.stderr
    );
    assert!(!bench.files().contains("a.mp4"));
    bench.assert_nothing_left();
}
