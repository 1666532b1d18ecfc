//! Reads a recording back: what it shows and sounds, and when.
//!
//! Everything is measured on decoded frames and samples with the times a player would use (edit lists included), never on
//! what the container says about itself.
//!
//! - [`decode`]: frames and samples of a file, by ffmpeg, with deadlines
//! - [`plan`]: what the probe page shows, from the same file as the page itself
//! - [`counter`]: the frame counter of the probe page → unique frames, freezes, cadence
//! - [`sync`]: flashes and beeps of the probe page → offset between picture and sound
//! - [`region`]: colour and motion of a part of the picture
//! - [`tone`]: power of single frequencies in the sound

pub mod counter;
pub mod decode;
pub mod plan;
pub mod region;
pub mod sync;
pub mod tone;

pub use counter::{Counters, Reading};
pub use decode::{Frame, ProbeError, Samples};
pub use plan::Plan;
pub use region::Region;
pub use sync::{Offsets, Sync};
