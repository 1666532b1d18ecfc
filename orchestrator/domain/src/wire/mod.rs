//! What crosses a process boundary: the shapes that agent, page, demo room and orchestrator exchange.
//!
//! The TypeScript twins of [`page`], [`player`], [`scene`], [`demo_room`] and [`cast`] are generated into `layout-app/src/contract/generated/`
//! by this crate's tests (`make generate`), and CI compares them with what is checked in.

pub mod agent;
pub mod cast;
pub mod control;
pub mod demo_room;
pub mod launcher;
pub mod link;
pub mod page;
pub mod player;
pub mod scene;
pub mod warm;
