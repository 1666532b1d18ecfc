//! What an hour does to a recording: `make soak` prints it and keeps it in `docs/soak.md`.
//!
//! The probe page is recorded at 720p30 for an hour, or for `SOAK_SECONDS`. All the while the memory and the descriptors of every process
//! are read; the finished file is decoded whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use wallflower_tests::harness::{Bench, Ended, Site, my_turn};
use wallflower_tests::media_probe::Sync;

const SOON: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);
/// Short, for a peak must not be missed.
const BETWEEN_LOOKS_AT_THE_END: Duration = Duration::from_millis(50);
/// The hour is compared in this many parts. The first is where memory still settles, so the second is the measure.
const PARTS: usize = 12;
/// The same for the drift. Longer, because the page's 60 Hz and the grab's 30 Hz pass each other once in nine minutes, which moves a
/// flash by up to a frame of the page and back.
const PARTS_OF_DRIFT: usize = 6;
const MIB: f64 = 1024.0 * 1024.0;

/// What all processes of one program had at one moment.
#[derive(Clone, Copy, Default)]
struct Held {
    pss_mib: f64,
    descriptors: usize,
}

/// By program.
type Look = BTreeMap<String, Held>;

fn look(bench: &Bench) -> Look {
    let mut look = Look::new();
    for (pid, command) in bench.processes() {
        let held = look.entry(program(&command)).or_default();
        held.pss_mib += pss_mib(pid);
        held.descriptors += fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    }
    look
}

fn program(command: &str) -> String {
    let mut words = command.split(' ');
    let path = words.next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    match name {
        "wallflower" => format!("wallflower {}", words.next().unwrap_or_default()),
        _ => name.to_owned(),
    }
}

/// What can grow of a process: heap and shared memory, not the programs that are mapped, of which it would have the less the more others
/// run them. What it shares with others counts in part. 0 when it has just ended.
fn pss_mib(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kib = |line: &str| line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok());
    let counted = rollup.lines().filter(|line| line.starts_with("Pss_Anon:") || line.starts_with("Pss_Shmem:"));
    counted.filter_map(kib).sum::<f64>() / 1024.0
}

fn total_mib(look: &Look) -> f64 {
    look.values().map(|held| held.pss_mib).sum()
}

fn seconds() -> u64 {
    std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3600)
}

struct Soak {
    looks: Vec<Look>,
    finalizing_s: f64,
    finalizing_mib: f64,
    ended: Ended,
}

fn record(bench: &Bench, site: &Site) -> Soak {
    let (page, duration) = (site.url("probe.html?bustle"), format!("--duration={}s", seconds()));
    let mut running = bench.start(&[
        "record",
        &page,
        "--output=soak.mp4",
        &duration,
        "--size=1280x720",
        "--fps=30",
        "--await-start",
        "--json",
    ]);
    running.wait_for("started", SOON);
    let until = Instant::now() + Duration::from_secs(seconds());
    let mut looks = Vec::new();
    while Instant::now() + BETWEEN_LOOKS < until {
        let next = Instant::now() + BETWEEN_LOOKS;
        looks.push(look(bench));
        running.wait_until("progress", SOON, |_| Instant::now() >= next);
    }
    running.wait_for("finalizing", SOON);
    let finalizing = Instant::now();
    let mut finalizing_mib = 0.0_f64;
    while !running.has_ended() {
        finalizing_mib = finalizing_mib.max(total_mib(&look(bench)));
        std::thread::sleep(BETWEEN_LOOKS_AT_THE_END);
    }
    let finalizing_s = finalizing.elapsed().as_secs_f64();
    Soak { looks, finalizing_s, finalizing_mib, ended: running.end(SOON) }
}

/// The parts of the hour, in order.
fn parts<T>(of: &[T], count: usize) -> impl Iterator<Item = &[T]> {
    of.chunks(of.len().div_ceil(count).max(1))
}

