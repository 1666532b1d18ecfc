//! The OpenAPI document and the server say the same: schemathesis asks the server whatever the document lets it think of.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wallflower_tests::harness::lacking;

use crate::server::Server;

/// Fuzzing ends by itself before that.
const DEADLINE: Duration = Duration::from_secs(1200);

/// What is fixed because it would only take time: nobody changes what is waited for.
const SETTINGS: &str = r#"
[[operations]]
include-name = "GET /v1/recordings/{id}"
parameters = { "query.after_version" = 0 }
"#;

/// What it checks. Not that all valid data is accepted: rooms, outputs and times contradict each other in ways that no schema tells.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,ignored_auth,use_after_free";

/// Where `scripts/setup` puts it, or what the variable names.
fn schemathesis() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let cache = || std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    let named = std::env::var_os("WALLFLOWER_SCHEMATHESIS").map(PathBuf::from);
    named.or_else(|| Some(cache()?.join("wallflower/schemathesis/bin/schemathesis"))).filter(|path| path.exists())
}

#[test]
fn no_request_that_the_document_lets_one_think_of_is_answered_otherwise_than_it_says() {
    let Some(program) = schemathesis() else {
        return lacking("schemathesis", "`make setup` installs it, or name it by WALLFLOWER_SCHEMATHESIS");
    };
    let server = Server::paused();
    let key = server.key("admin");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (settings, log) = (folder.path().join("schemathesis.toml"), folder.path().join("log"));
    // In a file, because arguments can be read by everybody.
    let headers = format!("headers = {{ Authorization = \"Bearer {key}\" }}\n{SETTINGS}");
    std::fs::write(&settings, headers).expect("written");
    let printed = std::fs::File::create(&log).expect("a log");
    let mut child = Command::new(program)
        .current_dir(folder.path())
        .arg("--config-file")
        .arg(&settings)
        .args(["run", &format!("http://{}/openapi.json", server.address), "--checks", CHECKS])
        // Followers wait for what comes next.
        .args(["--exclude-path-regex", "events$", "--phases", "examples,coverage,fuzzing"])
        .args(["--workers", "1", "--max-examples", "200", "--generation-deterministic"])
        .args(["--request-timeout", "60", "--continue-on-failure", "--no-shrink", "--no-color", "--warnings", "off"])
        .stdin(Stdio::null())
        .stdout(printed.try_clone().expect("a log"))
        .stderr(printed)
        .spawn()
        .expect("schemathesis starts");
    let until = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is a child") {
            break Some(status);
        }
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    assert!(status.is_some_and(|status| status.success()), "{status:?}\n{said}");
    let tested = said.lines().find_map(|line| line.trim().strip_prefix("Tested: ")?.parse::<u32>().ok());
    assert!(tested >= Some(15), "too little was tested:\n{said}");
    let cases = said.lines().find(|line| line.contains(" generated")).unwrap_or_default();
    println!("requests: {}", cases.trim());
    assert_eq!(server.get("/readyz", &key).body, "ready\n", "it serves on");
    let agents = std::fs::read_dir(server.data().join("agents")).map_or(0, Iterator::count);
    assert_eq!(agents, 0, "nothing was launched");
}

#[test]
fn every_method_of_every_path_is_in_the_document_and_no_other() {
    let server = Server::paused();
    let document = server.open("GET /openapi.json").json();
    let checked_in: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("a document");
    assert_eq!(document, checked_in, "run `make generate`");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let documented: BTreeSet<String> =
            operations.as_object().expect("operations").keys().map(|method| method.to_uppercase()).collect();
        let place = path.replace("{id}", "0").replace("{stream}", "s1").replace("{path}", "a");
        let refused = server.open(&format!("PROPFIND {place}"));
        refused.problem(405);
        let allowed = refused.header("allow").unwrap_or_else(|| panic!("{refused:?}"));
        // Axum answers to HEAD wherever it answers to GET.
        let allowed = allowed.split(',').map(|method| method.trim().to_owned()).filter(|method| method != "HEAD");
        assert_eq!(allowed.collect::<BTreeSet<_>>(), documented, "{path}");
    }
}
