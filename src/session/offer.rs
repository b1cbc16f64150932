//! What a connector advertises: the EHLO keywords, in Exchange's order and on its conditions.
//!
//! Commands ask the same [`Offer`] that EHLO prints, so that what is advertised is what works.

use std::fmt;

use super::version::{Facts, facts};
use crate::auth::{AuthCommand, Mechanism};
use crate::connector::{AuthMechanism, ReceiveConnector, Role, Server, SizeMode, TlsCapabilities};

/// The two commands that start TLS, and the sessions that they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub enum TlsKind {
    #[serde(rename = "STARTTLS")]
    StartTls,
    #[serde(rename = "X-ANONYMOUSTLS")]
    XAnonymousTls,
}

impl fmt::Display for TlsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartTls => "STARTTLS",
            Self::XAnonymousTls => "X-ANONYMOUSTLS",
        })
    }
}

/// What a connector offers in one state of a session.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    connector: &'a ReceiveConnector,
    facts: &'static Facts,
    role: Role,
    /// A certificate for STARTTLS was found.
    certificate: bool,
    tls: Option<TlsKind>,
    /// What TlsDomainCapabilities gives the peer.
    capabilities: TlsCapabilities,
}

impl<'a> Offer<'a> {
    /// `certificate` tells whether one was found for the connector's FQDN.
    pub fn of(
        server: &Server,
        connector: &'a ReceiveConnector,
        certificate: bool,
        tls: Option<TlsKind>,
    ) -> Self {
        let (facts, role) = (facts(server.version), server.role_of(connector));
        let capabilities = TlsCapabilities::empty();
        Self { connector, facts, role, certificate, tls, capabilities }
    }

    /// To a peer with these capabilities.
    pub fn trusting(self, capabilities: TlsCapabilities) -> Self {
        Self { capabilities, ..self }
    }

    fn allows(&self, mechanism: AuthMechanism) -> bool {
        self.connector.auth_mechanism.contains(mechanism)
    }

    /// Whether the verb is enabled, in TLS or not.
    pub fn enables_tls(&self, kind: TlsKind) -> bool {
        self.without_tls(kind).is_none()
    }

    /// Why the verb is not enabled.
    fn without_tls(&self, kind: TlsKind) -> Option<Missing> {
        match kind {
            TlsKind::StartTls if !self.allows(AuthMechanism::Tls) => {
                Some(Missing::NotTicked("Tls"))
            }
            TlsKind::StartTls => (!self.certificate).then_some(Missing::NoCertificate),
            TlsKind::XAnonymousTls if self.connector.suppress_x_anonymous_tls => {
                Some(Missing::Suppressed)
            }
            TlsKind::XAnonymousTls => self.without_exchange_server(),
        }
    }

    /// Whether `command` takes `mechanism` now.
    pub fn takes(&self, command: AuthCommand, mechanism: Mechanism) -> bool {
        match (command, mechanism) {
            (AuthCommand::Auth, Mechanism::Gssapi) => {
                self.allows(AuthMechanism::Integrated) && self.connector.enable_auth_gssapi
            }
            (AuthCommand::Auth, Mechanism::Ntlm) => self.allows(AuthMechanism::Integrated),
            (AuthCommand::Auth, Mechanism::Login) => {
                self.allows(AuthMechanism::BasicAuth)
                    && (self.tls.is_some() || !self.allows(AuthMechanism::BasicAuthRequireTLS))
            }
            (AuthCommand::Auth, Mechanism::ExchangeAuth)
            | (AuthCommand::XExps, Mechanism::Login) => false,
            (AuthCommand::XExps, Mechanism::Gssapi) => {
                self.connector.offers_exchange_server() && self.role != Role::Edge
            }
            (AuthCommand::XExps, Mechanism::Ntlm) => self.connector.offers_exchange_server(),
            (AuthCommand::XExps, Mechanism::ExchangeAuth) => {
                self.connector.offers_exchange_server()
                    && self.role != Role::Edge
                    && self.tls == Some(TlsKind::XAnonymousTls)
            }
        }
    }

    /// An AUTH line stands in the reply even without a mechanism, where LOGIN waits for TLS.
    fn without_auth(&self) -> Option<Missing> {
        let either = AuthMechanism::BasicAuth | AuthMechanism::Integrated;
        let ticked = self.connector.auth_mechanism.intersects(either);
        (!ticked).then_some(Missing::NotTicked("Integrated or BasicAuth"))
    }

