//! Pages of a designer: the bridge of our own contract, and LiveKit's template contract (query parameters and console signals).

use std::time::Duration;

use serde_json::Value;
use wallflower_tests::harness::pages::Answer;
use wallflower_tests::harness::{Bench, Ended, Pages, Site, my_turn};
use wallflower_tests::media_probe::{Region, decode, region};

const SOON: Duration = Duration::from_secs(120);
const SMALL: [&str; 4] = ["--size=320x180", "--fps=10", "--json", "--output=a.mp4"];

/// As LiveKit's own templates: room, layout and token from the query, START_RECORDING when the room is shown, END_RECORDING when it is
/// over. It turns green when the parameters are what the contract says, red when not.
const TEMPLATE: &str = r##"<body style="margin: 0; height: 100vh; background: black"><script>
const query = new URLSearchParams(location.search);
const claims = JSON.parse(atob(query.get("token").split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
const { hidden, recorder, roomJoin, canPublish, canSubscribe, room } = claims.video;
const silent = hidden && recorder && roomJoin && canSubscribe && !canPublish && room === "standup";
const asked = query.get("layout") === "speaker" && query.get("url") === "ws://127.0.0.1:9/" && query.get("mine") === "kept";
setTimeout(() => {
  document.body.style.background = silent && asked ? "#00ff00" : "#ff0000";
  console.log("START_RECORDING");
  setTimeout(() => console.log("END_RECORDING"), 3000);
}, 1500);
</script>"##;

#[track_caller]
fn record(bench: &Bench, arguments: &[&str]) -> Ended {
    let ended = bench.run(&[&["record"], arguments, &SMALL[..]].concat(), SOON);
    bench.assert_nothing_left();
    ended
}

fn seconds(bench: &Bench) -> f64 {
    decode::pictures(&bench.file("a.mp4")).expect("the recording can be decoded").duration()
}

fn end_of(ended: &Ended) -> (i32, &Value) {
    (ended.code(), &ended.finished()["end"])
}

#[test]
fn a_template_of_livekit_gets_its_parameters_and_its_console_starts_and_ends_the_recording() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let pages = Pages::serve(&[("/template", Answer::Html(TEMPLATE.into()))]);
    let template = format!("--template={}", pages.url("/template?mine=kept"));
    let ended = record(
        &bench,
        &[
            "livekit+ws://127.0.0.1:9/standup",
            &template,
            "--layout=speaker",
            "--api-key=devkey",
            "--api-secret=a secret of at least thirty-two characters",
        ],
    );
    assert_eq!(end_of(&ended), (0, &"room_ended".into()), "{ended:#?}");
    let colour = region::watch(&bench.file("a.mp4"), Region::ALL).expect("the recording can be decoded").colour;
    // From the first frame on: nothing was recorded before the signal.
    assert!(colour[1] > 200.0 && colour[0] < 60.0 && colour[2] < 60.0, "{colour:?} with {:?}", pages.seen());
    let seconds = seconds(&bench);
    assert!((1.0..7.0).contains(&seconds), "{seconds} s between the signals, which are 3 s apart");
    let printed = format!("{:?}{}", ended.events, ended.stderr);
    assert!(!printed.contains("eyJ"), "a token was printed: {printed}");
}

#[test]
fn a_page_that_waits_for_its_signal_is_not_recorded_before_it() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    for page in ["probe.html?ends=2", "probe.html?behaviour=egress&ends=2"] {
        let ended = record(&bench, &[&site.url(page), "--await-start"]);
        assert_eq!(end_of(&ended), (0, &"room_ended".into()), "{page}: {ended:#?}");
        let seconds = seconds(&bench);
        assert!((0.5..6.0).contains(&seconds), "{page}: {seconds} s of 2");
        std::fs::remove_file(bench.file("a.mp4")).expect("it is there");
    }
}

#[test]
fn a_page_that_never_signals_or_throws_says_so_in_time() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    for (behaviour, word) in [("silent", "start signal"), ("throws", "as it was asked to")] {
        let page = site.url(&format!("probe.html?behaviour={behaviour}"));
        let ended = record(&bench, &[&page, "--await-start", "--start-deadline=8s"]);
        assert_eq!(ended.code(), 3, "{ended:#?}");
        assert_eq!(ended.finished()["failure"]["kind"], "no_start_signal", "{ended:#?}");
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
        assert!(!bench.files().contains("a.mp4"));
    }
}
