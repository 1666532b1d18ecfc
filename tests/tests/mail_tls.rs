//! E-mail over TLS, to real servers of it: taken from whoever can be trusted, and told to nobody else.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wallflower_tests::harness::smtp::{Mode, PASSWORD};
use wallflower_tests::harness::{Bench, Serve, SmtpServer, TlsFront, my_turn};

const SOON: Duration = Duration::from_secs(120);
/// Nothing is there.
const NOBODY: &str = "/dev/null";

/// An orchestrator that trusts this authority, and a recording that has failed, of which somebody is to be told.
fn told(config: &str, trusted: &Path) -> (Bench, Serve) {
    let trusted = trusted.display().to_string();
    let bench = Bench::new().with("WALLFLOWER_SMTP_PASSWORD", PASSWORD).with("SSL_CERT_FILE", &trusted);
    let serve = Serve::start(&bench, "a", config);
    // Nothing listens there.
    let request = json!({"room": "http://127.0.0.1:9/", "size": "320x180", "fps": 10, "emails": ["ada@example.org"]});
    let id = serve.record(&request);
    serve.reach(&id, "failed", SOON);
    (bench, serve)
}

#[track_caller]
fn is_taken(smtp: &SmtpServer) -> Value {
    let mail = smtp.wait(1, SOON).remove(0);
    assert_eq!((mail["to"][0].as_str(), mail["user"].as_str()), (Some("ada@example.org"), Some("recorder")));
    mail
}

/// What was logged of a message that was not taken.
#[track_caller]
fn trouble(bench: &Bench, serve: &Serve) -> String {
    let until = Instant::now() + SOON;
    loop {
        let log = std::fs::read_to_string(serve.log(bench)).unwrap_or_default();
        if let Some(line) = log.lines().find(|line| line.contains("a notice was not taken")) {
            assert!(!log.contains(PASSWORD), "the password is told");
            return line.to_owned();
        }
        assert!(Instant::now() < until, "nothing of a message that was not taken: {log}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn end(bench: &Bench, mut serve: Serve) {
    serve.end();
    bench.assert_nothing_left();
}

#[test]
fn mail_goes_by_starttls_to_a_server_that_can_be_trusted() {
    let Some(smtp) = SmtpServer::start_with_tls(Mode::Take, "localhost") else { return };
    let _turn = my_turn();
    let (bench, serve) = told(&smtp.config_with_tls(None), &smtp.authority());
    assert_eq!(is_taken(&smtp)["tls"], true);
    end(&bench, serve);
}

#[test]
fn mail_goes_over_tls_from_the_start_to_a_server_that_can_be_trusted() {
    let Some(smtp) = SmtpServer::start(Mode::Take) else { return };
    let (_turn, front) = (my_turn(), TlsFront::before(smtp.port()));
    let (bench, serve) = told(&smtp.config_with_tls(Some(front.port())), &front.authority());
    is_taken(&smtp);
    end(&bench, serve);
}

#[test]
fn a_server_with_another_certificate_is_told_nothing() {
    let Some(named) = SmtpServer::start_with_tls(Mode::Take, "mail.example.org") else { return };
    let Some(smtp) = SmtpServer::start_with_tls(Mode::Take, "localhost") else { return };
    let Some(plain) = SmtpServer::start(Mode::Take) else { return };
    let (_turn, front) = (my_turn(), TlsFront::before(plain.port()));
    for (config, trusted, why) in [
        // By an authority that nobody knows.
        (smtp.config_with_tls(None), Path::new(NOBODY).to_owned(), "certificate can't be trusted"),
        (plain.config_with_tls(Some(front.port())), smtp.authority(), "certificate can't be trusted"),
        // Of another host.
        (named.config_with_tls(None), named.authority(), "certificate can't be trusted"),
        // None at all.
        (plain.config_with_tls(None), front.authority(), "STARTTLS"),
    ] {
        let (bench, serve) = told(&config, &trusted);
        let said = trouble(&bench, &serve);
        assert!(said.contains(why), "{config}: {said}");
        end(&bench, serve);
    }
    for server in [&named, &smtp, &plain] {
        assert!(server.mail().is_empty(), "it was told: {:#?}", server.mail());
    }
}
