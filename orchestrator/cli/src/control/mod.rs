//! Control of a running recording from outside of its process, over its control socket.
//!
//! ```text
//! wallflower record ── server ◀── RUNTIME/control/ID.sock ── client ── wallflower list | show | stop | pause | …
//!        │               │
//!        └ driver ◀──────┘ orders; answered once they have taken effect
//! ```
//!
//! What is said is in `wallflower_domain::wire::control`; where the sockets are, and how those of dead processes go, in
//! `wallflower_agent::control_sockets`. The same commands control a server's recordings when one is named: `crate::remote`.

mod client;
pub(crate) mod commands;
mod lines;
mod meant;
mod server;
mod source;
pub(crate) mod table;

pub(crate) use client::matching;
pub(crate) use commands::{print_lines, refused};
pub(crate) use meant::Effect;
pub(crate) use server::ControlServer;
pub(crate) use source::{StatusSource, unix_us};
pub(crate) use table::state_name;
