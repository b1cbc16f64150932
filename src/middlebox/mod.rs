//! The firewall between: what Cisco's SMTP inspection does to a conversation, octet by octet.
//!
//! [`Inspector`] is free of I/O and says what becomes of each packet; [`Middlebox`] is the TCP
//! proxy around it.

mod inspector;
mod log;
mod mode;
mod proxy;
mod relay;

pub use inspector::{Inspector, Verdict};
pub use log::{Class, Entry, Event, Replaced};
pub use mode::{Mode, UnknownMode};
pub use proxy::{Middlebox, StartError};
