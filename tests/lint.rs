//! `expsd lint`: each rule by a configuration in `tests/lint/` that breaks it and a twin that is
//! mended, and by what the daemon then says on the wire.

mod support;

#[path = "lint/fixture.rs"]
mod fixture;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use expsd::config::Draft;
use expsd::connector::{
    AdPermission, AuthMechanism, IpRange, PermissionGroups, Principal, ReceiveConnector, Rights,
    Server, ServerRole, TransportRole, Version, all_broken, default_set,
};
use expsd::journal::Event;
use expsd::scope::Scope;
use expsd::scope::lint::{Certificate, Concerns, Finding, RULES, Subject, findings_for, lint};
use expsd::session::facts;
use fixture::Fixture;

/// Not about connectors; told of nothing that a file can say; too long for a file here.
const WITHOUT_FIXTURE: [&str; 3] = ["allow-comment", "no-front-end", "too-many-ranges"];

fn ids(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.rule.id).collect()
}

/// What is found in a set of `server`, all of whose certificates are there.
fn in_set(server: &Server, connectors: Vec<ReceiveConnector>) -> Vec<Finding> {
    let broken = all_broken(&connectors, server);
    let certificates = vec![Certificate::Found; connectors.len()];
    let scope = Scope::new(connectors);
    lint(&Subject {
        server,
        words: facts(server.version),
        scope: &scope,
        broken: &broken,
        peers: &[],
        certificates: &certificates,
    })
}

#[test]
fn every_rule_has_a_fixture_and_every_fixture_a_rule() {
    let mut named: BTreeSet<String> = Fixture::all().into_iter().map(|f| f.rule).collect();
    named.extend(WITHOUT_FIXTURE.map(str::to_owned));
    let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(named, rules);
}

#[test]
fn a_fixture_shows_its_rule_alone_and_its_twin_nothing() {
    for fixture in Fixture::all() {
        let (broken, mended) = (fixture.findings(), fixture.mended().findings());
        assert_eq!(ids(&broken), [fixture.rule.as_str()], "{broken:#?}");
        assert_eq!(ids(&mended), [""; 0], "{}: {mended:#?}", fixture.rule);
        let finding = &broken[0];
        let mut texts: Vec<&String> = finding.mend.iter().flatten().collect();
        assert!(!texts.is_empty(), "{}: no way to mend it", fixture.rule);
        let sees = &finding.sees;
        texts.extend([&finding.hit, &finding.problem]);
        texts.extend([&sees.queue, &sees.log, &sees.more].into_iter().flatten());
        texts.extend(sees.event.iter().map(|(_, text)| text));
        for text in texts {
            let named = text.replace("@{", "");
            assert!(!text.is_empty() && !named.contains('{'), "{}: {text}", fixture.rule);
        }
    }
}

/// What lint says that a client sees, the daemon lets it see; and not once it is mended. The
/// clock stands still while anybody works, so that delays cost no time.
#[tokio::test(start_paused = true)]
async fn the_daemon_shows_what_lint_says() {
    let mut shown = 0;
    for fixture in Fixture::all() {
        shown += usize::from(fixture.play().await);
    }
    assert!(shown > 30, "{shown}");
}

#[test]
fn more_ranges_than_one_connector_holds() {
    let relay = |ranges: u32| {
        let mut relay = narrow_relay(1, &[]);
        let range = |n: u32| format!("10.1.{}.{}", n / 256, n % 256).parse().unwrap();
        relay.remote_ip_ranges = (0..ranges).map(range).collect();
        let server = Server::default();
        let mut set = default_set(&server);
        set.push(relay);
        in_set(&server, set)
    };
    assert_eq!(ids(&relay(1250)), [""; 0]);
    assert_eq!(ids(&relay(1251)), ["too-many-ranges"]);
}

/// What a file of 2010 cannot say, a dump might.
#[test]
fn a_front_end_before_2013() {
    let server = Server { version: Version::E2010, ..Server::default() };
    let mut set = default_set(&server);
    set[0].transport_role = TransportRole::FrontendTransport;
    assert_eq!(ids(&in_set(&server, set)), ["no-front-end"]);
}