    fn without_exchange_server(&self) -> Option<Missing> {
        let ticked = self.connector.offers_exchange_server();
        (!ticked).then_some(Missing::NotTicked("ExchangeServer"))
    }

    pub fn offers_smtputf8(&self) -> bool {
        self.without_smtputf8().is_none()
    }

    fn without_smtputf8(&self) -> Option<Missing> {
        match self.facts.smtputf8 {
            false => Some(Missing::Version),
            true => off("SmtpUtf8Enabled", self.connector.smtp_utf8_enabled),
        }
    }

    pub fn offers_long_addresses(&self) -> bool {
        self.without_long_addresses().is_none()
    }

    /// On the Hub only (Set-ReceiveConnector, parameter LongAddressesEnabled).
    fn without_long_addresses(&self) -> Option<Missing> {
        match self.role {
            Role::Hub => off("LongAddressesEnabled", self.connector.long_addresses_enabled),
            _ => Some(Missing::Role),
        }
    }

    fn without_servers(&self) -> Option<Missing> {
        let external = self.allows(AuthMechanism::ExternalAuthoritative);
        self.without_exchange_server().filter(|_| !external)
    }

    pub fn offers_xexch50(&self) -> bool {
        self.without_xexch50().is_none()
    }

    fn without_xexch50(&self) -> Option<Missing> {
        match self.role {
            Role::FrontEnd => Some(Missing::Role),
            _ if self.facts.xexch50_always => None,
            _ => self.without_servers(),
        }
    }

