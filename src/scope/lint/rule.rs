//! What a rule is: what it looks for, and what it says to people.

use std::fmt::{self, Write as _};

use super::sees::{Sees, Words};
use crate::connector::Version;

/// One thing that can be wrong with a set of connectors.
#[derive(Debug)]
pub struct Rule {
    /// In lower case, with hyphens. It does not change once published.
    pub id: &'static str,
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why it is wrong, and when the rule says so.
    pub what: &'static str,
    /// Who is hit by it.
    pub who: &'static str,
    /// What they, and the administrator, see.
    pub sees: Sees,
    pub mend: &'static str,
    /// Public pages that describe it; "our choice" where there is none.
    pub sources: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Mail stops, or is taken from whom it should not be.
    Error,
    /// Likely to hurt somebody.
    Warning,
    /// Worth knowing; may well be meant.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Rule {
    /// The rule's page, in Markdown, in the words of every version.
    pub fn page(&self, words: &dyn Fn(Version) -> &'static dyn Words) -> String {
        let Self { id, severity, title, what, who, sees, mend, sources } = self;
        let mut page = format!(
            "## {id}\n\n**{title}** ({severity})\n\n{what}\n\n- **Who is hit:** {who}\n\
             - **What he sees:**\n"
        );
        for line in sees.lines(words) {
            let _ = writeln!(page, "  - {line}");
        }
        let _ = writeln!(page, "- **How to mend it:** {mend}");
        let _ = writeln!(page, "- **Sources:** {}", sources.join("; "));
        page
    }
}
