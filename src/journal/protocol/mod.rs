//! Exchange's protocol logs, SmtpReceive and SmtpSend: what a session says and hears, as rows of
//! CSV (learn.microsoft.com, "Protocol logging").

mod csv;
mod dialogue;
mod folder;
mod layout;
mod proof;
mod rows;
mod schannel;
mod send;
mod tls;

pub use csv::FIELDS;
pub(super) use csv::Time;
pub(super) use folder::Folder;
pub(super) use layout::Layout;
pub use rows::{Ending, Opening, Rows};
pub use send::SendRows;
pub use tls::CertificateRow;
