//! What a lesson needs around the daemon: a Kerberos realm, and scenarios that run.

pub mod realm;
pub mod run;
pub mod scenario;
mod shell;

pub use shell::quoted;
