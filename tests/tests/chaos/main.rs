//! What each fault costs a recording: `make chaos` prints the table and keeps it in `docs/chaos-table.md`.
//!
//! Every row is a recording of the frame counter's page, 60 s unless `CHAOS_SECONDS` says otherwise, to which one thing is done, mostly after a
//! third. The finished file is decoded, every frame's number read.

mod others;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use wallflower_tests::harness::run::signal;
use wallflower_tests::harness::{Bench, Ended, Running, Site, devtools, my_turn};
use wallflower_tests::media_probe::{counter, decode};

const SOON: Duration = Duration::from_secs(60);
const FPS: f64 = 30.0;

/// One thing that is done to a recording.
struct Fault {
    name: &'static str,
    harm: fn(&mut Scene<'_>),
    /// More arguments.
    arguments: &'static [&'static str],
    /// The end that is the right one.
    end: &'static str,
}

/// A recording that is under way.
struct Scene<'a> {
    bench: &'a Bench,
    running: &'a mut Running,
    harmed_us: Vec<i64>,
}

impl Scene<'_> {
    fn harm(&mut self, harm: impl FnOnce(&Bench)) {
        self.harmed_us.push(unix_us());
        harm(self.bench);
    }

    fn wait_for_the_next_attempt(&mut self) {
        self.running.wait_for("started", SOON);
    }
}

fn process(name: &'static str, with: &'static str) -> impl FnOnce(&Bench) {
    move |bench| signal(bench.process(name), with)
}

/// Sends a signal to the first of Chromium's helpers of a type.
fn helper(kind: &str, with: &'static str) -> impl FnOnce(&Bench) {
    let kind = format!("--type={kind}");
    move |bench| {
        for (pid, _) in bench.processes().iter().filter(|(_, command)| command.contains(&kind)) {
            signal(*pid, with);
        }
    }
}

const STOPPED: &str = "limit_duration";

fn faults() -> Vec<Fault> {
    let fault = |name, harm| Fault { name, harm, arguments: &[], end: STOPPED };
    vec![
        fault("nothing", |_| {}),
        fault("kill -9 ffmpeg", |scene| scene.harm(process("ffmpeg", "KILL"))),
        fault("kill -9 Xvfb", |scene| scene.harm(process("Xvfb", "KILL"))),
        fault("kill -9 PulseAudio", |scene| scene.harm(process("pulseaudio", "KILL"))),
        fault("kill -9 Chromium", |scene| scene.harm(process("chromium", "KILL"))),
        fault("kill -9 renderer", |scene| scene.harm(helper("renderer", "KILL"))),
        fault("kill -9 GPU process", |scene| scene.harm(helper("gpu-process", "KILL"))),
        fault("kill -9 agent", |scene| scene.harm(process("agent", "KILL"))),
        fault("kill -9 agent, twice", |scene| {
            scene.harm(process("agent", "KILL"));
            scene.wait_for_the_next_attempt();
            scene.running.wait_until("progress", SOON, |event| event["progress"]["queue"].is_number());
            scene.harm(process("agent", "KILL"));
        }),
        fault("kill -9 agent, while it finishes", |scene| {
            scene.running.wait_for("finalizing", SOON);
            scene.harm(process("agent", "KILL"));
        }),
        fault("SIGSTOP ffmpeg", |scene| scene.harm(process("ffmpeg", "STOP"))),
        fault("SIGSTOP Xvfb", |scene| scene.harm(process("Xvfb", "STOP"))),
        fault("SIGSTOP PulseAudio", |scene| scene.harm(process("pulseaudio", "STOP"))),
        fault("SIGSTOP Chromium", |scene| scene.harm(process("chromium", "STOP"))),
        fault("SIGSTOP renderer", |scene| scene.harm(helper("renderer", "STOP"))),
        fault("SIGSTOP agent", |scene| scene.harm(process("agent", "STOP"))),
        fault("renderer crash (Page.crash)", |scene| {
            scene.harm(|bench| devtools::tell_page(bench, "Page.crash", &json!({})));
        }),
        fault("page blocked for 10 s", |scene| {
            let block = "setTimeout(() => { const until = Date.now() + 10000; while (Date.now() < until); }, 0)";
            scene.harm(|bench| devtools::tell_page(bench, "Runtime.evaluate", &json!({ "expression": block })));
        }),
        fault("PulseAudio restarted", |scene| scene.harm(process("pulseaudio", "TERM"))),
        Fault {
            arguments: &["--watch", "disk_reserve_bytes=4000000"],
            end: "disk_low",
            ..fault("disk nearly full", |scene| {
                scene.harm(|bench| fill(&bench.file("filler"), 3_500_000));
            })
        },
    ]
}

