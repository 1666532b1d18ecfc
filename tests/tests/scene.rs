//! What a full scene costs: nine people with cameras, chat and reactions, on the page that is recorded by default.
//!
//! Their browser draws and encodes nine cameras on the same machine, so what is left for the recorder is less than it would have. The page is
//! measured as it is first, and then under a frame counter, which is laid over it by DevTools.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wallflower_domain::wire::cast::CastTarget;
use wallflower_tests::harness::devtools::Inspector;
use wallflower_tests::harness::{Bench, Cast, Running, my_turn};
use wallflower_tests::media_probe::counter::{self, Counters, Reading};
use wallflower_tests::media_probe::decode::{self, Colours};
use wallflower_tests::media_probe::plan::Plan;

const PEOPLE: usize = 9;
const START: Duration = Duration::from_secs(90);
const SOON: Duration = Duration::from_secs(60);
/// As far as the frame counter counts.
const COUNTS: i64 = 64;
/// How long each of the two is measured, in seconds.
const MEASURED_S: f64 = 30.0;
/// Everybody is there and has moved to their place.
const SETTLED_S: f64 = 4.0;

/// The counter of the probe page as an animation that the compositor performs, like all that moves on this page: cameras, tiles, reactions.
/// It counts sixtieths of a second, and begins anew after [`COUNTS`]; a frame that shows the same as the one before is one that was painted
/// once and recorded twice.
fn overlay() -> String {
    let Plan { columns, counter, .. } = Plan::get();
    let column = 100.0 / f64::from(*columns);
    let cells = counter.bits + 4;
    let (left, width) = (f64::from(counter.first_column) * column, f64::from(cells) * column);
    let (top, height, bits) = (counter.top * 100.0, counter.height * 100.0, counter.bits);
    format!(
        "(async () => {{
  const counts = {COUNTS};
  const table = Object.assign(document.createElement('canvas'), {{ width: {cells}, height: counts }});
  const draw = table.getContext('2d', {{ alpha: false }});
  for (let count = 0; count < counts; count++) {{
    const gray = count ^ (count >> 1);
    const digits = Array.from({{ length: {bits} }}, (_, at) => (gray >> ({bits} - 1 - at)) & 1);
    const parity = digits.reduce((sum, digit) => sum ^ digit, 0);
    [1, 0, ...digits, parity, 1].forEach((white, at) => {{
      draw.fillStyle = white ? 'white' : 'black';
      draw.fillRect(at, count, 1, 1);
    }});
  }}
  const strip = Object.assign(document.createElement('img'), {{ src: table.toDataURL() }});
  await strip.decode();
  strip.style.cssText = `display:block;width:100%;height:${{counts * 100}}%;image-rendering:pixelated;will-change:transform`;
  const row = document.createElement('div');
  row.style.cssText = 'position:fixed;z-index:2147483647;overflow:hidden;left:{left}vw;top:{top}vh;width:{width}vw;height:{height}vh';
  row.append(strip);
  document.body.append(row);
  const frames = {{ transform: ['translateY(0)', 'translateY(-100%)'] }};
  strip.animate(frames, {{ duration: (counts * 1000) / 60, iterations: Infinity, easing: `steps(${{counts}})` }});
}})()"
    )
}

/// Seconds that the page's main thread has worked so far, by what it worked at.
struct Work {
    script: f64,
    layout: f64,
    style: f64,
    all: f64,
    at: Instant,
}

impl Work {
    fn so_far(page: &mut Inspector) -> Self {
        let metrics = page.ask("Performance.getMetrics", &json!({}));
        let at = Instant::now();
        let of = |name: &str| {
            let metrics = metrics["metrics"].as_array().expect("metrics");
            let metric = metrics.iter().find(|metric| metric["name"] == name);
            metric.and_then(|metric| metric["value"].as_f64()).unwrap_or_else(|| panic!("no {name}"))
        };
        let (script, layout, style, all) =
            (of("ScriptDuration"), of("LayoutDuration"), of("RecalcStyleDuration"), of("TaskDuration"));
        Self { script, layout, style, all, at }
    }
}

fn media_s(event: &Value) -> Option<f64> {
    event["progress"]["media_s"].as_f64()
}

