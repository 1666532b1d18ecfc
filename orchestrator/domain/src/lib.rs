//! Pure core of Wallflower: what is recorded, how it looks, where it goes, what can fail, and how a recording lives.
//!
//! Nothing here does I/O or reads a clock; time comes in as an argument. [`wire`] holds what crosses a process boundary.

pub mod destination;
pub mod email;
pub mod encoding;
pub mod failure;
pub mod frame;
pub mod jitsi;
pub mod layout;
pub mod look;
pub mod output;
pub mod record;
pub mod recording;
pub mod request;
pub mod room;
pub mod secret;
pub mod share;
mod stream_url;
pub mod theme;
pub mod timeline;
pub mod upload;
pub mod watchdog;
pub mod wire;
