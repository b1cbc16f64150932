//! Findings for people.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use expsd::config::Places;
use expsd::scope::lint::{Finding, Severity};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use super::{Report, Told, as_io};

/// A line of the file is shown whole up to this length, in octets.
const LONGEST_LINE: usize = 160;

pub(super) fn write(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let theme = match io::stdout().is_terminal() {
        true if !plain => GraphicalTheme::unicode(),
        _ => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_wrap_lines(false);
    for told in report.open() {
        let shown = Shown::new(report, told);
        let mut text = String::new();
        handler.render_report(&mut text, &shown).map_err(as_io)?;
        writeln!(out, "{text}")?;
    }
    for doubt in crate::cli::doubts(report.draft.doubts.iter()) {
        writeln!(out, "uncertain: {doubt}")?;
    }
    writeln!(out, "{}", summary(report))
}

fn summary(report: &Report<'_>) -> String {
    let configuration = &report.draft.configuration;
    let (server, all) = (&configuration.server.name, configuration.connectors.len());
    let connectors = format!("{all} connector{} of {server}", if all == 1 { "" } else { "s" });
    let count = |severity| {
        let n = report.count(severity);
        (n > 0).then(|| format!("{n} {severity}{}", if n == 1 { "" } else { "s" }))
    };
    let counts: Vec<_> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(count)
        .collect();
    let allowed = match report.silenced() {
        0 => String::new(),
        n => format!(" ({n} allowed by comments)"),
    };
    match counts.is_empty() {
        true => {
            let known = match report.draft.doubts.is_empty() {
                true => "",
                false => ", as far as the dump tells",
            };
            format!("Nothing wrong with {connectors}{allowed}{known}.")
        }
        false => format!("{} in {connectors}{allowed}.", counts.join(", ")),
    }
}

/// One of them as a diagnostic.
#[derive(Debug)]
struct Shown<'a> {
    id: &'static str,
    severity: Severity,
    problem: String,
    label: Option<LabeledSpan>,
    help: String,
    text: Excerpt<'a>,
}

impl<'a> Shown<'a> {
    fn new(report: &'a Report<'_>, told: &Told<'_>) -> Self {
        let mut problem = told.problem.clone();
        let of =
            |finding: &Finding, parameter| report.draft.places.find(finding.connector, parameter);
        // Where the parameter stands nowhere, the place is that of its connector at best.
        if let Some(finding) = told.finding
            && of(finding, finding.parameter) == of(finding, "")
        {
            let identity = report.identity(finding.connector);
            problem += &format!("\n{identity}, {}", finding.parameter);
        }
        let label = told.place.clone().map(|place| {
            LabeledSpan::new_primary_with_span(Some(told.rule.title.to_owned()), place)
        });
        let mut help = told.finding.map(explained).unwrap_or_default();
        help.push(format!("more  expsd lint --explain {}", told.rule.id));
        Self {
            id: told.rule.id,
            severity: told.rule.severity,
            problem,
            label,
            help: help.join("\n"),
            text: Excerpt(&report.draft.places),
        }
    }
}

fn explained(finding: &Finding) -> Vec<String> {
    let mut help = Vec::new();
    let mut block = |name: &'static str, lines: &[String]| {
        let names = std::iter::once(name).chain(std::iter::repeat(""));
        help.extend(names.zip(lines).map(|(name, line)| format!("{name:<4}  {line}")));
    };
    block("hit", std::slice::from_ref(&finding.hit));
    block("sees", &finding.sees.lines());
    for (i, way) in finding.mend.iter().enumerate() {
        block(if i == 0 { "mend" } else { "or" }, way);
    }
    help
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(format!("{} ({})", self.id, self.severity)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.help))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.label.clone().into_iter()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.label.as_ref().map(|_| &self.text as &dyn SourceCode)
    }
}

/// The file, of which one line is shown, and no more than a window where that is very long:
/// a list of a thousand ranges, for one.
#[derive(Debug)]
struct Excerpt<'a>(&'a Places);

impl SourceCode for Excerpt<'_> {
    /// Without lines of context it is asked for the place alone.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.0.text();
        let (start, end) = (span.offset(), span.offset() + span.len());
        if end > text.len() || !text.is_char_boundary(start) || !text.is_char_boundary(end) {
            return Err(MietteError::OutOfBounds);
        }
        let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at);
        let (from, to) = match (context, line_end - line > LONGEST_LINE) {
            (0, _) => (start, end),
            (_, false) => (line, line_end),
            (_, true) => {
                let from = start.saturating_sub(LONGEST_LINE / 4).max(line);
                (floor(text, from), floor(text, (start + LONGEST_LINE).clamp(end, line_end)))
            }
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name().to_owned(),
            &text.as_bytes()[from..to],
            SourceSpan::from(from..to),
            self.0.line(start) - 1,
            text[line..from].chars().count(),
            1,
        )))
    }
}

/// The character boundary at or before `at`.
pub(super) fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
