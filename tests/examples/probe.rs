//! Measures a recording of the probe page: `cargo run -p wallflower-tests --example probe -- FILE…`; with `--each`, every flash and beep.

use std::path::Path;
use std::process::ExitCode;

use wallflower_tests::media_probe::Sync;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a tool for a terminal")]
fn main() -> ExitCode {
    let (options, files): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word == "--each");
    for file in files {
        match Sync::of(Path::new(&file)) {
            Ok(sync) => {
                println!("{file}\n{sync}\n");
                for (beep_s, offset_s) in sync.offsets.pairs.iter().filter(|_| !options.is_empty()) {
                    println!("{beep_s:10.3} s  flash - beep {:+6.1} ms", offset_s * 1000.0);
                }
            }
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
