//! Exchange's SmtpReceive protocol log: what a session says and hears, as rows of CSV
//! (learn.microsoft.com, "Protocol logging").

mod csv;
mod dialogue;
mod folder;
mod layout;
mod proof;
mod rows;
mod schannel;
mod tls;

pub(super) use csv::Time;
pub(super) use folder::Folder;
pub(super) use layout::Layout;
pub use rows::{Ending, Opening, Rows};
pub use tls::CertificateRow;
