//! The language: commands, replies, addresses, lines, and the framing of DATA and BDAT.
//!
//! Nothing in here knows a connector, a connection or a clock.

pub mod address;
pub mod command;
pub mod data;
pub mod envelope;
pub mod header;
pub mod line;
pub mod reply;
pub mod tally;
mod written;

pub use address::{Mailbox, Path};
pub use command::{Command, Syntax};
pub use envelope::{Envelope, Recipient};
pub use reply::Reply;
pub use tally::Tally;
pub use written::WrittenReplyError;