fn until(running: &mut Running, seconds: f64) {
    running.wait_until("progress", SOON, |event| media_s(event) >= Some(seconds));
}

#[test]
#[ignore = "a figure: `make bench` takes it, on a machine that does nothing else"]
fn a_scene_of_nine_people_keeps_its_frames_and_its_script_small() {
    let (_turn, bench, cast_bench) = (my_turn(), Bench::new(), Bench::new());
    let listen = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port is free");
    let listening = format!("--demo-listen={listen}");
    let line = ["record", "demo:nine", &listening, "--output=a.mp4", "--size=1280x720", "--fps=30", "--json"];
    let mut running = bench.start(&line);
    let mut config = Cast::of(PEOPLE);
    config.target = CastTarget::Demo { url: format!("ws://{listen}/rooms/nine/ws") };
    let cast = Cast::enter(&cast_bench, config);
    let now = running.wait_until("progress", START, |event| media_s(event).is_some());
    let begin = media_s(&now).expect("a time") + SETTLED_S;
    until(&mut running, begin);

    let mut page = Inspector::open(&bench);
    page.ask("Performance.enable", &json!({}));
    let before = Work::so_far(&mut page);
    until(&mut running, begin + MEASURED_S);
    let after = Work::so_far(&mut page);
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let share = |of: fn(&Work) -> f64| (of(&after) - of(&before)) / seconds;
    let (script, layout, style) = (share(|work| work.script), share(|work| work.layout), share(|work| work.style));
    let all = share(|work| work.all);

    let drawn = page.ask("Runtime.evaluate", &json!({ "expression": overlay(), "awaitPromise": true }));
    assert!(drawn["exceptionDetails"].is_null(), "{drawn}");
    until(&mut running, begin + 2.0 * MEASURED_S + 3.0);
    running.signal("INT");
    let ended = running.end(SOON);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    // Their room has gone with its host.
    drop(cast);
    bench.assert_nothing_left();
    let happened = |kind: &str| ended.events.iter().filter(|event| event["room_event"]["kind"] == kind).count();
    let (chat, reactions) = (happened("chat"), happened("reaction"));
    assert!(chat >= 10 && reactions >= 10, "{chat} lines, {reactions} reactions");

    let (mut counters, mut since) = (Counters::beginning_anew_after(COUNTS), None);
    let file = bench.file("a.mp4");
    let last = decode::pictures(&file).expect("it decodes").end;
    let seen = decode::frames(&file, Colours::Gray, None, |frame| {
        if since.is_none() && matches!(counter::read(frame), Reading::Count(_)) {
            since = Some(frame.pts + 1.0);
        }
        if since.is_some_and(|since| frame.pts >= since) && frame.pts < last - 0.5 {
            counters.see(frame);
        }
    });
    seen.expect("it decodes");
    let usage = &ended.finished()["delivery"]["usage"];
    let cores = |part: &str| usage[part].as_f64().unwrap_or_default();
    let (unique, frames) = (counters.unique(), counters.frames());
    assert!(frames > 800, "{frames} frames have a counter");
    println!("\n{PEOPLE} people with cameras, {chat} lines of chat and {reactions} reactions, 1280x720 at 30");
    println!("{:<28} | {:<9} | measured", "figure", "goal");
    println!("{:<28} | {:<9} | {:.2} % of {frames}", "unique frames", ">= 99 %", unique * 100.0);
    println!("{:<28} | {:<9} | {:.1} % of a core", "the page's own script", "<= 5 %", script * 100.0);
    println!("{:<28} | {:<9} | {:.1} % of a core", "its layout and style", "", (layout + style) * 100.0);
    println!("{:<28} | {:<9} | {:.1} % of a core", "its main thread, all in all", "", all * 100.0);
    println!("{:<28} | {:<9} | {:.2} core", "the recorder's browser", "", cores("browser_cores"));
    println!("{:<28} | {:<9} | {:.3} s", "longest stand of a picture", "", counters.longest_freeze());
    assert!(unique >= 0.99, "unique frames: {:.2} %; steps {:?}", unique * 100.0, counters.histogram());
    assert!(script <= 0.05, "the page's script takes {:.1} % of a core", script * 100.0);
}
