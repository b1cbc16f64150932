//! A server that looks like the one that was probed: which version and role its EHLO replies
//! have, and a configuration whose connector offers the same.

use super::answer::{offers, offers_with};
use super::report::{Direction, Hello, Keyword, Outcome, Product, ProofOutcome, Report, Stage};
use crate::connector::{
    AuthMechanism, Binding, ByteSize, PARAMETERS, PermissionGroups, ReceiveConnector, Role, Server,
    ServerRole, SizeMode, Toml, TransportRole, Value, Version, find_parameter,
};
use crate::session::{Offer, TlsKind, facts};

/// Why there is no such configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLikeness {
    #[error("the server gave no EHLO reply, so there is nothing to be like")]
    NoOffer,
    #[error("it is no Exchange server, and expsd plays no other")]
    NotExchange,
}

impl Report {
    /// A configuration whose connector offers what this server offered. What EHLO does not show
    /// is a guess, and comments say so.
    pub fn likeness(&self) -> Result<String, NoLikeness> {
        if self.peer.product.is_foreign() || self.peer.product == Product::OldMicrosoft {
            return Err(NoLikeness::NotExchange);
        }
        let best = best(&self.hellos);
        let Some(mut like) = best.into_iter().next() else { return Err(NoLikeness::NoOffer) };
        like.adorn(self);
        Ok(like.write(self))
    }
}

/// The versions whose shape fits best, the oldest first: `2013 or 2016`.
pub(super) fn version(hellos: &[Hello]) -> Option<String> {
    let mut versions: Vec<_> = best(hellos).iter().map(|like| like.server.version).collect();
    versions.sort();
    versions.dedup();
    let names: Vec<_> = versions.iter().map(Version::to_string).collect();
    (!names.is_empty()).then(|| names.join(" or "))
}

/// A server with one connector, and how far it is from what was seen.
struct Like {
    server: Server,
    connector: ReceiveConnector,
    /// Lines that are offered and were not seen, or the other way round.
    differences: Vec<String>,
    /// Parameters that are not as a new connector has them.
    changed: usize,
}

/// The likest of all versions and roles, the newest first.
fn best(hellos: &[Hello]) -> Vec<Like> {
    let seen = Seen::of(hellos);
    if seen.states.is_empty() {
        return Vec::new();
    }
    let mut all = Vec::new();
    for version in Version::ALL.into_iter().rev() {
        for role in [Role::FrontEnd, Role::Hub, Role::Edge] {
            if role != Role::FrontEnd || version.has_front_end() {
                all.push(Like::new(&seen, version, role));
            }
        }
    }
    // Sorting is stable, so among equals the newest stays first.
    let distance = |like: &Like| (like.differences.len(), like.changed);
    all.sort_by_key(distance);
    let least = all.first().map(distance);
    all.retain(|like| Some(distance(like)) == least);
    all
}

/// The offers, each with the state of the session it was made in.
struct Seen<'a> {
    states: Vec<(Option<TlsKind>, &'a [Keyword])>,
    host: Option<&'a str>,
}

impl<'a> Seen<'a> {
    fn of(hellos: &'a [Hello]) -> Self {
        let offers = hellos.iter().filter(|hello| hello.verb == "EHLO" && hello.code == 250);
        let host = offers.clone().find_map(|hello| hello.greeting.split(' ').next());
        let states = offers.map(|hello| (hello.tls, &hello.keywords[..])).collect();
        Self { states, host }
    }

    fn any(&self, verb: &str) -> bool {
        self.states.iter().any(|(_, keywords)| offers(keywords, verb))
    }

    fn any_with(&self, verb: &str, word: &str) -> bool {
        self.states.iter().any(|(_, keywords)| offers_with(keywords, verb, word))
    }

