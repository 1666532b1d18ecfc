//! E-mail about recordings, to a real mail server that refuses, stalls and recovers; the server's own command; what is told of expiry.

use std::time::Duration;

use serde_json::{Value, json};
use wallflower_tests::harness::smtp::{Mode, PASSWORD};
use wallflower_tests::harness::{Bench, Serve, SmtpServer, Webhooks, my_turn};

const SOON: Duration = Duration::from_secs(120);
const ROOMY: &str = "[capacity]\ncores = 100.0\nmemory_mib = 100000\n";

fn bench() -> Bench {
    Bench::new().with("WALLFLOWER_SMTP_PASSWORD", PASSWORD)
}

/// Nothing listens there.
fn nowhere() -> Value {
    json!({"room": "http://127.0.0.1:9/", "size": "320x180", "fps": 10})
}

fn events(webhooks: &Webhooks) -> Vec<String> {
    webhooks.posted().iter().filter_map(|post| post.body["event"].as_str().map(str::to_owned)).collect()
}

#[track_caller]
fn until(what: &str, mut is_it: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + SOON;
    while !is_it() {
        assert!(std::time::Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn mail_outlasts_a_server_that_stalls_and_refuses_and_keeps_no_webhook_waiting() {
    let Some(smtp) = SmtpServer::start(Mode::Stall) else { return };
    let (_turn, bench, webhooks) = (my_turn(), bench(), Webhooks::start(0));
    let config =
        format!("{ROOMY}[[webhooks]]\nurl = \"{}\"\n{}to = [\"team@example.org\"]\n", webhooks.url(), smtp.config());
    let mut serve = Serve::start(&bench, "a", &config);
    let mut request = nowhere();
    request["emails"] = json!(["ada@example.org", "team@example.org"]);
    let id = serve.record(&request);
    serve.reach(&id, "failed", SOON);
    // One for each address, however often it is named.
    let stalled = smtp.wait(2, SOON);
    until("the webhook", || events(&webhooks).iter().any(|event| event == "recording.failed"));
    smtp.behave(Mode::Busy);
    let _refused = smtp.wait(4, SOON);
    // Killed, it goes on with what it had not sent.
    serve.kill();
    smtp.behave(Mode::Take);
    serve.start_again(&bench);
    until("both are taken", || smtp.mail().iter().filter(|mail| mail["mode"] == "take").count() == 2);
    let taken: Vec<Value> = smtp.mail().into_iter().filter(|mail| mail["mode"] == "take").collect();
    for mail in &taken {
        assert_eq!((mail["from"].as_str(), mail["user"].as_str()), (Some("rec@example.org"), Some("recorder")));
        assert!(
            mail["headers"]["subject"].as_str().is_some_and(|subject| subject.starts_with("Recording failed")),
            "{mail:#}"
        );
        let reason = serve.show(&id)["failure"]["message"].as_str().expect("a reason").to_owned();
        assert!(mail["text"].as_str().is_some_and(|text| text.contains(&reason)), "{mail:#}");
        assert!(mail["html"].as_str().is_some_and(|html| html.contains("<h1")), "{mail:#}");
        // Nothing was recorded, so there is nothing to see.
        assert!(!mail["text"].to_string().contains("/s/"), "{mail:#}");
        let of = |mail: &Value| (mail["to"].clone(), mail["headers"]["message-id"].clone());
        assert!(stalled.iter().any(|first| of(first) == of(mail)), "it is another message: {mail:#}");
    }
    let log = std::fs::read_to_string(serve.log(&bench)).expect("a log");
    assert!(!log.contains(PASSWORD), "the password is told");
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn mail_that_is_refused_for_good_is_dead_before_long_and_seen() {
    let Some(smtp) = SmtpServer::start(Mode::Reject) else { return };
    let (_turn, bench) = (my_turn(), bench());
    let mut serve = Serve::start(&bench, "a", &format!("{ROOMY}{}allow = [\"example.org\"]\n", smtp.config()));
    let mut request = nowhere();
    request["emails"] = json!(["ada@elsewhere.net"]);
    let (status, problem) = serve.ask("POST", "/v1/recordings", Some(&request));
    assert_eq!((status, problem["field"].as_str()), (422, Some("emails")), "{problem:#}");
    request["emails"] = json!(["ada@example.org\r\nBcc: all@example.org"]);
    let (status, problem) = serve.ask("POST", "/v1/recordings", Some(&request));
    assert_eq!((status, problem["field"].as_str()), (400, Some("emails[0]")), "{problem:#}");
    request["emails"] = json!(["ada@example.org"]);
    let id = serve.record(&request);
    let dead = || serve.ask("GET", "/v1/webhooks/dead", None).1["notices"].clone();
    until("the dead letter", || dead()[0].is_object());
    let dead = dead();
    assert_eq!(
        (dead[0]["recording"].as_str(), dead[0]["host"].as_str()),
        (Some(id.as_str()), Some("mail to example.org"))
    );
    assert!(dead[0]["trouble"].as_str().is_some_and(|trouble| trouble.contains("550")), "{dead:#}");
    assert_eq!((smtp.mail().len(), &dead[0]["tries"]), (4, &json!(4)));
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn a_recording_that_is_done_is_mailed_with_a_link_has_its_command_run_and_is_told_to_expire_once() {
    let Some(smtp) = SmtpServer::start(Mode::Take) else { return };
    let (_turn, bench, webhooks) = (my_turn(), bench(), Webhooks::start(0));
    let noted = bench.file("noted.json");
    let script = format!(
        "cat >{}; ls \"$WALLFLOWER_DIR\"; echo \"$WALLFLOWER_STATE ${{WALLFLOWER_SMTP_PASSWORD:-safe}}\"",
        noted.display()
    );
    let config = format!(
        "[recording]\nkeep = \"40s\"\nexpiry_notice = \"30s\"\n{ROOMY}[hooks]\nfinalize = [\"sh\", \"-c\", {}]\n\
         [[webhooks]]\nurl = \"{}\"\n{}",
        json!(script),
        webhooks.url(),
        smtp.config()
    );
    let mut serve = Serve::start(&bench, "a", &config);
    let id = serve.record(&json!({
        "room": "demo:one", "size": "320x180", "fps": 10, "emails": ["ada@example.org"], "metadata": {"title": "Weekly"}
    }));
    serve.capture(&id, 1.0, SOON);
    serve.stop(&id);
    let ended = serve.reach(&id, "completed", SOON);
    let hooked = serve.wait(&id, "with what the command said", SOON, |recording| recording["hook"].is_object());
    assert_eq!(hooked["hook"]["exit"], 0, "{hooked:#}");
    assert_eq!((&hooked["state"], &hooked["end"]), (&ended["state"], &ended["end"]));
    let output = hooked["hook"]["output"].as_str().expect("text");
    assert!(output.contains("recording.mp4\n") && output.ends_with("completed safe\n"), "{output}");
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&noted).expect("it was told")).expect("JSON");
    assert_eq!((told["id"].as_str(), told["state"].as_str()), (Some(id.as_str()), Some("completed")));

    let ready = smtp.wait(1, SOON).remove(0);
    assert_eq!(ready["headers"]["subject"], "Your recording is ready: “Weekly”");
    let text = ready["text"].as_str().expect("text");
    let link = text.split_whitespace().find(|word| word.contains("/s/")).expect("a link");
    let path = link.strip_prefix(&format!("http://{}", serve.address())).expect("of this server");
    let (status, shown) = serve.ask("GET", &format!("{path}/recording"), None);
    assert_eq!(
        (status, shown["title"].as_str(), shown["phase"].as_str()),
        (200, Some("Weekly"), Some("ready")),
        "{shown:#}"
    );

    let soon = smtp.wait(2, SOON).remove(1);
    assert!(
        soon["headers"]["subject"].as_str().is_some_and(|subject| subject.starts_with("“Weekly” will be deleted on "))
    );
    until("its deletion", || serve.ask("GET", &format!("/v1/recordings/{id}"), None).0 == 404);
    assert_eq!(serve.ask("GET", path, None).0, 410, "with the recording its links have gone");
    assert_eq!(events(&webhooks).iter().filter(|event| *event == "recording.expiring").count(), 1, "it is told once");
    assert_eq!(smtp.mail().len(), 2);
    serve.end();
    bench.assert_nothing_left();
}