#[test]
fn the_default_set_of_every_version_is_clean() {
    for version in Version::ALL {
        for role in [ServerRole::Mailbox, ServerRole::Edge] {
            let server = Server { version, role, ..Server::default() };
            let found = in_set(&server, default_set(&server));
            assert_eq!(ids(&found), [""; 0], "{version} {role:?}: {found:#?}");
        }
    }
}

/// Default sets with narrow connectors beside them, of the kinds that documents recommend.
#[test]
fn a_hundred_clean_sets_are_clean() {
    let mut random = Random(0x6c69_6e74);
    for _ in 0..100 {
        let version = Version::ALL[random.below(5)];
        let server = Server { version, ..Server::default() };
        let mut set = default_set(&server);
        for n in 0..1 + random.below(8) {
            set.push(clean_connector(&mut random, &server, n));
        }
        let found = in_set(&server, set);
        assert_eq!(ids(&found), [""; 0], "{version}: {found:#?}");
    }
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound
    }
}

fn narrow_relay(n: usize, hosts: &[String]) -> ReceiveConnector {
    let mut relay = ReceiveConnector::new(format!("Relay {n}"), Version::E2019);
    relay.transport_role = TransportRole::FrontendTransport;
    relay.bindings = vec!["0.0.0.0:25".parse().unwrap()];
    relay.remote_ip_ranges = hosts.iter().map(|host| host.parse().unwrap()).collect();
    relay.permission_groups = PermissionGroups::AnonymousUsers;
    relay
}

/// A connector for some hosts of its own.
fn clean_connector(random: &mut Random, server: &Server, n: usize) -> ReceiveConnector {
    let mut host = |_| match random.below(4) {
        0 => format!("fd00::{n}:{:x}", 1 + random.below(9999)),
        _ => format!("10.{n}.{}.{}", random.below(256), random.below(256)),
    };
    let mut hosts: Vec<String> = (0..1 + n).map(&mut host).collect();
    hosts.sort();
    hosts.dedup();
    let mut connector = narrow_relay(n, &hosts);
    if hosts.iter().any(|host| host.contains(':')) {
        connector.bindings.push("[::]:25".parse().unwrap());
    }
    if !server.version.has_front_end() {
        connector.transport_role = TransportRole::HubTransport;
    }
    let any_recipient = AdPermission {
        user: Principal::Anonymous,
        rights: Rights::ACCEPT_ANY_RECIPIENT,
        deny: false,
        inherited: false,
    };
    match random.below(4) {
        0 => {}
        1 => connector.ad_permissions.push(any_recipient),
        2 => {
            connector.auth_mechanism = AuthMechanism::Tls | AuthMechanism::ExternalAuthoritative;
            connector.permission_groups = PermissionGroups::ExchangeServers;
        }
        _ => {
            connector.auth_mechanism = AuthMechanism::Tls | AuthMechanism::Integrated;
            connector.permission_groups.insert(PermissionGroups::ExchangeUsers);
        }
    }
    connector
}

/// Lint quotes the beginning of an event's text.
#[test]
fn events_are_those_of_the_journal() {
    let connector = || "App relay".to_owned();
    let (fqdn, remote) = (|| "mail.contoso.test".to_owned(), "10.0.0.50".to_owned());
    for (rule, event) in [
        (
            "certificate-name-missing",
            Event::NoCertificate {
                version: Version::E2019,
                domain: fqdn(),
                connector: connector(),
                fqdn: fqdn(),
            },
        ),
        ("certificate-expired", Event::CertificateExpired { fqdn: fqdn() }),
        (
            "per-source-limit",
            Event::TooManyConnectionsFromSource { connector: connector(), remote, limit: 2 },
        ),
        (
            "logon-without-submit",
            Event::NoSubmitPermission {
                account: r"CONTOSO\<the user>".to_owned(),
                connector: connector(),
            },
        ),
    ] {
        let finding = &Fixture::named(rule).findings()[0];
        let (id, text) = finding.sees.event.clone().unwrap();
        assert_eq!(id, event.id(), "{rule}");
        assert!(event.to_string().starts_with(&text), "{rule}: {text}\n{event}");
    }
}

