//! What a refusal leads to at the sender, and how it is mended.

use serde::Serialize;

use super::{Reason, facts};
use crate::auth::Mechanism;
use crate::connector::{AuthMechanism, PermissionGroups, ReceiveConnector, Server, Unlimited};
use crate::smtp::{Reply, reply};

/// What an administrator wants to know of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What shows at a sending Exchange server of the same version.
    pub sender: Option<String>,
    /// What to do about it.
    pub mend: Option<String>,
    /// Commands that do it, whole.
    pub commands: Vec<String>,
}

impl Reason {
    /// What `reply`, given for this reason on `connector`, leads to. A connection that no
    /// connector takes has none.
    pub fn advice(
        &self,
        reply: &Reply,
        server: &Server,
        connector: Option<&ReceiveConnector>,
    ) -> Advice {
        let remedy = match connector {
            Some(connector) => self.remedy(&server.identity(connector), connector),
            None => self.remedy_without_connector(),
        };
        let (mend, commands) = match remedy {
            Some(Remedy { text, commands }) => (Some(text), commands),
            None => (None, Vec::new()),
        };
        Advice { sender: self.sender(reply, server), mend, commands }
    }

    fn sender(&self, reply: &Reply, server: &Server) -> Option<String> {
        if self.is_protocol_error() && !self.keeps_servers_apart() {
            return None;
        }
        // A sending server says this of itself, whatever the receiver's words (KB 979175).
        let shown = match self.keeps_servers_apart() {
            true => reply::CANNOT_ACHIEVE_EXCHANGE_AUTH.to_string(),
            false => reply.to_string(),
        };
        Some(match shown.starts_with('5') {
            true => format!("its sender gets a non-delivery report with \"{shown}\""),
            false => {
                format!("the sender's queue shows \"{}\"", facts(server.version).last_error(&shown))
            }
        })
    }

    /// The peer wanted Exchange Server authentication, and the connector does not offer it.
    fn keeps_servers_apart(&self) -> bool {
        matches!(self, Self::NoExchangeServerAuth(_) | Self::XAnonymousTlsSuppressed)
    }

    fn remedy_without_connector(&self) -> Option<Remedy> {
        matches!(self, Self::NoConnector(_)).then(|| {
            "put the address into RemoteIPRanges of a connector that is bound here, or enable one \
             that has it"
                .into()
        })
    }

