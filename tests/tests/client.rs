//! The command line as a client of `wallflower serve`: what it starts, sees and controls there, and what it says when that can't be done.

use std::fs::File;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wallflower_tests::harness::pages::Answer;
use wallflower_tests::harness::run::{signal, wallflower};
use wallflower_tests::harness::{Bench, Pages, Serve, my_turn};

const SOON: Duration = Duration::from_secs(120);
/// No command is let run longer.
const DEADLINE_S: &str = "90";
const SMALL: [&str; 2] = ["--size=320x180", "--fps=10"];

const DONE: i32 = 0;
const PLATFORM: i32 = 1;
const REQUEST: i32 = 2;
const ROOM: i32 = 3;

fn clock_page() -> Pages {
    let page = "<body style='background:#246;font:40px sans-serif'><p>0</p><script>let n = 0;\
                setInterval(() => { document.querySelector('p').textContent = ++n; }, 50);</script>";
    Pages::serve(&[("/", Answer::Html(page.into()))])
}

/// `wallflower serve` in a place of its own. Nothing of it is left when it is dropped, not even recordings of a test that failed.
struct Server {
    bench: Bench,
    serve: Serve,
}

/// What a command came to.
#[derive(Debug)]
struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Told {
    /// The last line as JSON.
    #[track_caller]
    fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_else(|| panic!("nothing was printed: {self:#?}"));
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl Server {
    fn start(bench: Bench) -> Self {
        let serve = Serve::start(&bench, "serve", "");
        Self { bench, serve }
    }

    fn url(&self) -> String {
        format!("http://{}", self.serve.address())
    }

    fn spawn(&self, arguments: &[&str], out: impl Into<Stdio>, err: impl Into<Stdio>) -> Child {
        let mut command = self.bench.command(Path::new("timeout"));
        command.args(["--signal=KILL", DEADLINE_S]).arg(wallflower()).args(arguments);
        command.env("WALLFLOWER_SERVER", self.url()).stdin(Stdio::null()).stdout(out).stderr(err);
        command.spawn().expect("it starts")
    }

    /// Runs a command against it.
    fn run(&self, arguments: &[&str]) -> Told {
        ended(self.spawn(arguments, Stdio::piped(), Stdio::piped()))
    }

    /// Runs one that succeeds, and reads what it prints as JSON.
    #[track_caller]
    fn told(&self, arguments: &[&str]) -> Value {
        let told = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(told.code, Some(DONE), "{arguments:?}: {told:#?}");
        told.json()
    }

    /// Runs one that fails like this, in one sentence with these parts, for programs as well.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], code: i32, says: &[&str]) {
        let told = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(told.code, Some(code), "{arguments:?}: {told:#?}");
        let sentence = told.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(told.stderr.contains(&sentence), "{told:#?}");
        for part in says {
            assert!(sentence.contains(part), "\"{part}\" is not in: {sentence}");
        }
    }

    /// Starts a recording that has no end of its own, and returns its id when it has a second of media.
    #[track_caller]
    fn recording(&self, url: &str, more: &[&str]) -> String {
        let started = self.told(&[&["start", url], &SMALL[..], more].concat());
        let id = text(&started, "id").to_owned();
        until("a second of media", || {
            let shown = self.told(&["show", "--id", &id]);
            (shown["progress"]["media_s"].as_f64() >= Some(1.0)).then_some(())
        });
        id
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serve.kill();
        if std::thread::panicking() {
            for (pid, _) in self.bench.processes() {
                signal(pid, "KILL");
            }
        }
    }
}

