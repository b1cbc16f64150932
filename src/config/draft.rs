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
    /// What a dump did not tell.
    pub doubts: Vec<Doubt>,
}

/// Something that is not known of an imported set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// `None`: it may concern every connector.
    pub connector: Option<usize>,
    /// `""`: it is about no parameter in particular.
    pub parameter: &'static str,
    /// Nothing of the value is known, and nothing can be said about it.
    pub gone: bool,
    /// In words, with the connector.
    pub text: String,
}

impl Doubt {
    fn is_about_addresses(&self) -> bool {
        matches!(self.parameter, "Bindings" | "RemoteIPRanges")
    }
}

impl Draft {
    /// A configuration that stands in no text.
    pub fn of(configuration: Configuration) -> Self {
        let broken = all_broken(&configuration.connectors, &configuration.server);
        Self { configuration, broken, places: Places::default(), doubts: Vec::new() }
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
        let mut doubts: Vec<Doubt> = import
            .losses()
            .map(|note| Doubt {
                connector: None,
                parameter: "",
                gone: false,
                text: note.to_string(),
            })
            .collect();
        let mut configuration = Configuration::of(import.server);
        configuration.default_connectors = false;
        let mut places = Places::new(name, import.text);
        let connectors = import.connectors.into_iter().enumerate().map(|(index, imported)| {
            places.push(imported.at, imported.places);
            doubts.extend(imported.unsure.into_iter().map(|unsure| Doubt {
                connector: Some(index),
                parameter: unsure.parameter,
                gone: unsure.gone,
                text: format!("{}: {}", imported.identity, unsure.why),
            }));
            imported.connector
        });
        configuration.connectors = connectors.collect();
        let broken = all_broken(&configuration.connectors, &configuration.server);
        Self { configuration, broken, places, doubts }
    }

    /// Whether nothing is known of the value of a connector's parameter.
    pub fn is_unknown(&self, connector: usize, parameter: &str) -> bool {
        self.doubts.iter().any(|doubt| {
            doubt.gone && doubt.connector == Some(connector) && doubt.parameter == parameter
        })
    }

    /// [`Self::broken`] without the rules that only values break which are not known.
    pub fn surely_broken(&self) -> impl Iterator<Item = &(usize, Broken)> {
        self.broken.iter().filter(|(index, broken)| !self.is_unknown(*index, broken.parameter))
    }

    /// The doubts that bear on what the connector `winner` does, or on its being the one that is
    /// met.
    pub fn doubts_about(&self, winner: Option<usize>) -> impl Iterator<Item = &Doubt> {
        self.doubts.iter().filter(move |doubt| {
            doubt.connector.is_none() || doubt.connector == winner || doubt.is_about_addresses()
        })
    }

    /// Whether a connector may take addresses that are not known, so that others only seem to
    /// meet none.
    pub fn addresses_in_doubt(&self) -> bool {
        self.doubts.iter().any(Doubt::is_about_addresses)
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
        Self { configuration, broken, places: Places::default(), doubts: Vec::new() }
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
