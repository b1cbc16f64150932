//! Accepted domains (New-AcceptedDomain, parameters DomainName and DomainType).

use std::str::FromStr;

/// What the organisation does with mail for a domain. All three are accepted from anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DomainType {
    #[default]
    Authoritative,
    InternalRelay,
    ExternalRelay,
}

impl FromStr for DomainType {
    type Err = BadDomainType;

    fn from_str(text: &str) -> Result<Self, BadDomainType> {
        match text {
            _ if text.eq_ignore_ascii_case("Authoritative") => Ok(Self::Authoritative),
            _ if text.eq_ignore_ascii_case("InternalRelay") => Ok(Self::InternalRelay),
            _ if text.eq_ignore_ascii_case("ExternalRelay") => Ok(Self::ExternalRelay),
            _ => Err(BadDomainType),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of Authoritative, InternalRelay, ExternalRelay")]
pub struct BadDomainType;

/// A domain that mail is accepted for, `contoso.test` or `*.contoso.test`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedDomain {
    name: String,
    subdomains: bool,
    pub domain_type: DomainType,
}

impl AcceptedDomain {
    /// `name` with a leading `*.` covers the subdomains as well; `*` covers every domain.
    pub fn new(name: &str, domain_type: DomainType) -> Option<Self> {
        let (subdomains, name) = match name.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (name == "*", name),
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        let valid = name == "*"
            || (!name.is_empty()
                && name.chars().all(plain)
                && name.split('.').all(|l| !l.is_empty()));
        valid.then(|| Self { name: name.to_owned(), subdomains, domain_type })
    }

    /// The name without a leading `*.`.
    pub(super) fn suffix(&self) -> &str {
        &self.name
    }

    /// As Get-AcceptedDomain prints it.
    pub fn name(&self) -> String {
        let wildcard = if self.subdomains && self.name != "*" { "*." } else { "" };
        format!("{wildcard}{}", self.name)
    }

    pub(super) fn covers(&self, domain: &str) -> bool {
        if self.name == "*" || domain.eq_ignore_ascii_case(&self.name) {
            return true;
        }
        let Some(at) = domain.len().checked_sub(self.name.len()) else { return false };
        self.subdomains
            && domain.split_at_checked(at).is_some_and(|(head, tail)| {
                head.ends_with('.') && tail.eq_ignore_ascii_case(&self.name)
            })
    }
}
