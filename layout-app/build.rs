//! Says what to do when the pages are not built yet, and has them embedded again when they change.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=dist");
    if !Path::new("dist/index.html").is_file() {
        println!(
            "cargo::error=the pages of layout-app are not built (dist/index.html is missing): run `make layout-app` first"
        );
    }
}
