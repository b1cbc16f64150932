//! How the first messages are sent.

use std::net::{Ipv4Addr, SocketAddr};

use super::App;
use crate::config::are_built_in;
use crate::connector::{AuthMechanism, ReceiveConnector, Rights, SourceAddress, Token};
use crate::directory::Directory;
use crate::scope::Scope;

/// Where anybody may send, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstMessage {
    pub address: SocketAddr,
    pub recipient: String,
}

impl FirstMessage {
    /// `listening` gives an address of the connector at a place of the set, if it has one.
    pub fn new(
        scope: &Scope,
        directory: &Directory,
        listening: impl Fn(usize) -> Option<SocketAddr>,
    ) -> Option<Self> {
        let is_open = |connector: &ReceiveConnector| {
            connector.rights(&Token::anonymous()).contains(Rights::SUBMIT)
        };
        let (_, address) =
            met_from_here(scope, listening).find(|(connector, _)| is_open(connector))?;
        let is_here = |address: &&String| {
            let domain = address.rsplit('@').next().unwrap_or_default();
            directory.accepted_domain(domain).is_some()
        };
        let mut addresses = directory.accounts.iter().flat_map(|account| &account.addresses);
        let recipient = addresses.find(is_here).cloned().unwrap_or("postmaster".to_owned());
        Some(Self { address, recipient })
    }

    pub(super) fn of(app: &App) -> Option<Self> {
        Self::new(&app.scope, &app.host.directory, |place| app.address(place))
    }

    /// A line for a shell that has curl.
    pub fn by_curl(&self) -> String {
        format!(
            "printf 'Subject: hello\\r\\n\\r\\nThe first message.\\r\\n' | curl -sv smtp://{} \
             --mail-from you@fabrikam.test --mail-rcpt {} --upload-file -",
            self.address, self.recipient
        )
    }

    pub fn by_swaks(&self) -> String {
        let Self { address, recipient } = self;
        format!(
            "swaks --server {} --port {} --from you@fabrikam.test --to {recipient} \
             --header 'Subject: hello'",
            address.ip(),
            address.port()
        )
    }

    /// To a domain that is not accepted here.
    pub fn relayed(&self) -> String {
        let address = self.address;
        format!(
            "swaks --server {} --port {} --from you@fabrikam.test --to somebody@elsewhere.example",
            address.ip(),
            address.port()
        )
    }
}

/// How an account logs on and sends as itself. It is one that expsd brings along: what a
/// configuration has is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoggedOn {
    pub(super) account: String,
    own_address: String,
    password: String,
    address: SocketAddr,
}

impl LoggedOn {
    pub(super) fn of(app: &App) -> Option<Self> {
        let accounts = &app.host.directory.accounts;
        let account = are_built_in(accounts)
            .then(|| accounts.iter().find(|account| !account.addresses.is_empty()))
            .flatten()?;
        let token = Token::of(account);
        let takes = |connector: &ReceiveConnector| {
            connector.auth_mechanism.contains(AuthMechanism::BasicAuth)
                && connector.rights(&token).contains(Rights::SUBMIT)
                && app.has_certificate(connector)
        };
        let mut met = met_from_here(&app.scope, |place| app.address(place));
        let (_, address) = met.find(|(connector, _)| takes(connector))?;
        Some(Self {
            account: account.name.to_string(),
            own_address: account.addresses.first()?.clone(),
            password: account.password()?.to_owned(),
            address,
        })
    }

    /// A line for a shell that has curl. The certificate may be one that nobody trusts yet.
    pub(super) fn by_curl(&self) -> String {
        let Self { own_address, password, address, .. } = self;
        format!(
            "printf 'From: {own_address}\\r\\nSubject: hi\\r\\n\\r\\nText.\\r\\n' | curl -svk \
             --ssl-reqd smtp://{address} --user '{own_address}:{password}' --login-options \
             AUTH=LOGIN --mail-from {own_address} --mail-rcpt bob@fabrikam.test --upload-file -"
        )
    }
}

/// The connectors that somebody on this machine meets, with where they listen.
pub(super) fn met_from_here(
    scope: &Scope,
    listening: impl Fn(usize) -> Option<SocketAddr>,
) -> impl Iterator<Item = (&ReceiveConnector, SocketAddr)> {
    let here = SourceAddress::new(Ipv4Addr::LOCALHOST.into(), 0);
    scope.connectors().iter().enumerate().filter_map(move |(place, connector)| {
        let mut bindings = connector.bindings.iter();
        let is_met = bindings.any(|binding| scope.select(binding.0, here).index() == Some(place));
        is_met.then(|| Some((connector, listening(place)?))).flatten()
    })
}
