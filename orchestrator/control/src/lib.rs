//! The side of Wallflower that never touches media.
//!
//! * [`demo_room`]: the room that Wallflower serves itself: signalling over WebSocket, and the pages to join it.

pub mod demo_room;