    fn clear(&self) -> Option<&'a [Keyword]> {
        self.states.iter().find(|(tls, _)| tls.is_none()).map(|(_, keywords)| *keywords)
    }

    fn is_in(&self, kind: TlsKind) -> bool {
        self.states.iter().any(|(tls, _)| *tls == Some(kind))
    }

    fn auth_mechanism(&self) -> AuthMechanism {
        let mut auth = AuthMechanism::empty();
        let clear = self.clear().unwrap_or_default();
        if self.any("STARTTLS") || self.is_in(TlsKind::StartTls) {
            auth |= AuthMechanism::Tls;
        }
        if ["X-EXPS", "X-ANONYMOUSTLS", "XRDST"].iter().any(|verb| self.any(verb)) {
            auth |= AuthMechanism::ExchangeServer;
        }
        if self.any_with("AUTH", "NTLM") || self.any_with("AUTH", "GSSAPI") {
            auth |= AuthMechanism::Integrated;
        }
        let bare = clear.iter().any(|keyword| keyword.text.trim().eq_ignore_ascii_case("AUTH"));
        if self.any_with("AUTH", "LOGIN") || bare {
            auth |= AuthMechanism::BasicAuth;
            if !offers_with(clear, "AUTH", "LOGIN") {
                // The one does not go without the other (Set-ReceiveConnector).
                auth |= AuthMechanism::BasicAuthRequireTLS | AuthMechanism::Tls;
            }
        }
        auth
    }
}

impl Like {
    fn new(seen: &Seen<'_>, version: Version, role: Role) -> Self {
        let fqdn = seen.host.unwrap_or("ex01.contoso.test");
        let name = fqdn.split('.').next().unwrap_or_default().to_ascii_uppercase();
        let server = Server {
            name: if Server::is_name(&name) { name } else { "EX01".to_owned() },
            fqdn: fqdn.to_ascii_lowercase(),
            version,
            role: if role == Role::Edge { ServerRole::Edge } else { ServerRole::Mailbox },
            ..Server::default()
        };
        let new = ReceiveConnector::on(&server, "");
        let mut connector = new.clone();
        set(&mut connector, seen, role, version);
        // A role is tried, not chosen by anybody.
        let counts = |name: &str| name != "TransportRole";
        let changed = PARAMETERS.iter().filter(|parameter| {
            counts(parameter.name)
                && parameter.exists_on(&server)
                && parameter.get(&connector) != parameter.get(&new)
        });
        let changed = changed.count();
        let differences = differences(seen, &server, &connector);
        Self { server, connector, differences, changed }
    }

    /// What EHLO does not show.
    fn adorn(&mut self, report: &Report) {
        let Self { server, connector, .. } = self;
        connector.name = format!("Like {}", server.fqdn);
        connector.fqdn = Some(server.fqdn.clone());
        // Not beyond this machine, unless whoever runs it says so.
        let here = std::net::Ipv4Addr::LOCALHOST.into();
        connector.bindings = vec![Binding(std::net::SocketAddr::new(here, report.target.port))];
        if let Some(banner) = &report.banner
            && !banner.masked
            && !banner.text.contains("Microsoft ESMTP MAIL Service ready at")
            && let Some(parameter) = find_parameter("Banner")
        {
            // One that the parameter does not take stays away.
            let _ = parameter.set(connector, &Value::Text(banner.text.as_str().into()));
        }
        connector.permission_groups = groups(report, connector.auth_mechanism);
    }

    fn write(&self, report: &Report) -> String {
        let mut toml = Toml::default();
        let target = &report.target;
        toml.comment(&format!(
            "A connector that offers what {}, port {}, offered on {}.",
            target.host,
            target.port,
            report.began.strftime("%Y-%m-%d")
        ));
        toml.comment(
            "Version and role are those whose EHLO reply fits best. Permission groups, limits and \
             ranges do not show from outside: what stands here of them is a guess.",
        );
        if report.hellos.iter().any(|hello| hello.keywords.iter().any(|keyword| keyword.masked)) {
            toml.comment(
                "Something between had overwritten keywords; what they were is not known.",
            );
        }
        if !self.differences.is_empty() {
            toml.comment(&format!("Not the same: {}.", self.differences.join("; ")));
        }
        toml.0 += "\n";
        toml.server(&self.server);
        toml.0 += "\n";
        toml.connector(&self.connector, &self.server);
        toml.0
    }
}