/// The texts that depend on the version, by the daemon of each.
#[tokio::test(start_paused = true)]
async fn refusals_are_those_of_the_version() {
    for (version, rule) in Version::ALL.into_iter().flat_map(|version| {
        ["anonymous-group-missing", "host-loses-relay", "exchange-servers-as-users"]
            .map(|rule| (version, rule))
    }) {
        let mut fixture = Fixture::named(rule);
        fixture.text.insert_str(0, &format!("[Server]\nVersion = \"{version}\"\n"));
        if !version.has_front_end() {
            let role = |line: &&str| !line.starts_with("TransportRole");
            let lines: Vec<_> = fixture.text.lines().filter(role).collect();
            fixture.text = lines.join("\n");
        }
        assert!(fixture.shows().await, "{rule} on {version}");
    }
}

#[test]
fn a_finding_is_found_by_the_addresses_that_it_concerns() {
    let fixture = Fixture::named("relay-covers-exchange-server");
    let draft = fixture.draft();
    let findings = fixture.findings();
    let scope = Scope::new(draft.configuration.connectors);
    let local = "0.0.0.0:25".parse().unwrap();
    let rules = |remote: &str| {
        let remote = remote.parse().unwrap();
        let winner = scope.select(local, remote).index();
        ids(&findings_for(&findings, local, remote, winner).cloned().collect::<Vec<_>>())
    };
    assert_eq!(rules("10.0.0.12"), ["relay-covers-exchange-server"]);
    assert_eq!(rules("10.0.0.13"), [""; 0]);

    let narrowed = Fixture::named("default-narrowed").findings();
    let Concerns::Unserved(25, sources) = &narrowed[0].concerns else { panic!("{narrowed:#?}") };
    assert!(sources.contains("192.0.2.1".parse().unwrap()));
    let found = |port: u16, winner| {
        let local = std::net::SocketAddr::from(([0, 0, 0, 0], port));
        findings_for(&narrowed, local, "192.0.2.1".parse().unwrap(), winner).count()
    };
    assert_eq!([found(25, None), found(587, None), found(25, Some(0))], [1, 0, 0]);
}

/// 50 connectors on one binding; ten times the ranges may cost ten times the time, and a bit.
#[test]
fn time_grows_with_the_number_of_ranges() {
    let took = |ranges: u32| {
        let server = Server::default();
        let mut set = default_set(&server);
        set.extend((1..50).map(|n| {
            let mut relay = narrow_relay(n as usize, &[]);
            let range = |i: u32| -> IpRange {
                let low = 0x0a00_0000 + (n << 16) + 16 * i;
                let [low, high] = [low, low + 10].map(std::net::Ipv4Addr::from);
                format!("{low}-{high}").parse().unwrap()
            };
            relay.remote_ip_ranges = (0..ranges).map(range).collect();
            relay
        }));
        let scope = Scope::new(set);
        let subject = Subject {
            server: &server,
            words: facts(server.version),
            scope: &scope,
            broken: &[],
            peers: &[],
            certificates: &[],
        };
        let once = || {
            let start = Instant::now();
            assert_eq!(lint(&subject).len(), 49);
            start.elapsed()
        };
        (0..3).map(|_| once()).min().unwrap()
    };
    let (few, many) = (took(60), took(600));
    assert!(many < 30 * few + Duration::from_millis(50), "{few:?} became {many:?}");
}

const INTRODUCTION: &str = r#"# Lint rules

What `expsd lint` knows, by subject. This page is made from the rules themselves
(`UPDATE_DOCS=1 cargo test --test lint`); `expsd lint --explain RULE` prints one section.

It exits with 0 if nothing was found or notes only, 1 if there are errors or warnings, and 2 if the
configuration cannot be read. The default set of every version, and narrow connectors beside it,
have no findings.

A comment in the file silences a rule, for the connector that it stands in or directly above, or for
the parameter on its line. It needs a reason; one that silences nothing is told.

```toml
# expsd-lint: allow range-may-hold-exchange-server these eleven are printers
[[ReceiveConnector]]
Name = "Printers"
Bindings = "0.0.0.0:25"
RemoteIPRanges = "10.0.0.10-10.0.0.20"
```

