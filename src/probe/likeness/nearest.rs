//! Which version and role have EHLO replies like those that were seen.

use crate::connector::{
    AuthMechanism, ByteSize, PARAMETERS, ReceiveConnector, Role, Server, ServerRole, SizeMode,
    TransportRole, Version,
};
use crate::probe::answer::{offers, offers_with};
use crate::probe::report::{Hello, Keyword};
use crate::session::{Offer, TlsKind, facts};
use crate::smtp::address::is_domain;

/// The versions whose shape fits best, the oldest first: `2013, 2016 or 2019`.
pub(in crate::probe) fn version(hellos: &[Hello]) -> Option<String> {
    let mut versions: Vec<_> = best(hellos).iter().map(|like| like.server.version).collect();
    versions.sort();
    versions.dedup();
    let names: Vec<_> = versions.iter().map(Version::to_string).collect();
    let (last, others) = names.split_last()?;
    Some(match others {
        [] => last.clone(),
        others => format!("{} or {last}", others.join(", ")),
    })
}

/// A server with one connector, and how far it is from what was seen.
pub(super) struct Like {
    pub server: Server,
    pub connector: ReceiveConnector,
    /// Lines that are offered and were not seen, or the other way round.
    pub differences: Differences,
    /// Parameters that are not as a new connector has them.
    changed: usize,
}

#[derive(Default)]
pub(super) struct Differences {
    pub texts: Vec<String>,
    /// How many of them are in clear, where every version and role has public transcripts …
    clear: usize,
    in_tls: usize,
    /// … and how many are about keywords that none of these show.
    unconfirmed: usize,
}

/// The likest of all versions and roles, the newest first.
pub(super) fn best(hellos: &[Hello]) -> Vec<Like> {
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
    let distance = |like: &Like| {
        let Differences { clear, in_tls, unconfirmed, .. } = like.differences;
        (clear, in_tls, like.changed, unconfirmed)
    };
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
        let host = host.filter(|host| is_host(host));
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
        let mut server = Server {
            version,
            role: if role == Role::Edge { ServerRole::Edge } else { ServerRole::Mailbox },
            ..Server::default()
        };
        if let Some(host) = seen.host {
            let (name, _) = host.split_once('.').unwrap_or((host, ""));
            if Server::is_name(name) {
                server.name = name.to_ascii_uppercase();
            }
            server.fqdn = match host.trim_end_matches('.').to_ascii_lowercase() {
                full if full.contains('.') => full,
                short => format!("{short}.contoso.test"),
            };
        }
        let new = ReceiveConnector::on(&server, "");
        let mut connector = new.clone();
        set(&mut connector, seen, role, version);
        // A role is tried, not chosen by anybody; and there are 2019s with and without SMTPUTF8.
        let counts = |name: &str| !matches!(name, "TransportRole" | "SmtpUtf8Enabled");
        let changed = PARAMETERS.iter().filter(|parameter| {
            counts(parameter.name)
                && parameter.exists_on(&server)
                && parameter.get(&connector) != parameter.get(&new)
        });
        let changed = changed.count();
        let differences = differences(seen, &server, &connector);
        Self { server, connector, differences, changed }
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

fn differences(seen: &Seen<'_>, server: &Server, connector: &ReceiveConnector) -> Differences {
    let certificate = seen.any("STARTTLS") || seen.is_in(TlsKind::StartTls);
    let mut found = Differences::default();
    for (tls, keywords) in &seen.states {
        let mut ours = Vec::new();
        let offer = Offer::of(server, connector, certificate, *tls);
        offer.keywords(|keyword| ours.push(keyword.to_string()));
        let state = tls.map_or("in clear".to_owned(), |tls| format!("after {tls}"));
        let theirs: Vec<_> = keywords.iter().map(|keyword| keyword.text.as_str()).collect();
        let missing = theirs.iter().filter(|line| !ours.iter().any(|other| other == *line));
        let missing = missing.map(|line| (*line, format!("{state} it offered {line}")));
        let more = ours.iter().filter(|line| !theirs.contains(&line.as_str()));
        let more = more.map(|line| (&line[..], format!("{state} it did not offer {line}")));
        for (line, text) in missing.chain(more) {
            found.texts.push(text);
            let verb = line.split(' ').next().unwrap_or_default();
            *match tls {
                _ if UNCONFIRMED.contains(&verb) => &mut found.unconfirmed,
                None => &mut found.clear,
                Some(_) => &mut found.in_tls,
            } += 1;
        }
    }
    found
}

/// Keywords that no public transcript shows; that 2013 and later have them is said of 2013.
const UNCONFIRMED: [&str; 11] = [
    "XOORG",
    "XPROXY",
    "XPROXYFROM",
    "XPROXYTO",
    "X-MESSAGECONTEXT",
    "XSESSIONPARAMS",
    "XATTR",
    "XSYSPROBE",
    "XMSGID",
    "XORIGFROM",
    "XMESSAGEVALUE",
];

/// A name that a server or a connector may have.
fn is_host(text: &str) -> bool {
    text.is_ascii() && is_domain(text) && text.parse::<std::net::IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(tls: Option<TlsKind>, keywords: &str) -> Hello {
        let keyword = |text: &str| Keyword { text: text.to_owned(), masked: false };
        Hello {
            verb: "EHLO",
            tls,
            code: 250,
            greeting: "ex01.contoso.test Hello [127.0.0.1]".to_owned(),
            keywords: keywords.split(", ").map(keyword).collect(),
        }
    }

    const CLEAR: &str = "SIZE 37748736, PIPELINING, DSN, ENHANCEDSTATUSCODES, STARTTLS, \
        X-ANONYMOUSTLS, AUTH NTLM, X-EXPS GSSAPI NTLM, 8BITMIME, BINARYMIME, CHUNKING";

    /// A 2019 without SMTPUTF8 is in a public log (msmtp, issue 11).
    #[test]
    fn smtputf8_tells_2019_where_it_is_and_nothing_where_it_is_not() {
        let without = [hello(None, &format!("{CLEAR}, XRDST"))];
        assert_eq!(version(&without).as_deref(), Some("2013, 2016 or 2019"));
        let with = [hello(None, &format!("{CLEAR}, SMTPUTF8, XRDST"))];
        assert_eq!(version(&with).as_deref(), Some("2019"));
    }

    #[test]
    fn keywords_that_nobody_has_seen_do_not_outweigh_the_reply_in_clear() {
        const TLS: &str = "SIZE 37748736, PIPELINING, DSN, ENHANCEDSTATUSCODES, AUTH NTLM LOGIN, \
            X-EXPS EXCHANGEAUTH GSSAPI NTLM, X-EXCHANGEAUTH SHA256, 8BITMIME, BINARYMIME, \
            CHUNKING, SMTPUTF8, XRDST";
        let hellos = [
            hello(None, &format!("{CLEAR}, SMTPUTF8, XRDST")),
            hello(Some(TlsKind::XAnonymousTls), TLS),
        ];
        assert_eq!(version(&hellos).as_deref(), Some("2019"));
    }
}
