//! Accounts of users and machines.

use std::fmt;
use std::str::FromStr;

/// A name as `DOMAIN\user`; a machine's ends in `$`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountName {
    domain: String,
    user: String,
}

impl AccountName {
    pub fn domain(&self) -> &str {
        &self.domain
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn is(&self, domain: &str, user: &str) -> bool {
        self.is_user(user) && self.domain.eq_ignore_ascii_case(domain)
    }

    pub(super) fn is_user(&self, user: &str) -> bool {
        self.user.eq_ignore_ascii_case(user)
    }

    pub(super) fn in_dns_domain(&self, dns: &str) -> bool {
        let first = dns.split_once('.').map_or(dns, |(first, _)| first);
        self.domain.eq_ignore_ascii_case(first)
    }
}

impl FromStr for AccountName {
    type Err = BadAccountName;

    fn from_str(text: &str) -> Result<Self, BadAccountName> {
        let (domain, user) = text.split_once('\\').ok_or(BadAccountName)?;
        let plain = |part: &str| {
            !part.is_empty() && !part.contains(['\\', '/', '@']) && !part.contains(char::is_control)
        };
        if plain(domain) && plain(user) {
            Ok(Self { domain: domain.to_owned(), user: user.to_owned() })
        } else {
            Err(BadAccountName)
        }
    }
}

/// `DOMAIN\user` with both parts, neither holding `\`, `/` or `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account is named DOMAIN\\user, a machine's DOMAIN\\HOST$")]
pub struct BadAccountName;

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\\{}", self.domain, self.user)
    }
}

/// The groups that receive connectors give rights to (learn.microsoft.com, "Receive
/// connectors", table of permission groups).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// `<Domain>\Exchange Servers`
    ExchangeServers,
    /// `<Domain>\ExchangeLegacyInterop`
    ExchangeLegacyInterop,
    /// `MS Exchange\Edge Transport Servers`
    EdgeTransportServers,
    /// `MS Exchange\Hub Transport Servers`
    HubTransportServers,
    /// `MS Exchange\Externally Secured Servers`
    ExternallySecuredServers,
    /// `MS Exchange\Partner Servers`
    PartnerServers,
}

impl Group {
    pub const ALL: [Self; 6] = [
        Self::ExchangeServers,
        Self::ExchangeLegacyInterop,
        Self::EdgeTransportServers,
        Self::HubTransportServers,
        Self::ExternallySecuredServers,
        Self::PartnerServers,
    ];

    /// The group's name without its domain.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExchangeServers => "Exchange Servers",
            Self::ExchangeLegacyInterop => "ExchangeLegacyInterop",
            Self::EdgeTransportServers => "Edge Transport Servers",
            Self::HubTransportServers => "Hub Transport Servers",
            Self::ExternallySecuredServers => "Externally Secured Servers",
            Self::PartnerServers => "Partner Servers",
        }
    }

    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name().eq_ignore_ascii_case(name))
    }
}

/// An account with its secret. `Debug` leaves the secret out.
#[derive(Clone)]
pub struct Account {
    pub name: AccountName,
    password: Option<Box<str>>,
    nt_hash: Option<[u8; 16]>,
    /// SMTP addresses the account may send as.
    pub addresses: Vec<String>,
    pub member_of: Vec<Group>,
}

impl Account {
    /// Without a password the account can prove itself by Kerberos only.
    pub fn new(name: AccountName, password: Option<String>) -> Self {
        Self {
            name,
            password: password.map(String::into_boxed_str),
            nt_hash: None,
            addresses: Vec::new(),
            member_of: Vec::new(),
        }
    }

    pub fn with_addresses<S: Into<String>>(
        mut self,
        addresses: impl IntoIterator<Item = S>,
    ) -> Self {
        self.addresses.extend(addresses.into_iter().map(Into::into));
        self
    }

    pub fn with_groups(mut self, groups: impl IntoIterator<Item = Group>) -> Self {
        self.member_of.extend(groups);
        self
    }

    /// An account whose password only NTLM can check, by its hash.
    pub fn with_nt_hash(mut self, hash: [u8; 16]) -> Self {
        self.nt_hash = Some(hash);
        self
    }

    pub fn nt_hash(&self) -> Option<&[u8; 16]> {
        self.nt_hash.as_ref()
    }

    /// The clear-text password, for mechanisms that need it.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The built-in Administrator and Guest, which Exchange lets nobody log on with over SMTP
    /// (said of 2013; it goes by their SIDs, this by their names).
    pub fn is_well_known(&self) -> bool {
        ["Administrator", "Guest"].iter().any(|name| self.name.is_user(name))
    }

    pub fn has_address(&self, address: &str) -> bool {
        self.addresses.iter().any(|own| own.eq_ignore_ascii_case(address))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name.to_string())
            .field("addresses", &self.addresses)
            .field("member_of", &self.member_of)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_both_parts() {
        assert_eq!("CONTOSO\\EX02$".parse::<AccountName>().unwrap().user(), "EX02$");
        for bad in ["alice", "\\alice", "CONTOSO\\", "A\\b\\c", "A\\b@c", ""] {
            assert_eq!(bad.parse::<AccountName>(), Err(BadAccountName), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let account = Account::new("A\\b".parse().unwrap(), Some("hidden-word".into()));
        assert!(!format!("{account:?}").contains("hidden-word"));
    }
}
