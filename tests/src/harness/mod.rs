//! Starts the built binary and real servers on loopback, and proves that nothing of it is left.
//!
//! - [`Ground`]: one test's directories, its marker on every process, and its turn on the machine
//! - [`Wallflower`]: a running command: its events, its end
//! - [`Site`]: pages on a loopback port
//! - [`LivekitServer`] and [`Cast`]: a real LiveKit room with synthetic participants

mod cast;
mod ground;
mod http;
mod livekit;
mod process;
mod site;
mod wallflower;

use std::time::{Duration, Instant};

pub use cast::Cast;
pub use ground::{Ground, binary};
pub use livekit::{Listed, LivekitServer};
pub use process::Process;
pub use site::Site;
pub use wallflower::{Ended, Finish, Wallflower};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Whether a condition becomes true within `deadline`.
pub fn holds_within(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + deadline;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until a condition is true; panics when it is not within `deadline`.
#[track_caller]
pub fn eventually(what: &str, deadline: Duration, condition: impl FnMut() -> bool) {
    assert!(holds_within(deadline, condition), "not within {deadline:?}: {what}");
}

/// A part that a test needs is not on this machine: in CI that is a failure, elsewhere the test is skipped and says why.
#[track_caller]
pub fn lacking(what: &str, remedy: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{what} is missing: {remedy}");
    println!("skipped: {what} is missing; {remedy}");
}