#[track_caller]
fn until<T>(what: &str, mut is_it: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + SOON;
    loop {
        if let Some(it) = is_it() {
            return it;
        }
        assert!(Instant::now() < until, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn ended(child: Child) -> Told {
    let output = child.wait_with_output().expect("a child can be awaited");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Told { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[track_caller]
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

fn delivered(server: &Server, id: &str, name: &str) -> PathBuf {
    server.bench.file("data").join("recordings").join(id).join(name)
}

#[test]
fn a_recording_is_started_listed_controlled_and_stopped() {
    let (_turn, pages) = (my_turn(), clock_page());
    let mut server = Server::start(Bench::new());
    assert_eq!(server.told(&["list"]), json!({"recordings": []}));
    server.refuses(&["show"], REQUEST, &["records nothing now"]);
    let id = server.recording(&pages.url("/?token=hunter2"), &["-o", "a.mp4", "--metadata=team=design"]);

    let table = server.run(&["list"]).stdout;
    let lines: Vec<&str> = table.lines().collect();
    let [titles, row] = lines.as_slice() else { panic!("{table}") };
    assert!(titles.starts_with("ID        STATE"), "{table}");
    assert!(row.starts_with(&id[24..]) && row.contains("recording") && row.contains(&pages.url("/")), "{table}");
    assert!(!table.contains("hunter2"), "{table}");
    let shown = server.told(&["show", "--id", &id[24..]]);
    assert_eq!((text(&shown, "id"), &shown["metadata"]["team"]), (id.as_str(), &json!("design")));

    // What an order does is told by the agent in a message of its own, which may come after its answer.
    for (order, key, value) in [
        (&["pause", "--mode=hold"][..], "paused", json!("hold")),
        (&["resume"], "state", json!("recording")),
        (&["mute"], "muted", json!(true)),
        (&["unmute"], "muted", json!(false)),
        (&["mute"], "muted", json!(true)),
    ] {
        assert_eq!(text(&server.told(order)["recording"], "id"), id);
        until(key, || (server.told(&["show"])[key] == value).then_some(()));
    }
    let said = server.run(&["mark", "Budget"]);
    assert!(said.stdout.starts_with(&format!("recording {} is marked at 00:0", &id[24..])), "{said:#?}");
    server.refuses(&["stop", "--now"], REQUEST, &["--now"]);

    let over = server.told(&["stop", "--wait"]);
    assert_eq!((text(&over, "state"), text(&over, "end"), &over["muted"]), ("completed", "stopped", &json!(true)));
    assert_eq!(over["markers"][0]["label"], "Budget");
    let output = &over["delivery"]["outputs"][0];
    let size = std::fs::metadata(delivered(&server, &id, "a.mp4")).expect("the file is there").len();
    assert_eq!((text(output, "location"), &output["bytes"]), ("a.mp4", &json!(size)));

    let waited = server.run(&["wait", "--id", &id]);
    assert_eq!(waited.code, Some(DONE), "{waited:#?}");
    assert!(waited.stdout.starts_with(&format!("{}/v1/recordings/{id}/files/a.mp4  ", server.url())), "{waited:#?}");
    assert!(server.run(&["stop", "--id", &id]).stdout.contains("is over (completed)"));
    server.refuses(&["pause", "--id", &id], REQUEST, &["has ended"]);
    assert_eq!(server.told(&["list", "--state=completed", "--all"])["recordings"][0]["id"], json!(id));
    assert_eq!(server.told(&["list", "--state=queued,recording"]), json!({"recordings": []}));
    server.serve.kill();
    server.bench.assert_nothing_left();
}

#[test]
fn who_starts_and_waits_exits_as_record_does() {
    let (_turn, pages) = (my_turn(), clock_page());
    let server = Server::start(Bench::new());
    let start = |url: &str, more: &[&str]| [&["start", url, "--wait"], &SMALL[..], more].concat().join("\n");
    let run = |line: String| server.run(&line.split('\n').collect::<Vec<_>>());

    let told = run(start(&pages.url("/"), &["--duration=1s", "-o=recording.mp4", "--hls", "--images"]));
    assert_eq!(told.code, Some(DONE), "{told:#?}");
    let id = told.stdout.trim();
    assert!(id.len() == 32 && delivered(&server, id, "recording.mp4").is_file(), "{told:#?}");
    let file = format!("{}/v1/recordings/{id}/files/recording.mp4  00:01.0", server.url());
    assert!(told.stderr.contains("\nrecording\n") && told.stderr.contains(&file), "{told:#?}");

    for file in ["hls/index.m3u8", "images/contact-sheet.jpg"] {
        assert!(told.stderr.contains(&format!("/{id}/files/{file}  ")), "{told:#?}");
        assert!(delivered(&server, id, file).is_file(), "{file}");
    }

    let unreachable = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}/", listener.local_addr().expect("bound"))
    };
    let told = run(start(&unreachable, &["--json"]));
    assert_eq!(told.code, Some(ROOM), "{told:#?}");
    assert_eq!((told.stdout.lines().count(), told.json()["failure"]["fault"].clone()), (2, json!("room")), "{told:#?}");
    assert!(told.stderr.contains("can't be reached"), "{told:#?}");
    let folder = server.bench.file("data").display().to_string();
    assert!(!told.stdout.contains(&folder) && !told.stderr.contains(&folder), "the server's own business: {told:#?}");

    // Ctrl-C is for the recording.
    let line = start(&pages.url("/"), &[]);
    let arguments: Vec<&str> = line.split('\n').collect();
    let child = server.spawn(&arguments, Stdio::piped(), Stdio::piped());
    until("it records", || (server.told(&["list", "--state=recording"])["recordings"] != json!([])).then_some(()));
    signal(server.bench.process("start"), "INT");
    let told = ended(child);
    assert_eq!(told.code, Some(DONE), "{told:#?}");
    assert!(told.stderr.contains("(stopped)"), "{told:#?}");
}

#[test]
fn waiting_outlives_a_restart_of_the_server() {
    let (_turn, pages) = (my_turn(), clock_page());
    let mut server = Server::start(Bench::new());
    let id = server.recording(&pages.url("/"), &[]);
    let said = server.bench.file("wait.log");
    let waiting = server.spawn(&["wait", "--id", &id], Stdio::piped(), File::create(&said).expect("a file"));
    server.serve.kill();
    let read = || std::fs::read_to_string(&said).expect("readable");
    until("it notices", || read().contains("trying again for up to 5m").then_some(()));
    server.serve.start_again(&server.bench);
    until("it is back", || read().contains("the server is back").then_some(()));
    assert_eq!(server.run(&["stop"]).code, Some(DONE));
    let told = ended(waiting);
    assert_eq!(told.code, Some(DONE), "{told:#?}\n{}", read());
    assert!(told.stdout.contains("recording.mp4") && told.stdout.contains("(stopped)"), "{told:#?}");
}

#[test]
fn what_agents_say_is_read_to_the_end() {
    let (_turn, pages) = (my_turn(), clock_page());
    let server = Server::start(Bench::new());
    let id = server.recording(&pages.url("/"), &[]);
    let path = server.bench.file("follow.log");
    let mut following = server.spawn(&["logs", "-f", &id[24..]], File::create(&path).expect("a file"), Stdio::null());
    until("it says something", || std::fs::metadata(&path).is_ok_and(|meta| meta.len() > 0).then_some(()));
    assert_eq!(server.run(&["stop", "--wait"]).code, Some(DONE));
    assert_eq!(following.wait().expect("a child can be awaited").code(), Some(DONE));
    let mut followed = Vec::new();
    File::open(&path).and_then(|mut file| file.read_to_end(&mut followed)).expect("readable");
    let log = std::fs::read(server.bench.file("data").join("agents").join(format!("{id}.log"))).expect("a log");
    assert!(log.ends_with(&followed), "{} of {} bytes, from where it began to the end", followed.len(), log.len());
    let end = server.run(&["logs", &id]);
    assert!(!end.stdout.is_empty() && String::from_utf8_lossy(&log).ends_with(&end.stdout), "{end:#?}");
}

#[test]
fn logs_are_objects_that_name_the_recording_where_that_is_asked_for() {
    let (_turn, pages) = (my_turn(), clock_page());
    let server = Server::start(Bench::new().with("WALLFLOWER_LOG_FORMAT", "json"));
    let id = server.recording(&pages.url("/"), &[]);
    assert_eq!(server.run(&["stop", "--wait"]).code, Some(DONE));
    let log = std::fs::read_to_string(server.serve.log(&server.bench)).expect("a log");
    // What is said to people as it starts stands there too.
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let names = |line: &Value| line["span"]["recording"].as_str() == Some(&id);
    assert!(lines.iter().any(|line| names(line) && line["level"] == "INFO"), "{log}");
    assert!(!log.contains(" INFO "), "{log}");
    let bench = Bench::new().with("WALLFLOWER_LOG_FORMAT", "xml");
    let output = bench.command(&wallflower()).arg("list").output().expect("it runs");
    assert_eq!(output.status.code(), Some(REQUEST));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it must be text or json"), "{output:?}");
}

#[test]
fn what_can_t_be_done_is_told_in_a_sentence() {
    let (bench, pages) = (Bench::new(), clock_page());
    let key = |name: &str, scope: &str| {
        let output =
            bench.command(&wallflower()).args(["keys", "create", name, "--data=data", "--scope", scope]).output();
        let output = output.expect("it runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let (mine, other, reader) = (key("mine", "record"), key("other", "record"), key("reader", "read"));
    let server = Server::start(bench);
    server.refuses(&["list"], REQUEST, &["WALLFLOWER_API_KEY"]);
    server.refuses(&["list", "--key=wf_wrong"], REQUEST, &["not known here"]);
    server.refuses(&["start", "demo:a", "--key", &reader], REQUEST, &["scope is read"]);
    let nobody = "0192f3c47a2b7c1d8e9f0123456789ab";
    server.refuses(&["show", "--key", &mine, "--id", nobody], REQUEST, &["no recording of this id"]);
    server.refuses(&["show", "--key", &mine, "--id=beef"], REQUEST, &["\"beef\""]);

    // Queued until long after this test.
    let later = ["start", "demo:a", "--start-at=2999-01-01T00:00:00Z", "--key"];
    let queued = server.told(&[&later[..], &[&mine]].concat());
    let id = text(&queued, "id");
    assert_eq!(text(&queued, "state"), "queued");
    assert!(server.run(&["list", "--key", &mine]).stdout.contains("2999-01-01"));
    server.refuses(&["stop", "--key", &other, "--id", id], REQUEST, &["no recording of this id"]);
    assert_eq!(server.run(&["logs", id, "--key", &other]).code, Some(REQUEST), "somebody else's");
    assert_eq!(server.run(&["logs", id, "--key", &mine]).code, Some(DONE));
    server.refuses(&["pause", "--key", &mine], REQUEST, &["still queued"]);
    assert!(server.run(&["stop", "--key", &mine]).stdout.contains("is over (aborted)"));

    server.refuses(&["list", "--server", &pages.url("/")], REQUEST, &["not as Wallflower does"]);
    server.refuses(&["list", "--server=ftp://h"], REQUEST, &["http://127.0.0.1:7070"]);
    let mut server = server;
    server.serve.kill();
    let gone = format!("{} can't be reached", server.url());
    for command in [&["list"][..], &["stop"], &["start", "demo:a"], &["show", "--id", id]] {
        server.refuses(command, PLATFORM, &[&gone, "wallflower serve"]);
    }
}
