//! Live streams: the recording's encoded media, sent on as they come, to any number of servers.
//!
//! ```text
//! Streams ─ one task each ─▶ stream (tries, retries, reports)
//!                               ├ feed: what is to be sent next; at most 8 s wait, the rest is missed and counted
//!                               ├ rtmp: we speak it ourselves
//!                               └ srt: an ffmpeg does
//! ```
//!
//! A stream takes from the [`crate::tap::Tap`] and gives nothing back, so whatever its server does, neither the file nor another
//! stream loses a frame.
//!
//! **Keys** are in no command line, environment or log: an RTMP key never leaves this process but to its server, and SRT's secrets
//! reach ffmpeg in a file that only we can read. [`address`] takes them out of all that a server says before it is passed on.
//!
//! **RTMP is spoken here**, not by an ffmpeg for each stream. The fragments hold the samples as RTMP wants them, so what is left is a
//! small state machine, and it pays: a stream begins and ends with exactly the fragments that it should, is live when its server has
//! said so, tells in the server's words why it was refused, checks certificates, and costs a thousandth of a core instead of a process.
//! SRT is the other way round: libsrt is large, and the measure of all others.

mod address;
mod feed;
mod registry;
mod rtmp;
mod srt;
mod status;
mod stream;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

pub(crate) use registry::Streams;
pub(crate) use rtmp::Trust;

/// Where streams may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Also into the recorder's own network.
    pub(crate) allow_private: bool,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// From the first packet to a server that takes the stream.
    pub(crate) setup: Duration,
    /// With something to take, until a live server takes any of it.
    pub(crate) stall: Duration,
    /// From the last thing sent until the server closes too.
    pub(crate) goodbye: Duration,
    /// From the wish to end to the end.
    pub(crate) end: Duration,
    /// More, before it is ended by force.
    pub(crate) grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            setup: Duration::from_secs(10),
            stall: Duration::from_secs(5),
            goodbye: Duration::from_secs(1),
            end: Duration::from_millis(2500),
            grace: Duration::from_millis(500),
        }
    }
}
