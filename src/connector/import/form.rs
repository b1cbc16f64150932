//! Which cmdlet wrote a dump, by its first lines.

use std::fmt;

use super::limits::Budget;
use super::object::Reading;
use super::{clixml, csv, json, list, table};
use crate::connector::find_parameter;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Clixml,
    Json,
    List,
    /// With what separates its columns.
    Csv(char),
    Table,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clixml => "Clixml",
            Self::Json => "JSON",
            Self::List => "Format-List",
            Self::Csv(_) => "CSV",
            Self::Table => "Format-Table",
        })
    }
}

/// Lines that may stand before what shows the form: a prompt, a word of the administrator's.
const LEAD: usize = 50;

impl Form {
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim_start();
        if text.starts_with('<') {
            return Some(Self::Clixml);
        }
        // Neither a prompt, `[PS] C:\>`, nor a section of TOML.
        let inside = text.trim_start_matches(|c: char| c == '[' || c.is_whitespace());
        if text.starts_with(['[', '{']) && (inside.starts_with(['{', ']']) || inside.is_empty()) {
            return Some(Self::Json);
        }
        let header = text.lines().find(|line| !csv::is_before_header(line)).unwrap_or_default();
        if let Some(delimiter) = csv::delimiter(header, is_column) {
            return Some(Self::Csv(delimiter));
        }
        text.lines().take(LEAD).find_map(|line| match line {
            _ if list::property(line.trim_end()).is_some() => Some(Self::List),
            _ if table::is_rule(line) => Some(Self::Table),
            _ => None,
        })
    }

    pub(super) fn read(self, text: &str, budget: Budget) -> Reading {
        match self {
            Self::Clixml => clixml::read(text, budget),
            Self::Json => json::read(text, budget),
            Self::List => list::read(text, budget),
            Self::Csv(delimiter) => csv::read(text, delimiter, budget),
            Self::Table => table::read(text, budget),
        }
    }
}

/// A column that a CSV of connectors or of permissions can have.
fn is_column(name: &str) -> bool {
    const OTHERS: [&str; 6] =
        ["Identity", "Server", "User", "ExtendedRights", "Deny", "IsInherited"];
    find_parameter(name).is_some() || OTHERS.iter().any(|other| other.eq_ignore_ascii_case(name))
}
