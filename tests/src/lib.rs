//! What the suites in `tests/` stand on. The suites drive the built `wallflower` binary and read back what it recorded.
//!
//! - [`fleet`]: thousands of agents without a browser, and the load of those who ask for them.
//! - [`harness`] starts the binary and real servers, and proves that nothing is left of them.
//! - [`media_probe`] decodes a finished recording and measures it: frames, flashes, beeps, motion, tones.

pub mod fleet;
pub mod harness;
pub mod media_probe;
