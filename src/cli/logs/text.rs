//! The report for a person.

use std::io::{self, Write};

use expsd::journal::logs::{
    Attempts, ConnectorReport, Counted, FailureReport, Now, Outside, PeerReport, Report,
    SourceReport, TlsCounts,
};
use expsd::scope::lint::PeerKind;
use expsd::smtp::reply;

/// Sources of a connector that are listed, unless it was asked for by its name.
const MAX_LISTED: usize = 20;

pub fn write(report: &Report<'_>, all: bool, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "{}, {}, {}",
        number(report.files, "file"),
        number(report.rows, "row"),
        number(report.sessions, "session")
    )?;
    match report.first.zip(report.last) {
        Some((first, last)) => writeln!(out, ", {first} to {last}")?,
        None => writeln!(out, ": nothing to report")?,
    }
    if let Some(there) = &report.passed_over {
        writeln!(out, "the files hold rows of {} to {}, of", there.first, there.last)?;
        there.connectors.0.iter().try_for_each(|(name, _)| writeln!(out, "  {name}"))?;
    }
    if report.received_replies * 10 > report.rows {
        writeln!(
            out,
            "{} rows have replies where commands should be: this looks like a log of what the \
             server sent",
            report.received_replies
        )?;
    }
    for limit in &report.limits_reached {
        writeln!(out, "{limit}")?;
    }
    if report.connectors.iter().any(|c| c.totals.outside.is_none()) {
        writeln!(
            out,
            "without --accepted-domain, or [[AcceptedDomain]] in --config: which recipients are \
             outside is not known"
        )?;
    }
    let compared = |c: &ConnectorReport<'_>| c.sources.iter().any(|source| source.now.is_some());
    if let Some(server) = report.held_against
        && !report.connectors.iter().any(compared)
    {
        writeln!(out, "no connector of {server} is in here: nothing is held against its set")?;
    }
    unreadable(report, out)?;
    peers(&report.peers, out)?;
    relays(report, out)?;
    report.connectors.iter().try_for_each(|each| connector(each, all, out))
}

