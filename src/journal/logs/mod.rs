//! SmtpReceive protocol logs of real servers, read back: who used which connector, and what
//! failed there.
//!
//! A [`Survey`] takes file after file, of any version, and keeps figures for each source on
//! each connector; [`Survey::report`] puts them in order. Memory does not grow with the files
//! but with the sources, up to a limit.
//!
//! Files: "Protocol logging" on learn.microsoft.com; for what the rows of each version look
//! like, see docs/evidence.md.

mod failure;
mod figures;
mod flight;
mod lines;
mod mail;
mod meaning;
mod names;
mod peers;
mod report;
mod row;
mod survey;
mod tally;
mod time;
mod wire;

pub use figures::{Counted, Outcomes, Outside, TlsCounts, Totals};
pub use meaning::{Meaning, meaning};
pub use peers::PeerReport;
pub use report::{
    ConnectorReport, FailureReport, MAX_SOURCES, Now, PassedOverReport, Report, SourceReport,
    Today, Unreadables,
};
pub use row::Unreadable;
pub use survey::{FileFacts, Filter, SeenSource, Survey, UnreadableRow};
pub use tally::{Attempts, Tally};
pub use time::{BadPeriod, Period, Stamp};

#[cfg(test)]
mod tests;
