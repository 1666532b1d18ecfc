//! The pages of `layout-app/` (its `dist`), embedded in the binary, and how they are served.
//!
//! The demo room serves them to people, the agent to the Chromium that records. Both call [`pages`].

mod serve;

pub use serve::{page, pages};
