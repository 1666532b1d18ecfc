//! The demo room: a small WebRTC room that Wallflower serves itself, for demos, tests and a first look.
//!
//! Media goes from browser to browser; the server carries signalling, the roster, chat and reactions (the wire is
//! [`wallflower_domain::wire::demo_room`]) and the pages to join with. It is no meeting server: everybody who reaches its
//! address may come in.
//!
//! ```text
//! GET /                    to the join page
//! GET /rooms/{room}        to the join page of that room
//!     /rooms/{room}/ws     signalling                 ┌─ room   who is in it and what each of them is told; pure
//! GET /healthz             `ok`                       ├─ rooms  which rooms are open, and their clients' mailboxes
//! GET /…                   the pages of layout-app    └─ server, socket  the edge: HTTP, WebSockets, deadlines
//! ```

mod mailbox;
mod origin;
mod room;
mod rooms;
mod server;
mod socket;

pub use room::{InvalidRoomName, RoomName};
pub use server::{BindError, DemoServer};