fn set(connector: &mut ReceiveConnector, seen: &Seen<'_>, role: Role, version: Version) {
    connector.transport_role = match role {
        Role::FrontEnd => TransportRole::FrontendTransport,
        Role::Hub | Role::Edge => TransportRole::HubTransport,
    };
    let size = seen.states.iter().find_map(|(_, keywords)| {
        keywords.iter().find(|keyword| keyword.is("SIZE")).map(|keyword| keyword.text.as_str())
    });
    connector.size_enabled = match size.map(|size| size.split_whitespace().nth(1)) {
        None => SizeMode::Disabled,
        Some(None) => SizeMode::EnabledWithoutValue,
        Some(Some(octets)) => {
            if let Ok(octets) = octets.parse() {
                connector.max_message_size = ByteSize(octets);
            }
            SizeMode::Enabled
        }
    };
    connector.pipelining_enabled = seen.any("PIPELINING");
    connector.delivery_status_notification_enabled = seen.any("DSN");
    connector.enhanced_status_codes_enabled = seen.any("ENHANCEDSTATUSCODES");
    connector.eight_bit_mime_enabled = seen.any("8BITMIME");
    connector.binary_mime_enabled = seen.any("BINARYMIME");
    connector.chunking_enabled = seen.any("CHUNKING");
    if facts(version).smtputf8 {
        connector.smtp_utf8_enabled = seen.any("SMTPUTF8");
    }
    connector.long_addresses_enabled = seen.any("XLONGADDR");
    connector.orar_enabled = seen.any("XORAR");
    connector.auth_mechanism = seen.auth_mechanism();
    connector.enable_auth_gssapi = seen.any_with("AUTH", "GSSAPI");
    if let Some(clear) = seen.clear() {
        connector.suppress_x_anonymous_tls =
            offers(clear, "X-EXPS") && !offers(clear, "X-ANONYMOUSTLS") && role != Role::Edge;
    }
}

fn differences(seen: &Seen<'_>, server: &Server, connector: &ReceiveConnector) -> Vec<String> {
    let certificate = seen.any("STARTTLS") || seen.is_in(TlsKind::StartTls);
    let mut found = Vec::new();
    for (tls, keywords) in &seen.states {
        let mut ours = Vec::new();
        let offer = Offer::of(server, connector, certificate, *tls);
        offer.keywords(|keyword| ours.push(keyword.to_string()));
        let state = tls.map_or("in clear".to_owned(), |tls| format!("after {tls}"));
        let theirs: Vec<_> = keywords.iter().map(|keyword| keyword.text.as_str()).collect();
        let missing = theirs.iter().filter(|line| !ours.iter().any(|other| other == *line));
        found.extend(missing.map(|line| format!("{state} it offered {line}")));
        let more = ours.iter().filter(|line| !theirs.contains(&line.as_str()));
        found.extend(more.map(|line| format!("{state} it did not offer {line}")));
    }
    found
}

/// What was proved to work, or else what such a connector usually has.
fn groups(report: &Report, auth: AuthMechanism) -> PermissionGroups {
    let mut groups = PermissionGroups::empty();
    let proved = report.authentication.as_ref();
    let proved = proved.filter(|proof| proof.outcome == ProofOutcome::Accepted);
    let past_mail = match &report.stopped {
        None => report
            .dialogue
            .iter()
            .any(|line| line.direction == Direction::Sent && line.text.starts_with("MAIL FROM")),
        Some(stopped) => stopped.stage > Stage::Mail,
    };
    if past_mail && proved.is_none() && report.outcome != Outcome::Unreachable {
        groups |= PermissionGroups::AnonymousUsers;
    }
    if auth.contains(AuthMechanism::ExchangeServer) {
        groups |= PermissionGroups::ExchangeServers;
    } else if auth.intersects(AuthMechanism::Integrated | AuthMechanism::BasicAuth) {
        groups |= PermissionGroups::ExchangeUsers;
    }
    if groups.is_empty() { PermissionGroups::AnonymousUsers } else { groups }
}
