//! The scenarios: how a set of receive connectors goes wrong, who comes to grief by it, and how
//! it is mended. All of it is data, in `examples/scenarios/NAME/`, and part of the program.

mod cast;
mod files;
mod quiz;

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;

pub use cast::{Act, Cast, Login, Proof, Sees};
pub use quiz::{Choice, Quiz};

use crate::config::{ConfigError, Draft};
use crate::middlebox::Mode;
use crate::scope::lint::Peer;

/// One lesson.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name of its folder.
    #[serde(skip_deserializing)]
    pub name: &'static str,
    pub title: String,
    /// What people complain of, in a sentence.
    pub symptom: String,
    /// Whose addresses are known, as `expsd lint --peer` takes them.
    #[serde(default, deserialize_with = "peers")]
    pub peers: Vec<String>,
    pub cast: Vec<Cast>,
    #[serde(default)]
    pub broken: Setting,
    #[serde(default)]
    pub fixed: Setting,
    pub quiz: Quiz,
    /// In Markdown, without a title.
    #[serde(skip_deserializing)]
    pub lesson: &'static str,
    #[serde(skip_deserializing)]
    configurations: [&'static str; 2],
    /// What was read.
    #[serde(skip)]
    source: &'static str,
}

/// A scenario cannot be read.
#[derive(Debug, Error)]
#[error("{}: {error}", path(name))]
struct ScenarioError {
    name: &'static str,
    error: toml::de::Error,
}

fn path(name: &str) -> String {
    format!("examples/scenarios/{name}/scenario.toml")
}

/// Which of a scenario's two configurations runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Broken,
    Fixed,
}

/// What surrounds a configuration, and what of it shows before anybody comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setting {
    /// The lint rules that find something, in order.
    pub lint: Vec<String>,
    /// The events at the start, by id.
    pub events: Vec<u32>,
    /// Why the set does not run.
    pub refused: Option<String>,
    /// The set was forced past the cmdlets, which refuse it.
    pub forced: bool,
    /// The firewall between sender and receiver.
    #[serde(with = "mode")]
    pub firewall: Option<Mode>,
    /// What is wrong with the Kerberos realm, if the cast logs on to one.
    pub realm: Option<Trouble>,
    /// Certificates for SMTP besides the server's own.
    pub certificates: Vec<Certificate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The KDC does not know the service.
    NoSpn,
    /// The KDC has newer keys of the service than the server.
    OldKey,
    /// The client's clock is ten minutes fast.
    Skew,
    /// Nobody answers where clients look for the KDC.
    NoKdc,
}

/// A certificate to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Certificate {
    pub names: Vec<String>,
    /// How many days ago it was made.
    #[serde(default)]
    pub made: u32,
    /// For how many days.
    pub valid: u32,
}

/// All scenarios, in the order of the course.
pub fn all() -> &'static [Scenario] {
    static ALL: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
        // They are part of the program, and a test reads each.
        let scenario = |files| read(files).unwrap_or_else(|error| panic!("{error}"));
        files::FILES.iter().map(scenario).collect()
    });
    &ALL
}

fn read(files: &files::Files) -> Result<Scenario, ScenarioError> {
    let name = files.name;
    let scenario: Scenario =
        toml::from_str(files.scenario).map_err(|error| ScenarioError { name, error })?;
    Ok(Scenario {
        name,
        lesson: files.lesson,
        configurations: [files.broken, files.fixed],
        source: files.scenario,
        ..scenario
    })
}

/// The scenario called `name`, which may be its number in the course.
pub fn find(name: &str) -> Option<&'static Scenario> {
    let numbered = || all().get(name.parse::<usize>().ok()?.checked_sub(1)?);
    all().iter().find(|scenario| scenario.name == name).or_else(numbered)
}

impl Scenario {
    /// Its place in the course, from 1.
    pub fn number(&self) -> usize {
        all().iter().take_while(|scenario| scenario.name != self.name).count() + 1
    }

    pub fn setting(&self, side: Side) -> &Setting {
        match side {
            Side::Broken => &self.broken,
            Side::Fixed => &self.fixed,
        }
    }

    /// Where it states what is seen: by its `cast`, or before anybody comes.
    pub fn place(&self, side: Side, cast: Option<usize>) -> String {
        let header = match cast {
            Some(_) => format!("[cast.{}]", side.name()),
            None => format!("[{}]", side.name()),
        };
        let lines = (1..).zip(self.source.lines());
        let mut headers = lines.filter(|(_, line)| line.trim() == header);
        let line = headers.nth(cast.unwrap_or(0)).map_or(1, |(line, _)| line);
        format!("{}:{line}", path(self.name))
    }

    /// The configuration, as it is written.
    pub fn configuration(&self, side: Side) -> &'static str {
        self.configurations[side as usize]
    }

    /// The configuration, read.
    pub fn draft(&self, side: Side) -> Result<Draft, ConfigError> {
        let name = format!("examples/scenarios/{}/{}.toml", self.name, side.name());
        Draft::parse(self.configuration(side), &name)
    }

    /// Whose addresses are known.
    pub fn peers(&self) -> Vec<Peer> {
        let peer = |text: &String| text.parse().expect("it was parsed when the scenario was read");
        self.peers.iter().map(peer).collect()
    }

    /// Whether somebody shows a Kerberos ticket.
    pub fn needs_kerberos(&self) -> bool {
        self.cast
            .iter()
            .any(|cast| cast.login.as_ref().is_some_and(|login| login.proof == Proof::Kerberos))
    }

    /// The lines in which the two configurations differ, `-` before those of the broken one and
    /// `+` before those of the other. Comments and empty lines are left out.
    pub fn difference(&self) -> Vec<String> {
        let lines = |side| {
            let line = |line: &&str| !line.is_empty() && !line.starts_with('#');
            self.configuration(side).lines().filter(line).collect::<Vec<_>>()
        };
        difference(&lines(Side::Broken), &lines(Side::Fixed))
    }
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Fixed => "fixed",
        }
    }
}

/// Peers that can be read; they are kept as they are written.
fn peers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let peers = Vec::<String>::deserialize(from)?;
    match peers.iter().find_map(|peer| peer.parse::<Peer>().err()) {
        Some(error) => Err(de::Error::custom(error)),
        None => Ok(peers),
    }
}

/// A mode by its name.
mod mode {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de};

    use super::Mode;

    pub fn serialize<S: Serializer>(mode: &Option<Mode>, to: S) -> Result<S::Ok, S::Error> {
        mode.map(Mode::name).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Mode>, D::Error> {
        let name = Option::<String>::deserialize(from)?;
        name.map(|name| name.parse().map_err(de::Error::custom)).transpose()
    }
}

/// Along a longest common subsequence; configurations are short.
fn difference(old: &[&str], new: &[&str]) -> Vec<String> {
    let mut common = vec![vec![0u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", old[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests;
