//! Streams to real servers: an ffmpeg that listens, decoded afterwards.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::{AgentEvent, JobStream, StreamReport, StreamState};

use super::registry::Streams;
use super::rtmp::Trust;
use super::stream::Means;
use super::{Patience, Policy, srt};
use crate::fragment::tests::encoded;
use crate::fragment::{Cutter, Fragment, Offset, Piece};
use crate::report::Report;
use crate::tap::Tap;
use crate::workdir::Lasting;

const KEY: &str = "sk-5f3a91c07e";
/// Nothing here takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was sent may take its time to arrive at the end.
fn unhurried() -> Patience {
    Patience { end: PATIENCE / 3, goodbye: PATIENCE / 3, ..Patience::default() }
}

/// A recording as far as its streams are concerned.
struct Bench {
    tap: Tap,
    streams: Streams,
    events: mpsc::UnboundedReceiver<AgentEvent>,
    folder: TempDir,
    media: Vec<Arc<Fragment>>,
    /// Fragments of it that [`Bench::send_until`] has sent.
    sent: usize,
}

impl Bench {
    /// With so many seconds of media, of which nothing was sent yet. What is sent gets to its server, however slow the machine is.
    fn new(seconds: u32) -> Self {
        Self::with(seconds, unhurried(), Trust::default())
    }

    fn with(seconds: u32, patience: Patience, trust: Trust) -> Self {
        let folder = tempfile::tempdir().expect("temp dir");
        let (events, kept) = mpsc::unbounded_channel();
        let tap = Tap::new();
        let srt = srt::Sender { ffmpeg: "ffmpeg".into(), lasting: Lasting::at(folder.path()) };
        let means = Means { policy: Policy { allow_private: true }, patience, trust, srt };
        let streams = Streams::with(means, tap.clone(), Report::new(events));
        let mut bench = Self { tap, streams, events: kept, folder, media: Vec::new(), sent: 0 };
        bench.attempt(0, seconds);
        bench
    }

    /// One more attempt, which begins at so many seconds.
    fn attempt(&mut self, at_s: u64, seconds: u32) {
        for piece in Cutter::new(Offset { frames: at_s * 30, fps: 30 }).push(&encoded(seconds, 30)).expect("valid") {
            match piece {
                Piece::Init(init) => self.tap.begin(init.bytes),
                Piece::Fragment(fragment) => self.media.push(Arc::new(fragment)),
            }
        }
    }

    fn add(&mut self, id: &str, url: &str) {
        self.streams.add(&JobStream { id: id.to_owned(), url: Secret::new(url) }).expect(id);
    }

    async fn reaches(&self, id: &str, state: StreamState) -> StreamReport {
        let status = self.streams.status(id);
        timeout(PATIENCE, status.reaches(state)).await.unwrap_or_else(|_| panic!("{state:?}, not {:?}", status.get()))
    }

