//! RTMP, and RTMP over TLS, spoken by the agent itself.
//!
//! ```text
//! Feed ─▶ Media (samples) ─▶ flv (bodies) ─▶ Session (messages, chunks) ─▶ Connection (deadlines) ─▶ TCP, TLS
//! ```

mod amf;
mod chunk;
mod connection;
mod flv;
mod session;
mod tls;

pub(crate) use connection::publish;
pub(crate) use session::Place;
pub(crate) use tls::Trust;
