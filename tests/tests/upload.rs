//! What is delivered gets into a real S3 server whole, whatever happens to the server, the line and the uploading process; and what
//! can't get there is said at once, and kept.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tempfile::TempDir;
use wallflower_agent::upload::{
    Credentials, Listener, OpenLedger, Order, Outcome, Step, Store, Terms, Uploader, pending_uploads, upload,
};
use wallflower_domain::destination::{Destination, Naming};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::upload::{UploadReport, UploadState, VerifiedBy};
use wallflower_tests::harness::{Bench, Direction, MinioServer, Toxic, Toxiproxy, lacking};

const REQUEST: i32 = 2;
const DESTINATION: i32 = 4;

const MIB: usize = 1024 * 1024;
/// A check has ten seconds, and the machine does other things as well.
const SOON: Duration = Duration::from_secs(60);
const LATER: Duration = Duration::from_secs(600);

/// What is given up at once.
const HASTY: Terms = Terms { patience: Duration::from_millis(1), overwrite: false, growing: false };

fn destination(text: &str) -> Destination {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn url(endpoint: &str, rest: &str) -> String {
    format!("s3://{rest}?endpoint={endpoint}")
}

fn keys(access: &str, secret: &str) -> Credentials {
    let variables = [("AWS_ACCESS_KEY_ID", access), ("AWS_SECRET_ACCESS_KEY", secret)];
    Credentials::of(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn keys_of(server: &MinioServer) -> Credentials {
    keys(server.access_key(), server.secret_key())
}

/// Bytes that no compression and no mistake with offsets gets past.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// A delivered recording, its ledger, and what was heard of its uploads.
struct Delivered {
    folder: TempDir,
    ledger: OpenLedger,
    heard: Arc<Mutex<Vec<UploadReport>>>,
    listener: Listener,
}

impl Delivered {
    fn new(media: &[u8], destinations: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let naming = Naming { room: "Stand-up".into(), id: "rec1".into(), began_unix_s: 1_795_269_909 };
        let destinations = destinations.iter().map(|text| destination(text)).collect();
        let file = folder.path().join("a.mp4");
        let ledger = OpenLedger::of(&file, Order { naming, destinations, overwrite: false }).expect("a ledger");
        for (name, content) in [("a.mp4", media), ("a.manifest.json", b"{}")] {
            fs::write(folder.path().join(name), content).expect("written");
            ledger.add(&folder.path().join(name), name).expect("noted");
        }
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearer = Arc::clone(&heard);
        let listener: Listener = Arc::new(move |report| hearer.lock().expect("sound").push(report));
        Self { folder, ledger, heard, listener }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn upload(&self, credentials: &Credentials, terms: Terms) -> Outcome {
        upload(&self.ledger, credentials, terms, &self.listener).await
    }

    fn ledger_text(&self) -> String {
        fs::read_to_string(self.ledger.path()).unwrap_or_default()
    }

    /// Lets go of the ledger, as a process that ends does.
    fn abandon(self) -> TempDir {
        self.folder
    }
}

fn is_failure(outcome: &Outcome, kind: FailureKind) -> &Failure {
    let [failure] = outcome.failures.as_slice() else { panic!("not one failure: {outcome:#?}") };
    assert_eq!(failure.kind, kind, "{failure}");
    failure
}

/// Everything of the folder but the ledger.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_gets_into_the_bucket_whole_and_its_ledger_goes() {
    let Some(server) = MinioServer::start() else { return };
    server.create_bucket("recordings");
    let media = noise(20 * MIB + 7);
    let url = url(&server.endpoint(), "recordings/{room}/{date}/{id}-{name}");
    let delivered = Delivered::new(&media, &[&url]);
    let outcome = delivered.upload(&keys_of(&server), Terms::default()).await;
    assert_eq!((outcome.failures.as_slice(), outcome.files_left), (&[][..], 0));
    assert_eq!(
        server.objects("recordings"),
        ["Stand-up/2026-11-21/rec1-a.manifest.json", "Stand-up/2026-11-21/rec1-a.mp4"]
    );
    let key = "Stand-up/2026-11-21/rec1-a.mp4";
    assert!(server.object("recordings", key).expect("there") == media, "it arrived as it was");
    let first = &outcome.uploaded[0];
    assert_eq!(first.url, format!("s3://recordings/{key}?endpoint={}", server.endpoint()));
    assert_eq!((first.bytes, first.verified_by), (media.len() as u64, VerifiedBy::EntityTag));
    assert_eq!(names(delivered.folder.path()), ["a.manifest.json", "a.mp4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_refused_is_told_by_a_check_that_leaves_nothing() {
    let Some(mut server) = MinioServer::start() else { return };
    server.create_bucket("recordings");
    let endpoint = server.endpoint();
    let there = url(&endpoint, "recordings/x/{id}");
    let check = async |text: &str, credentials: &Credentials| {
        let began = Instant::now();
        let checked = Store::open(&destination(text), credentials).expect("opened").check().await;
        assert!(began.elapsed() < SOON, "a check has a deadline");
        checked
    };
    check(&there, &keys_of(&server)).await.expect("all is well");
    assert_eq!(server.objects("recordings"), Vec::<String>::new(), "a check leaves nothing");

    let anonymous = Credentials::of([("AWS_SKIP_SIGNATURE".to_owned(), "true".to_owned())]);
    let (access, secret) = (server.access_key().to_owned(), server.secret_key().to_owned());
    for (text, credentials, says) in [
        (
            &there,
            keys(&access, "hunter2hunter2"),
            "does not accept the credentials (SignatureDoesNotMatch); check AWS_ACCESS_KEY_ID",
        ),
        (&there, keys("nobody", &secret), "does not accept the credentials (InvalidAccessKeyId)"),
        (&there, anonymous, "may not do this in the bucket \"recordings\" at http://127.0.0.1"),
        (&url(&endpoint, "missing/x/"), keys(&access, &secret), "There is no bucket \"missing\" at http://127.0.0.1"),
    ] {
        let failure = check(text, &credentials).await.expect_err(says);
        assert_eq!(failure.kind, FailureKind::UploadRefused, "{failure}");
        assert!(failure.message.contains(says), "{says}: {failure}");
        assert!(!failure.message.contains("hunter2") && !failure.message.contains(&secret), "{failure}");
    }

    server.stop();
    let failure = check(&there, &keys(&access, &secret)).await.expect_err("nobody is there");
    assert_eq!(failure.kind, FailureKind::UploadFailed);
    assert!(failure.message.contains("can't be reached (Connection refused"), "{failure}");

    // Somebody who takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let text = url(&format!("http://{}", silent.local_addr().expect("bound")), "recordings/x/");
    let failure = check(&text, &keys(&access, &secret)).await.expect_err("nothing was heard");
    assert_eq!(failure.kind, FailureKind::UploadFailed);
    assert!(failure.message.contains("within 10 s"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_in_the_middle_and_comes_back_gets_the_rest_only() {
    let Some(server) = MinioServer::start() else { return };
    server.create_bucket("recordings");
    let media = noise(60 * MIB);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("a.mp4");
    fs::write(&file, &media).expect("written");
    let store = Store::open(&destination(&url(&server.endpoint(), "recordings")), &keys_of(&server)).expect("opened");

    let server = Arc::new(Mutex::new(server));
    let (troubled, trouble) = mpsc::channel::<()>();
    let returning = {
        let server = Arc::clone(&server);
        thread::spawn(move || {
            trouble.recv().expect("somebody noticed that it had gone");
            server.lock().expect("sound").start_again();
        })
    };
    let steps = Mutex::new(Vec::new());
    let on = |step: Step| {
        let mut steps = steps.lock().expect("sound");
        let earlier = |is_it: fn(&Step) -> bool| steps.iter().any(is_it);
        match &step {
            Step::Sent { sent, .. }
                if *sent >= 16 * MIB as u64 && !earlier(|step| matches!(step, Step::Retrying(_))) =>
            {
                server.lock().expect("sound").stop();
            }
            Step::Retrying(_) => drop(troubled.send(())),
            _ => {}
        }
        steps.push(step);
    };
    let terms = Terms { patience: Duration::from_secs(60), ..Terms::default() };
    let uploaded = store.put(&file, "a.mp4", terms, &on).await.expect("it came back");
    returning.join().expect("it started again");
    assert_eq!(uploaded.verified_by, VerifiedBy::EntityTag);
    let server = server.lock().expect("sound");
    assert!(server.object("recordings", "a.mp4").expect("there") == media, "it arrived as it was");
    let steps = steps.lock().expect("sound");
    let begun = steps.iter().filter(|step| matches!(step, Step::Begun(_))).count();
    let sent: Vec<u64> =
        steps.iter().filter_map(|step| if let Step::Sent { sent, .. } = step { Some(*sent) } else { None }).collect();
    assert_eq!((begun, sent.len()), (1, 8), "each part was accepted once, of one beginning: {steps:?}");
    assert!(
        steps.iter().any(|step| matches!(step, Step::Retrying(reason) if reason.contains("can't be reached"))),
        "{steps:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_breaks_again_and_again_delivers_in_the_end() {
    let Some(server) = MinioServer::start() else { return };
    let Some(toxiproxy) = Toxiproxy::start() else { return };
    server.create_bucket("recordings");
    let proxy = toxiproxy.proxy(server.address());
    let media = noise(20 * MIB);
    let url = url(&format!("http://{}", proxy.address), "recordings");
    let delivered = Delivered::new(&media, &[&url]);
    let credentials = keys_of(&server);
    let uploads = delivered.upload(&credentials, Terms { patience: Duration::from_secs(30), ..Terms::default() });
    let broken = Toxic::ResetPeer(Duration::from_millis(100));
    proxy.toxic(broken, Direction::Upstream);
    let mending = async {
        let heard = || delivered.heard.lock().expect("sound").clone();
        until("a retry", || heard().iter().any(|report| matches!(report.state, UploadState::Retrying { .. }))).await;
        tokio::task::block_in_place(|| proxy.heal());
    };
    let (outcome, ()) = tokio::join!(uploads, mending);
    assert_eq!((outcome.failures.as_slice(), outcome.files_left), (&[][..], 0));
    assert!(server.object("recordings", "a.mp4").expect("there") == media, "it arrived as it was");
}

async fn until(what: &str, is_it: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_it() {
        assert!(began.elapsed() < LATER, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_destination_that_fails_does_not_hinder_the_other() {
    let Some(server) = MinioServer::start() else { return };
    server.create_bucket("recordings");
    let (bad, good) = (url(&server.endpoint(), "missing/"), url(&server.endpoint(), "recordings/"));
    let delivered = Delivered::new(&noise(9 * MIB), &[&bad, &good]);
    let outcome = delivered.upload(&keys_of(&server), HASTY).await;
    for failure in &outcome.failures {
        assert!(failure.message.contains("no bucket \"missing\""), "{failure}");
    }
    assert_eq!((outcome.uploaded.len(), outcome.files_left), (2, 2));
    assert_eq!(server.objects("recordings"), ["a.manifest.json", "a.mp4"]);
    server.create_bucket("missing");
    let outcome = delivered.upload(&keys_of(&server), HASTY).await;
    assert_eq!((outcome.uploaded.len(), outcome.files_left), (2, 0), "only what was lacking is sent: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_already_is_not_replaced_unasked() {
    let Some(server) = MinioServer::start() else { return };
    server.create_bucket("recordings");
    let media = noise(9 * MIB);
    server.put("recordings", "a.mp4", &noise(9 * MIB + 1)).expect("stored");
    server.put("recordings", "a.manifest.json", b"{}").expect("stored");
    let url = url(&server.endpoint(), "recordings");
    let delivered = Delivered::new(&media, &[&url]);
    let outcome = delivered.upload(&keys_of(&server), HASTY).await;
    assert!(is_failure(&outcome, FailureKind::BadRequest).message.contains("is there already"), "{outcome:?}");
    assert_eq!(outcome.uploaded.len(), 1, "what is the same is taken for uploaded");
    assert_eq!(server.object("recordings", "a.mp4").expect("there").len(), 9 * MIB + 1);
    let outcome = delivered.upload(&keys_of(&server), Terms { overwrite: true, ..HASTY }).await;
    assert_eq!(outcome.files_left, 0, "{outcome:?}");
    assert!(server.object("recordings", "a.mp4").expect("there") == media);
}

#[test]
fn a_failed_upload_is_kept_and_done_later_by_command() {
    let Some(mut server) = MinioServer::start() else { return };
    server.create_bucket("recordings");
    server.stop();
    let media = noise(9 * MIB);
    let url = url(&server.endpoint(), "recordings/{id}");
    let delivered = Delivered::new(&media, &[&url]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = runtime.block_on(delivered.upload(&keys_of(&server), HASTY));
    is_failure(&outcome, FailureKind::UploadFailed);
    assert_eq!(outcome.files_left, 2);
    let text = delivered.ledger_text();
    assert!(
        !text.contains(server.access_key()) && !text.contains(server.secret_key()),
        "a ledger has no secrets: {text}"
    );
    let folder = delivered.abandon();
    let path = folder.path().to_str().expect("utf-8");

    let [pending] = pending_uploads(folder.path()).try_into().expect("one");
    assert_eq!((pending.id.as_str(), pending.files_left), ("rec1", 2));
    let access = server.access_key().to_owned();
    let bench = |secret: &str| Bench::new().with("AWS_ACCESS_KEY_ID", &access).with("AWS_SECRET_ACCESS_KEY", secret);
    let good = bench(server.secret_key());
    let gone = good.run(&["upload", "rec1", "--in", path], SOON);
    assert_eq!(gone.code(), DESTINATION, "{gone:#?}");
    assert!(gone.stderr.contains("can't be reached") && gone.stderr.contains("they are kept"), "{}", gone.stderr);

    server.start_again();
    let refused = bench("hunter2hunter2").run(&["upload", "--in", path], SOON);
    assert_eq!(refused.code(), REQUEST, "{refused:#?}");
    assert!(refused.stderr.contains("does not accept the credentials"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    let other = good.run(&["upload", "another", "--in", path], SOON);
    assert_eq!(other.code(), REQUEST, "{other:#?}");
    assert!(other.stderr.contains("but of rec1"), "{}", other.stderr);

    let done = good.run(&["upload", "rec", "--in", path, "--json"], SOON);
    assert_eq!(done.code(), 0, "{done:#?}");
    let last = done.events.last().expect("reports");
    assert_eq!((last["name"].as_str(), last["state"]["state"].as_str()), (Some("a.manifest.json"), Some("done")));
    assert!(server.object("recordings", "rec1/a.mp4").expect("there") == media, "it arrived as it was");
    assert_eq!(names(folder.path()), ["a.manifest.json", "a.mp4"], "the files stay, the ledger goes");
    let again = good.run(&["upload", path], SOON);
    assert_eq!(again.code(), 0, "{again:#?}");
    assert!(again.stderr.contains("nothing that is still to be uploaded"), "{}", again.stderr);
}

#[test]
fn an_uploader_that_is_killed_leaves_what_the_next_one_needs() {
    let Some(server) = MinioServer::start() else { return };
    let Some(toxiproxy) = Toxiproxy::start() else { return };
    server.create_bucket("recordings");
    let proxy = toxiproxy.proxy(server.address());
    let slow = Toxic::Bandwidth { kilobytes_per_second: 3 * 1024 };
    proxy.toxic(slow, Direction::Upstream);
    let media = noise(60 * MIB);
    let url = url(&format!("http://{}", proxy.address), "recordings");
    let folder = Delivered::new(&media, &[&url]).abandon();
    let path = folder.path().to_str().expect("utf-8");
    let bench =
        Bench::new().with("AWS_ACCESS_KEY_ID", server.access_key()).with("AWS_SECRET_ACCESS_KEY", server.secret_key());
    let mut killed = bench.start(&["upload", "--in", path, "--json"]);
    killed.wait_for_line("a part", LATER, |line| line["state"]["sent"].as_u64().is_some_and(|sent| sent > 0));
    let in_use = bench.run(&["upload", "--in", path], SOON);
    assert_eq!(in_use.code(), DESTINATION, "{in_use:#?}");
    assert!(in_use.stderr.contains("being uploaded right now"), "{}", in_use.stderr);
    killed.signal("KILL");
    let _ = killed.end(SOON);
    assert_eq!(server.object("recordings", "a.mp4"), None, "nothing that is not whole can be seen");
    proxy.heal();
    let done = bench.run(&["upload", "--in", path], LATER);
    assert_eq!(done.code(), 0, "{done:#?}");
    assert!(server.object("recordings", "a.mp4").expect("there") == media, "it arrived as it was");
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let Some(server) = MinioServer::start() else { return };
    if !Path::new("/proc/self/status").exists() {
        lacking("/proc", "only Linux tells a process's memory");
        return;
    }
    server.create_bucket("recordings");
    let url = url(&server.endpoint(), "recordings");
    let peak = |mib: usize| {
        let delivered = Delivered::new(b"", &[&url.replace("recordings", "recordings/{name}")]);
        let mut file = File::create(delivered.path("a.mp4")).expect("made");
        let piece = noise(MIB);
        (0..mib).for_each(|_| file.write_all(&piece).expect("written"));
        let folder = delivered.abandon();
        let path = folder.path().to_str().expect("utf-8").to_owned();
        let bench = Bench::new()
            .with("AWS_ACCESS_KEY_ID", server.access_key())
            .with("AWS_SECRET_ACCESS_KEY", server.secret_key());
        let mut running = bench.start(&["upload", "--in", &path, "--force", "--json"]);
        let status = format!("/proc/{}/status", running.pid());
        let peak = Cell::new(0_u64);
        running.wait_for_line("all of it", LATER, |line| {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let kib = text
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
            peak.set(peak.get().max(kib.unwrap_or(0)));
            line["name"] == "a.manifest.json" && line["state"]["state"] == "done"
        });
        assert_eq!(running.end(SOON).code(), 0);
        peak.get() / 1024
    };
    let (small, large) = (peak(40), peak(400));
    println!("figure: an upload's peak memory is {small} MiB for 40 MiB and {large} MiB for 400 MiB");
    // Of 360 MiB more, a quarter at most: what is on its way at once depends on the machine.
    assert!(large < small + 90, "{small} MiB for a small file, {large} MiB for a large one");
    assert!(large < 120, "{large} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_uploaded_while_recording_survives_a_server_that_is_gone_for_a_while() {
    let Some(mut server) = MinioServer::start() else { return };
    server.create_bucket("recordings");
    let url = url(&server.endpoint(), "recordings/live/");
    let delivered = Delivered::new(b"media", &[&url]);
    let store = Store::open(&destination(&url), &keys_of(&server)).expect("opened");
    let uploader = Uploader::start(vec![store], &delivered.ledger, &delivered.listener);
    let segment = |number: usize| {
        let name = format!("hls/{number}.m4s");
        let path = delivered.path(&format!("{number}.m4s"));
        fs::write(&path, noise(MIB / 2 + number)).expect("written");
        let began = Instant::now();
        uploader.finished(&path, &name);
        uploader.replaced("hls/index.m3u8", &Bytes::from(format!("up to {number}")));
        assert!(began.elapsed() < Duration::from_secs(1), "nobody is kept waiting");
    };
    let playlist = |server: &MinioServer| {
        let content = server.object("recordings", "live/hls/index.m3u8");
        content.map(|content| String::from_utf8(content).expect("utf-8"))
    };
    (1..=2).for_each(segment);
    until("the playlist", || playlist(&server).as_deref() == Some("up to 2")).await;
    assert_eq!(server.object("recordings", "live/hls/2.m4s").expect("named by the playlist").len(), MIB / 2 + 2);
    tokio::task::block_in_place(|| server.stop());
    (3..=5).for_each(segment);
    let heard = || delivered.heard.lock().expect("sound").clone();
    until("trouble", || heard().iter().any(|report| matches!(report.state, UploadState::Retrying { .. }))).await;
    tokio::task::block_in_place(|| server.start_again());
    until("the playlist", || playlist(&server).as_deref() == Some("up to 5")).await;
    uploader.finish(SOON).await;
    // The rest comes at the end, and what is there is not sent again.
    let outcome = delivered.upload(&keys_of(&server), HASTY).await;
    let urls: Vec<&str> =
        outcome.uploaded.iter().filter_map(|uploaded| uploaded.url.split(['/', '?']).nth(4)).collect();
    assert_eq!((urls, outcome.files_left), (vec!["a.mp4", "a.manifest.json"], 0), "{:?}", outcome.failures);
}
