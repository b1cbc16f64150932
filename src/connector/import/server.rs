//! Which server a set of connectors belongs to, as far as they show it.

use super::Imported;
use super::connectors::differences;
use super::home::dns_domain;
use super::object::Object;
use crate::connector::{
    PARAMETERS, Parameter, ReceiveConnector, Server, ServerRole, TransportRole, Version,
    default_set,
};

/// An object with as many parameters was not cut down by somebody: what it lacks, the server
/// lacks.
const WHOLE: usize = 30;

/// Builds as AdminDisplayVersion of Get-ExchangeServer begins.
const BUILDS: [(&str, Version); 6] = [
    ("8.", Version::E2007),
    ("14.", Version::E2010),
    ("15.0 ", Version::E2013),
    ("15.1 ", Version::E2016),
    ("15.2 ", Version::E2019),
    ("15.02.", Version::E2019),
];

/// A server, and why it was taken to be that: a sentence for each fact.
pub(super) struct Inferred {
    pub server: Server,
    pub because: Vec<String>,
}

/// The server called `name` of these objects, which `read` makes connectors of.
pub(super) fn infer(
    name: Option<&str>,
    given: Option<Version>,
    objects: &[Object],
    read: impl Fn(&Object, &Server) -> Option<Imported>,
) -> Inferred {
    let mut because = Vec::new();
    let mut server = Server::default();
    match name {
        Some(name) => server.name = name.to_owned(),
        None => because.push(format!("Name: no object tells it; {} stands in", server.name)),
    }
    let connectors: Vec<_> = objects
        .iter()
        .filter_map(|object| Some((object, read(object, &server)?.connector)))
        .collect();
    fqdn(&mut server, objects, &connectors, &mut because);
    role(&mut server, &connectors, &mut because);
    match given {
        Some(version) => {
            server.version = version;
            because.push(format!("Version: {version} was asked for"));
        }
        None => version(&mut server, &connectors, objects, &mut because),
    }
    Inferred { server, because }
}

type Pair<'a> = (&'a Object, ReceiveConnector);

