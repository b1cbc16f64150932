//! A sending Exchange server's view of a receiver: what it is told, what its queue, log and
//! events would show, and which of the known causes fit.
//!
//! [`run`] carries out a [`Plan`] and gives a [`Report`]. What is decided, and what is made of
//! what was seen, is free of I/O.

mod answer;
mod choice;
mod connect;
mod conversation;
mod diagnosis;
#[cfg(feature = "gssapi")]
mod gssapi;
#[cfg(not(feature = "gssapi"))]
#[path = "gssapi_absent.rs"]
mod gssapi;
mod judge;
mod kerberos;
mod likeness;
mod log;
mod peer;
mod plan;
mod proof;
mod queue;
mod record;
mod report;
mod seen;
mod show;
mod token;
mod wire;

use jiff::Timestamp;

pub use likeness::NoLikeness;
pub use plan::{Credentials, Mechanism, Password, Plan};
pub use report::{
    Authentication, Banner, Cause, CertificateFacts, Direction, Fate, Hello, Kdc, Kerberos,
    Keyword, Line, Outcome, Peer, Product, ProofOutcome, Report, Sender, SenderEvent, Service,
    Stage, Stopped, Target, Tls,
};
pub use show::{Opening, Style, Styled, StyledLine};

/// Visits the server, and tells what a sending Exchange server would make of it. Each step is
/// bounded by [`Plan::timeout`]; whatever goes wrong is in the report.
pub async fn run(plan: &Plan) -> Report {
    run_watched(plan, |_| ()).await
}

/// The same, and hands each line of the dialogue to `watcher` as it comes.
pub async fn run_watched(plan: &Plan, watcher: impl FnMut(&Line) + Send + 'static) -> Report {
    let began = Timestamp::now();
    let mut seen = conversation::visit(plan, Box::new(watcher)).await;
    let name = conversation::name(plan, &seen);
    seen.kerberos = kerberos::preflight(plan, name.as_deref()).await;
    judge::judge(plan, seen, began)
}