fn unreadable(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    let rows = report.unreadable.rows;
    if rows == 0 {
        return Ok(());
    }
    writeln!(out, "\n{} could not be read", number(rows, "row"))?;
    for row in report.unreadable.first {
        writeln!(out, "  {}:{}: {}", row.file, row.line, row.problem)?;
    }
    match rows - report.unreadable.first.len() as u64 {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

fn peers(peers: &[PeerReport<'_>], out: &mut impl Write) -> io::Result<()> {
    if peers.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nKnown peers")?;
    for peer in peers {
        let name = peer.name.unwrap_or("an Exchange server");
        write!(out, "  {name} ({}) ", peer.address)?;
        let Some((connector, last)) = peer.connector.as_ref().zip(peer.last) else {
            writeln!(out, "is in no row")?;
            continue;
        };
        writeln!(out, "met {connector}: {}, the last {last}", number(peer.sessions, "session"))?;
        // Nobody else needs Exchange Server authentication.
        if peer.kind == PeerKind::Exchange {
            offered(peer, out)?;
        }
        if let Some(now) = &peer.now {
            writeln!(out, "    Today it would meet {}.", now.as_str())?;
        }
    }
    Ok(())
}

/// What an Exchange server was offered.
fn offered(peer: &PeerReport<'_>, out: &mut impl Write) -> io::Result<()> {
    let (ehlo, without) = (peer.ehlo, peer.ehlo_without_exchange);
    let words = match () {
        () if without > 0 => {
            return writeln!(
                out,
                "    WRONG CONNECTOR: in {without} of {ehlo} sessions the EHLO reply offered \
                 neither X-ANONYMOUSTLS nor X-EXPS.\n    An Exchange server's queue then shows \
                 \"{}\".\n    Take the address out of RemoteIPRanges of that connector, or tick \
                 ExchangeServer in its AuthMechanism\n    and ExchangeServers in its \
                 PermissionGroups.",
                reply::CANNOT_ACHIEVE_EXCHANGE_AUTH
            );
        }
        () if ehlo > 0 => "It was offered Exchange Server authentication.",
        () if peer.clients == peer.sessions => {
            "It came as a client does: with AUTH, on port 587, or from the server itself."
        }
        () if peer.partial > 0 => {
            "Its EHLO lies before the rows: what it was offered is not in them."
        }
        () if peer.helo > 0 => "It said HELO, to which nothing is offered; Exchange says EHLO.",
        () => "It got no reply to EHLO, and so no X-EXPS either.",
    };
    writeln!(out, "    {words}")
}

/// Who still relays.
fn relays(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    let relayed = |outside: Option<Outside>| outside.map_or(0, |o| o.anonymous + o.unknown);
    if !report.connectors.iter().any(|c| relayed(c.totals.outside) > 0) {
        return Ok(());
    }
    writeln!(out, "\nRelayed without logging on, to domains that are not accepted")?;
    for connector in &report.connectors {
        let Some(outside) = connector.totals.outside.filter(|o| o.anonymous + o.unknown > 0) else {
            continue;
        };
        let recipients = number(outside.anonymous, "recipient");
        let unknown = match outside.unknown {
            0 => String::new(),
            n => format!(", and {n} of sessions that may have logged on before the rows begin"),
        };
        writeln!(out, "  {}: {recipients}{unknown}", connector.connector)?;
        let line = |source: &SourceReport<'_>| {
            let outside = source.outside().filter(|o| o.anonymous + o.unknown > 0)?;
            let unknown = match outside.unknown {
                0 => String::new(),
                n => format!("and {n} unknown"),
            };
            let last = format!("last {}", source.tally.last);
            Some(vec![source.source.to_string(), outside.anonymous.to_string(), last, unknown])
        };
        table(connector.sources.iter().filter_map(line).collect(), "    ", out)?;
    }
    Ok(())
}

fn connector(connector: &ConnectorReport<'_>, all: bool, out: &mut impl Write) -> io::Result<()> {
    let totals = &connector.totals;
    let outcomes = &totals.outcomes;
    writeln!(out, "\n{}", connector.connector)?;
    writeln!(
        out,
        "  {} from {}: {} delivered, {} refused, {} dropped, {} idle, {} unfinished",
        number(totals.sessions, "session"),
        number(connector.sources.len() as u64, "source"),
        outcomes.delivered,
        outcomes.refused,
        outcomes.dropped,
        outcomes.idle,
        outcomes.unfinished,
    )?;
    let outside = totals.outside.map(|o| format!(", {} outside the accepted domains", o.all()));
    let outside = outside.unwrap_or_default();
    let recipients = number(totals.recipients, "recipient");
    writeln!(out, "  {} to {recipients}{outside}", number(totals.messages, "message"))?;
    if totals.recipients_unsent > 0 {
        let recipients = number(totals.recipients_unsent, "recipient");
        writeln!(out, "  accepted, and no message followed: {recipients}")?;
    }
    writeln!(out, "  TLS: {}", tls(&totals.tls, &totals.ciphers))?;
    if !totals.mechanisms.0.is_empty() {
        writeln!(out, "  log-on: {}", mechanisms(&totals.mechanisms))?;
    }
    if connector.failed_identities_in_all > 0 {
        let named =
            join(connector.failed_identities.0.iter().map(|(name, n)| format!("{name} x{n}")));
        let more = match connector.failed_identities_in_all - connector.failed_identities.0.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(out, "  failed to log on: {named}{more}")?;
    }
    if totals.partial > 0 {
        writeln!(out, "  {} began before the rows do", number(totals.partial, "session"))?;
    }
    if totals.may_relay > 0 {
        let sessions = number(totals.may_relay, "session");
        writeln!(out, "  {sessions} could relay without logging on (SMTPAcceptAnyRecipient)")?;
    }
    if totals.tarpits > 0 {
        writeln!(out, "  {} held back (TarpitInterval)", number(totals.tarpits, "answer"))?;
    }
    if totals.masked > 0 {
        writeln!(
            out,
            "  {} of nothing but X: a firewall on the way overwrites verbs that it does not know",
            number(totals.masked, "command")
        )?;
    }
    let listed = if all { connector.sources.len() } else { MAX_LISTED };
    sources(connector, listed, out)?;
    if !connector.failures.is_empty() {
        writeln!(out, "\n  What failed")?;
    }
    connector.failures.iter().try_for_each(|each| failure(each, out))
}

fn sources(connector: &ConnectorReport<'_>, listed: usize, out: &mut impl Write) -> io::Result<()> {
    let now = connector.sources.iter().any(|source| source.now.is_some());
    let head = ["source", "sessions", "messages", "recipients", "TLS", "logged on", "says", "last"];
    let mut head: Vec<String> = head.map(str::to_owned).into();
    if connector.totals.outside.is_some() {
        head.insert(4, "outside".to_owned());
    }
    head.extend(now.then(|| "today".to_owned()));
    let mut lines = vec![head];
    for source in connector.sources.iter().take(listed) {
        let tally = source.tally;
        let name = source.peer.map(|peer| format!(" ({peer})")).unwrap_or_default();
        let mut line = vec![
            format!("{}{name}", source.source),
            tally.sessions.to_string(),
            tally.messages.to_string(),
            tally.recipients.to_string(),
            tls(&source.tls(), &Counted::default()),
            some(&source.identities()),
            some(&source.hellos()),
            tally.last.to_string(),
        ];
        if let Some(outside) = source.outside() {
            line.insert(4, outside.all().to_string());
        }
        line.extend(now.then(|| match &source.now {
            None => "-".to_owned(),
            Some(Now::Other(name)) => format!("meets {name}"),
            Some(now) => now.as_str().to_owned(),
        }));
        lines.push(line);
    }
    writeln!(out)?;
    table(lines, "  ", out)?;
    match connector.sources.len().saturating_sub(listed) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: --connector, --format csv or json list them all"),
    }
}

fn failure(failure: &FailureReport<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "    {} x {}", failure.count, failure.text)?;
    let named: Vec<_> =
        failure.sources.0.iter().map(|(source, count)| format!("{source} ({count})")).collect();
    let more = match failure.sources_in_all - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    writeln!(out, "      from {}{more}; the last {}", named.join(", "), failure.last)?;
    if let Some((means, look_at)) = failure.means.zip(failure.look_at) {
        writeln!(out, "      means: {means}")?;
        writeln!(out, "      look at: {look_at}")?;
    }
    Ok(())
}

