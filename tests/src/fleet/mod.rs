//! Thousands of recordings without a browser: agents that are tasks of this process and speak the real protocol, launched by a real
//! `wallflower serve` through a real launcher's socket, and the load of those who ask for them.
//!
//! ```text
//! load ── HTTP ──▶ wallflower serve ── Call ──▶ launcher ──▶ agent, agent, agent …
//!                        ▲                                        │
//!                        └──────────────── WebSocket ─────────────┘      account: who was launched, told and heard, and when
//! ```
//!
//! - [`agent`]: one agent: joins, records, ends when it is told to; dials again and tells again as a real one does
//! - [`launcher`]: what `launcher = "unix:…"` asks
//! - [`account`]: what agents know of what happened, to be compared with what the orchestrator says
//! - [`load`]: requests at a fixed rate, whatever the answers take, and how long they took
//! - [`process`]: memory and processor time of a process

pub mod account;
pub mod agent;
pub mod launcher;
pub mod load;
pub mod process;

pub use account::Account;
pub use launcher::{Fault, Fleet};
pub use load::{Client, Latencies};
