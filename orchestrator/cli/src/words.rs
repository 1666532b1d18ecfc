//! Lines for whoever still reads them. `println!` panics when nobody does, and a recording is not to end because its listener has.

use std::fmt::Display;
use std::io::Write;

/// For programs.
pub(crate) fn to_stdout(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// For people.
pub(crate) fn to_stderr(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
