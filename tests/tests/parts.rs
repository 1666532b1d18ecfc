//! The servers that media tests stream and upload to, and the faults between: each does by itself what those tests take for granted.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use wallflower_tests::harness::{Direction, MinioServer, RtmpServer, SrtListener, Toxic, Toxiproxy, rtmp};
use wallflower_tests::media_probe::{decode, tone};

const SOON: Duration = Duration::from_secs(60);
/// Long enough for loopback to have brought what it brings.
const NEVER: Duration = Duration::from_millis(300);
const TONE_HZ: f64 = 440.0;

/// ffmpeg that sends a small moving picture and a tone; killed when dropped.
struct Sender(Child);

impl Sender {
    fn start(url: &str, format: &str, seconds: u32) -> Self {
        let child = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=15"])
            .args(["-re", "-f", "lavfi", "-i", &format!("sine=frequency={TONE_HZ}:sample_rate=48000")])
            .args(["-t", &seconds.to_string(), "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"])
            .args(["-g", "15", "-c:a", "aac", "-f", format, url])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ffmpeg starts");
        Self(child)
    }

    #[track_caller]
    fn end(mut self) -> ExitStatus {
        eventually("the sender ends", || matches!(self.0.try_wait(), Ok(Some(_))));
        self.0.wait().expect("a child can be awaited")
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "not within {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until there are so many files of the key, the last of which holds a second of what was sent.
#[track_caller]
fn wait_for_media(server: &RtmpServer, key: &str, files: usize) {
    // 20 kB: see what `Sender` sends.
    eventually("a second is recorded", || {
        let recordings = server.recordings(key);
        recordings.len() == files && recordings.last().is_some_and(|file| length(file) > 20_000)
    });
}

fn length(file: &Path) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

/// The whole file can be decoded, and is what the sender sent.
#[track_caller]
fn assert_is_what_was_sent(file: &Path) {
    let pictures = decode::pictures(file).expect("the picture can be decoded");
    assert!(pictures.frames >= 10, "{pictures:?}");
    let samples = decode::samples(file).expect("the sound can be decoded");
    let (sent, beside) =
        (tone::strongest(&samples.values, TONE_HZ, 0.25), tone::strongest(&samples.values, 620.0, 0.25));
    assert!(sent > 0.05 && sent > 10.0 * beside, "{sent:.4} at the tone, {beside:.4} beside it");
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&address, SOON)
}

#[track_caller]
fn assert_refused(address: SocketAddr) {
    assert_eq!(connect(address).expect_err("connections are refused").kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_stream_is_listed_and_recorded_until_its_connection_is_cut() {
    let (Some(server), Some(toxiproxy)) = (RtmpServer::start(), Toxiproxy::start()) else { return };
    let proxy = toxiproxy.proxy(server.address());
    assert!(!server.is_publishing("talk") && server.recordings("talk").is_empty());

    let sender = Sender::start(&rtmp::url(proxy.address, "live", "talk"), "flv", 60);
    eventually("the stream is listed", || server.is_publishing("talk"));
    assert!(!server.is_publishing("tal") && server.recordings("tal").is_empty());
    wait_for_media(&server, "talk", 1);

    proxy.disable();
    eventually("the stream is listed no more", || !server.is_publishing("talk"));
    assert!(!sender.end().success());
    assert_refused(proxy.address);
    let recordings = server.recordings("talk");
    assert_is_what_was_sent(&recordings[0]);

    proxy.enable();
    let _sender = Sender::start(&rtmp::url(proxy.address, "live", "talk"), "flv", 60);
    eventually("the stream is listed again", || server.is_publishing("talk"));
}

#[test]
fn an_rtmp_server_that_was_gone_is_back_at_its_address_and_has_kept_its_recordings() {
    let Some(mut server) = RtmpServer::start() else { return };
    let url = server.url("live", "talk");
    let sender = Sender::start(&url, "flv", 60);
    wait_for_media(&server, "talk", 1);

    server.stop();
    assert!(!server.is_publishing("talk"));
    assert!(!sender.end().success());
    assert_refused(server.address());
    server.start_again();

    let sender = Sender::start(&url, "flv", 2);
    wait_for_media(&server, "talk", 2);
    assert!(sender.end().success());
    eventually("the stream is listed no more", || !server.is_publishing("talk"));
    for recording in server.recordings("talk") {
        assert_is_what_was_sent(&recording);
    }
}

#[test]
fn an_rtmp_server_refuses_who_may_not_publish_and_what_it_does_not_know() {
    let Some(server) = RtmpServer::start() else { return };
    for app in ["closed", "nowhere"] {
        assert!(!Sender::start(&server.url(app, "talk"), "flv", 60).end().success(), "{app}");
    }
    assert!(server.recordings("talk").is_empty());
}

#[test]
fn a_proxied_connection_can_be_slow_silent_reset_and_well_again() {
    let Some(toxiproxy) = Toxiproxy::start() else { return };
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let proxy = toxiproxy.proxy(listener.local_addr().expect("it is bound"));
    // A client and its server, of which nobody waits for ever.
    let open = || {
        let client = connect(proxy.address).expect("the proxy takes connections");
        let (server, _) = listener.accept().expect("it connects to the server");
        for end in [&client, &server] {
            end.set_read_timeout(Some(SOON)).expect("a socket takes options");
        }
        (client, server)
    };
    let send = |mut from: &TcpStream, bytes: usize| from.write_all(&vec![7; bytes]).expect("it can be sent");
    let receive = |mut at: &TcpStream, bytes: usize| at.read_exact(&mut vec![0; bytes]);
    let hears_nothing = |at: &TcpStream| {
        at.set_read_timeout(Some(NEVER)).expect("a socket takes options");
        let heard = receive(at, 1);
        at.set_read_timeout(Some(SOON)).expect("a socket takes options");
        heard.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };

    let (client, server) = open();
    send(&client, 1000);
    receive(&server, 1000).expect("all comes through");

    proxy.toxic(Toxic::Latency(NEVER), Direction::Downstream);
    let began = Instant::now();
    send(&server, 1);
    receive(&client, 1).expect("it comes through");
    assert!(began.elapsed() >= NEVER, "{:?}", began.elapsed());
    proxy.heal();

    // A tenth of a second may pass at once.
    proxy.toxic(Toxic::Bandwidth { kilobytes_per_second: 100 }, Direction::Upstream);
    let began = Instant::now();
    send(&client, 50_000);
    receive(&server, 50_000).expect("it comes through");
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
    proxy.heal();

    proxy.toxic(Toxic::Bandwidth { kilobytes_per_second: 0 }, Direction::Upstream);
    send(&client, 1000);
    assert!(hears_nothing(&server));
    proxy.heal();
    receive(&server, 1000).expect("nothing was lost");

    proxy.toxic(Toxic::Silence, Direction::Upstream);
    send(&client, 1000);
    assert!(hears_nothing(&server));
    proxy.heal();
    assert_eq!(receive(&server, 1).expect_err("it has ended").kind(), ErrorKind::UnexpectedEof);

    let (client, server) = open();
    proxy.toxic(Toxic::Timeout(Duration::from_millis(50)), Direction::Upstream);
    send(&client, 1000);
    assert_eq!(receive(&server, 1).expect_err("it has ended").kind(), ErrorKind::UnexpectedEof);
    proxy.heal();

    proxy.toxic(Toxic::ResetPeer(Duration::ZERO), Direction::Upstream);
    let (client, _server) = open();
    send(&client, 1000);
    assert_eq!(receive(&client, 1).expect_err("it was reset").kind(), ErrorKind::ConnectionReset);
    proxy.heal();

    let (client, server) = open();
    proxy.disable();
    assert!(receive(&client, 1).is_err() && receive(&server, 1).is_err());
    assert_refused(proxy.address);
    proxy.enable();
    let (client, server) = open();
    send(&client, 1);
    receive(&server, 1).expect("it is well again");
}

#[test]
fn an_srt_listener_writes_what_it_receives_and_ends_with_its_sender_or_when_asked() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("all.ts");
    let Some(mut listener) = SrtListener::start(&file) else { return };
    assert!(Sender::start(&listener.url(), "mpegts", 2).end().success());
    eventually("the listener ends with its sender", || listener.has_ended());
    assert_is_what_was_sent(&listener.end());

    let file = directory.path().join("some.ts");
    let listener = SrtListener::start(&file).expect("there was one before");
    let sender = Sender::start(&listener.url(), "mpegts", 60);
    eventually("a second is received", || length(&file) > 40_000);
    assert_is_what_was_sent(&listener.end());
    drop(sender);

    let nobody_came = SrtListener::start(&directory.path().join("none.ts")).expect("there was one before");
    assert!(!nobody_came.end().exists());
}

#[test]
fn what_was_stored_in_minio_is_there_again_after_it_was_gone() {
    let Some(mut server) = MinioServer::start() else { return };
    server.create_bucket("recordings");
    assert!(server.objects("recordings").is_empty());
    let bytes: Vec<u8> = (0..300_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    server.put("recordings", "room/talk.mp4", &bytes).expect("it is stored");
    server.put("recordings", "room/talk.json", b"{}").expect("it is stored");
    assert_eq!(server.objects("recordings"), ["room/talk.json", "room/talk.mp4"]);
    assert_eq!(server.object("recordings", "room/talk.mp4").as_ref(), Some(&bytes));
    assert_eq!(server.object("recordings", "room/other.mp4"), None);
    assert!(server.put("nowhere", "talk.mp4", &bytes).is_err());

    server.stop();
    assert_refused(server.address());
    assert!(server.put("recordings", "late.mp4", &bytes).is_err());
    server.start_again();
    assert_eq!(server.object("recordings", "room/talk.mp4").as_ref(), Some(&bytes));
    assert_eq!(server.object("recordings", "late.mp4"), None);
    assert!(!format!("{server:?}").contains(server.secret_key()));
}

#[test]
fn parts_that_are_dropped_leave_no_process() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let (rtmp, toxiproxy, minio) = (RtmpServer::start(), Toxiproxy::start(), MinioServer::start());
    let srt = SrtListener::start(&directory.path().join("talk.ts"));
    let pids = [
        rtmp.as_ref().and_then(RtmpServer::pid),
        toxiproxy.as_ref().map(Toxiproxy::pid),
        minio.as_ref().and_then(MinioServer::pid),
        srt.as_ref().map(SrtListener::pid),
    ];
    let process = |pid: &u32| Path::new("/proc").join(pid.to_string());
    let processes: Vec<_> = pids.iter().flatten().map(process).collect();
    assert!(processes.iter().all(|process| process.exists()), "{pids:?}");
    drop((rtmp, toxiproxy, minio, srt));
    assert!(!processes.iter().any(|process| process.exists()), "{pids:?}");
}
