//! `expsd lab`

mod page;
mod quiz;
mod run;
mod text;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::{Args, Subcommand, ValueEnum};
use expsd::lab::scenario::{self, Scenario, Side};

use super::{Failed, Format, written};

/// Lessons: how receive connectors go wrong, and how it is mended
///
/// Each scenario is a broken configuration, a cast that comes to grief by it, and the repair. `run`
/// starts all of it on 127.0.0.1, shows what both sides see, and leaves it up to be poked at.
#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  expsd lab list
  expsd lab show exchange-auth-unticked
  expsd lab run exchange-auth-unticked
  expsd lab run exchange-auth-unticked --fixed --once
  expsd lab quiz spn-missing")]
pub enum Lab {
    List(List),
    Show(Show),
    Run(run::Run),
    Quiz(quiz::Ask),
}

/// List the scenarios, in the order of the course
#[derive(Args)]
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
    /// A scenario of `expsd lab list`
    #[arg(value_name = "NAME", value_parser = named)]
    name: &'static Scenario,
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
        let width = all.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
        let mut out = io::stdout().lock();
        let result = match self.format {
            Format::Text => all.iter().try_for_each(|scenario| {
                let kerberos = if scenario.needs_kerberos() { " (Kerberos)" } else { "" };
                writeln!(out, "{:width$}  {}{kerberos}", scenario.name, scenario.title)
            }),
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
    let mut text = format!("# {}\n\n{}\n\n", scenario.title, scenario.symptom);
    for cast in &scenario.cast {
        let _ = writeln!(text, "  {:12} {:16} {}", cast.name, cast.from.to_string(), cast.what);
    }
    let _ = write!(text, "\n{}\n{}", scenario.configuration(Side::Broken), scenario.lesson);
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
