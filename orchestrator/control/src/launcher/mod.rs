//! Starting agents.
//!
//! * [`process`]: as processes of this machine.

pub mod process;
