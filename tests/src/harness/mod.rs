//! Starts the built binary and real servers on loopback, and proves that nothing of it is left.
//!
//! - [`run`]: the `wallflower` binary, with deadlines, its events, and its leftovers
//! - [`pages`]: a web server for test pages, some of which misbehave
//! - [`turn`]: one heavy media test at a time, across test binaries

pub mod pages;
pub mod run;
pub mod turn;

pub use pages::Pages;
pub use run::{Bench, Ended, Running};
pub use turn::my_turn;