    /// The keyword of shadow redundancy.
    pub fn shadow(&self) -> Result<&'static str, Missing> {
        let keyword = match self.role {
            Role::FrontEnd => return Err(Missing::Role),
            Role::Hub => self.facts.shadow,
            Role::Edge => self.facts.edge_shadow,
        };
        match self.without_servers() {
            Some(missing) => Err(missing),
            None => keyword.ok_or(Missing::Version),
        }
    }

    pub fn offers_xrdst(&self) -> bool {
        self.without_xrdst().is_none()
    }

    fn without_xrdst(&self) -> Option<Missing> {
        match self.role {
            Role::Edge => Some(Missing::Role),
            _ => self.without_exchange_server(),
        }
    }

    pub fn offers_xoorg(&self) -> bool {
        self.without_xoorg().is_none()
    }

    fn without_xoorg(&self) -> Option<Missing> {
        self.capabilities.is_empty().then_some(Missing::Capability)
    }

    /// XPROXY, XPROXYFROM and what else Exchange servers say after X-ANONYMOUSTLS.
    pub fn offers_proxy_verbs(&self) -> bool {
        self.without_proxy_verbs().is_none()
    }

    fn without_proxy_verbs(&self) -> Option<Missing> {
        match self.tls {
            _ if !self.facts.proxy_verbs => Some(Missing::Version),
            _ if self.role == Role::Edge => Some(Missing::Role),
            Some(TlsKind::XAnonymousTls) => None,
            _ => Some(Missing::AfterXAnonymousTls),
        }
    }

    pub fn offers_xproxyto(&self) -> bool {
        self.without_proxy_verbs_on(Role::FrontEnd).is_none()
    }

    pub fn offers_message_context(&self) -> bool {
        self.without_proxy_verbs_on(Role::Hub).is_none()
    }

    fn without_proxy_verbs_on(&self, role: Role) -> Option<Missing> {
        let elsewhere = (self.role != role).then_some(Missing::Role);
        self.without_proxy_verbs().or(elsewhere)
    }

    /// Hands each keyword line of the EHLO reply to `line`, in order.
    pub fn keywords(&self, mut line: impl FnMut(fmt::Arguments<'_>)) {
        self.every_keyword(|keyword, missing| {
            if missing.is_none() {
                line(keyword);
            }
        });
    }

    /// Hands each keyword line to `line`, in order, with the reason why it is left out if it is.
    pub fn every_keyword(&self, mut line: impl FnMut(fmt::Arguments<'_>, Option<Missing>)) {
        let connector = self.connector;
        macro_rules! put {
            ($missing:expr, $($text:tt)+) => { line(format_args!($($text)+), $missing) };
        }
        match connector.size_enabled {
            SizeMode::Enabled => put!(None, "SIZE {}", connector.max_message_size.0),
            SizeMode::EnabledWithoutValue => put!(None, "SIZE"),
            SizeMode::Disabled => put!(Some(Missing::Off("SizeEnabled")), "SIZE"),
        }
        put!(off("PipeliningEnabled", connector.pipelining_enabled), "PIPELINING");
        let dsn = connector.delivery_status_notification_enabled;
        put!(off("DeliveryStatusNotificationEnabled", dsn), "DSN");
        let enhanced = connector.enhanced_status_codes_enabled;
        put!(off("EnhancedStatusCodesEnabled", enhanced), "ENHANCEDSTATUSCODES");
        for kind in [TlsKind::StartTls, TlsKind::XAnonymousTls] {
            let in_tls = self.tls.is_some().then_some(Missing::InTls);
            put!(in_tls.or(self.without_tls(kind)), "{kind}");
        }
        put!(self.without_auth(), "AUTH{}", Mechanisms(self, AuthCommand::Auth));
        let exps = Mechanisms(self, AuthCommand::XExps);
        put!(self.without_exchange_server(), "X-EXPS{exps}");
        let exchange_auth = match self.takes(AuthCommand::XExps, Mechanism::ExchangeAuth) {
            true => None,
            false if self.role == Role::Edge => Some(Missing::Role),
            false => self.without_exchange_server().or(Some(Missing::AfterXAnonymousTls)),
        };
        put!(exchange_auth, "X-EXCHANGEAUTH SHA256");
        put!(off("EightBitMimeEnabled", connector.eight_bit_mime_enabled), "8BITMIME");
        put!(off("BinaryMimeEnabled", connector.binary_mime_enabled), "BINARYMIME");
        put!(off("ChunkingEnabled", connector.chunking_enabled), "CHUNKING");
        put!(self.without_xexch50(), "XEXCH50");
        put!(self.without_smtputf8(), "SMTPUTF8");
        put!(self.without_long_addresses(), "XLONGADDR");
        put!(off("OrarEnabled", connector.orar_enabled), "XORAR");
        put!(self.without_xrdst(), "XRDST");
        match self.shadow() {
            Ok(keyword) => put!(None, "{keyword}"),
            Err(missing) => put!(Some(missing), "XSHADOW"),
        }
        put!(self.without_xoorg(), "XOORG");
        put!(self.without_proxy_verbs(), "XPROXY");
        put!(self.without_proxy_verbs(), "XPROXYFROM");
        put!(self.without_proxy_verbs_on(Role::FrontEnd), "XPROXYTO XRSETPROXYTO");
        put!(
            self.without_proxy_verbs_on(Role::Hub),
            "X-MESSAGECONTEXT ADRC-2.1.0.0 EPROP-1.2.0.0 FSTINDX-1.1.0.0"
        );
        put!(self.without_proxy_verbs(), "XSYSPROBE");
        put!(self.without_proxy_verbs(), "XORIGFROM");
    }
}

/// Why a keyword is left out of the EHLO reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error("{0} is off")]
    Off(&'static str),
    #[error("AuthMechanism has no {0}")]
    NotTicked(&'static str),
    #[error("SuppressXAnonymousTls is on")]
    Suppressed,
    #[error("no valid certificate is for the connector's TlsCertificateName, or else its FQDN")]
    NoCertificate,
    #[error("the session is in TLS already")]
    InTls,
    #[error("it stands only after X-ANONYMOUSTLS")]
    AfterXAnonymousTls,
    #[error("TlsDomainCapabilities lets the peer do no more than others")]
    Capability,
    #[error("connectors of this transport role do not have it")]
    Role,
    #[error("this version does not have it")]
    Version,
}

fn off(parameter: &'static str, on: bool) -> Option<Missing> {
    (!on).then_some(Missing::Off(parameter))
}

/// The mechanisms of a command, each with a blank before it, in Exchange's order.
struct Mechanisms<'a>(&'a Offer<'a>, AuthCommand);

const ORDER: [Mechanism; 4] =
    [Mechanism::ExchangeAuth, Mechanism::Gssapi, Mechanism::Ntlm, Mechanism::Login];

impl Mechanisms<'_> {
    fn taken(&self) -> impl Iterator<Item = Mechanism> {
        ORDER.into_iter().filter(|mechanism| self.0.takes(self.1, *mechanism))
    }
}

impl fmt::Display for Mechanisms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.taken().try_for_each(|mechanism| write!(f, " {}", mechanism.keyword()))
    }
}
