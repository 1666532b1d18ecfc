//! Measures a recording of the probe page: `cargo run -p wallflower-tests --example probe -- FILE…`

use std::path::Path;
use std::process::ExitCode;

use wallflower_tests::media_probe::Sync;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a tool for a terminal")]
fn main() -> ExitCode {
    for file in std::env::args().skip(1) {
        match Sync::of(Path::new(&file)) {
            Ok(sync) => println!("{file}\n{sync}\n"),
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