    /// Sends fragments, ten times as fast as a recording does.
    async fn send(&self, range: std::ops::Range<usize>) {
        for fragment in &self.media[range] {
            self.tap.send(fragment);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends what was not sent yet, until a stream has come to a state. ffmpeg tells nothing while nothing comes, so what does not come
    /// soon is waited for at a recording's own pace: there is media for about as many seconds as it has.
    async fn send_until(&mut self, id: &str, state: StreamState) -> StreamReport {
        let status = self.streams.status(id);
        // Some states last for half a second, which a look now and then may miss.
        let reached = tokio::spawn({
            let status = status.clone();
            async move { status.reaches(state).await }
        });
        let begins = self.sent;
        while !reached.is_finished() {
            assert!(self.sent < self.media.len(), "{state:?}, not {:?}", status.get());
            self.send(self.sent..self.sent + 1).await;
            self.sent += 1;
            if self.sent - begins > 40 {
                tokio::time::sleep(Duration::from_millis(450)).await;
            }
        }
        reached.await.expect("it is reached")
    }

    async fn send_all(&self) {
        self.send(0..self.media.len()).await;
    }

    async fn remove(&mut self, stream: &str) -> StreamReport {
        timeout(PATIENCE, self.streams.remove(&Secret::new(stream))).await.expect("in time").expect("it is there");
        let is_it = |report: &StreamReport| report.id == stream || stream.contains("://");
        self.streams.reports().into_iter().find(is_it).expect("a report")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Everything that was told of any stream until now.
    fn told(&mut self) -> Vec<StreamReport> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .filter_map(|event| match event {
                AgentEvent::Stream { stream } => Some(stream),
                _ => None,
            })
            .collect()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// An ffmpeg that takes one stream and writes it to a file. The key is not on its command line: it takes any.
fn server(input: &[&str], file: &str) -> Child {
    Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(input)
        .args(["-c", "copy", file])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("ffmpeg starts")
}

fn rtmp_server(port: u16, file: &str) -> Child {
    server(&["-listen", "1", "-i", &format!("rtmp://127.0.0.1:{port}/live/any")], file)
}

/// One that listens already.
async fn srt_server(port: u16, input: &str, file: &str) -> Child {
    let server = server(&["-f", "mpegts", "-i", input], file);
    let socket = format!(":{port:04X} ");
    let listens = async {
        while !std::fs::read_to_string("/proc/net/udp").expect("readable").contains(&socket) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, listens).await.expect("it listens");
    server
}

async fn finished(mut server: Child) {
    timeout(PATIENCE, server.wait()).await.expect("in time").expect("it ends");
}

/// What a decoder finds in a file: pictures, when the last one is shown, seconds of sound, seconds between the first picture and the first sound, complaints.
#[derive(Debug)]
struct Found {
    pictures: usize,
    last_s: f64,
    sound_s: f64,
    skew_s: f64,
    complaints: String,
}

async fn decoded(file: &str) -> Found {
    let probe = |select: &'static str, entry: &'static str| async move {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", select, "-show_entries", entry, "-of", "csv=p=0", file])
            .output()
            .await
            .expect("ffprobe runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let pictures = probe("v", "frame=pts_time").await;
    let sounds = probe("a", "frame=pts_time,nb_samples").await;
    let number = |text: &str| text.trim_end_matches(',').parse::<f64>().unwrap_or_else(|_| panic!("{text}"));
    let samples: f64 = sounds.iter().map(|line| number(line.split(',').nth(1).expect("samples"))).sum();
    let time = |line: &String| number(line.split(',').next().expect("a time"));
    let first = |lines: &[String]| lines.first().map(time).expect("a frame");
    let check = Command::new("ffmpeg").args(["-v", "error", "-i", file, "-f", "null", "-"]).output();
    Found {
        pictures: pictures.len(),
        last_s: pictures.last().map(time).expect("a frame"),
        sound_s: samples / 48_000.0,
        skew_s: first(&sounds) - first(&pictures),
        complaints: String::from_utf8_lossy(&check.await.expect("ffmpeg runs").stderr).into_owned(),
    }
}

impl Found {
    fn assert_whole(&self, seconds: u32) {
        assert_eq!((self.pictures, self.complaints.as_str()), (30 * seconds as usize, ""), "{self:?}");
        assert!((self.sound_s - f64::from(seconds)).abs() < 0.1, "{self:?}");
        // The sound's encoder begins 21 ms early, and times are whole milliseconds.
        assert!((self.skew_s + 0.0213).abs() < 0.003, "{self:?}");
    }
}

/// Command lines of all processes.
fn command_lines() -> Vec<String> {
    crate::workdir::processes()
        .filter_map(|process| std::fs::read(format!("/proc/{}/cmdline", process.pid)).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

#[tokio::test]
async fn an_rtmp_server_gets_every_frame_and_the_sound_with_it() {
    let mut bench = Bench::new(6);
    let (port, file) = (free_port(), bench.path("out.flv"));
    let server = rtmp_server(port, &file);
    bench.add("s1", &format!("rtmp://127.0.0.1:{port}/live/{KEY}"));
    bench.reaches("s1", StreamState::Live).await;
    bench.send_all().await;
    let report = bench.remove("s1").await;
    finished(server).await;
    decoded(&file).await.assert_whole(6);
    assert_eq!((report.state, report.missed_s), (StreamState::Ended, 0.0));
    assert!((report.sent_s - 6.0).abs() < 0.01 && report.bytes > 10_000, "{report:?}");
}

/// Takes TLS off connections to the port that it gives, as a server of its own; gives its certificate, too.
pub(crate) fn tls_front(behind: u16) -> (u16, CertificateDer<'static>) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = signed.cert.der().clone();
    let key = signed.signing_key.serialize_der().try_into().expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate.clone()], key))
        .expect("a configuration");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("tokio's");
    let port = listener.local_addr().expect("a port").port();
    let listener = tokio::net::TcpListener::from_std(listener).expect("tokio's");
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut outside) = acceptor.accept(stream).await else { continue };
            let Ok(mut inside) = tokio::net::TcpStream::connect(("127.0.0.1", behind)).await else { continue };
            let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
        }
    });
    (port, certificate)
}

#[tokio::test]
async fn rtmps_is_the_same_over_tls() {
    let behind = free_port();
    let (port, certificate) = tls_front(behind);
    let mut bench = Bench::with(4, unhurried(), Trust::only(certificate));
    let file = bench.path("out.flv");
    let server = rtmp_server(behind, &file);
    bench.add("s1", &format!("rtmps://localhost:{port}/live/{KEY}"));
    bench.reaches("s1", StreamState::Live).await;
    bench.send_all().await;
    bench.remove("s1").await;
    finished(server).await;
    decoded(&file).await.assert_whole(4);
}

#[tokio::test]
async fn a_server_without_a_trusted_certificate_gets_no_key() {
    let (port, _) = tls_front(free_port());
    let mut bench = Bench::new(1);
    bench.add("s1", &format!("rtmps://localhost:{port}/live/{KEY}"));
    let report = bench.reaches("s1", StreamState::Waiting).await;
    let trouble = report.trouble.expect("trouble");
    assert!(trouble.starts_with("localhost has no TLS connection that can be trusted"), "{trouble}");
}

#[tokio::test]
async fn times_go_on_after_a_gap_and_beyond_24_bits() {
    let mut bench = Bench::new(2);
    // 0xffffff ms are 16777.2 s.
    bench.attempt(16_776, 4);
    let (port, file) = (free_port(), bench.path("out.flv"));
    let server = rtmp_server(port, &file);
    bench.add("s1", &format!("rtmp://127.0.0.1:{port}/live/{KEY}"));
    bench.reaches("s1", StreamState::Live).await;
    bench.send_all().await;
    let report = bench.remove("s1").await;
    finished(server).await;
    assert_eq!(report.missed_s, 0.0, "a gap is nothing that was missed");
    let found = decoded(&file).await;
    assert_eq!((found.pictures, found.complaints.as_str()), (180, ""), "{found:?}");
    assert!((found.last_s - 16_779.967 - 0.0213).abs() < 0.003, "{found:?}");
}

#[tokio::test]
async fn a_stream_gets_the_part_between_its_beginning_and_its_end() {
    let mut bench = Bench::new(8);
    let (port, file) = (free_port(), bench.path("out.flv"));
    let server = rtmp_server(port, &file);
    bench.send(0..3).await;
    let url = format!("rtmp://127.0.0.1:{port}/live/{KEY}");
    bench.add("s1", &url);
    bench.reaches("s1", StreamState::Live).await;
    bench.send(3..13).await;
    let report = bench.remove(&url).await;
    bench.send(13..16).await;
    finished(server).await;
    // From the next segment, which begins at 2 s, to the end of the 13th fragment.
    assert!((report.sent_s - 4.5).abs() < 0.01, "{report:?}");
    let found = decoded(&file).await;
    assert_eq!((found.pictures, found.complaints.as_str()), (135, ""), "{found:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_until_it_is() {
    let mut bench = Bench::new(4);
    let (port, file) = (free_port(), bench.path("out.flv"));
    bench.add("s1", &format!("rtmp://127.0.0.1:{port}/live/{KEY}"));
    let report = bench.reaches("s1", StreamState::Waiting).await;
    let trouble = format!("127.0.0.1:{port} refuses connections; is the server running?");
    assert_eq!((report.retries, report.trouble), (1, Some(trouble)));
    bench.send(0..4).await;
    let server = rtmp_server(port, &file);
    bench.reaches("s1", StreamState::Live).await;
    bench.send(4..8).await;
    let report = bench.remove("s1").await;
    finished(server).await;
    assert!((report.sent_s - 2.0).abs() < 0.01 && (report.missed_s - 2.0).abs() < 0.01, "{report:?}");
    assert_eq!(decoded(&file).await.pictures, 60);
    let states: Vec<StreamState> = bench.told().into_iter().map(|report| report.state).collect();
    assert_eq!(states.first(), Some(&StreamState::Connecting));
    assert!(states.contains(&StreamState::Waiting) && states.contains(&StreamState::Live), "{states:?}");
    assert_eq!(states.last(), Some(&StreamState::Ended));
}

#[tokio::test]
async fn a_server_that_dies_is_taken_up_again_with_the_next_segment() {
    let mut bench = Bench::new(8);
    let (port, first, second) = (free_port(), bench.path("1.flv"), bench.path("2.flv"));
    let mut server = rtmp_server(port, &first);
    bench.add("s1", &format!("rtmp://127.0.0.1:{port}/live/{KEY}"));
    bench.reaches("s1", StreamState::Live).await;
    bench.send(0..4).await;
    server.kill().await.expect("killed");
    let report = bench.reaches("s1", StreamState::Waiting).await;
    assert_eq!(report.trouble, Some(format!("127.0.0.1:{port} has closed the connection.")));
    let server = rtmp_server(port, &second);
    bench.reaches("s1", StreamState::Live).await;
    bench.send(5..16).await;
    let report = bench.remove("s1").await;
    finished(server).await;
    assert_eq!(decoded(&second).await.pictures, 120);
    assert!((report.sent_s - 6.0).abs() < 0.51, "{report:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_and_tried_again() {
    let patience = Patience { setup: Duration::from_millis(200), ..Patience::default() };
    let mut bench = Bench::with(1, patience, Trust::default());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("a port").port();
    bench.add("s1", &format!("rtmp://127.0.0.1:{port}/live/{KEY}"));
    let report = bench.reaches("s1", StreamState::Waiting).await;
    assert_eq!(report.trouble, Some(format!("127.0.0.1:{port} did not take the stream within 0.2 s.")));
    bench.reaches("s1", StreamState::Connecting).await;
    let ended = timeout(PATIENCE, bench.streams.shutdown()).await.expect("in time");
    assert_eq!(ended[0].state, StreamState::Ended);
}

#[tokio::test]
async fn a_server_that_stalls_is_noticed_and_hurts_no_other_stream() {
    let mut bench = Bench::new(6);
    let (ports, files) = ([free_port(), free_port()], [bench.path("1.flv"), bench.path("2.flv")]);
    let servers = [rtmp_server(ports[0], &files[0]), rtmp_server(ports[1], &files[1])];
    for (id, port) in ["s1", "s2"].into_iter().zip(ports) {
        bench.add(id, &format!("rtmp://127.0.0.1:{port}/live/{KEY}"));
        bench.reaches(id, StreamState::Live).await;
    }
    // Servers that were slow to start.
    let tries = bench.streams.status("s2").get().retries;
    let stalled = Pid::from_raw(i32::try_from(servers[0].id().expect("it runs")).expect("a pid"));
    kill(stalled, Signal::SIGSTOP).expect("stopped");
    // The trouble is told for as long as it waits to try again.
    let status = bench.streams.status("s1");
    let noticed = tokio::spawn(async move { status.reaches(StreamState::Waiting).await });
    // What the kernels on the way take until the server's silence shows.
    let mut rounds = 0;
    while !noticed.is_finished() {
        rounds += 1;
        assert!(rounds < 100, "{:?}", bench.streams.reports());
        bench.send_all().await;
    }
    let report = noticed.await.expect("it was noticed");
    assert!(report.trouble.expect("trouble").ends_with("has taken nothing for 5 s."));
    let other = bench.remove("s2").await;
    assert_eq!((other.missed_s, other.retries), (0.0, tries));
    assert!((other.sent_s - 6.0 * f64::from(rounds)).abs() < 0.01, "{other:?} {rounds}");
    let [_stalled, server] = servers;
    finished(server).await;
    assert!(decoded(&files[1]).await.pictures >= 180);
}

#[tokio::test]
async fn the_end_of_a_recording_does_not_wait_for_a_server_that_stalls() {
    let patience =
        Patience { end: Duration::from_millis(300), grace: PATIENCE / 3, stall: PATIENCE, ..Patience::default() };
    let mut bench = Bench::with(6, patience, Trust::default());
    let port = free_port();
    let server = rtmp_server(port, &bench.path("out.flv"));
    bench.add("s1", &format!("rtmp://127.0.0.1:{port}/live/{KEY}"));
    bench.reaches("s1", StreamState::Live).await;
    kill(Pid::from_raw(i32::try_from(server.id().expect("it runs")).expect("a pid")), Signal::SIGSTOP)
        .expect("stopped");
    // Until the kernels on the way take no more.
    let mut sent_s = 0.0;
    while bench.streams.status("s1").get().sent_s > sent_s - 2.0 {
        bench.send_all().await;
        sent_s += 6.0;
    }
    let ended = timeout(PATIENCE / 2, bench.streams.shutdown()).await.expect("within its deadline");
    assert_eq!(ended[0].state, StreamState::Ended);
    assert_eq!(ended[0].trouble, Some(format!("127.0.0.1:{port} did not take the end of the stream in time.")));
}

#[tokio::test]
async fn a_stream_that_is_not_connected_ends_at_once() {
    let patience = Patience { setup: PATIENCE, end: PATIENCE, ..Patience::default() };
    let mut bench = Bench::with(1, patience, Trust::default());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("a port").port();
    bench.add("s1", &format!("rtmp://127.0.0.1:{port}/live/{KEY}"));
    bench.add("s2", &format!("rtmp://127.0.0.1:{}/live/{KEY}", free_port()));
    bench.reaches("s2", StreamState::Waiting).await;
    let ended = timeout(PATIENCE / 2, bench.streams.shutdown()).await.expect("at once");
    assert!(ended.iter().all(|report| report.state == StreamState::Ended), "{ended:?}");
}

#[tokio::test]
async fn a_key_is_seen_nowhere() {
    let mut bench = Bench::new(60);
    let (ports, file) = ([free_port(), free_port()], bench.path("out.flv"));
    let rtmp = rtmp_server(ports[0], &file);
    let input = format!("srt://127.0.0.1:{}?mode=listener", ports[1]);
    let srt = server(&["-f", "mpegts", "-i", &input], &bench.path("out.ts"));
    bench.add("s1", &format!("rtmp://127.0.0.1:{}/live/{KEY}?token={KEY}2", ports[0]));
    bench.add("s2", &format!("srt://127.0.0.1:{}?streamid=publish/{KEY}", ports[1]));
    bench.reaches("s1", StreamState::Live).await;
    bench.send(0..1).await;
    let lines = command_lines();
    assert!(!lines.iter().any(|line| line.contains(KEY)), "while the sender of SRT starts");
    bench.send_until("s2", StreamState::Live).await;
    let lines = command_lines();
    assert!(lines.iter().any(|line| line.contains(&format!("srt://127.0.0.1:{}", ports[1]))), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains(KEY)));
    let left = |folder: &Path| std::fs::read_dir(folder).expect("readable").flatten().map(|entry| entry.file_name());
    assert!(!left(bench.folder.path()).any(|name| name.to_string_lossy().contains("ffpreset")), "the preset is gone");
    let address = bench.streams.add(&JobStream { id: "s3".into(), url: Secret::new(format!("rtmp://h/{KEY}")) });
    let again = bench.streams.add(&JobStream {
        id: "s3".into(),
        url: Secret::new(format!("srt://127.0.0.1:{}?streamid=publish/{KEY}", ports[1])),
    });
    let gone = bench.streams.remove(&Secret::new(format!("rtmp://127.0.0.1/live/{KEY}"))).await;
    bench.remove("s1").await;
    bench.remove("s2").await;
    finished(rtmp).await;
    finished(srt).await;
    let told = format!("{:?} {address:?} {again:?} {gone:?} {:?}", bench.streams.reports(), bench.told());
    assert!(told.contains("/live/****") && told.contains("?****") && !told.contains(KEY), "{told}");
}

#[tokio::test]
async fn a_stream_is_refused_that_is_there_already_or_can_t_be() {
    let mut bench = Bench::new(1);
    let mut add = |id: &str, url: &str| bench.streams.add(&JobStream { id: id.into(), url: Secret::new(url) });
    assert!(add("s1", "rtmp://127.0.0.1:9/live/key1").is_ok());
    let message = |result: Result<(), wallflower_domain::failure::Failure>| result.expect_err("refused").message;
    assert_eq!(message(add("s1", "rtmp://127.0.0.1:9/live/key2")), "There is a stream s1 already; choose another id.");
    assert_eq!(
        message(add("s2", "rtmp://127.0.0.1:9/live/key1")),
        "The recording is streamed to rtmp://127.0.0.1:9/live/**** already, as s1."
    );
    assert!(message(add("../s", "rtmp://127.0.0.1:9/live/key2")).starts_with("A stream's id has"));
    for number in 2..=16 {
        assert!(add(&format!("s{number}"), &format!("rtmp://127.0.0.1:9/live/key{number}")).is_ok());
    }
    assert!(message(add("s17", "rtmp://127.0.0.1:9/live/key17")).starts_with("A recording has at most 16 streams"));
    let gone = bench.streams.remove(&Secret::new("s99")).await.expect_err("unknown").message;
    assert!(gone.starts_with("There is no such stream; there is s1, s2"), "{gone}");
}

#[tokio::test]
async fn an_srt_server_gets_every_frame_if_the_passphrase_is_right() {
    let mut bench = Bench::new(60);
    let (port, file) = (free_port(), bench.path("out.ts"));
    let passphrase = "correct horse";
    let input = format!("srt://127.0.0.1:{port}?mode=listener&passphrase={passphrase}");
    let server = srt_server(port, &input, &file).await;
    bench.add("wrong", &format!("srt://127.0.0.1:{port}?passphrase=battery-staple"));
    bench.send_until("wrong", StreamState::Waiting).await;
    let report = bench.remove("wrong").await;
    assert_eq!(report.trouble, Some(format!("127.0.0.1:{port} refuses the passphrase.")));
    assert!(report.sent_s == 0.0 && report.missed_s > 0.0, "{report:?}");
    bench.add("right", &format!("srt://127.0.0.1:{port}?passphrase=correct%20horse"));
    // The next segment, and what makes 6 s of it.
    let begins = bench.sent.next_multiple_of(4);
    bench.send(begins..begins + 12).await;
    bench.reaches("right", StreamState::Live).await;
    let report = bench.remove("right").await;
    finished(server).await;
    assert_eq!((report.state, &report.trouble), (StreamState::Ended, &None));
    assert!((report.sent_s - 6.0).abs() < 0.01, "{report:?}");
    let found = decoded(&file).await;
    assert_eq!((found.pictures, found.complaints.as_str()), (180, ""), "{found:?}");
    // The sound's frames do not begin where a segment does.
    assert!((found.sound_s - 6.0).abs() < 0.3 && found.skew_s.abs() < 0.022, "{found:?}");
}

#[tokio::test]
async fn an_srt_server_that_is_not_there_is_tried_again() {
    let mut bench = Bench::new(60);
    let port = free_port();
    bench.add("s1", &format!("srt://127.0.0.1:{port}"));
    let report = bench.send_until("s1", StreamState::Waiting).await;
    assert_eq!(report.trouble, Some(format!("127.0.0.1:{port} does not answer; is the server running?")));
    let ended = timeout(PATIENCE, bench.streams.shutdown()).await.expect("in time");
    assert_eq!(ended[0].state, StreamState::Ended);
}

#[tokio::test]
async fn an_srt_server_that_dies_is_taken_up_again() {
    let mut bench = Bench::new(120);
    let (port, file) = (free_port(), bench.path("out.ts"));
    let input = format!("srt://127.0.0.1:{port}?mode=listener");
    let mut first = srt_server(port, &input, &bench.path("lost.ts")).await;
    bench.add("s1", &format!("srt://127.0.0.1:{port}"));
    bench.send_until("s1", StreamState::Live).await;
    first.kill().await.expect("killed");
    let report = bench.send_until("s1", StreamState::Waiting).await;
    assert_eq!(report.trouble, Some(format!("127.0.0.1:{port} has gone.")));
    let second = server(&["-f", "mpegts", "-i", &input], &file);
    bench.send_until("s1", StreamState::Live).await;
    let ended = bench.remove("s1").await;
    finished(second).await;
    let found = decoded(&file).await;
    let sent_s = ended.sent_s - report.sent_s;
    assert!(sent_s >= 0.5 && found.complaints.is_empty(), "{found:?} {ended:?}");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
    let expected = (sent_s * 30.0).round() as usize;
    assert_eq!(found.pictures, expected, "{found:?} {ended:?}");
}
