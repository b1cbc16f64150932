//! A report as people read it.

use std::fmt;
use std::net::IpAddr;

use super::plan::Plan;
use super::report::{
    Authentication, Cause, Direction, Fate, Kerberos, Line, Outcome, Product, ProofOutcome, Report,
    Tls,
};

/// How much is shown, and whether in colour.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub colour: bool,
    /// What was said, too; not for who has watched it.
    pub dialogue: bool,
    /// The SmtpSend rows, too.
    pub log: bool,
}

/// Whom a probe visits, and as whom.
pub struct Opening<'a>(pub &'a Plan);

/// A line of the dialogue in a style of one's choice.
pub struct StyledLine<'a>(pub &'a Line, pub Style);

/// A report in a style of one's choice.
pub struct Styled<'a>(pub &'a Report, pub Style);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Styled(self, Style { colour: false, dialogue: true, log: false }).fmt(f)
    }
}

impl fmt::Display for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { host, port, sender, version, proxy_from, .. } = self.0;
        opening(f, (host, *port), (sender, version), *proxy_from)
    }
}

fn opening(
    f: &mut fmt::Formatter<'_>,
    (host, port): (&str, u16),
    (sender, version): (&str, &dyn fmt::Display),
    proxied: Option<IpAddr>,
) -> fmt::Result {
    write!(f, "{host}, port {port}, to which {sender} of Exchange {version} sends")?;
    match proxied {
        Some(source) => write!(f, ", from {source} by a PROXY header"),
        None => Ok(()),
    }
}

impl fmt::Display for StyledLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(line, style) = self;
        let (mark, code) = match line.direction {
            Direction::Sent => (">", "36"),
            Direction::Received => ("<", received(&line.text)),
            Direction::Note => ("*", "2"),
        };
        write!(f, "  {:>6} {mark} {}", line.ms, Paint(style.colour).of(code, &line.text))
    }
}

impl fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report, style) = self;
        let paint = Paint(style.colour);
        if style.dialogue {
            let Report { target, sender, .. } = report;
            let from = (sender.name.as_str(), &sender.version as &dyn fmt::Display);
            opening(f, (&target.host, target.port), from, sender.proxied)?;
            writeln!(f)?;
            let lines = report.dialogue.iter();
            lines
                .map(|line| StyledLine(line, *style))
                .try_for_each(|line| writeln!(f, "{line}"))?;
        }
        writeln!(f)?;
        facts(f, report)?;
        verdict(f, report, paint)?;
        report.causes.iter().try_for_each(|cause| show_cause(f, cause, paint))?;
        if !report.besides.is_empty() {
            writeln!(f, "\nBesides, and not what stopped it:")?;
        }
        report.besides.iter().try_for_each(|cause| show_cause(f, cause, paint))?;
        if !report.notes.is_empty() {
            writeln!(f)?;
        }
        report.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))?;
        if style.log {
            writeln!(f)?;
            report.send_log.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        }
        Ok(())
    }
}

fn show_cause(f: &mut fmt::Formatter<'_>, cause: &Cause, paint: Paint) -> fmt::Result {
    let Cause { id, fits, next, source } = cause;
    let id = paint.of("1;33", id);
    writeln!(f, "\n{id}\n  fits  {fits}\n  next  {next}\n  from  {source}")
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    /// `code` is one of Select Graphic Rendition (ECMA-48 §8.3.117).
    fn of(self, code: &str, text: &str) -> String {
        match self.0 && !code.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

fn received(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'4') => "33",
        Some(b'5') => "31",
        Some(b'2' | b'3') => "",
        _ => "35",
    }
}

fn facts(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Report { peer, banner, tls, authentication, kerberos, .. } = report;
    if peer.product != Product::Unknown || !peer.because.is_empty() {
        write!(f, "server     {}", peer.product.name())?;
        if let Some(version) = &peer.version {
            write!(f, " {version} by its shape")?;
        }
        writeln!(f, ": {}", peer.because.join("; "))?;
    }
    if let Some(ahead) = banner.as_ref().and_then(|banner| banner.ahead_s) {
        match ahead {
            -2..=2 => {}
            ahead if ahead < 0 => writeln!(f, "clock      {} s behind ours", -ahead)?,
            ahead => writeln!(f, "clock      {ahead} s ahead of ours")?,
        }
    }
    if let Some(tls) = tls {
        show_tls(f, tls, report.target.name.as_deref())?;
    }
    if let Some(authentication) = authentication {
        show_proof(f, authentication)?;
    }
    if let Some(kerberos) = kerberos {
        show_kerberos(f, kerberos)?;
    }
    Ok(())
}

