//! What a lesson needs around the daemon: a Kerberos realm, and scenarios.

pub mod realm;
pub mod scenario;
mod shell;

pub use shell::quoted;
