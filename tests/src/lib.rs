//! What the suites in `tests/` stand on. The suites drive the built `wallflower` binary and read back what it recorded.
//!
//! - [`harness`] starts the binary and real servers, and proves that nothing is left of them.
//! - [`media_probe`] decodes a finished recording and measures it: frames, flashes, beeps, motion, tones.

pub mod harness;
pub mod media_probe;
