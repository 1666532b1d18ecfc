//! Contact sheets of a real LiveKit room in every layout and example template, for whoever judges their looks: `make sheets`.
//!
//! Five people with names that are hard on a layout, chat, reactions, captions and a shared screen; twelve seconds of each.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wallflower_domain::layout::Layout;
use wallflower_domain::wire::cast::{CastConfig, CastSpeech};
use wallflower_tests::harness::{Bench, Cast, LivekitServer, my_turn};

const DEADLINE: Duration = Duration::from_secs(90);
const ROOM: &str = "sheets";
const WIDE: &str = "1280x720";
const TALL: &str = "720x1280";

const NAMES: [&str; 5] = [
    "Amélie Dubois",
    "Dr. Maximiliane-Charlotte von Hohenstein-Wittgenbach",
    "عبد الرحمن بن محمد الشريف",
    "田中 美咲",
    "Wolfeschlegelsteinhausenbergerdorff 🏔️",
];

/// Somebody holds a phone, and somebody has no camera.
fn people() -> CastConfig {
    let mut config = Cast::of(NAMES.len());
    for (member, name) in config.members.iter_mut().zip(NAMES) {
        member.name = name.to_owned();
    }
    config.members[0].screen = true;
    config.members[3].camera = false;
    config.members[4].size = "360x640".parse().expect("a size");
    config.script.speech = CastSpeech::Turns { turn_ms: 3000 };
    config
}

/// Where what is made is left.
fn folder() -> PathBuf {
    let folder =
        std::env::var_os("SHEETS").map_or_else(|| std::env::temp_dir().join("wallflower-sheets"), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// A sheet of twelve frames, and the frame in the middle at its full size.
fn record(server: &LivekitServer, to: &Path, name: &str, arguments: &[&str]) {
    let (key, secret) = server.credentials();
    let bench = Bench::new().with("LIVEKIT_API_KEY", key).with("LIVEKIT_API_SECRET", secret);
    let room = server.room_uri(ROOM);
    let line = ["record", &room, "--output=a.mp4", "--images=images", "--images-every=3s", "--duration=12s", "--json"];
    let ended = bench.run(&[&line, arguments].concat(), DEADLINE);
    assert_eq!(ended.code(), 0, "{name}: {ended:#?}");
    let entries = std::fs::read_dir(bench.file("images")).expect("there are images");
    let mut images: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into()).collect();
    images.sort();
    let copy = |image: &str, as_name: &str| {
        let from = bench.file("images").join(image);
        std::fs::copy(&from, to.join(as_name)).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    copy("contact-sheet.jpg", &format!("{name}.jpg"));
    let frames: Vec<&String> = images.iter().filter(|image| image.starts_with("frame-")).collect();
    let middle = frames.get(frames.len() / 2).unwrap_or_else(|| panic!("{name}: no frames among {images:?}"));
    copy(middle, &format!("{name}.frame.jpg"));
}

#[test]
#[ignore = "pictures for people to look at: `make sheets`"]
fn a_contact_sheet_of_every_layout_and_example_template() {
    let Some(server) = LivekitServer::start() else { return };
    let (_turn, bench, to) = (my_turn(), Bench::new(), folder());
    let cast = Cast::as_livekit(&bench, &server, ROOM, people(), "guest", None);
    let wanted = std::env::var("SHEETS_ONLY").unwrap_or_default();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.split(',').any(|each| name.starts_with(each));
    let layouts = Layout::ALL.iter().map(|layout| (layout.name(), WIDE));
    let upright = [Layout::Grid, Layout::Speaker].map(|layout| (layout.name(), TALL));
    for (layout, size) in layouts.chain(upright) {
        let name = if size == TALL { format!("{layout}-9x16") } else { layout.to_owned() };
        if is_wanted(&name) {
            record(&server, &to, &name, &[&format!("--layout={layout}"), &format!("--size={size}")]);
        }
    }
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../layout-app/templates");
    for template in ["webinar", "podcast", "sports"] {
        let name = format!("template-{template}");
        if is_wanted(&name) {
            let template = format!("--template={}", templates.join(template).display());
            record(&server, &to, &name, &[&template, &format!("--size={WIDE}")]);
        }
    }
    cast.leave();
    bench.assert_nothing_left();
    println!("{}", to.display());
}
