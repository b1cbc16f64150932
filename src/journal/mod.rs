//! The record that a server leaves of itself.

mod event;

pub use event::{Event, Level};
