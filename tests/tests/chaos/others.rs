//! Faults that take more than a signal.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use wallflower_tests::harness::{Bench, MinioServer, RtmpServer, Running, Site};

use super::{FPS, Fault, Row, SOON, STOPPED, changes, fill, judged, leftovers, playable, seconds, unix_us};

/// The rows whose names contain what is wanted.
pub(crate) fn rows(site: &Site, wanted: &str) -> Vec<Row> {
    type Making = fn(&Site, &str) -> Option<Row>;
    let all: [(&str, Making); 4] = [
        ("RTMP server gone for a third", rtmp_gone),
        ("S3 gone for as long as that lasts", s3_gone),
        ("everything killed at once", everything_killed),
        ("disk full", disk_full),
    ];
    all.into_iter().filter(|(name, _)| name.contains(wanted)).filter_map(|(name, row)| row(site, name)).collect()
}

fn rtmp_gone(site: &Site, name: &str) -> Option<Row> {
    let mut server = RtmpServer::start()?;
    let bench = Bench::new();
    let (url, duration, stream) = (site.url("probe.html"), format!("{}s", seconds()), server.url("live", "chaos"));
    let mut running = begin(&bench, &url, &["--duration", &duration, "--stream", &stream]);
    let is = |state: &'static str| move |event: &Value| event["stream"]["state"] == state;
    let began_us = began(&mut running)?;
    running.wait_until("stream", SOON, is("live"));
    server.stop();
    let gone = Instant::now();
    running.wait_until("stream", SOON, is("waiting"));
    running.wait_until("progress", SOON, |_| gone.elapsed() >= Duration::from_secs(seconds() / 3));
    server.start_again();
    running.wait_until("stream", SOON, is("live"));
    let ended = running.end(Duration::from_secs(seconds() + 60));
    let fault = Fault { name: "", harm: |_| {}, arguments: &[], end: STOPPED };
    Some(Row { name: name.to_owned(), ..judged(&fault, &bench, &ended, began_us, &[]) })
}

/// From a third of the recording on, until it has ended and longer.
fn s3_gone(site: &Site, name: &str) -> Option<Row> {
    let mut server = MinioServer::start()?;
    server.create_bucket("meetings");
    let bench =
        Bench::new().with("AWS_ACCESS_KEY_ID", server.access_key()).with("AWS_SECRET_ACCESS_KEY", server.secret_key());
    let destination = format!("s3://meetings/?endpoint={}", server.endpoint());
    let (url, duration) = (site.url("probe.html"), format!("{}s", seconds()));
    let mut running = begin(&bench, &url, &["--duration", &duration, "--hls", "hls", "--upload", &destination]);
    let began_us = began(&mut running)?;
    server.stop();
    let gone = Instant::now();
    running.wait_for("finalizing", Duration::from_secs(seconds() + 60));
    std::thread::sleep(Duration::from_secs(seconds()).saturating_sub(gone.elapsed()));
    server.start_again();
    let ended = running.end(Duration::from_secs(seconds() + 60));
    let fault = Fault { name: "", harm: |_| {}, arguments: &[], end: STOPPED };
    let row = judged(&fault, &bench, &ended, began_us, &[]);
    let arrived = server.object("meetings", "a.mp4") == std::fs::read(bench.file("a.mp4")).ok();
    let state = format!("{}, {}", row.state, if arrived { "uploaded" } else { "NOT uploaded" });
    Some(Row { name: name.to_owned(), state, right: row.right && arrived, ..row })
}

/// A recording of which a third is done; when it began, in microseconds since 1970.
fn began(running: &mut Running) -> Option<i64> {
    let began_us = running.wait_for("started", SOON)["first_frame_unix_us"].as_i64()?;
    let third = seconds() as f64 / 3.0;
    running.wait_until("progress", SOON, |event| event["progress"]["media_s"].as_f64() >= Some(third));
    Some(began_us)
}

fn begin(bench: &Bench, url: &str, more: &[&str]) -> Running {
    let arguments = ["record", url, "--await-start", "--size=640x360", "--json", "-o", "a.mp4"];
    bench.start(&[&arguments[..], more].concat())
}

fn everything_killed(site: &Site, name: &str) -> Option<Row> {
    let bench = Bench::new();
    let url = site.url("probe.html");
    let mut running = begin(&bench, &url, &[]);
    let began_us = began(&mut running)?;
    let harmed_us = unix_us();
    running.signal("KILL");
    for (pid, _) in bench.processes() {
        // One may have gone with another.
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
    let _ = running.end(SOON);
    let recovered = bench.run(&["recover"], SOON);
    let last_s = changes(&bench.file("a.mp4")).last().copied().unwrap_or(0.0);
    Some(Row {
        name: name.to_owned(),
        lost_s: ((harmed_us - began_us) as f64 / 1e6 - last_s - 1.0 / FPS).max(0.0),
        frozen_s: 0.0,
        gap_s: 0.0,
        recovery_s: None,
        state: "finished by `wallflower recover`".to_owned(),
        playable: playable(&bench.file("a.mp4")),
        orphans: leftovers(&bench),
        right: recovered.code() == 0,
    })
}

fn disk_full(site: &Site, name: &str) -> Option<Row> {
    let bench = Bench::on_a_small_disk(48);
    let url = site.url("probe.html");
    let mut running = begin(&bench, &url, &["--watch", "disk_reserve_bytes=0"]);
    let began_us = began(&mut running)?;
    let harmed_us = unix_us();
    fill(&bench.file("filler"), 0);
    let ended = running.end(SOON);
    let failed = ended.finished()["failure"]["kind"] == "disk_full" && ended.code() == 4;
    std::fs::remove_file(bench.file("filler")).expect("it is there");
    let recovered = bench.run(&["recover"], SOON);
    let last_s = changes(&bench.file("a.mp4")).last().copied().unwrap_or(0.0);
    Some(Row {
        name: name.to_owned(),
        lost_s: ((harmed_us - began_us) as f64 / 1e6 - last_s - 1.0 / FPS).max(0.0),
        frozen_s: 0.0,
        gap_s: 0.0,
        recovery_s: None,
        state: "failed (disk_full), finished by `wallflower recover`".to_owned(),
        playable: playable(&bench.file("a.mp4")),
        orphans: leftovers(&bench),
        right: failed && recovered.code() == 0,
    })
}
