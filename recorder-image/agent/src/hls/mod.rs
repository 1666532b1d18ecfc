//! HLS: a playlist that grows while recording, and its segments; afterwards the same as a playlist of a finished video.
//!
//! ```text
//! spool ─finished segments─▶ DIR/seg-000001.m4s …   numbered as in the spool's index, so the next agent goes on with the same names
//!                            DIR/init-001.mp4       what a player needs before them; the next one only when an attempt's differs
//!                            DIR/index.m3u8         EVENT while recording, then VOD
//!                            DIR/master.m3u8        names index.m3u8, with codecs, size, frame and bit rate
//! ```
//!
//! * **A gap** is a discontinuity, and is seen in the program date times. It has no length in the playlist: hls.js stalls at
//!   `EXT-X-GAP`, and ffmpeg asks for the segment that isn't there.
//! * **A pause that is cut** leaves out the segments that lie wholly in it; what is left of it is less than a segment at either end.
//! * **An init section is told again only when it is another one.** All attempts encode alike, so there is mostly one; ffmpeg
//!   complains of a second, and players reset their decoders for it.
//! * **`master.m3u8`** is for players that want to know whether they can play something before they load it: Apple's ask for it.
//!   hls.js and ffmpeg are as well off with `index.m3u8`.

mod description;
mod playlist;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use writer::{Hls, HlsDelivery, check, make};
