//! The record that a server leaves of itself.

mod event;
pub mod logs;
mod metrics;

pub use event::{Event, Level};
pub use metrics::{Metrics, OpenSession, Refused};
