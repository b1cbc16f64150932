//! What a lesson needs around the daemon.

pub mod realm;
