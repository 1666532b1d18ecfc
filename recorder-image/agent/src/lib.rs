//! The agent: performs one recording.
//!
//! ```text
//! Display (Xvfb) + Audio (PulseAudio, null sink) ◀── Browser (Chromium, CDP) ◀── Bridge (page)
//!        └──────────── Capture (ffmpeg) ──▶ fragmented MP4 ──▶ Delivery ──▶ FILE.mp4
//! ```
//!
//! [`stdio::serve`] is the agent as a process; its module doc tells what it reads and writes. [`workdir`] tells how nothing
//! is left behind.

mod audio;
mod bridge;
mod browser;
mod capture;
mod cast;
mod child;
mod delivery;
mod display;
mod pages;
mod programs;
mod session;
pub mod stdio;
mod usage;
pub mod workdir;

pub use cast::Cast;
pub use delivery::capture_of;
pub use programs::Program;
