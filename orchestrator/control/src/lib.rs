//! The side of Wallflower that never touches media.
//!
//! * [`orchestrator`], [`api`]: many recordings for many users, over HTTP.
//! * [`audit`]: who did what.
//! * [`demo_room`]: the room that Wallflower serves itself: signalling over WebSocket, and the pages to join it.
//! * [`launcher`]: starts agents as processes.
//! * [`driver`]: the one task that owns a recording, from its agent's launch to its last word.
//! * [`livekit`]: the tokens by which silent participants join LiveKit rooms.
//! * [`metrics`]: running recordings, as Prometheus reads them.
//! * [`store`]: where an orchestrator keeps its records.

pub mod api;
pub mod audit;
pub mod demo_room;
mod digest;
pub mod driver;
pub mod launcher;
pub mod livekit;
pub mod metrics;
pub mod orchestrator;
pub mod store;
