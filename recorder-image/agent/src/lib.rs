//! The agent: performs one recording.
//!
//! ```text
//! Display (Xvfb) + Audio (PulseAudio, null sink) ◀── Browser (Chromium, CDP) ◀── Bridge (page)
//!        └──────────── Capture (ffmpeg) ──▶ Spool ──▶ Finisher ──▶ Delivery ──▶ FILE.mp4
//! ```
//!
//! A session goes on after what it started has died: each further attempt captures into the same spool.
//!
//! [`stdio::serve`] is the agent as a process; its module doc tells what it reads and writes, and [`link`] what an agent does that
//! an orchestrator has launched; [`warm`] is an agent before it has a recording. [`workdir`] tells how nothing is left behind.

mod attempt;
mod audio;
mod blank;
mod bridge;
mod browser;
mod capture;
mod card;
mod cast;
mod child;
mod clock;
mod companion;
mod completion;
mod containers;
pub mod control_sockets;
mod delivery;
mod digest;
mod directory;
mod display;
mod encoder;
mod facts;
mod fence;
mod ffmpeg;
mod finisher;
mod flow;
mod fragment;
mod grabber;
mod hls;
mod images;
mod link;
mod live;
mod media;
mod observer;
mod opening;
mod outputs;
mod pages;
mod pictures;
mod placing;
mod programs;
mod recover;
mod report;
mod session;
mod sidecars;
mod spool;
mod stage;
pub mod stdio;
mod streams;
mod studio;
mod tap;
mod timeline;
pub mod upload;
mod uploads;
mod usage;
mod warm;
pub mod workdir;

pub use cast::Cast;
pub use pictures::contact_sheet;
pub use programs::Program;
pub use recover::{Recovered, recover};
pub use spool::{abandoned_spools, has_media, spool_beside};
pub use studio::{Seen, Studio, Visit};
