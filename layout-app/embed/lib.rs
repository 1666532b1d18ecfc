//! The pages of `layout-app/` (its `dist`), embedded in the binary, and how they are served.
//!
//! The demo room serves them to people, the agent to the Chromium that records. Both call [`pages`]. A designer's folder is served by
//! [`template`], with the scripts of `/wallflower/` beside it.

mod serve;

pub use serve::{embedded_file, inspector, page, pages, template};
