//! What the suites in `tests/` stand on. The suites drive the built `wallflower` binary and read back what it recorded.
//!
//! - [`media_probe`] decodes a finished recording and measures it: frames, flashes, beeps, motion, tones.

pub mod media_probe;