/// Writes a file that leaves so many bytes of its disk.
fn fill(file: &Path, leave: u64) {
    let folder = file.parent().expect("it lies in a directory");
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output().expect("df runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let free: u64 = text.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("df tells what is free");
    let status = Command::new("fallocate").args(["-l", &free.saturating_sub(leave).to_string()]).arg(file).status();
    assert!(status.expect("fallocate runs").success());
}

fn unix_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// What a fault did.
struct Row {
    name: String,
    lost_s: f64,
    frozen_s: f64,
    gap_s: f64,
    recovery_s: Option<f64>,
    state: String,
    playable: Result<(), String>,
    orphans: usize,
    right: bool,
}

fn seconds() -> u64 {
    std::env::var("CHAOS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

fn row(fault: &Fault, site: &Site) -> Row {
    let bench = if fault.end == "disk_low" { Bench::on_a_small_disk(48) } else { Bench::new() };
    let (url, duration) = (site.url("probe.html"), format!("{}s", seconds()));
    let arguments =
        ["record", &url, "--await-start", "--size=640x360", "--json", "-o", "a.mp4", "--duration", &duration];
    let mut running = bench.start(&[&arguments[..], fault.arguments].concat());
    let began_us = running.wait_for("started", SOON)["first_frame_unix_us"].as_i64().expect("it tells when");
    let third = seconds() as f64 / 3.0;
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(third));
    let mut scene = Scene { bench: &bench, running: &mut running, harmed_us: Vec::new() };
    (fault.harm)(&mut scene);
    let harmed_us = scene.harmed_us;
    let ended = running.end(Duration::from_secs(seconds() + 60));
    judged(fault, &bench, &ended, began_us, &harmed_us)
}

fn judged(fault: &Fault, bench: &Bench, ended: &Ended, began_us: i64, harmed_us: &[i64]) -> Row {
    let orphans = leftovers(bench);
    let finished = ended.finished();
    let gaps: Vec<(f64, f64)> = finished["delivery"]["gaps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|gap| Some((gap["at_s"].as_f64()?, gap["length_s"].as_f64()?)))
        .collect();
    let starts: Vec<i64> = ended
        .events
        .iter()
        .filter(|event| event["event"] == "started")
        .filter_map(|event| event["first_frame_unix_us"].as_i64())
        .collect();
    let recovered =
        |harmed: &i64| starts.iter().find(|start| *start > harmed).map(|start| (start - harmed) as f64 / 1e6);
    let changes = changes(&bench.file("a.mp4"));
    let (mut lost_s, mut frozen_s) = (0.0_f64, 0.0_f64);
    for (harmed, (gap_s, _)) in harmed_us.iter().zip(&gaps) {
        let harmed_s = (harmed - began_us) as f64 / 1e6;
        let last_s = changes.iter().copied().rfind(|at_s| at_s < gap_s).unwrap_or(0.0);
        lost_s = lost_s.max(harmed_s - last_s - 1.0 / FPS);
        frozen_s = frozen_s.max(gap_s - harmed_s.max(last_s) - 1.0 / FPS);
    }
    let end = finished["end"].as_str().unwrap_or("none").to_owned();
    Row {
        name: fault.name.to_owned(),
        lost_s: lost_s.max(0.0),
        frozen_s: frozen_s.max(0.0),
        gap_s: gaps.iter().map(|(_, length_s)| length_s).fold(0.0, |sum, length_s| sum + length_s),
        recovery_s: harmed_us.iter().filter_map(recovered).reduce(f64::max),
        right: end == fault.end && finished["failure"].is_null() && ended.code() == 0,
        state: if finished["failure"].is_null() { format!("completed ({end})") } else { format!("failed ({end})") },
        playable: playable(&bench.file("a.mp4")),
        orphans,
    }
}

/// What is still there ten seconds after the end.
fn leftovers(bench: &Bench) -> usize {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let left = bench.processes().len();
        if left == 0 || Instant::now() > until {
            return left;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Times at which the frame counter showed something new.
fn changes(file: &Path) -> Vec<f64> {
    let (mut changes, mut last) = (Vec::new(), None);
    let read = decode::frames(file, decode::Colours::Gray, None, |frame| {
        if let counter::Reading::Count(number) = counter::read(frame)
            && last.replace(number) != Some(number)
        {
            changes.push(frame.pts);
        }
    });
    if read.is_err() { Vec::new() } else { changes }
}

/// Decodes everything; what ffmpeg says to it.
fn playable(file: &Path) -> Result<(), String> {
    let output =
        Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-i"]).arg(file).args(["-f", "null", "-"]).output();
    let output = output.expect("ffmpeg runs");
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() && said.is_empty() { Ok(()) } else { Err(said) }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| fault | lost beyond the gap (s) | still picture before it (s) | gap (s) | recovery (s) | final state | plays to its end | orphans |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let recovery = row.recovery_s.map_or("–".to_owned(), |seconds| format!("{seconds:.1}"));
        let playable = row.playable.as_ref().map_or_else(|why| format!("no: {why}"), |()| "yes".to_owned());
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.1} | {:.1} | {recovery} | {} | {playable} | {} |",
            row.name, row.lost_s, row.frozen_s, row.gap_s, row.state, row.orphans
        );
    }
    text
}

fn introduction() -> String {
    format!(
        "# What each fault costs\n\n\
         Written by `make chaos`. Each row is a recording of {} s of the frame counter's page (640x360 at 30), to which one thing is done, mostly \
         after a third. The finished file is decoded and the number in every frame read: *lost* is what was shown before the fault and is not \
         in the file, *still picture* is what was captured of a page or program that hung until that was noticed, *gap* is the slate. \
         *Recovery* is from the fault to the next first frame. Required: lost at most 2 s, recovery at most 5 s in 95 of 100, every file \
         decodes without a complaint, no process is left.\n\n",
        seconds()
    )
}

#[test]
#[ignore = "takes 25 minutes; `make chaos` runs it"]
fn every_fault_costs_little_and_nothing_lies() {
    let (_turn, site) = (my_turn(), Site::serve());
    let wanted = std::env::var("CHAOS_ONLY").unwrap_or_default();
    let mut rows: Vec<Row> = faults()
        .iter()
        .filter(|fault| fault.name.contains(&wanted))
        .map(|fault| {
            let row = row(fault, &site);
            print!(
                "{}",
                table(std::slice::from_ref(&row)).lines().last().map(|line| format!("{line}\n")).unwrap_or_default()
            );
            row
        })
        .collect();
    rows.extend(others::rows(&site, &wanted));
    let table = table(&rows);
    println!("\n{table}");
    if let Some(path) = std::env::var_os("CHAOS_TABLE") {
        std::fs::write(path, format!("{}{table}", introduction())).expect("the table can be written");
    }
    let mut recoveries: Vec<f64> = rows.iter().filter_map(|row| row.recovery_s).collect();
    recoveries.sort_by(f64::total_cmp);
    let p95 = recoveries.get((recoveries.len() * 95).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0.0);
    println!("recovery: p95 {p95:.1} s of {}", recoveries.len());
    let wrong: Vec<&str> = rows
        .iter()
        .filter(|row| row.lost_s > 2.0 || row.playable.is_err() || row.orphans > 0 || !row.right)
        .map(|row| row.name.as_str())
        .collect();
    assert!(wrong.is_empty(), "not as required: {wrong:?}");
    assert!(p95 <= 5.0, "recovery takes too long: {recoveries:?}");
}
