//! The figures that a recording has to reach, measured on the finished file of the probe page.

use std::time::Duration;

use wallflower_tests::harness::{Bench, Site, my_turn};
use wallflower_tests::media_probe::Sync;

const SECONDS: f64 = 30.0;
const DEADLINE: Duration = Duration::from_secs(90);

struct Figure {
    name: &'static str,
    goal: String,
    measured: String,
    reached: bool,
}

fn figure(name: &'static str, goal: impl Into<String>, measured: String, reached: bool) -> Figure {
    Figure { name, goal: goal.into(), measured, reached }
}

#[expect(clippy::print_stdout, reason = "the figures are to be seen")]
/// As a table; then fails when a goal was missed.
fn judge(figures: &[Figure]) {
    println!("\n{:<32} | {:<14} | measured", "figure", "goal");
    for Figure { name, goal, measured, reached } in figures {
        println!("{name:<32} | {goal:<14} | {measured}{}", if *reached { "" } else { "   MISSED" });
    }
    let missed: Vec<_> = figures.iter().filter(|figure| !figure.reached).map(|figure| figure.name).collect();
    assert!(missed.is_empty(), "missed: {missed:?}");
}

#[test]
fn a_recording_of_720p30_reaches_its_figures() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let page = site.url("probe.html");
    let mut running = bench.start(&[
        "record",
        &page,
        "--output=probe.mp4",
        "--duration=30s",
        "--size=1280x720",
        "--fps=30",
        "--await-start",
        "--json",
    ]);
    let started = running.wait_for("started", DEADLINE);
    let ended = running.end(DEADLINE);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let usage = &ended.finished()["delivery"]["usage"];
    let cores = |part: &str| usage[part].as_f64().unwrap_or_else(|| panic!("no {part} in {usage}"));
    let sync = Sync::of(&bench.file("probe.mp4")).expect("the recording can be decoded");

    let start_s = started["start_latency_ms"].as_f64().expect("it says how long the start took") / 1000.0;
    let capture = cores("encoder_cores") + cores("display_cores") + cores("audio_cores");
    let median = sync.offsets.median_ms();
    let (least, greatest) = sync.offsets.range_ms();
    let (pairs, unpaired) = (sync.offsets.pairs.len(), sync.offsets.unpaired);
    let (picture, sound) = (sync.pictures.duration(), sync.sound_duration);
    let (unique, unreadable) = (sync.counters.unique(), sync.counters.unreadable());
    let as_long_as_asked = |seconds: f64| (seconds - SECONDS).abs() <= 0.1;
    let samples_hold = least >= -40.0 && greatest <= 40.0 && pairs >= 27 && unpaired == 0;
    println!("{sync}\n{usage}");
    judge(&[
        figure("unique frames", ">= 99 %", format!("{:.2} %", unique * 100.0), unique >= 0.99),
        figure("unreadable frames", "0", unreadable.to_string(), unreadable == 0),
        figure("flash - beep, median", "± 20 ms", format!("{median:+.1} ms"), median.abs() <= 20.0),
        figure("flash - beep, each", "± 40 ms", format!("{least:+.1} to {greatest:+.1} ms of {pairs}"), samples_hold),
        figure("length of the picture", "30 ± 0.1 s", format!("{picture:.3} s"), as_long_as_asked(picture)),
        figure("length of the sound", "30 ± 0.1 s", format!("{sound:.3} s"), as_long_as_asked(sound)),
        figure("capture and encode", "<= 0.3 core", format!("{capture:.3} core"), capture <= 0.3),
        figure("cold start to the first frame", "<= 2.5 s", format!("{start_s:.2} s"), start_s <= 2.5),
    ]);
    bench.assert_nothing_left();
}