/// Exchange lets a connector with ExchangeServer have no other Fqdn than the server's names.
fn fqdn(server: &mut Server, objects: &[Object], all: &[Pair<'_>], because: &mut Vec<String>) {
    let own = all.iter().map(|(_, connector)| connector).find_map(|connector| {
        let fqdn = connector.fqdn.as_deref().filter(|fqdn| is_fqdn(fqdn))?;
        let first = fqdn.split('.').next()?;
        let whose = first.eq_ignore_ascii_case(&server.name) && connector.offers_exchange_server();
        whose.then(|| (fqdn.to_owned(), connector.name.clone()))
    });
    if let Some((fqdn, name)) = own {
        because.push(format!("Fqdn: that of \"{name}\", which has ExchangeServer"));
        server.fqdn = fqdn;
        return;
    }
    let domain = |object: &Object| {
        let origin = object.text("OriginatingServer").and_then(|host| host.split_once('.'));
        let by_origin = origin.map(|(_, domain)| (domain.to_owned(), "OriginatingServer"));
        let by_name = || {
            let domain = object.text("DistinguishedName").and_then(dns_domain);
            domain.map(|domain| (domain, "DistinguishedName"))
        };
        by_origin.or_else(by_name)
    };
    let host = server.name.to_ascii_lowercase();
    let by_domain = objects.iter().find_map(domain).map(|(d, from)| (format!("{host}.{d}"), from));
    match by_domain.filter(|(fqdn, _)| is_fqdn(fqdn)) {
        Some((fqdn, from)) => {
            because.push(format!("Fqdn: the domain is that of {from}"));
            server.fqdn = fqdn;
        }
        None => {
            server.fqdn = format!("{host}.contoso.test");
            because.push("Fqdn: nothing tells the domain; contoso.test stands in".to_owned());
        }
    }
}

/// A full host name; stricter than what a configuration takes.
fn is_fqdn(text: &str) -> bool {
    let is_label = |label: &str| {
        let edges = label.starts_with('-') || label.ends_with('-');
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        (1..=63).contains(&label.len()) && !edges && label.bytes().all(plain)
    };
    text.len() <= 255 && text.contains('.') && text.split('.').all(is_label)
}

fn role(server: &mut Server, all: &[Pair<'_>], because: &mut Vec<String>) {
    let front_end = all.iter().any(|(_, c)| c.transport_role == TransportRole::FrontendTransport);
    let edge = all.iter().find(|(_, c)| {
        c.name.to_ascii_lowercase().starts_with("default internal receive connector")
    });
    if let (Some((_, connector)), false) = (edge, front_end) {
        server.role = ServerRole::Edge;
        because.push(format!("Role: setup makes \"{}\" on an Edge server", connector.name));
    } else {
        because.push("Role: Mailbox, as nothing speaks of an Edge server".to_owned());
    }
}

/// By what Get-ExchangeServer says, if that is there; else between the parameters that are
/// there and those that are not, the version whose default set is nearest.
fn version(server: &mut Server, all: &[Pair<'_>], objects: &[Object], because: &mut Vec<String>) {
    let told = objects.iter().find_map(|object| {
        let text = object.text("AdminDisplayVersion")?;
        let build = text.strip_prefix("Version ").unwrap_or(text);
        let (_, version) = BUILDS.iter().find(|(begin, _)| build.starts_with(begin))?;
        Some((*version, text.to_owned()))
    });
    if let Some((version, text)) = told {
        server.version = version;
        because.push(format!("Version: AdminDisplayVersion is \"{text}\""));
        return;
    }
    let (oldest, newest, sign) = bounds(objects, server.role);
    let candidates = Version::ALL.into_iter().filter(|v| (oldest..=newest).contains(v));
    let nearest = candidates.max_by_key(|version| {
        let (alike, different) = likeness(&Server { version: *version, ..server.clone() }, all);
        (alike, std::cmp::Reverse(different))
    });
    server.version = nearest.unwrap_or(newest);
    let sign = sign.map(|name| format!("{oldest} or later, as {name} shows; "));
    let sign = sign.unwrap_or_default();
    because.push(match oldest == newest {
        true => format!("Version: {sign}{newest} at most, as it lacks what came later"),
        false => format!(
            "Version: {sign}of {oldest} to {newest}, the default connectors are nearest to those \
             of {}; --version sets another",
            server.version
        ),
    });
}

/// The oldest version that has all parameters of the objects, and which one shows it; and the
/// newest whose own parameters are not missing.
fn bounds(objects: &[Object], role: ServerRole) -> (Version, Version, Option<&'static str>) {
    let has = |parameter: &&Parameter| objects.iter().any(|o| o.has(parameter.name));
    let count = |object: &Object| PARAMETERS.iter().filter(|p| object.has(p.name)).count();
    let is_whole = objects.iter().any(|object| count(object) >= WHOLE);
    let mut newest = Version::E2019;
    for pair in Version::ALL.windows(2).rev() {
        let &[before, version] = pair else { continue };
        let on_edge = |p: &&Parameter| p.on_edge || role == ServerRole::Mailbox;
        let mut own = PARAMETERS.iter().filter(|p| p.since == version).filter(on_edge).peekable();
        let any = own.peek().is_some();
        if let Some(parameter) = own.find(has) {
            return (version, newest, Some(parameter.name));
        }
        if is_whole && any {
            newest = before;
        }
    }
    (Version::E2007, newest, None)
}

/// How many default connectors of `server` are there, and in how many of the parameters that
/// a dump has they differ.
fn likeness(server: &Server, all: &[Pair<'_>]) -> (usize, usize) {
    let set = default_set(server);
    let (mut alike, mut different) = (0, 0);
    for (object, connector) in all {
        let same_name = |d: &&ReceiveConnector| d.name.eq_ignore_ascii_case(&connector.name);
        let Some(default) = set.iter().find(same_name) else { continue };
        alike += 1;
        different += differences(connector, default).filter(|name| object.has(name)).count();
    }
    (alike, different)
}