fn mean(of: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = of.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = of.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A line of the table of what was held.
struct Kept {
    program: String,
    /// Means of the second part of the hour and the last, and the most there was.
    mib: (f64, f64, f64),
    /// The most in the second part of the hour and in the last.
    descriptors: (usize, usize),
}

fn kept(looks: &[Look]) -> Vec<Kept> {
    let parts: Vec<&[Look]> = parts(looks, PARTS).collect();
    let (second, last) = (parts.get(1).unwrap_or(&parts[0]), parts[parts.len() - 1]);
    let mut programs: Vec<&String> = looks.iter().flat_map(BTreeMap::keys).collect();
    programs.sort();
    programs.dedup();
    let of = |program: &str, look: &Look| look.get(program).copied().unwrap_or_default();
    let line = |program: &String| Kept {
        program: program.clone(),
        mib: (
            mean(second.iter().map(|look| of(program, look).pss_mib)),
            mean(last.iter().map(|look| of(program, look).pss_mib)),
            looks.iter().map(|look| of(program, look).pss_mib).fold(0.0, f64::max),
        ),
        descriptors: (
            second.iter().map(|look| of(program, look).descriptors).max().unwrap_or(0),
            last.iter().map(|look| of(program, look).descriptors).max().unwrap_or(0),
        ),
    };
    programs.into_iter().map(line).collect()
}

#[test]
#[ignore = "takes an hour and ten minutes; `make soak` runs it"]
fn an_hour_leaves_no_mark() {
    let (_turn, bench, site) = (my_turn(), Bench::new(), Site::serve());
    let soak = record(&bench, &site);
    assert_eq!(soak.ended.code(), 0, "{:#?}", soak.ended.stderr);
    let file = bench.file("soak.mp4");
    let size_mib = fs::metadata(&file).map_or(0.0, |meta| meta.len() as f64 / MIB);
    let sync = Sync::of(&file).expect("the recording can be decoded");
    bench.assert_nothing_left();

    let offsets: Vec<f64> = parts(&sync.offsets.pairs, PARTS_OF_DRIFT)
        .map(|part| median(part.iter().map(|pair| pair.1 * 1000.0)))
        .collect();
    let drift = offsets.iter().map(|offset| (offset - offsets[0]).abs()).fold(0.0, f64::max);
    let kept = kept(&soak.looks);
    let whole = |of: fn(&Kept) -> f64| kept.iter().map(of).sum::<f64>();
    let (before, after) = (whole(|line| line.mib.0), whole(|line| line.mib.1));
    let growth = (after / before - 1.0) * 100.0;
    let leaking: Vec<&str> = kept
        .iter()
        .filter(|line| line.descriptors.1 > line.descriptors.0 + 2)
        .map(|line| line.program.as_str())
        .collect();
    let unique = sync.counters.unique() * 100.0;
    let cores = &soak.ended.finished()["delivery"]["usage"];
    let core = |part: &str| cores[part].as_f64().unwrap_or(f64::NAN);
    let capture: f64 = ["encoder_cores", "display_cores", "audio_cores", "agent_cores"].map(core).iter().sum();

    let mut text = format!(
        "# What an hour does\n\n\
         Written by `make soak`: {} s of the probe page at 1280x720 and 30 frames a second, decoded whole afterwards.\n\n\
         | figure | goal | measured |\n| --- | --- | --- |\n\
         | drift: largest change of the median of flash - beep from the first {} s | <= 20 ms | {drift:.1} ms |\n\
         | unique frames | >= 99 % | {unique:.2} % |\n\
         | length of picture and sound | {} ± 0.1 s | {:.3} s, {:.3} s |\n\
         | memory, last {} s against the second | ± 10 % | {growth:+.1} % |\n\
         | programs with more descriptors at the end | 0 | {} |\n\
         | finalizing, a file of {size_mib:.0} MiB | <= 20 s | {:.1} s |\n\
         | memory while finalizing | <= 300 MB | {:.0} MiB |\n\
         | capture and encode | <= 0.3 core | {capture:.3} core |\n\n\
         Median of flash - beep, in ms, for each sixth: {}.\n\n\
         | program | MiB, second twelfth | last twelfth | most | descriptors, second twelfth | last |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        seconds(),
        seconds() / PARTS_OF_DRIFT as u64,
        seconds(),
        sync.pictures.duration(),
        sync.sound_duration,
        seconds() / PARTS as u64,
        leaking.len(),
        soak.finalizing_s,
        soak.finalizing_mib,
        offsets.iter().map(|offset| format!("{offset:+.1}")).collect::<Vec<_>>().join(", "),
    );
    for Kept { program, mib, descriptors } in &kept {
        let _ = writeln!(
            text,
            "| {program} | {:.1} | {:.1} | {:.1} | {} | {} |",
            mib.0, mib.1, mib.2, descriptors.0, descriptors.1
        );
    }
    println!("{text}\n{sync}");
    if let Some(path) = std::env::var_os("SOAK_TABLE") {
        fs::write(path, &text).expect("the table can be written");
    }
    assert!(drift <= 20.0, "sound and picture drift: {offsets:?}");
    assert!(growth.abs() <= 10.0, "memory does not stay: {before:.0} MiB, then {after:.0} MiB");
    assert!(leaking.is_empty(), "descriptors leak: {leaking:?}");
    assert!(unique >= 99.0, "{}", sync.counters);
    assert!((sync.pictures.duration() - seconds() as f64).abs() <= 0.1, "{sync}");
    assert!((sync.sound_duration - seconds() as f64).abs() <= 0.1, "{sync}");
    assert!(soak.finalizing_s <= 20.0, "finalizing took {:.1} s", soak.finalizing_s);
    assert!(soak.finalizing_mib <= 300.0, "finalizing took {:.0} MiB", soak.finalizing_mib);
}
