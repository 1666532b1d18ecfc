//! What a recording of the probe page at 720p30 measures, read back from the finished file.

use std::time::Duration;

use wallflower_tests::harness::pages::Answer;
use wallflower_tests::harness::{Bench, Pages, Site, my_turn, within};
use wallflower_tests::media_probe::{Sync, decode};

const SECONDS: f64 = 30.0;
const DEADLINE: Duration = Duration::from_secs(180);

/// Least and greatest.
type Range = (f64, f64);

/// What was measured, and the range in which it has to lie.
struct Figure {
    name: &'static str,
    unit: &'static str,
    measured: Range,
    required: Range,
}

impl Figure {
    fn holds(&self) -> bool {
        self.measured.0 >= self.required.0 && self.measured.1 <= self.required.1
    }
}

#[expect(clippy::print_stdout, reason = "the figures are to be seen")]
/// As a table; then fails when one lies outside.
fn judge(figures: &[Figure]) {
    let range = |(least, greatest): Range| match least == greatest {
        true => format!("{least}"),
        false => format!("{least} to {greatest}"),
    };
    println!("\n{:<30} | {:<6} | {:<14} | measured", "figure", "unit", "required");
    for figure @ Figure { name, unit, measured, required } in figures {
        let missed = if figure.holds() { "" } else { "   MISSED" };
        let measured = match measured {
            (least, greatest) if least == greatest => format!("{least:.2}"),
            (least, greatest) => format!("{least:.1} to {greatest:.1}"),
        };
        println!("{name:<30} | {unit:<6} | {:<14} | {measured}{missed}", range(*required));
    }
    let missed: Vec<_> = figures.iter().filter(|figure| !figure.holds()).map(|figure| figure.name).collect();
    assert!(missed.is_empty(), "missed: {missed:?}");
}

fn one(value: f64) -> Range {
    (value, value)
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
    println!("{sync}\n{usage}");

    let start_s = started["start_latency_ms"].as_f64().expect("it says how long the start took") / 1000.0;
    let capture = ["encoder_cores", "display_cores", "audio_cores", "agent_cores"].map(cores).iter().sum();
    let figure = |name, unit, measured, required| Figure { name, unit, measured, required };
    let count = |count: usize| one(f64::from(u32::try_from(count).expect("there are fewer of them than frames")));
    let as_long_as_asked = (SECONDS - 0.1, SECONDS + 0.1);
    judge(&[
        figure("unique frames", "%", one(sync.counters.unique() * 100.0), (within(99.0, 50.0), 100.0)),
        figure("unreadable frames", "", count(sync.counters.unreadable()), (0.0, within(0.0, 5.0))),
        figure("pairs of flash and beep", "", count(sync.offsets.pairs.len()), (within(27.0, 20.0), 31.0)),
        figure("flashes and beeps alone", "", count(sync.offsets.unpaired), (0.0, within(0.0, 10.0))),
        figure("flash - beep, median", "ms", one(sync.offsets.median_ms()), within((-20.0, 20.0), (-80.0, 80.0))),
        figure("flash - beep, each", "ms", sync.offsets.range_ms(), within((-40.0, 40.0), (-400.0, 400.0))),
        figure("length of the picture", "s", one(sync.pictures.duration()), as_long_as_asked),
        figure("length of the sound", "s", one(sync.sound_duration), as_long_as_asked),
        figure("capture and encode", "core", one(capture), (0.0, within(0.3, 1.6))),
        figure("cold start to the first frame", "s", one(start_s), (0.0, within(2.5, 60.0))),
    ]);
    bench.assert_nothing_left();
}

/// At few frames a second, where ffmpeg would look at the pictures for two seconds before it opened the sound.
#[test]
fn the_sound_begins_with_the_picture() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let hum = "<script>const context = new AudioContext(), hum = context.createOscillator(); hum.connect(context.destination); \
               hum.start(); const heard = () => context.currentTime > 1 ? console.log('START_RECORDING') : setTimeout(heard, 20); \
               heard();</script>";
    let pages = Pages::serve(&[("/", Answer::Html(hum.into()))]);
    let url = pages.url("/");
    let size = ["--size=320x180", "--fps=10", "--duration=4s", "--json", "-o", "a.mp4"];
    let ended = bench.run(&[&["record", &url, "--await-start"], &size[..]].concat(), DEADLINE);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let samples = decode::samples(&bench.file("a.mp4")).expect("the sound decodes");
    let first = samples.values.iter().position(|value| value.abs() > 0.1).expect("there is sound");
    let begins_s = samples.time_of(first as f64);
    assert!(begins_s <= within(0.25, 1.5), "the sound begins at {begins_s} s");
    bench.assert_nothing_left();
}
