//! What is wrong with a set of connectors: one rule for each known way to get it wrong.
//!
//! [`lint`] looks at a whole set and gives a [`Finding`] for each fault: which connector, which
//! addresses, who is hit, what he sees and which command mends it. [`RULES`] lists what it
//! knows. Rules are made to be quiet: the default set of every version, and narrow connectors
//! beside it, have no findings.

mod addresses;
mod cmdlet;
mod exchange;
mod finding;
mod front;
mod limits;
mod listening;
mod logon;
mod peer;
mod powershell;
mod registry;
mod relay;
mod rule;
mod scoping;
mod sees;
mod set;
mod shadow;
mod taken;
mod tls;

use super::{Scope, address};
use crate::connector::{Broken, Server};

pub use addresses::Addresses;
pub use finding::{Concerns, Finding, findings_for};
pub use peer::{Certificate, Peer, PeerKind};
pub use registry::{ALLOW_COMMENT, RULES, rule};
pub use rule::{Rule, Severity};
pub use sees::{Queue, ReplyOf, Sees, Symptoms, Voice, Words};

use set::Set;

/// What is to be looked at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub server: &'a Server,
    /// How it puts things: [`session::facts`](crate::session::facts) of its version.
    pub words: &'a dyn Words,
    pub scope: &'a Scope,
    /// The rules of the cmdlets that the set breaks, each with the connector's index
    /// ([`all_broken`](crate::connector::all_broken)).
    pub broken: &'a [(usize, Broken)],
    /// Without them, what covers Exchange servers is judged by size.
    pub peers: &'a [Peer],
    /// One for each connector; where there is none, it is unknown.
    pub certificates: &'a [Certificate],
}

/// Everything that is wrong with a set, in the order of its connectors, the worst first.
pub fn lint(subject: &Subject<'_>) -> Vec<Finding> {
    const CHECKS: [fn(&Set<'_>, &mut Vec<Finding>); 10] = [
        cmdlet::check,
        shadow::check,
        front::check,
        relay::check,
        exchange::check,
        scoping::check,
        listening::check,
        tls::check,
        logon::check,
        limits::check,
    ];
    let set = Set::new(subject);
    let mut found = Vec::new();
    for check in CHECKS {
        check(&set, &mut found);
    }
    // A right that comes from above the connector is taken away there, by no command of ours.
    for finding in found.iter_mut().filter(|finding| finding.mend.is_empty()) {
        finding.mend.push(vec![finding.rule.mend.to_owned()]);
    }
    found.sort_by_key(|finding| (finding.connector, finding.rule.severity, finding.rule.id));
    found
}
