//! What happened in a recording, and when.
//!
//! ```text
//! page, recorder ──▶ Line, appended to events.jsonl while recording         media time is provisional
//!                      │
//!                      ├── MediaMap, from the finisher: where wall time lies in the finished file
//!                      ▼
//!                  Timeline ──▶ events.jsonl with the file's times · chat.vtt · captions.vtt · chapters · attendance · markers
//!                                 └──▶ Manifest
//! ```
//!
//! Pure: lines, map and duration go in, text and values come out.

mod attendance;
mod captions;
mod chapters;
mod chat;
mod line;
mod manifest;
mod map;
mod pauses;
mod placed;
mod speaking;
mod vtt;

pub use attendance::{Attendee, Presence};
pub use captions::CAPTION_SHOWN;
pub use chapters::{Chapter, Marker, chapters_vtt, ffmetadata};
pub use chat::CHAT_SHOWN;
pub use line::{Event, Line, read};
pub use manifest::{
    AttemptNote, Delivered, Manifest, ManifestContract, MediaFacts, MediaTotals, OutputKind, Picture, SoundFacts,
    Upload, VideoFacts,
};
pub use map::{MediaMap, Span};
pub use pauses::Pause;
pub use placed::{Note, Timeline};