fn show_tls(f: &mut fmt::Formatter<'_>, tls: &Tls, name: Option<&str>) -> fmt::Result {
    write!(f, "TLS        by {}: ", tls.verb)?;
    if let Some(failed) = &tls.failed {
        return writeln!(f, "{failed}");
    }
    let known = |value: &Option<String>| value.clone().unwrap_or_default();
    writeln!(f, "{}, {}", known(&tls.protocol), known(&tls.cipher_suite))?;
    let Some(certificate) = &tls.certificate else {
        return writeln!(f, "           its certificate cannot be read");
    };
    write!(f, "           {}, until {}", certificate.subject, certificate.not_after)?;
    if certificate.expired {
        f.write_str(", EXPIRED")?;
    }
    if let (Some(names_host), Some(name)) = (certificate.names_host, name) {
        let verb = if names_host { "holds" } else { "does NOT hold" };
        write!(f, "; {verb} {name}")?;
    }
    writeln!(f)
}

fn show_proof(f: &mut fmt::Formatter<'_>, proof: &Authentication) -> fmt::Result {
    write!(f, "proof      {}", proof.command)?;
    if let Some(identity) = &proof.identity {
        write!(f, " as {identity}")?;
    }
    let outcome = match proof.outcome {
        ProofOutcome::Accepted => "accepted",
        ProofOutcome::Refused => "refused",
        ProofOutcome::Failed => "failed at the sender",
        ProofOutcome::NotTried => "offered, and not tried",
    };
    write!(f, ": {outcome}")?;
    if let Some(problem) = &proof.problem
        && proof.outcome == ProofOutcome::Failed
    {
        write!(f, ": {problem}")?;
    }
    writeln!(f)
}

fn show_kerberos(f: &mut fmt::Formatter<'_>, kerberos: &Kerberos) -> fmt::Result {
    if let Some(client) = &kerberos.client {
        writeln!(f, "tickets    of {client}")?;
    }
    for service in &kerberos.services {
        let problem = service.problem.as_deref().unwrap_or("a ticket");
        writeln!(f, "           {}: {problem}", service.name)?;
    }
    for kdc in &kerberos.kdcs {
        write!(f, "KDC        {}:{} for {}: ", kdc.host, kdc.port, kdc.purpose)?;
        match (&kdc.problem, kdc.ahead_s) {
            (Some(problem), _) => writeln!(f, "{problem}")?,
            (None, Some(ahead)) => writeln!(f, "answers, its clock {ahead:+} s")?,
            (None, None) => writeln!(f, "open")?,
        }
    }
    match kerberos.cache_ahead_s {
        Some(ahead) if ahead != 0 => {
            writeln!(f, "           at login the KDC's clock was {ahead:+} s from ours")
        }
        _ => Ok(()),
    }
}

fn verdict(f: &mut fmt::Formatter<'_>, report: &Report, paint: Paint) -> fmt::Result {
    let (code, word) = match report.outcome {
        Outcome::Delivered => ("1;32", "delivered"),
        Outcome::Accepted => ("1;32", "accepted"),
        Outcome::Refused => ("1;31", "refused"),
        Outcome::Undecided => ("1;33", "undecided"),
        Outcome::Unreachable => ("1;31", "unreachable"),
    };
    write!(f, "outcome    {}", paint.of(code, word))?;
    match &report.stopped {
        Some(stopped) => writeln!(f, ": {}", stopped.what)?,
        None => writeln!(f)?,
    }
    if let Some(text) = &report.last_error {
        let shown = match report.fate {
            Some(Fate::Returned) => "NDR        ",
            _ => "Last Error ",
        };
        writeln!(f, "{shown}{text}")?;
    }
    if let Some(fields) = &report.last_error_fields {
        writeln!(f, "           {fields}")?;
    }
    if let Some(event) = &report.event {
        let text = event.text.as_deref().unwrap_or("(its text is not public)");
        writeln!(f, "event      {} {:?}: {text}", event.id, event.level)?;
    }
    Ok(())
}
