//! Findings as SARIF 2.1.0 (OASIS), which code hosts and editors show at their place.

use std::io::{self, Write};
use std::path::Path;

use expsd::scope::lint::{RULES, Severity};
use serde_json::{Value, json};

use super::{Report, Told, as_io};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn write(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    let rules: Vec<_> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.what },
                "help": { "text": rule.mend, "markdown": rule.page(&super::words) },
                "defaultConfiguration": { "level": level(rule.severity) },
            })
        })
        .collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "expsd",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": report.told.iter().map(|told| result(report, told)).collect::<Vec<_>>(),
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document).map_err(as_io)?;
    writeln!(out)
}

fn result(report: &Report<'_>, told: &Told<'_>) -> Value {
    let mut text = told.problem.clone();
    let mut location = json!({});
    if let Some(finding) = told.finding {
        let ways: Vec<_> = finding.mend.iter().map(|way| way.join("; ")).collect();
        text += &format!(". Hit: {}. To mend it: {}", finding.hit, ways.join("; or "));
        let connector = report.identity(finding.connector);
        location["logicalLocations"] = json!([{
            "fullyQualifiedName": format!("{connector}\\{}", finding.parameter),
            "kind": "member",
        }]);
    }
    let file = report.draft.places.name();
    if !file.is_empty() {
        location["physicalLocation"]["artifactLocation"] = json!({ "uri": uri(file) });
    }
    if let Some(place) = &told.place {
        let (start, end) = (report.position(place.start), report.position(place.end));
        location["physicalLocation"]["region"] = json!({
            "startLine": start.0,
            "startColumn": start.1,
            "endLine": end.0,
            "endColumn": end.1,
        });
    }
    let index = RULES.iter().position(|rule| *rule == told.rule);
    let mut result = json!({
        "ruleId": told.rule.id,
        "level": level(told.rule.severity),
        "message": { "text": text },
        "locations": [location],
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    if let Some(reason) = &told.allowed {
        result["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// A file as a relative reference (RFC 3986 §4.2), or as a URI if its path is absolute.
fn uri(name: &str) -> String {
    let mut uri = if Path::new(name).is_absolute() { "file://".to_owned() } else { String::new() };
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(byte.into());
            }
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri
}
