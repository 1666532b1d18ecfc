//! One heavy media test at a time: two cores can't carry two recordings that are measured.

use std::fs::File;

/// Waits for the turn; it ends when the value is dropped.
///
/// # Panics
///
/// When the lock file can't be made.
#[must_use]
pub fn my_turn() -> File {
    let path = std::env::temp_dir().join("wallflower-tests.turn");
    let file = File::options().create(true).append(true).open(&path).expect("the lock file can be made");
    file.lock().expect("a lock on a local file");
    file
}
