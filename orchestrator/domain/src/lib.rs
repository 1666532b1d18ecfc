//! Pure core of Wallflower.
pub mod failure; pub mod frame; pub mod layout; pub mod theme; pub mod wire;
