//! Limits that bite those whom the connector was made for, and brakes that were taken off.

use super::sees::NOTHING;
use super::set::unproved;
use super::{Finding, Rule, Sees, Set, Severity, powershell};
use crate::connector::{MessageRateSource, ReceiveConnector, Rights, TimeSpan, Unlimited};
use crate::smtp::reply;

/// What a new connector lets one source open.
const USUAL_CONNECTIONS: u32 = 20;
const USUAL_PERCENTAGE: u32 = 2;
/// Messages per minute that are few for a program (our choice).
const SLOW: u32 = 30;

pub(super) const PER_SOURCE_LIMIT: Rule = Rule {
    id: "per-source-limit",
    severity: Severity::Warning,
    title: "A source may open fewer connections than was meant",
    what: "Two limits hold at once: MaxInboundConnectionPerSource, and \
           MaxInboundConnectionPercentagePerSource of the connections that are still free. Raising \
           one without the other does little. Told of connectors where one of the two was raised \
           and the other was not, and of connectors for a few hosts where the two allow fewer than \
           the usual 20.",
    who: "hosts that send through many connections: applications, gateways, balancers",
    sees: Sees {
        replies: &[("connecting once more", |_| reply::TOO_MANY_FROM_SOURCE)],
        event: Some((
            1021,
            "Receive connector {connector} rejected an incoming connection from IP address {source}. The maximum number of connections per source ({limit}) for this connector has been reached by this source IP address.",
        )),
        ..NOTHING
    },
    mend: "raise both",
    sources: &[
        "letsexchange.blogspot.com, 2012/04",
        "onprem.wtf, \"Exchange 2010 and MaxInboundConnectionPerSource\"",
        "learn.microsoft.com, \"Message throttling\" (2013 help)",
    ],
};

pub(super) const RATE_LIMIT_APPLICATION: Rule = Rule {
    id: "rate-limit-application",
    severity: Severity::Warning,
    title: "A program may send a few messages a minute only",
    what: "MessageRateLimit, 5 per minute on the client connectors, is for people. Told of \
           connectors for certain hosts with a limit of 30 or less.",
    who: "the applications that the connector was made for",
    sees: Sees { replies: &[("a message too many", |_| reply::SUBMISSION_RATE)], ..NOTHING },
    mend: "lift the limit on connectors for certain hosts",
    sources: &["learn.microsoft.com, \"Message rate limits and throttling\""],
};

pub(super) const TARPIT_OFF: Rule = Rule {
    id: "tarpit-off",
    severity: Severity::Note,
    title: "Guessing recipients costs nothing",
    what: "TarpitInterval delays the refusals of anonymous sessions, so that addresses cannot be \
           guessed by the thousand. It is 0 on a connector that the Internet meets.",
    who: "the directory, which can be harvested",
    sees: Sees {
        more: Some("refusals come at once; no row `Tarpit for '0.00:00:05'` in the protocol log"),
        ..NOTHING
    },
    mend: "set it back to five seconds",
    sources: &[
        "Set-ReceiveConnector, parameter TarpitInterval",
        "learn.microsoft.com, \"Message rate limits and throttling\"",
    ],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    for (i, connector) in set.enabled() {
        let name = &connector.name;
        let scoped = !set.is_internet(i) && set.by_default(i).is_none();
        if let Some(problem) = per_source(connector, scoped) {
            let limit = per_source_limit(connector).to_string();
            let parameters = "-MaxInboundConnectionPerSource 200 \
                              -MaxInboundConnectionPercentagePerSource 10";
            let parameter = "MaxInboundConnectionPerSource";
            found.push(
                Finding::new(&PER_SOURCE_LIMIT, set, i, parameter, problem)
                    .sources(set, Set::sources(set.won(i)))
                    .naming(set, "limit", limit)
                    .mend(powershell::set(set, i, parameters)),
            );
        }
        let limited = connector.message_rate_source != MessageRateSource::None;
        if let Unlimited::Limited(rate) = connector.message_rate_limit
            && rate <= SLOW
            && scoped
            && limited
        {
            let problem = format!(
                "\"{name}\" is for certain hosts, and takes {rate} messages a minute from each"
            );
            found.push(
                Finding::new(&RATE_LIMIT_APPLICATION, set, i, "MessageRateLimit", problem)
                    .mend(powershell::set(set, i, "-MessageRateLimit Unlimited")),
            );
        }
        let off = TimeSpan::from_secs(0);
        let never = |default: &ReceiveConnector| default.tarpit_interval == off;
        let anonymous = unproved(connector).contains(Rights::SUBMIT);
        if connector.tarpit_interval == off
            && set.is_internet(i)
            && anonymous
            && !set.by_default(i).is_some_and(never)
        {
            let problem = format!("\"{name}\" refuses strangers without delay");
            found.push(
                Finding::new(&TARPIT_OFF, set, i, "TarpitInterval", problem).mend(powershell::set(
                    set,
                    i,
                    "-TarpitInterval 00:00:05",
                )),
            );
        }
    }
}

/// What one source may open of an idle connector.
fn per_source_limit(connector: &ReceiveConnector) -> u64 {
    let percentage = u64::from(connector.max_inbound_connection_percentage_per_source);
    let by_percentage = match connector.max_inbound_connection {
        Unlimited::Limited(all) => u64::from(all) * percentage / 100,
        Unlimited::Unlimited => u64::MAX,
    };
    match connector.max_inbound_connection_per_source {
        Unlimited::Limited(number) => by_percentage.min(number.into()),
        Unlimited::Unlimited => by_percentage,
    }
}

fn per_source(connector: &ReceiveConnector, scoped: bool) -> Option<String> {
    let name = &connector.name;
    let percentage = connector.max_inbound_connection_percentage_per_source;
    let number = connector.max_inbound_connection_per_source;
    let limit = per_source_limit(connector);
    let raised = match number {
        Unlimited::Limited(number) => number > USUAL_CONNECTIONS && limit < number.into(),
        Unlimited::Unlimited => limit < u64::MAX,
    };
    if raised && percentage == USUAL_PERCENTAGE {
        return Some(format!(
            "\"{name}\" allows a source {number} connections, but its {percentage} per cent are {limit}"
        ));
    }
    if percentage > USUAL_PERCENTAGE && number == Unlimited::Limited(USUAL_CONNECTIONS) {
        return Some(format!(
            "\"{name}\" allows a source {percentage} per cent, but {USUAL_CONNECTIONS} connections"
        ));
    }
    (scoped && limit < USUAL_CONNECTIONS.into())
        .then(|| format!("\"{name}\" is for certain hosts, and allows each {limit} connections"))
}
