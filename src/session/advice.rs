//! What a refusal leads to at the sender, and how it is mended.

use serde::Serialize;

use super::{Reason, facts};
use crate::connector::{AuthMechanism, PermissionGroups, ReceiveConnector, Server};
use crate::smtp::{Reply, reply};

/// What an administrator wants to know of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What shows at a sending Exchange server of the same version.
    pub sender: Option<String>,
    /// What to do about it.
    pub mend: Option<String>,
}

impl Reason {
    /// What `reply`, given for this reason on `connector`, leads to.
    pub fn advice(&self, reply: &Reply, server: &Server, connector: &ReceiveConnector) -> Advice {
        let identity = server.identity(connector);
        Advice { sender: self.sender(reply, server), mend: self.mend(&identity, connector) }
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

    fn mend(&self, identity: &str, connector: &ReceiveConnector) -> Option<String> {
        let set = |parameters: &str| format!("Set-ReceiveConnector \"{identity}\" {parameters}");
        let raise = |parameter: &str| {
            format!("if the peer is to be let through: {}", set(&format!("-{parameter} …")))
        };
        let text = match self {
            Self::NoExchangeServerAuth(_) => format!(
                "if the peer is an Exchange server that should not meet this connector, take its \
                 address out of RemoteIPRanges; else tick Exchange Server authentication \
                 (ExchangeServer in AuthMechanism) and the group ExchangeServers, which the \
                 default connectors have: {}",
                set(&format!(
                    "-AuthMechanism {} -PermissionGroups {}",
                    connector.auth_mechanism | AuthMechanism::ExchangeServer,
                    (connector.permission_groups - PermissionGroups::Custom)
                        | PermissionGroups::ExchangeServers
                ))
            ),
            Self::XAnonymousTlsSuppressed => format!(
                "{}, or Set-TransportService -UseDowngradedExchangeServerAuth $true on the sender",
                set("-SuppressXAnonymousTls $false")
            ),
            Self::NoTls => set("-AuthMechanism Tls, …"),
            Self::NoCertificate(name) => format!(
                "install a certificate that holds {name}, then Enable-ExchangeCertificate \
                 -Services SMTP; or mend the connector's Fqdn or TlsCertificateName"
            ),
            Self::TlsRequired => {
                format!("have the client use STARTTLS; or {}", set("-RequireTLS $false"))
            }
            Self::MechanismNotOffered { .. } => format!(
                "have the client use a mechanism of the AUTH line, after STARTTLS if LOGIN waits \
                 for it; or {}",
                set("-AuthMechanism …")
            ),
            Self::NoSubmit(_) => format!(
                "have the client log on; or, if it may send anonymously: {}",
                set("-PermissionGroups AnonymousUsers, …")
            ),
            Self::NoSubmitAfterProof { account, .. } => format!(
                "tick the permission group that {account} is in (ExchangeUsers for users, \
                 ExchangeServers for servers): {}",
                set("-PermissionGroups …")
            ),
            Self::Relay(_) => "have the client log on with an account of ExchangeUsers; or give \
                               it a connector of its own, scoped to its address alone, and there \
                               Add-ADPermission -User \"NT AUTHORITY\\ANONYMOUS LOGON\" \
                               -ExtendedRights ms-Exch-SMTP-Accept-Any-Recipient"
                .to_owned(),
            Self::NotOwnAddress { account, .. } => format!(
                "send as an address of {account}, or give it Send As, or \
                 ms-Exch-SMTP-Accept-Any-Sender on the connector"
            ),
            Self::AnonymousSender(_) => "have the client log on, or send as a domain that is not \
                                         authoritative here"
                .to_owned(),
            Self::DomainSecurity { domain, .. } => format!(
                "mend the partner's certificate, or take {domain} out of \
                 TLSReceiveDomainSecureList (Set-TransportConfig)"
            ),
            Self::UnknownCertificate(_) => {
                "make sure that EdgeSync runs: Start-EdgeSynchronization, \
                                            or subscribe the Edge again"
                    .to_owned()
            }
            Self::TooManyRecipients(_) => raise("MaxRecipientsPerMessage"),
            Self::TooLarge { .. } => raise("MaxMessageSize"),
            Self::HeaderTooLarge(_) => raise("MaxHeaderSize"),
            Self::TooManyHops { .. } | Self::TooManyLocalHops { .. } => {
                "read its Received fields from below for the servers that hand it to each other, \
                 and mend the route between them"
                    .to_owned()
            }
            Self::BareLinefeed => format!(
                "have the client end its lines with carriage return and line feed; or {}",
                set("-BareLinefeedRejectionEnabled $false")
            ),
            Self::TooFast { .. } => format!(
                "give an application a relay connector of its own; or {}",
                set("-MessageRateLimit … -MessageRateSource …")
            ),
            Self::TooManyErrors(_) => raise("MaxProtocolErrors"),
            Self::TooManyLogonFailures(_) => {
                "mend the password that the client has stored".to_owned()
            }
            Self::Proof(failure) => failure.remedy()?.to_owned(),
            Self::SingleLabelDomain(_) | Self::ReservedDomain(_) => {
                "mend the address; the switch is on by choice of the administrator".to_owned()
            }
            Self::Rule(name) => {
                format!("nothing on the connector: take out the failure rule \"{name}\"")
            }
            _ => return None,
        };
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Version;

    fn advice(version: Version, reason: &Reason, reply: &Reply) -> (String, String) {
        let server = Server { version, ..Server::default() };
        let connector = ReceiveConnector::new("App relay", version);
        let Advice { sender, mend } = reason.advice(reply, &server, &connector);
        (sender.unwrap_or_default(), mend.unwrap_or_default())
    }

    #[test]
    fn the_queue_is_worded_as_the_version_does() {
        let reason = Reason::NoExchangeServerAuth("X-EXPS");
        let (sender, mend) = advice(Version::E2019, &reason, &reply::UNRECOGNIZED_AUTH_TYPE);
        assert_eq!(
            sender,
            "the sender's queue shows \"451 4.4.395 Target host responded with error. -> 451 \
             5.7.3 Cannot achieve Exchange Server authentication\""
        );
        assert!(mend.contains(r#"Set-ReceiveConnector "EX01\App relay" -AuthMechanism"#), "{mend}");
        let (sender, _) = advice(Version::E2010, &reason, &reply::CANNOT_ACHIEVE_EXCHANGE_AUTH);
        assert!(sender.contains("451 4.4.0 Primary target IP address responded with"), "{sender}");
    }

    #[test]
    fn what_fails_for_good_comes_back_to_its_sender() {
        let reason = Reason::Relay("a@b.test".to_owned());
        let (sender, _) = advice(Version::E2019, &reason, &reply::UNABLE_TO_RELAY_2016);
        assert!(sender.starts_with("its sender gets a non-delivery report with \"550 5.7.54"));
        let (sender, mend) = advice(Version::E2019, &Reason::Sequence, &reply::NEED_RCPT);
        assert_eq!((sender.as_str(), mend.as_str()), ("", ""));
    }
}
