//! The agent's side of [`wallflower_domain::wire::link`]: events to an orchestrator, requests from it.
//!
//! ```text
//! Report ─▶ post ─┬─ outbox: numbered events, kept until they are heard ──▶ journal (file)
//!                 ├─ passing: the newest of what only matters now
//!                 └─ answers: requests that came already
//!            ▲ │
//!            │ ▼
//! connection: dial ▶ conversation ▶ break ▶ pace ▶ dial …
//! ```
//!
//! A recording does not wait for its orchestrator: whether one is there or not, it is made, ends by its own limits, and is delivered.
//! [`service`] is the whole of it; `outbox`, `passing`, `answers` and `pace` are pure.

mod answers;
mod connection;
mod conversation;
mod dial;
mod journal;
mod outbox;
mod pace;
mod passing;
mod post;
mod service;
#[cfg(test)]
mod tests;

pub(crate) use service::serve;