    fn remedy(&self, identity: &str, connector: &ReceiveConnector) -> Option<Remedy> {
        let set = |parameters: String| format!("Set-ReceiveConnector \"{identity}\" {parameters}");
        let mechanisms =
            |more: AuthMechanism| format!("-AuthMechanism {}", connector.auth_mechanism | more);
        let groups = |more: PermissionGroups| {
            let groups = (connector.permission_groups - PermissionGroups::Custom) | more;
            format!("-PermissionGroups {groups}")
        };
        let raise = |parameter: &str, to: String| {
            Remedy::from(format!("if the peer is to be let through, raise {parameter}"))
                .by(set(format!("-{parameter} {to}")))
        };
        Some(match self {
            Self::NoPlace { parameter: parameter @ "MaxInboundConnection", .. } => {
                raise(parameter, twice(connector.max_inbound_connection))
            }
            Self::NoPlace { parameter: parameter @ "MaxInboundConnectionPerSource", .. } => {
                raise(parameter, twice(connector.max_inbound_connection_per_source))
            }
            Self::NoPlace { parameter, .. } => raise(parameter, "100".to_owned()),
            Self::NoExchangeServerAuth(_) => Remedy::from(
                "if the peer is an Exchange server that should not meet this connector, take its \
                 address out of RemoteIPRanges; else tick Exchange Server authentication \
                 (ExchangeServer in AuthMechanism) and the group ExchangeServers, which the \
                 default connectors have",
            )
            .by(set(format!(
                "{} {}",
                mechanisms(AuthMechanism::ExchangeServer),
                groups(PermissionGroups::ExchangeServers)
            ))),
            Self::XAnonymousTlsSuppressed => Remedy::from(
                "offer X-ANONYMOUSTLS again, or set UseDowngradedExchangeServerAuth on the sender \
                 (Set-TransportService)",
            )
            .by(set("-SuppressXAnonymousTls $false".to_owned())),
            Self::NoTls => Remedy::from("tick Transport Layer Security")
                .by(set(mechanisms(AuthMechanism::Tls))),
            Self::NoCertificate(name) => format!(
                "install a certificate that holds {name}, and enable it for SMTP \
                 (Enable-ExchangeCertificate); or mend the connector's Fqdn or TlsCertificateName"
            )
            .into(),
            Self::TlsRequired => {
                Remedy::from("have the client use STARTTLS, or let the connector do without it")
                    .by(set("-RequireTLS $false".to_owned()))
            }
            Self::MechanismNotOffered { mechanism, .. } => {
                not_offered(mechanism, connector, set, mechanisms)
            }
            Self::NoSubmit(_) => Remedy::from(
                "have the client log on; or, if it may send anonymously, tick the group \
                 AnonymousUsers",
            )
            .by(set(groups(PermissionGroups::AnonymousUsers))),
            Self::NoSubmitAfterProof { account, .. } => Remedy::from(format!(
                "tick the permission group that {account} is in (ExchangeUsers for users, \
                 ExchangeServers for servers)"
            ))
            .by(set(groups(match account.ends_with('$') {
                true => PermissionGroups::ExchangeServers,
                false => PermissionGroups::ExchangeUsers,
            }))),
            Self::Relay(_) => "have the client log on with an account of ExchangeUsers; or give \
                               it a connector of its own, scoped to its address alone, and there \
                               Add-ADPermission -User \"NT AUTHORITY\\ANONYMOUS LOGON\" \
                               -ExtendedRights ms-Exch-SMTP-Accept-Any-Recipient"
                .into(),
            Self::NotOwnAddress { account, .. } => format!(
                "send as an address of {account}, or give it Send As, or \
                 ms-Exch-SMTP-Accept-Any-Sender on the connector"
            )
            .into(),
            Self::AnonymousSender(_) => "have the client log on, or send as a domain that is not \
                                         authoritative here"
                .into(),
            Self::DomainSecurity { domain, .. } => format!(
                "mend the partner's certificate, or take {domain} out of \
                 TLSReceiveDomainSecureList (Set-TransportConfig)"
            )
            .into(),
            Self::UnknownCertificate(_) => {
                Remedy::from("make sure that EdgeSync runs, or subscribe the Edge again")
                    .by("Start-EdgeSynchronization".to_owned())
            }
            Self::TooManyRecipients(limit) => {
                raise("MaxRecipientsPerMessage", limit.saturating_mul(2).min(512_000).to_string())
            }
            Self::TooLarge { octets, limit } => {
                let megabytes = (*octets).max(limit.saturating_add(1)).div_ceil(1 << 20);
                raise("MaxMessageSize", format!("{megabytes}MB"))
            }
            Self::HeaderTooLarge(limit) => {
                raise("MaxHeaderSize", format!("{}KB", (limit >> 9).max(1)))
            }
            Self::TooManyHops { .. } | Self::TooManyLocalHops { .. } => {
                "read its Received fields from below for the servers that hand it to each other, \
                 and mend the route between them"
                    .into()
            }
            Self::BareLinefeed => Remedy::from(
                "have the client end its lines with carriage return and line feed, or let bare \
                 line feeds pass",
            )
            .by(set("-BareLinefeedRejectionEnabled $false".to_owned())),
            Self::TooFast { limit, .. } => {
                Remedy::from("give an application a relay connector of its own, or raise the limit")
                    .by(set(format!("-MessageRateLimit {}", limit.saturating_mul(2))))
            }
            Self::TooManyErrors(limit) => {
                raise("MaxProtocolErrors", limit.saturating_mul(2).max(1).to_string())
            }
            Self::TooManyLogonFailures(_) => "mend the password that the client has stored".into(),
            Self::Proof(failure) => failure.remedy()?.into(),
            Self::SingleLabelDomain(_) | Self::ReservedDomain(_) => {
                "mend the address; the switch is on by choice of the administrator".into()
            }
            Self::Rule(name) => {
                format!("nothing on the connector: take out the failure rule \"{name}\"").into()
            }
            _ => return None,
        })
    }
}

/// Twice a limit that was reached.
fn twice(limit: Unlimited<u32>) -> String {
    match limit {
        Unlimited::Limited(limit) => limit.saturating_mul(2).max(1).to_string(),
        Unlimited::Unlimited => "unlimited".to_owned(),
    }
}

