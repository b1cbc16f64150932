//! A configuration before its rules are enforced.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use miette::NamedSource;

use super::error::Problems;
use super::{ConfigError, Configuration, sections};
use crate::connector::import::Import;
use crate::connector::{Broken, all_broken};

/// A configuration that was read whole, and may break rules of Exchange's cmdlets.
///
/// What runs must keep them ([`Draft::finish`]); what only looks at a set need not ask for it.
#[derive(Clone, Debug)]
pub struct Draft {
    pub configuration: Configuration,
    /// The rules that connectors break, each with the connector's index.
    pub broken: Vec<(usize, Broken)>,
    pub places: Places,
}

impl Draft {
    /// A configuration that stands in no text.
    pub fn of(configuration: Configuration) -> Self {
        let broken = all_broken(&configuration.connectors, &configuration.server);
        Self { configuration, broken, places: Places::default() }
    }

    /// Reads the file at `path`. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::unreadable(name.clone(), &error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        sections::read(&text, &name, folder)
    }

    /// Reads `text`; `name` stands for it in errors.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        sections::read(text, name, Path::new(""))
    }

    /// The connectors of a real server, called `name` in errors; the rest is as it is without a
    /// file.
    pub fn imported(import: Import, name: impl Into<String>) -> Self {
        let mut configuration = Configuration::of(import.server);
        configuration.default_connectors = false;
        let mut places = Places::new(name, import.text);
        let connectors = import.connectors.into_iter().map(|imported| {
            places.push(imported.at, imported.places);
            imported.connector
        });
        configuration.connectors = connectors.collect();
        let broken = all_broken(&configuration.connectors, &configuration.server);
        Self { configuration, broken, places }
    }

    /// The configuration, if it breaks no rule.
    pub fn finish(self) -> Result<Configuration, ConfigError> {
        if self.broken.is_empty() {
            return Ok(self.configuration);
        }
        let mut problems = Problems::new(&self.places.name, &self.places.text);
        self.report(&mut problems);
        Err(problems.into_error())
    }

    pub(super) fn report(&self, problems: &mut Problems) {
        for (index, broken) in &self.broken {
            let name = &self.configuration.connectors[*index].name;
            let message = match broken.conflict {
                Some(_) => format!("\"{name}\" conflicts with another connector"),
                None => format!("{} of \"{name}\" breaks a rule", broken.parameter),
            };
            let place = self.places.find(*index, broken.parameter).unwrap_or_default();
            problems.add(place, message, &broken.message, None);
        }
    }
}

/// A configuration that was made and not read.
impl From<Configuration> for Draft {
    fn from(configuration: Configuration) -> Self {
        let broken = all_broken(&configuration.connectors, &configuration.server);
        Self { configuration, broken, places: Places::default() }
    }
}

/// Where in a text the connectors stand, and the values of their parameters.
#[derive(Clone, Debug, Default)]
pub struct Places {
    name: String,
    text: Arc<String>,
    connectors: Vec<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    connector: Range<usize>,
    parameters: Vec<(&'static str, Range<usize>)>,
}

impl Places {
    /// No places yet in `text`, which is called `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: Arc::new(text.into()), connectors: Vec::new() }
    }

    /// Adds the next connector: where it stands, and its parameters.
    pub fn push(&mut self, connector: Range<usize>, parameters: Vec<(&'static str, Range<usize>)>) {
        self.connectors.push(Place { connector, parameters });
    }

    /// Where `parameter` of a connector stands, or else the connector; `None` if that is not in
    /// the text.
    pub fn find(&self, connector: usize, parameter: &str) -> Option<Range<usize>> {
        let place = self.connectors.get(connector)?;
        let found = place.parameters.iter().find(|(name, _)| *name == parameter);
        Some(found.map_or_else(|| place.connector.clone(), |(_, span)| span.clone()))
    }

    /// The connector whose `[[ReceiveConnector]]` begins at an offset.
    pub(super) fn connector_at(&self, offset: usize) -> Option<usize> {
        self.connectors.iter().position(|place| place.connector.start == offset)
    }

    /// The parameter of a connector whose value stands, in part, on the line of an offset.
    pub(super) fn parameter_at(&self, connector: usize, offset: usize) -> Option<&'static str> {
        let place = self.connectors.get(connector)?;
        let line = self.line(offset);
        let there = place.parameters.iter().find(|(_, span)| {
            *span != place.connector
                && (self.line(span.start)..=self.line(span.end)).contains(&line)
        });
        there.map(|(name, _)| *name)
    }

    /// The text, for a diagnostic to show.
    pub fn source(&self) -> NamedSource<Arc<String>> {
        NamedSource::new(&self.name, Arc::clone(&self.text))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line of the text that holds an offset, from 1.
    pub fn line(&self, offset: usize) -> usize {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        memchr::memchr_iter(b'\n', before).count() + 1
    }
}
