//! expsd: an SMTP receive daemon that answers as a Microsoft Exchange receive connector does.
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod config;
pub mod connector;
pub mod directory;
pub mod scope;
pub mod smtp;
