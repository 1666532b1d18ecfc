//! Recordings of a `wallflower serve`, over its API.
//!
//! ```text
//! request   arguments ─▶ request            start   posts it, once, however often it has to be sent
//! find      which recording is meant        follow  to its end, over restarts of the server
//! http      asks, and knows what to ask again;  problem  an answer that is none, as a sentence
//! ```

mod find;
mod follow;
mod http;
mod list;
mod logs;
mod news;
mod order;
mod problem;
mod request;
mod share;
mod start;
mod table;

pub(crate) use find::Distant;
pub(crate) use http::{Server, builder};
pub(crate) use list::list;
pub(crate) use logs::logs;
pub(crate) use share::share;
pub(crate) use start::start;
