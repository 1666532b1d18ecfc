//! The designer's workshop: what `--check` finds, and what the page of the workshop asks for.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wallflower_tests::harness::{Bench, Ended, Workshop, my_turn};
use wallflower_tests::media_probe::decode;

/// Twenty rooms, on a machine that has more to do.
const SOON: Duration = Duration::from_secs(180);

/// A template as a designer writes it who knows only the contract: it draws what it is told, and says that it is ready.
const TEMPLATE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Mine</title>
<style>
  body { margin: 0; height: 100vh; display: grid; place-content: center; background: #102030; color: #ffffff; font: 4vmin sans-serif; text-align: center }
  h1 { max-width: 80vw; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
</style>
</head>
<body>
<h1></h1>
<p></p>
<script>
  const { theme, layout, room } = window.__wallflower;
  document.querySelector("h1").textContent = theme.title ?? "No title";
  document.querySelector("p").textContent = `${layout}, ${room.scene.people} people`;
  requestAnimationFrame(() => window.__wallflowerSend(JSON.stringify({ type: "ready" })));
</script>
</body>
</html>
"#;

/// Five mistakes, each where it can be found.
const SPOILT: &str = r#"<!doctype html>
<meta charset="utf-8">
<style>
  body { margin: 0; background: #ffffff; color: #000000; font: 20px sans-serif }
  .cut { width: 9em; height: 1.4em; overflow: hidden; white-space: nowrap }
  .faint { color: #cccccc }
</style>
<img src="nowhere.png" alt="">
<img src="http://images.invalid/logo.png" alt="">
<p class="cut">A title that is longer than its place</p>
<p class="faint">Hardly to be read</p>
<script>
  console.error("the room is strange");
  window.__wallflowerSend(JSON.stringify({ type: "ready" }));
</script>
"#;

fn folder(bench: &Bench, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = bench.file("talks").join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
}

#[track_caller]
fn check(bench: &Bench, more: &[&str]) -> Ended {
    let ended = bench.run(&[&["design", "--check", "talks", "--json"], more].concat(), SOON);
    bench.assert_nothing_left();
    ended
}

/// Rule, file, line and message of each finding.
fn findings(ended: &Ended) -> Vec<(String, String, u64, String)> {
    let report = ended.events.last().unwrap_or_else(|| panic!("{ended:#?}"));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all = report["findings"].as_array().expect("a report has findings");
    let line = |finding: &Value| finding["line"].as_u64().unwrap_or(0);
    all.iter().map(|each| (text(each, "rule"), text(each, "file"), line(each), text(each, "message"))).collect()
}

#[test]
fn a_folder_that_is_well_made_passes_in_every_room() {
    let (_turn, bench) = (my_turn(), Bench::new());
    folder(&bench, &[("index.html", TEMPLATE), ("theme.json", r#"{"title": "All hands"}"#)]);
    let ended = check(&bench, &[]);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let report = ended.events.last().expect("a report");
    let scenes = report["scenes"].as_array().expect("it has scenes");
    assert!(scenes.len() >= 15 && scenes.iter().all(|scene| scene["findings"] == 0), "{report:#}");
}

#[test]
fn wallflowers_own_page_passes_with_a_theme_of_ones_own() {
    let (_turn, bench) = (my_turn(), Bench::new());
    folder(
        &bench,
        &[("theme.json", r##"{"title": "All hands", "colors": {"accent": "#ffb347"}, "tiles": {"motion": false}}"##)],
    );
    let ended = check(&bench, &[]);
    assert_eq!(ended.code(), 0, "{ended:#?}");
}

#[test]
fn the_templates_that_come_with_wallflower_pass() {
    let (_turn, bench) = (my_turn(), Bench::new());
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../layout-app/templates");
    let names = entries(&templates);
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let folder = templates.join(&name);
        let folder = folder.to_str().expect("a path that is text");
        let ended = bench.run(&["design", "--check", folder, "--json"], SOON);
        assert_eq!(ended.code(), 0, "{name}: {:#?}", findings(&ended));
    }
    bench.assert_nothing_left();
}

#[test]
fn what_is_wrong_with_a_page_is_told_with_file_and_line() {
    let (_turn, bench) = (my_turn(), Bench::new());
    folder(&bench, &[("index.html", SPOILT)]);
    let ended = check(&bench, &[]);
    assert_eq!(ended.code(), 2, "{ended:#?}");
    let found = findings(&ended);
    for (rule, line, says) in [
        ("missing", 8, "nowhere.png is not there"),
        ("external", 9, "images.invalid"),
        ("overflow", 5, "cut off at the right"),
        ("contrast", 6, "its contrast is 1.6"),
        ("console", 13, "the room is strange"),
    ] {
        let told = |(which, file, at, message): &(String, String, u64, String)| {
            which == rule && file == "index.html" && *at == line && message.contains(says)
        };
        assert!(found.iter().any(told), "{rule} at line {line}: {found:#?}");
    }
    assert_eq!(found.len(), 5, "{found:#?}");
    let allowed = check(&bench, &["--allow-host=images.invalid"]);
    assert!(findings(&allowed).iter().all(|(rule, ..)| rule != "external"), "{allowed:#?}");
}

#[test]
fn a_page_that_never_says_ready_is_not_waited_for_in_every_room() {
    let (_turn, bench) = (my_turn(), Bench::new());
    folder(&bench, &[("index.html", "<!doctype html><title>Silent</title><script>nothing()</script>")]);
    let ended = check(&bench, &["--start-deadline=6s"]);
    assert_eq!(ended.code(), 2, "{ended:#?}");
    let found = findings(&ended);
    let ready = found.iter().find(|(rule, ..)| rule == "ready").unwrap_or_else(|| panic!("{found:#?}"));
    assert!(ready.3.contains("within 6 s because its script failed: ReferenceError"), "{ready:?}");
    let scenes = &ended.events.last().expect("a report")["scenes"];
    assert!(scenes[0]["findings"].is_number() && scenes[1]["findings"].is_null(), "{scenes}");
}

#[test]
fn a_theme_that_is_none_is_told_by_field_and_line_before_any_browser_starts() {
    let bench = Bench::new().with("WALLFLOWER_CHROMIUM", "/no/such/browser");
    folder(&bench, &[("theme.json", "{\n  \"colors\": {\n    \"acent\": \"red\"\n  }\n}")]);
    let ended = check(&bench, &[]);
    assert_eq!(ended.code(), 2, "{ended:#?}");
    let found = findings(&ended);
    assert!(
        matches!(&found[..], [(rule, file, 3, message)]
        if rule == "schema" && file == "theme.json" && message.starts_with("unknown field `acent`")),
        "{found:?}"
    );
}

#[test]
fn colours_of_a_theme_that_can_t_be_read_are_told_by_their_field() {
    let (_turn, bench) = (my_turn(), Bench::new());
    folder(&bench, &[("index.html", TEMPLATE), ("theme.json", "{\"colors\": {\n\"muted_text\": \"#3a404a\"}}")]);
    let ended = check(&bench, &[]);
    let found = findings(&ended);
    assert_eq!(ended.code(), 2, "{ended:#?}");
    let is_told = |(rule, file, line, message): &(String, String, u64, String)| {
        rule == "contrast" && file == "theme.json" && *line == 2 && message.contains("colors.muted_text")
    };
    assert!(found.iter().all(is_told), "{found:#?}");
}

fn draft() -> Value {
    json!({
        "theme": { "title": "All hands" }, "layout": "grid", "size": { "width": 320, "height": 180 },
        "scene": { "people": 2, "fps": 5 },
    })
}

#[test]
fn the_workshop_records_the_template_by_the_real_recorder() {
    let (_turn, bench) = (my_turn(), Bench::new());
    folder(&bench, &[("index.html", TEMPLATE)]);
    let workshop = Workshop::open(&bench, "talks");
    let (status, taken) = workshop.ask("POST", "/api/take", &draft());
    assert_eq!(status, 200, "{taken}");
    let (status, file) = workshop.fetch("GET", "/api/take", &[], &Value::Null);
    assert_eq!(status, 200);
    let path = bench.file("taken.mp4");
    fs::write(&path, file).expect("written");
    let seconds = decode::pictures(&path).expect("it can be decoded").duration();
    assert!((9.0..12.0).contains(&seconds), "{seconds} s");
    workshop.end();
    bench.assert_nothing_left();
}

#[test]
fn the_workshop_takes_a_picture_at_the_true_size_and_says_what_is_wrong_with_a_draft() {
    let (_turn, bench) = (my_turn(), Bench::new());
    folder(&bench, &[("index.html", TEMPLATE)]);
    let workshop = Workshop::open(&bench, "talks");
    let (status, png) = workshop.fetch("POST", "/api/picture", &[], &draft());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&png));
    // A PNG begins with its name, and its first chunk with width and height.
    assert_eq!(&png[1..4], b"PNG");
    assert_eq!((&png[16..20], &png[20..24]), (&320_u32.to_be_bytes()[..], &180_u32.to_be_bytes()[..]));
    let (status, refused) = workshop.ask("POST", "/api/theme", &json!({ "theme": { "tiles": { "gap": 400 } } }));
    assert_eq!((status, &refused["field"]), (422, &json!("tiles.gap")), "{refused}");
    workshop.end();
    bench.assert_nothing_left();
}

#[test]
fn saving_writes_the_theme_and_never_over_what_the_designer_has_not_seen() {
    let bench = Bench::new();
    folder(&bench, &[("index.html", TEMPLATE)]);
    let workshop = Workshop::open(&bench, "talks");
    let theme = json!({ "title": "All hands" });
    let file = bench.file("talks/theme.json");
    let (status, saved) = workshop.ask("PUT", "/api/theme", &json!({ "theme": theme, "seen": null }));
    assert_eq!(status, 200, "{saved}");
    let text = fs::read_to_string(&file).expect("it is saved");
    assert_eq!(saved["theme_text"], text.as_str());
    fs::write(&file, "{}").expect("an editor writes it");
    let (status, refused) = workshop.ask("PUT", "/api/theme", &json!({ "theme": theme, "seen": text }));
    assert_eq!(status, 409, "{refused}");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "{}");
    assert_eq!(entries(&bench.file("talks")), ["index.html", "theme.json"]);
    assert_eq!(fs::read_to_string(bench.file("talks/index.html")).expect("it is there"), TEMPLATE);
    let foreign = [("Origin", "http://elsewhere.example")];
    let (status, _) = workshop.fetch("PUT", "/api/theme", &foreign, &json!({ "theme": theme, "seen": "{}" }));
    assert_eq!(status, 403, "another page may save nothing");
    workshop.end();
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("it can be read")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_workshop_is_served_to_this_machine_only() {
    let bench = Bench::new();
    let ended = bench.run(&["design", "--listen=0.0.0.0:0"], SOON);
    assert!(ended.code() == 2 && ended.stderr.contains("listen on 127.0.0.1"), "{ended:?}");
}
