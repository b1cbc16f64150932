//! What is wrong with a configuration, and where.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::secret::hidden;

/// One problem, with the text it is about.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Problem {
    message: String,
    #[label("{label}")]
    span: SourceSpan,
    label: String,
    #[help]
    help: Option<String>,
    #[source_code]
    text: NamedSource<Arc<String>>,
    line: usize,
}

/// A configuration that cannot be used. `Display` gives a line for each problem.
#[derive(Debug)]
pub struct ConfigError {
    name: String,
    unreadable: Option<String>,
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn unreadable(name: String, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        };
        Self { name, unreadable: Some(reason), problems: Vec::new() }
    }

    /// In the order of the text. Empty only if the file could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.unreadable {
            return write!(f, "cannot read {}: {reason}", self.name);
        }
        for (i, problem) in self.problems.iter().enumerate() {
            let end = if i > 0 { "\n" } else { "" };
            write!(
                f,
                "{end}{}:{}: {} ({})",
                self.name, problem.line, problem.message, problem.label
            )?;
            if let Some(help) = &problem.help {
                write!(f, "; {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects problems while a text is read.
pub(super) struct Problems {
    name: String,
    text: Arc<String>,
    found: Vec<(Range<usize>, String, String, Option<String>)>,
}

impl Problems {
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: Arc::new(text.to_owned()), found: Vec::new() }
    }

    /// `message` tells what is wrong as a whole, `label` what is wrong at `span`.
    pub(super) fn add(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.found.push((span, message.into(), label.into(), help));
    }

    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    pub(super) fn into_error(mut self) -> ConfigError {
        self.found.sort_by_key(|(span, ..)| span.start);
        let shown = Arc::new(hidden(&self.text));
        let problems = self
            .found
            .into_iter()
            .map(|(span, message, label, help)| Problem {
                message,
                label,
                help,
                line: self.text[..span.start.min(self.text.len())].matches('\n').count() + 1,
                span: span.into(),
                text: NamedSource::new(&self.name, Arc::clone(&shown)),
            })
            .collect();
        ConfigError { name: self.name, unreadable: None, problems }
    }
}
