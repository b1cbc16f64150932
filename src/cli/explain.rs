//! `expsd explain`

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use expsd::config::Configuration;
use expsd::connector::{IpRange, SourceAddress};
use expsd::scope::lint::{self, Finding};
use expsd::scope::map::{self, Mark};
use expsd::scope::{Local, Piece, Scope};
use expsd::server::findings;
use expsd::session::explain::{Outcome, Peer, Profile, explain, outcomes};

use serde::Serialize;

use super::{Failed, Format, Source, State, UNREADABLE, fail, print_all, written};

/// Say which connector a source address meets, and what it may do there
///
/// Exchange selects by address alone: of the connectors bound to the local address and port,
/// the one with the most specific range that holds the source. This prints the winner, the
/// losers and why, what the winner advertises, and what an anonymous peer, a user and an
/// Exchange server may do there. The addresses of a network, of a file or of standard input
/// are sorted by what they meet.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd explain --remote 10.0.0.12
  expsd explain --config ex01.toml --remote 10.0.0.12,10.0.0.30 --local 587
  expsd explain --config ex01.toml --remote fe80::1%11 --local '[::]:25'
  expsd explain --config ex01.toml --remote 10.0.0.0/8 --as exchange-server
  expsd explain --config ex01.toml --remote - --format json <addresses.txt
  expsd explain --config ex01.toml --remote 10.0.0.12 --format svg >map.svg")]
pub struct Explain {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    state: State,
    /// Source address, low-high or CIDR, or several with commas between; `@FILE` reads them
    /// from a file, one a line, and `-` from standard input
    #[arg(long, value_name = "IP", required = true, value_delimiter = ',')]
    remote: Vec<String>,
    /// Local address and port, or a port, as the connectors' bindings have it
    /// [default: port 25, or the first connector's]
    #[arg(long, value_name = "ADDR:PORT", value_parser = Local::from_str)]
    local: Option<Local>,
    /// Somebody whose addresses are known, as `expsd lint` takes it
    #[arg(long = "peer", value_name = "[KIND:]NAME=IP[,IP…]", value_parser = lint::Peer::from_str)]
    peers: Vec<lint::Peer>,
    /// Tell only how this peer fares
    #[arg(long = "as", value_name = "PEER")]
    peer: Option<As>,
    /// How to print it: JSON is a list, of addresses or else of outcomes; SVG is the connector
    /// map
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Form,
    /// How wide the map is, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = map::WIDTH)]
    width: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
    Svg,
}

#[derive(Clone, Copy, ValueEnum)]
enum As {
    Anonymous,
    User,
    ExchangeServer,
}

/// What is explained, with what lint has to say of it.
#[derive(Serialize)]
struct Linted<T> {
    #[serde(flatten)]
    what: T,
    lint: Vec<Rule>,
    /// What a dump did not tell, and would have to for the answer to be sure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uncertain: Vec<String>,
}

/// A rule of lint that what is explained comes under.
#[derive(PartialEq, Eq, Serialize)]
struct Rule {
    rule: &'static str,
    problem: String,
}

impl<T> Linted<T> {
    fn new<'a>(
        what: T,
        findings: impl IntoIterator<Item = &'a Finding>,
        uncertain: Vec<String>,
    ) -> Self {
        let mut lint = Vec::new();
        for finding in findings {
            let rule = Rule { rule: finding.rule.id, problem: finding.problem.clone() };
            if !lint.contains(&rule) {
                lint.push(rule);
            }
        }
        Self { what, lint, uncertain }
    }
}

impl<T: fmt::Display> fmt::Display for Linted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)?;
        self.lint
            .iter()
            .try_for_each(|Rule { rule, problem }| writeln!(f, "  lint      {rule}: {problem}"))?;
        self.uncertain.iter().try_for_each(|doubt| writeln!(f, "  uncertain {doubt}"))
    }
}

/// What was asked about.
enum Asked {
    Address(SourceAddress),
    Range(IpRange),
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse().map(Self::Address);
        address.or_else(|_| text.parse().map(Self::Range)).map_err(|_| {
            format!(
                "\"{text}\" is no address (10.0.0.12, fe80::1%11), no range from low to high \
                 (10.0.0.10-10.0.0.20) and no network (10.0.0.0/8)"
            )
        })
    }
}

