//! A sending Exchange server's view of a receiver: what it is told, what its queue, log and
//! events would show, and which of the known causes fit.
//!
//! [`run`] carries out a [`Plan`] and gives a [`Report`]. What is decided, and what is made of
//! what was seen, is free of I/O.

mod plan;
mod report;

pub use plan::{Credentials, Mechanism, Password, Plan};
pub use report::{
    Authentication, Banner, Cause, CertificateFacts, Direction, Fate, Hello, Kdc, Kerberos,
    Keyword, Line, Outcome, Peer, Product, ProofOutcome, Report, Sender, SenderEvent, Service,
    Stage, Stopped, Target, Tls,
};
