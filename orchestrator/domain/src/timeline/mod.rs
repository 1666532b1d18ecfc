//! What happened in a recording, and when.
//!
//! ```text
//! page, recorder ──▶ Line, appended to events.jsonl while recording         media time is provisional
//!                    MediaMap, from the finisher: where wall time lies in the finished file
//! ```

mod line;
mod map;

pub use line::{Event, Line, PauseMode, StreamState, read};
pub use map::{MediaMap, Span};
