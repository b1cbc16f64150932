//! `expsd lab`

mod page;
mod quiz;
mod run;
mod text;
mod wrap;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use expsd::lab::scenario::{self, Scenario, Side};

use self::wrap::{paragraph, prose, width};
use super::{Failed, Format, written};

/// Lessons: how receive connectors go wrong, and how it is mended
///
/// Each scenario is a broken configuration, a cast of senders who meet it, and the repair. `run`
/// starts all of it on loopback addresses, shows what both sides see, and stays up for your own
/// tries; with --ask it asks for the cause.
#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  expsd lab list
  expsd lab show exchange-auth-unticked
  expsd lab run exchange-auth-unticked
  expsd lab run exchange-auth-unticked --fixed --once
  expsd lab run 7 --ask
  expsd lab quiz spn-missing")]
pub enum Lab {
    List(List),
    Show(Show),
    Run(run::Run),
    Quiz(quiz::Ask),
}

/// List the scenarios, in the order of the course
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd lab list
  expsd lab list --format json")]
pub struct List {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Show a scenario: its configuration, its cast and its lesson, with the solution
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd lab show overlapping-ranges
  expsd lab show overlapping-ranges --config broken >broken.toml
  expsd explain --config broken.toml --remote 127.0.0.45")]
pub struct Show {
    #[command(flatten)]
    scenario: Name,
    /// Print this configuration and nothing else, for expsd explain, lint and serve
    #[arg(long, value_name = "SIDE")]
    config: Option<Which>,
    /// How to print it: JSON has what each side sees besides
    #[arg(long, value_enum, default_value = "text", conflicts_with = "config")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Broken,
    Fixed,
}

/// Which scenario.
#[derive(Args)]
struct Name {
    /// A scenario of `expsd lab list`, by its name or its number
    #[arg(value_name = "NAME", value_parser = Names, hide_possible_values = true)]
    name: &'static Scenario,
}

/// Reads the name of a scenario, and tells a shell what there is to complete.
#[derive(Clone)]
struct Names;

impl TypedValueParser for Names {
    type Value = &'static Scenario;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let named = |name: String| named(&name);
        StringValueParser::new().try_map(named).parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |scenario: &Scenario| PossibleValue::new(scenario.name).help(&scenario.title);
        Some(Box::new(scenario::all().iter().map(value)))
    }
}

impl Lab {
    pub fn run(self) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Run(run) => run.run(),
            Self::Quiz(ask) => ask.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failed> {
        let all = scenario::all();
        let longest = all.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
        let mut out = io::stdout().lock();
        let result = match self.format {
            Format::Text => {
                let mut text = String::new();
                for (n, scenario) in (1..).zip(all) {
                    let kerberos = if scenario.needs_kerberos() { " (Kerberos)" } else { "" };
                    let head = format!("{n:2}  {:longest$}  ", scenario.name);
                    let title = format!("{}{kerberos}", scenario.title);
                    paragraph(&mut text, &head, &title, width());
                }
                out.write_all(text.as_bytes())
            }
            Format::Json => json(&mut out, &all),
        };
        written("standard output", result)
    }
}

impl Show {
    fn run(self) -> Result<(), Failed> {
        let scenario = self.scenario.name;
        let mut out = io::stdout().lock();
        let result = match (self.config, self.format) {
            (Some(which), _) => write!(out, "{}", scenario.configuration(which.side())),
            (None, Format::Text) => write!(out, "{}", shown(scenario)),
            (None, Format::Json) => json(&mut out, scenario),
        };
        written("standard output", result)
    }
}

impl Which {
    fn side(self) -> Side {
        match self {
            Self::Broken => Side::Broken,
            Self::Fixed => Side::Fixed,
        }
    }
}

fn shown(scenario: &Scenario) -> String {
    let mut text = format!("# {}\n\n", scenario.title);
    paragraph(&mut text, "", &scenario.symptom, width());
    text.push('\n');
    for cast in &scenario.cast {
        let head = format!("  {:12} {:16} ", cast.name, cast.from.to_string());
        paragraph(&mut text, &head, &cast.what, width());
    }
    let lesson = prose(scenario.lesson);
    let _ = write!(text, "\n{}\n{lesson}", scenario.configuration(Side::Broken));
    let difference = scenario.difference();
    if !difference.is_empty() {
        text.push_str("\nIn the configuration:\n\n");
        for line in difference {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn named(name: &str) -> Result<&'static Scenario, String> {
    let likeness =
        |scenario: &&Scenario| (strsim::jaro_winkler(name, scenario.name) * 1000.0) as u32;
    scenario::find(name).ok_or_else(|| {
        match scenario::all().iter().max_by_key(likeness).filter(|s| likeness(s) > 750) {
            Some(near) => format!("there is no scenario {name:?}; did you mean {}?", near.name),
            None => format!("there is no scenario {name:?}; expsd lab list shows what there is"),
        }
    })
}

fn json(out: &mut impl io::Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