fn tls(counts: &TlsCounts, ciphers: &Counted<'_, u64>) -> String {
    let kinds = [
        ("none", counts.none),
        ("STARTTLS", counts.starttls),
        ("X-ANONYMOUSTLS", counts.x_anonymoustls),
        ("unknown", counts.unknown),
    ];
    let kinds: Vec<_> = kinds.iter().filter(|(_, count)| *count > 0).collect();
    let kinds = match kinds[..] {
        [(name, _)] => (*name).to_owned(),
        _ => join(kinds.iter().map(|(name, count)| format!("{name} {count}"))),
    };
    match ciphers.0.is_empty() {
        true => kinds,
        false => {
            format!("{kinds} ({})", join(ciphers.0.iter().map(|(name, n)| format!("{name} x{n}"))))
        }
    }
}

fn mechanisms(mechanisms: &Counted<'_, Attempts>) -> String {
    join(mechanisms.0.iter().map(|(name, attempts)| {
        format!("{name} {} accepted, {} failed", attempts.accepted, attempts.failed)
    }))
}

/// The first name, and how many more there are.
fn some(names: &Counted<'_, u64>) -> String {
    match &names.0[..] {
        [] => "-".to_owned(),
        [(name, _)] => name.to_string(),
        [(name, _), rest @ ..] => format!("{name} +{}", rest.len()),
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn number(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Columns as wide as they must be; numbers to the right.
fn table(lines: Vec<Vec<String>>, indent: &str, out: &mut impl Write) -> io::Result<()> {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let cells = |column: usize| lines.iter().filter_map(move |line| line.get(column));
    let widths: Vec<usize> = (0..columns)
        .map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or_default())
        .collect();
    let numbers: Vec<bool> = (0..columns)
        .map(|column| cells(column).skip(1).all(|cell| cell.parse::<u64>().is_ok()))
        .collect();
    for line in &lines {
        let mut text = String::new();
        for ((cell, width), number) in line.iter().zip(&widths).zip(&numbers) {
            match number {
                true => text += &format!("{cell:>width$}  "),
                false => text += &format!("{cell:<width$}  "),
            }
        }
        writeln!(out, "{indent}{}", text.trim_end())?;
    }
    Ok(())
}