impl Explain {
    pub fn run(self) -> Result<(), Failed> {
        let asked = self.asked()?;
        let draft = self.source.look()?;
        let configuration = &draft.configuration;
        let store = self.state.read(configuration)?;
        let scope = Scope::new(configuration.connectors.clone());
        let known = (!self.source.is_dump()).then_some(&store);
        let findings = findings(&draft, &scope, known, &self.peers);
        let server = &configuration.server;
        let certificate = super::has_certificate(&store, server);
        let format = match self.format {
            Form::Text => Format::Text,
            Form::Json => Format::Json,
            Form::Svg => return self.draw(configuration, &scope, &asked),
        };
        if let Some(addresses) = self.addresses(&asked) {
            let explanations = addresses.into_iter().map(|remote| {
                let local = self.local(configuration, remote.ip());
                let mut explanation = explain(server, &scope, local, remote, &certificate);
                if let Some(winner) = &mut explanation.winner {
                    self.narrow(&mut winner.profile);
                }
                let winner = scope.select(local, remote).index();
                let lint = lint::findings_for(&findings, local, remote, winner);
                Linted::new(explanation, lint, super::doubts(draft.doubts_about(winner)))
            });
            return print_all(format, &explanations.collect::<Vec<_>>());
        }
        let mut pieces = Vec::new();
        for asked in &asked {
            match asked {
                Asked::Address(remote) => {
                    let local = self.local(configuration, remote.ip());
                    let winner = scope.select(local, *remote).index();
                    pieces.push((local, Piece { first: *remote, last: *remote, winner }));
                }
                Asked::Range(range) => {
                    let local = self.local(configuration, range.first());
                    pieces.extend(scope.pieces(local, range).into_iter().map(|p| (local, p)));
                }
            }
        }
        let mut found: Vec<Outcome> = outcomes(server, &scope, &pieces, certificate);
        for profile in found.iter_mut().filter_map(|outcome| outcome.profile.as_mut()) {
            self.narrow(profile);
        }
        let found = found.into_iter().map(|outcome| {
            let at = |source: &SourceAddress| scope.select(outcome.local, *source).index();
            let firsts: Vec<_> = outcome.sources.iter().map(|source| source.first).collect();
            let lint: Vec<_> = firsts
                .iter()
                .flat_map(|first| lint::findings_for(&findings, outcome.local, *first, at(first)))
                .collect();
            let winner = firsts.first().and_then(at);
            Linted::new(outcome, lint, super::doubts(draft.doubts_about(winner)))
        });
        print_all(format, &found.collect::<Vec<_>>())
    }

    fn draw(
        &self,
        configuration: &Configuration,
        scope: &Scope,
        asked: &[Asked],
    ) -> Result<(), Failed> {
        let addresses = asked.iter().filter_map(|asked| match asked {
            Asked::Address(address) => Some(*address),
            Asked::Range(_) => None,
        });
        let named = |address: SourceAddress| {
            let peer = self.peers.iter().find(|peer| peer.addresses.contains(&address));
            peer.map(|peer| peer.name.clone())
        };
        let mut marks: Vec<_> =
            addresses.map(|address| Mark { name: named(address), address, asked: true }).collect();
        for address in self.peers.iter().flat_map(|peer| &peer.addresses) {
            if marks.iter().all(|mark| mark.address != *address) {
                marks.push(Mark { name: named(*address), address: *address, asked: false });
            }
        }
        let first = asked.first().map_or(Ipv4Addr::UNSPECIFIED.into(), |asked| match asked {
            Asked::Address(address) => address.ip(),
            Asked::Range(range) => range.first(),
        });
        let local = self.local(configuration, first);
        let svg = map::svg(scope, &configuration.server, local, &marks, self.width);
        written("standard output", std::io::stdout().write_all(svg.as_bytes()))
    }

    /// What was asked, if it is nothing but addresses on the command line.
    fn addresses(&self, asked: &[Asked]) -> Option<Vec<SourceAddress>> {
        let listed = self.remote.iter().any(|word| word == "-" || word.starts_with('@'));
        let address = |asked: &Asked| match asked {
            Asked::Address(address) => Some(*address),
            Asked::Range(_) => None,
        };
        asked.iter().map(address).collect::<Option<_>>().filter(|_| !listed)
    }

    fn asked(&self) -> Result<Vec<Asked>, Failed> {
        let mut asked = Vec::new();
        for word in &self.remote {
            let (text, name) = match word.strip_prefix('@') {
                Some(file) => (std::fs::read_to_string(file), file),
                None if word == "-" => {
                    let mut text = String::new();
                    (std::io::stdin().read_to_string(&mut text).map(|_| text), "standard input")
                }
                None => {
                    let parsed = word
                        .parse()
                        .map_err(|error: String| fail(UNREADABLE, format!("--remote: {error}")))?;
                    asked.push(parsed);
                    continue;
                }
            };
            let text =
                text.map_err(|error| fail(UNREADABLE, format!("cannot read {name}: {error}")))?;
            for (i, line) in text.lines().enumerate() {
                let line = line.split('#').next().unwrap_or_default().trim();
                if !line.is_empty() {
                    let parsed = line.parse().map_err(|error: String| {
                        fail(UNREADABLE, format!("{name}:{}: {error}", i + 1))
                    })?;
                    asked.push(parsed);
                }
            }
        }
        match asked.is_empty() {
            true => Err(fail(UNREADABLE, "no address was given to explain")),
            false => Ok(asked),
        }
    }

    fn narrow(&self, profile: &mut Profile) {
        let peer = match self.peer {
            None => return,
            Some(As::Anonymous) => Peer::Anonymous,
            Some(As::User) => Peer::User,
            Some(As::ExchangeServer) => Peer::ExchangeServer,
        };
        profile.peers.retain(|verdict| verdict.peer == peer);
    }

    fn local(&self, configuration: &Configuration, remote: IpAddr) -> SocketAddr {
        let usual = || Local::usual(&configuration.connectors);
        self.local.unwrap_or_else(usual).address(remote)
    }
}
