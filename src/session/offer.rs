//! What a connector advertises: the EHLO keywords, in Exchange's order and on its conditions.
//!
//! Commands ask the same [`Offer`] that EHLO prints, so that what is advertised is what works.

use std::fmt;

use super::version::{Facts, facts};
use crate::auth::{AuthCommand, Mechanism};
use crate::connector::{AuthMechanism, ReceiveConnector, Role, Server, SizeMode};

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
        Self { connector, facts, role, certificate, tls }
    }

    fn allows(&self, mechanism: AuthMechanism) -> bool {
        self.connector.auth_mechanism.contains(mechanism)
    }

    /// Whether the verb is enabled, in TLS or not.
    pub fn enables_tls(&self, kind: TlsKind) -> bool {
        match kind {
            TlsKind::StartTls => self.allows(AuthMechanism::Tls) && self.certificate,
            TlsKind::XAnonymousTls => {
                self.connector.offers_exchange_server() && !self.connector.suppress_x_anonymous_tls
            }
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
    fn shows_auth(&self) -> bool {
        self.allows(AuthMechanism::BasicAuth) || self.allows(AuthMechanism::Integrated)
    }

    pub fn offers_smtputf8(&self) -> bool {
        self.connector.smtp_utf8_enabled && self.facts.smtputf8
    }

    /// On the Hub only (Set-ReceiveConnector, parameter LongAddressesEnabled).
    pub fn offers_long_addresses(&self) -> bool {
        self.connector.long_addresses_enabled && self.role == Role::Hub
    }

    fn between_servers(&self) -> bool {
        self.connector.offers_exchange_server() || self.allows(AuthMechanism::ExternalAuthoritative)
    }

    pub fn offers_xexch50(&self) -> bool {
        self.role != Role::FrontEnd && (self.between_servers() || self.facts.xexch50_always)
    }

    /// The keyword of shadow redundancy.
    pub fn shadow(&self) -> Option<&'static str> {
        let keyword = match self.role {
            Role::FrontEnd => None,
            Role::Hub => self.facts.shadow,
            Role::Edge => self.facts.edge_shadow,
        };
        keyword.filter(|_| self.between_servers())
    }

    pub fn offers_xrdst(&self) -> bool {
        self.connector.offers_exchange_server() && self.role != Role::Edge
    }

    /// XPROXY, XPROXYFROM and what else Exchange servers say after X-ANONYMOUSTLS.
    pub fn offers_proxy_verbs(&self) -> bool {
        self.facts.proxy_verbs
            && self.tls == Some(TlsKind::XAnonymousTls)
            && self.role != Role::Edge
    }

    pub fn offers_xproxyto(&self) -> bool {
        self.offers_proxy_verbs() && self.role == Role::FrontEnd
    }

    pub fn offers_message_context(&self) -> bool {
        self.offers_proxy_verbs() && self.role == Role::Hub
    }

    /// Hands each keyword line to `line`, in order.
    pub fn keywords(&self, mut line: impl FnMut(fmt::Arguments<'_>)) {
        let connector = self.connector;
        let mut put = |shown: bool, text: fmt::Arguments<'_>| {
            if shown {
                line(text);
            }
        };
        macro_rules! put {
            ($shown:expr, $($text:tt)+) => { put($shown, format_args!($($text)+)) };
        }
        put!(connector.size_enabled == SizeMode::Enabled, "SIZE {}", connector.max_message_size.0);
        put!(connector.size_enabled == SizeMode::EnabledWithoutValue, "SIZE");
        put!(connector.pipelining_enabled, "PIPELINING");
        put!(connector.delivery_status_notification_enabled, "DSN");
        put!(connector.enhanced_status_codes_enabled, "ENHANCEDSTATUSCODES");
        let clear = self.tls.is_none();
        put!(clear && self.enables_tls(TlsKind::StartTls), "STARTTLS");
        put!(clear && self.enables_tls(TlsKind::XAnonymousTls), "X-ANONYMOUSTLS");
        put!(self.shows_auth(), "AUTH{}", Mechanisms(self, AuthCommand::Auth));
        let exps = Mechanisms(self, AuthCommand::XExps);
        put!(exps.any(), "X-EXPS{exps}");
        put!(self.takes(AuthCommand::XExps, Mechanism::ExchangeAuth), "X-EXCHANGEAUTH SHA256");
        put!(connector.eight_bit_mime_enabled, "8BITMIME");
        put!(connector.binary_mime_enabled, "BINARYMIME");
        put!(connector.chunking_enabled, "CHUNKING");
        put!(self.offers_xexch50(), "XEXCH50");
        put!(self.offers_smtputf8(), "SMTPUTF8");
        put!(self.offers_long_addresses(), "XLONGADDR");
        put!(connector.orar_enabled, "XORAR");
        put!(self.offers_xrdst(), "XRDST");
        put!(self.shadow().is_some(), "{}", self.shadow().unwrap_or_default());
        put!(self.offers_proxy_verbs(), "XPROXY");
        put!(self.offers_proxy_verbs(), "XPROXYFROM");
        put!(self.offers_xproxyto(), "XPROXYTO XRSETPROXYTO");
        put!(
            self.offers_message_context(),
            "X-MESSAGECONTEXT ADRC-2.1.0.0 EPROP-1.2.0.0 FSTINDX-1.1.0.0"
        );
        put!(self.offers_proxy_verbs(), "XSYSPROBE");
        put!(self.offers_proxy_verbs(), "XORIGFROM");
    }
}

/// The mechanisms of a command, each with a blank before it, in Exchange's order.
struct Mechanisms<'a>(&'a Offer<'a>, AuthCommand);

const ORDER: [Mechanism; 4] =
    [Mechanism::ExchangeAuth, Mechanism::Gssapi, Mechanism::Ntlm, Mechanism::Login];

impl Mechanisms<'_> {
    fn taken(&self) -> impl Iterator<Item = Mechanism> {
        ORDER.into_iter().filter(|mechanism| self.0.takes(self.1, *mechanism))
    }

    fn any(&self) -> bool {
        self.taken().next().is_some()
    }
}

impl fmt::Display for Mechanisms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.taken().try_for_each(|mechanism| write!(f, " {}", mechanism.keyword()))
    }
}