fn not_offered(
    mechanism: &str,
    connector: &ReceiveConnector,
    set: impl Fn(String) -> String,
    mechanisms: impl Fn(AuthMechanism) -> String,
) -> Remedy {
    let waits = connector.auth_mechanism.contains(AuthMechanism::BasicAuthRequireTLS);
    let wait = if waits { ", after STARTTLS if it is LOGIN" } else { "" };
    let other = format!("have the client use a mechanism of the AUTH line{wait}");
    let needed = match Mechanism::find(mechanism) {
        Some(Mechanism::Login) => AuthMechanism::BasicAuth,
        Some(Mechanism::Ntlm | Mechanism::Gssapi) => AuthMechanism::Integrated,
        Some(Mechanism::ExchangeAuth) | None => return other.into(),
    };
    if connector.auth_mechanism.contains(needed) {
        return other.into();
    }
    Remedy::from(format!("{other}; or tick {needed}")).by(set(mechanisms(needed)))
}

/// What to do, and the commands that do it.
struct Remedy {
    text: String,
    commands: Vec<String>,
}

impl Remedy {
    fn by(mut self, command: String) -> Self {
        self.commands.push(command);
        self
    }
}

impl<T: Into<String>> From<T> for Remedy {
    fn from(text: T) -> Self {
        Self { text: text.into(), commands: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Version;

    fn advice(version: Version, reason: &Reason, reply: &Reply) -> (String, String, Vec<String>) {
        let server = Server { version, ..Server::default() };
        let connector = ReceiveConnector::new("App relay", version);
        let Advice { sender, mend, commands } = reason.advice(reply, &server, Some(&connector));
        (sender.unwrap_or_default(), mend.unwrap_or_default(), commands)
    }

    #[test]
    fn the_queue_is_worded_as_the_version_does() {
        let reason = Reason::NoExchangeServerAuth("X-EXPS");
        let (sender, _, commands) = advice(Version::E2019, &reason, &reply::UNRECOGNIZED_AUTH_TYPE);
        assert_eq!(
            sender,
            "the sender's queue shows \"451 4.4.395 Target host responded with error. -> 451 \
             5.7.3 Cannot achieve Exchange Server authentication\""
        );
        let begin = r#"Set-ReceiveConnector "EX01\App relay" -AuthMechanism"#;
        assert!(commands[0].starts_with(begin), "{commands:?}");
        let (sender, ..) = advice(Version::E2010, &reason, &reply::CANNOT_ACHIEVE_EXCHANGE_AUTH);
        assert!(sender.contains("451 4.4.0 Primary target IP address responded with"), "{sender}");
    }

    #[test]
    fn what_fails_for_good_comes_back_to_its_sender() {
        let reason = Reason::Relay("a@b.test".to_owned());
        let (sender, ..) = advice(Version::E2019, &reason, &reply::UNABLE_TO_RELAY_2016);
        assert!(sender.starts_with("its sender gets a non-delivery report with \"550 5.7.54"));
        let (sender, mend, _) = advice(Version::E2019, &Reason::Sequence, &reply::NEED_RCPT);
        assert_eq!((sender.as_str(), mend.as_str()), ("", ""));
    }

    /// A command is pasted as it stands.
    #[test]
    fn commands_are_whole() {
        let command = |reason: Reason| {
            let (.., commands) = advice(Version::E2019, &reason, &reply::SERVICE_NOT_AVAILABLE);
            commands.concat()
        };
        let not_offered = Reason::MechanismNotOffered { mechanism: "LOGIN".to_owned(), hint: "" };
        let no_place =
            Reason::NoPlace { parameter: "MaxInboundConnectionPerSource", words: String::new() };
        for (reason, parameters) in [
            (Reason::NoTls, "-AuthMechanism Tls"),
            (not_offered, "-AuthMechanism Tls, BasicAuth"),
            (Reason::TooLarge { octets: 40 << 20, limit: 36 << 20 }, "-MaxMessageSize 40MB"),
            (Reason::HeaderTooLarge(128 << 10), "-MaxHeaderSize 256KB"),
            (no_place, "-MaxInboundConnectionPerSource 40"),
        ] {
            let whole = format!(r#"Set-ReceiveConnector "EX01\App relay" {parameters}"#);
            assert_eq!(command(reason), whole);
        }
    }
}
