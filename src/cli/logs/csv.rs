//! The report as CSV: a line for each source on each connector.

use std::io::{self, Write};

use expsd::journal::logs::{ConnectorReport, Counted, Now, Report, SourceReport};

const COLUMNS: [&str; 34] = [
    "connector",
    "source",
    "peer",
    "first",
    "last",
    "sessions",
    "partial",
    "delivered",
    "refused",
    "dropped",
    "idle",
    "unfinished",
    "tls_none",
    "tls_starttls",
    "tls_x_anonymoustls",
    "tls_unknown",
    "ciphers",
    "mechanisms",
    "identities",
    "failed_identities",
    "hellos",
    "local",
    "messages",
    "recipients",
    "recipients_unsent",
    "recipients_refused",
    "outside_anonymous",
    "outside_authenticated",
    "outside_unknown",
    "may_relay",
    "tarpits",
    "ehlo_without_exchange",
    "failures",
    "now",
];

pub fn write(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    for connector in &report.connectors {
        for source in &connector.sources {
            let fields = fields(connector, source).map(|field| quoted(&field));
            writeln!(out, "{}", fields.join(","))?;
        }
    }
    Ok(())
}

fn fields(connector: &ConnectorReport<'_>, source: &SourceReport<'_>) -> [String; 34] {
    let tally = source.tally;
    let (outcomes, tls, outside) = (source.outcomes(), source.tls(), source.outside());
    let mechanisms = source.mechanisms().0.into_iter().map(|(name, attempts)| {
        format!("{name} {} ok {} failed", attempts.accepted, attempts.failed)
    });
    [
        connector.connector.to_string(),
        source.source.to_string(),
        source.peer.unwrap_or_default().to_owned(),
        tally.first.to_string(),
        tally.last.to_string(),
        tally.sessions.to_string(),
        tally.partial.to_string(),
        outcomes.delivered.to_string(),
        outcomes.refused.to_string(),
        outcomes.dropped.to_string(),
        outcomes.idle.to_string(),
        outcomes.unfinished.to_string(),
        tls.none.to_string(),
        tls.starttls.to_string(),
        tls.x_anonymoustls.to_string(),
        tls.unknown.to_string(),
        list(source.ciphers()),
        mechanisms.collect::<Vec<_>>().join("; "),
        list(source.identities()),
        list(source.failed_identities()),
        list(source.hellos()),
        list(source.locals()),
        tally.messages.to_string(),
        tally.recipients.to_string(),
        tally.recipients_unsent.to_string(),
        tally.recipients_refused.to_string(),
        outside.map(|outside| outside.anonymous.to_string()).unwrap_or_default(),
        outside.map(|outside| outside.authenticated.to_string()).unwrap_or_default(),
        outside.map(|outside| outside.unknown.to_string()).unwrap_or_default(),
        tally.may_relay.to_string(),
        tally.tarpits.to_string(),
        tally.ehlo_without_exchange.to_string(),
        list(source.failures()),
        source.now.as_ref().map(Now::as_str).unwrap_or_default().to_owned(),
    ]
}

fn list(counted: Counted<'_, u64>) -> String {
    let each = counted.0.into_iter().map(|(name, count)| format!("{name} x{count}"));
    each.collect::<Vec<_>>().join("; ")
}

/// A field as RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe,
/// as clients choose the names in here.
fn quoted(field: &str) -> String {
    let guard = if field.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{guard}{}\"", field.replace('"', "\"\"")),
        false => format!("{guard}{field}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_no_formulas() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("=cmd()"), "'=cmd()");
    }
}