`--format json` gives one object. Fields may be added to it, and do not change or go:

| field | what |
|---|---|
| `version` | 1 |
| `server`, `file` | name of the server; path of the file, or `null` |
| `summary` | numbers: `connectors`, `errors`, `warnings`, `notes`, `allowed` (silenced, and in none of the others) |
| `findings[]` | the worst first, then in the order of the connectors: |
| `.rule`, `.severity`, `.title` | as below; `error`, `warning` or `note` |
| `.problem` | what is wrong in this case |
| `.connector`, `.parameter` | `SERVER\Name` and the parameter to mend; `null` if it is about a comment |
| `.others[]` | other connectors that have part in it |
| `.addresses` | `count` (decimal, as a string), `stretches`, the `first` ten of these, and `unserved_at`, the port where no connector takes them; `null` if whoever meets the connector is concerned |
| `.hit` | who is hit |
| `.sees` | `replies[]` (`to`, `reply`), `ehlo_lacks[]`, `queue`, `event` (`id`, `text`), `log`, `more` |
| `.mend[][]` | ways to mend it, each one or more commands |
| `.place` | `line` and `column` in the file, from 1 |
| `.allowed` | the reason of the comment that silences it |
| `uncertain[]` | what a dump did not tell, in words: findings about it are left out, or may be wrong |

`--format sarif` is SARIF 2.1.0; what is silenced is there as suppressed in the source.
"#;

#[test]
fn the_documents_tell_every_rule() {
    let mut text = INTRODUCTION.to_owned();
    for rule in RULES {
        text += "\n";
        text += &rule.page(&|version| facts(version));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lint.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "docs/lint.md is not what the rules say: run with UPDATE_DOCS=1");
}

// The command.

fn expsd(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_expsd"))
        .arg("lint")
        .args(arguments)
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with `x.toml`, which holds the fixture of a rule.
fn folder(rule: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), Fixture::named(rule).text).unwrap();
    folder
}

#[test]
fn errors_and_warnings_fail_and_notes_do_not() {
    for (rule, more, code) in [
        ("range-may-hold-exchange-server", &[][..], 0),
        ("relay-covers-subnet", &[], 1),
        ("range-may-hold-exchange-server", &["--peer", "EX02=10.0.0.12"], 1),
        ("same-name", &[], 1),
    ] {
        let folder = folder(rule);
        let arguments = [&["--config", "x.toml"][..], more].concat();
        let output = expsd(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{rule} {more:?}");
        assert!(!folder.path().join("state").exists(), "lint leaves nothing behind");
    }
    let folder = tempfile::tempdir().unwrap();
    let clean = expsd(folder.path(), &[]);
    assert_eq!(text(&clean.stdout), "Nothing wrong with 5 connectors of EX01.\n");
    assert!(clean.status.success());
    std::fs::write(folder.path().join("x.toml"), "[[ReceiveConnector]]\nName = 1\n").unwrap();
    for unreadable in [&["--config", "x.toml"][..], &["--config", "y.toml"], &["--peer", "EX02"]] {
        assert_eq!(expsd(folder.path(), unreadable).status.code(), Some(2), "{unreadable:?}");
    }
}

#[test]
fn a_finding_is_shown_at_its_place_without_colour() {
    let folder = folder("relay-covers-exchange-server");
    let output = expsd(folder.path(), &["--config", "x.toml", "--peer", "exchange:EX02=10.0.0.12"]);
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn the_readme_shows_a_real_run() {
    let readme = include_str!("../README.md");
    let mut blocks = readme.split("```toml\n").map(|rest| rest.split("```").next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let toml = blocks.find(|block| block.contains("10.0.0.10-10.0.0.20")).unwrap();
    std::fs::write(folder.path().join("ex01.toml"), toml).unwrap();
    let output = expsd(folder.path(), &["--config", "ex01.toml", "--peer", "EX02=10.0.0.12"]);
    let shown = text(&output.stdout);
    assert!(readme.contains(&format!("--peer EX02=10.0.0.12\n{shown}```")), "{shown}");
}

#[test]
fn a_rule_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let output = expsd(folder.path(), &["--explain", "relay-covers-exchange-server"]);
    assert!(text(&output.stdout).starts_with("## relay-covers-exchange-server\n"));
    let wrong = expsd(folder.path(), &["--explain", "relay-covers-exchange"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean relay-covers-exchange-server?"));
}

/// A list of a thousand ranges on one line is not printed whole.
#[test]
fn a_long_line_is_shown_by_a_window() {
    let ranges: Vec<_> = (0..1000).map(|n| format!("\"10.1.{}.{}\"", n / 250, n % 250)).collect();
    let folder = tempfile::tempdir().unwrap();
    let toml = Fixture::named("relay-covers-exchange-server")
        .text
        .replace("\"10.0.0.10-10.0.0.20\"", &format!("[{}]", ranges.join(", ")));
    std::fs::write(folder.path().join("x.toml"), toml).unwrap();
    let output = expsd(folder.path(), &["--config", "x.toml", "--peer", "EX02=10.1.2.100"]);
    let shown = text(&output.stdout);
    assert!(shown.contains("\"10.1.2.100\""), "{shown}");
    assert!(!shown.contains("\"10.1.0.100\"") && !shown.contains("\"10.1.3.100\""), "{shown}");
}

#[test]
fn comments_allow_rules_and_idle_ones_are_told() {
    let folder = folder("relay-covers-subnet");
    let path = folder.path().join("x.toml");
    let lint = |from: &str, to: &str| {
        let toml = Fixture::named("relay-covers-subnet").text.replace(from, to);
        std::fs::write(&path, toml).unwrap();
        let output = expsd(folder.path(), &["--config", "x.toml", "--format", "json"]);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let told = document["findings"].as_array().unwrap().clone();
        let open = told.iter().filter(|f| f["allowed"].is_null());
        let open: Vec<_> = open.map(|f| f["problem"].as_str().unwrap().to_owned()).collect();
        (output.status.code().unwrap(), document["summary"]["allowed"].clone(), open)
    };
    let range = "RemoteIPRanges = \"10.1.0.0/24\"";
    for (from, to) in [
        (range, format!("{range} # expsd-lint: allow relay-covers-subnet printers only")),
        ("Name = \"App", "# expsd-lint: allow relay-covers-subnet printers\nName = \"App".into()),
    ] {
        assert_eq!(lint(from, &to), (0, 1.into(), vec![]), "{to}");
    }
    for (comment, problem) in [
        ("allow relay-covers-subnet", "say why relay-covers-subnet is allowed, behind the rule"),
        ("allow relay-covers-subnets why", "did you mean relay-covers-subnet?"),
        ("allow tarpit-off why", "tarpit-off finds nothing here that this comment could allow"),
        ("ignore", "write `# expsd-lint: allow RULE reason`"),
    ] {
        let (code, allowed, open) = lint(range, &format!("{range} # expsd-lint: {comment}"));
        assert_eq!((code, allowed, open.len()), (1, 0.into(), 2), "{comment}: {open:?}");
        assert!(open[1].contains(problem), "{comment}: {open:?}");
    }
    let (_, _, open) = lint("[[Rec", "# expsd-lint: allow tarpit-off why\n\n[[Rec");
    assert!(open.iter().any(|problem| problem.contains("is about no connector")), "{open:?}");
}

#[test]
fn json_is_for_scripts() {
    let folder = folder("relay-covers-exchange-server");
    let arguments = ["--config", "x.toml", "--peer", "EX02=10.0.0.12", "--format", "json"];
    insta::assert_snapshot!(text(&expsd(folder.path(), &arguments).stdout));
}

/// The properties that SARIF 2.1.0 requires, and the types of those that we use.
#[test]
fn sarif_is_valid() {
    let folder = folder("relay-covers-subnet");
    let toml = Fixture::named("relay-covers-subnet").text + "# expsd-lint: allow tarpit-off no\n";
    let allow = "# expsd-lint: allow relay-covers-subnet printers";
    let toml = toml.replace("\"10.1.0.0/24\"", &format!("\"10.1.0.0/24\" {allow}"));
    std::fs::write(folder.path().join("x.toml"), toml).unwrap();
    let output = expsd(folder.path(), &["--config", "x.toml", "--format", "sarif"]);
    let log: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "expsd");
    let rules = driver["rules"].as_array().unwrap();
    assert_eq!(rules.len(), RULES.len());
    for rule in rules {
        assert!(rule["id"].is_string() && rule["shortDescription"]["text"].is_string());
        assert!(rule["help"]["text"].is_string());
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(result["message"]["text"].is_string());
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "x.toml");
        let region = |key: &str| place["region"][key].as_u64().unwrap();
        assert_eq!(region("startLine"), region("endLine"));
        assert!(region("startColumn") < region("endColumn"));
    }
    assert_eq!(results[0]["suppressions"][0]["kind"], "inSource");
    assert_eq!(results[0]["suppressions"][0]["justification"], "printers");
}

#[test]
fn certificates_are_those_that_the_daemon_would_find() {
    let folder = folder("certificate-name-missing");
    let rules = || {
        let output = expsd(folder.path(), &["--config", "x.toml", "--format", "json"]);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = document["findings"].as_array().unwrap().clone();
        findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let new = |days: &str| {
        let made = Command::new(env!("CARGO_BIN_EXE_expsd"))
            .args(["cert", "new", "--name", "mail.contoso.test", "--days", days, "--state"])
            .arg(folder.path().join("state/expsd"))
            .output()
            .unwrap();
        assert!(made.status.success());
    };
    assert_eq!(rules(), ["certificate-name-missing"]);
    new("10");
    assert_eq!(rules(), ["certificate-expires-soon"]);
    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    new("60");
    assert_eq!(rules(), [""; 0]);
}

/// A dump has connectors and parameters in places of its own, and no certificates to look into.
#[test]
fn a_dump_is_linted_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let dump = r##"[
  {
    "Name": "Default Frontend EX07", "Server": "EX07", "TransportRole": "FrontendTransport",
    "Bindings": ["0.0.0.0:25"], "RemoteIPRanges": ["0.0.0.0-255.255.255.255"],
    "AuthMechanism": "Tls, ExchangeServer", "PermissionGroups": "AnonymousUsers, ExchangeServers",
    "Fqdn": "EX07.corp.test", "TlsCertificateName": "<I>CN=A CA<S>CN=mail.corp.test"
  },
  {
    "Name": "App relay", "Server": "EX07", "TransportRole": "FrontendTransport",
    "Bindings": ["0.0.0.0:25"], "Comment": "# expsd-lint: allow anything at all",
    "RemoteIPRanges": ["10.0.0.50", "10.0.0.10-10.0.0.20"],
    "AuthMechanism": "Tls", "PermissionGroups": "AnonymousUsers", "Fqdn": "relay.corp.test"
  }
]"##;
    std::fs::write(folder.path().join("ex07.json"), dump).unwrap();
    let arguments = ["--import", "ex07.json", "--peer", "EX08=10.0.0.12", "--format", "json"];
    let output = expsd(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["file"], "ex07.json");
    let findings = document["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["rule"], "relay-covers-exchange-server");
    assert_eq!(findings[0]["connector"], r"EX07\App relay");
    assert_eq!(findings[0]["others"][0], r"EX07\Default Frontend EX07");
    let shown = text(&expsd(folder.path(), &arguments[..4]).stdout);
    for part in ["[ex07.json:8:3]", "EX07\\App relay, RemoteIPRanges\n"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

/// A draft may break the rules that a daemon must keep.
#[test]
fn what_the_cmdlets_refuse_is_linted_all_the_same() {
    let folder = folder("equal-ranges");
    let output = expsd(folder.path(), &["--config", "x.toml"]);
    let shown = text(&output.stdout);
    assert!(shown.contains("equal-ranges (error)"), "{shown}");
    assert!(shown.contains("-RemoteIPRanges @{Remove='10.0.0.51'}"), "{shown}");
    assert!(Draft::load(&folder.path().join("x.toml")).unwrap().finish().is_err());
}
