//! Who exists: accounts, machine accounts, their groups, and the accepted domains.

mod account;
mod domain;

use aws_lc_rs::constant_time::verify_slices_are_equal;

pub use account::{Account, AccountName, BadAccountName, Group};
pub use domain::{AcceptedDomain, BadDomainType, DomainType};

/// The part of Active Directory that a receive connector asks about.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub accounts: Vec<Account>,
    pub accepted_domains: Vec<AcceptedDomain>,
    /// The NetBIOS domain that a user name without one belongs to.
    pub default_domain: String,
}

impl Directory {
    /// The account that a client names: `DOMAIN\user`, `DOMAIN/user`, `user@domain` (a UPN or
    /// one of the account's addresses), or a bare `user` of the default domain.
    pub fn find(&self, name: &str) -> Option<&Account> {
        if let Some((domain, user)) = name.split_once(['\\', '/']) {
            return self.accounts.iter().find(|a| a.name.is(domain, user));
        }
        match name.split_once('@') {
            Some((user, suffix)) => self.accounts.iter().find(|a| {
                a.has_address(name) || (a.name.is_user(user) && a.name.in_dns_domain(suffix))
            }),
            None => self.accounts.iter().find(|a| a.name.is(&self.default_domain, name)),
        }
    }

    /// The account of a Kerberos principal, `EX02$@CONTOSO.TEST` for `CONTOSO\EX02$`.
    ///
    /// A realm belongs to the NetBIOS domain that its first label names; our choice, as
    /// Active Directory keeps the two names side by side and this directory only one.
    pub fn find_principal(&self, principal: &str) -> Option<&Account> {
        let (user, realm) = principal.rsplit_once('@')?;
        self.accounts.iter().find(|a| a.name.is_user(user) && a.name.in_dns_domain(realm))
    }

    /// Whether some account has `text` as its password.
    pub fn is_password(&self, text: &[u8]) -> bool {
        self.accounts.iter().any(|account| {
            let password = account.password().unwrap_or_default().as_bytes();
            !text.is_empty() && verify_slices_are_equal(password, text).is_ok()
        })
    }

    /// The accepted domain that `domain` falls in.
    pub fn accepted_domain(&self, domain: &str) -> Option<&AcceptedDomain> {
        self.accepted_domains.iter().find(|accepted| accepted.covers(domain))
    }

    /// The first domain whose mailboxes are here, by a name without wildcard.
    pub fn first_authoritative(&self) -> Option<&str> {
        let mut own = self.accepted_domains.iter().filter(|accepted| {
            accepted.domain_type == DomainType::Authoritative && accepted.suffix() != "*"
        });
        own.next().map(AcceptedDomain::suffix)
    }

    pub fn is_authoritative(&self, domain: &str) -> bool {
        self.accepted_domain(domain).is_some_and(|d| d.domain_type == DomainType::Authoritative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        Directory {
            accounts: vec![
                Account::new("CONTOSO\\alice".parse().unwrap(), Some("a".into()))
                    .with_addresses(["alice@contoso.test"]),
                Account::new("CONTOSO\\EX02$".parse().unwrap(), Some("m".into())),
            ],
            accepted_domains: vec![
                AcceptedDomain::new("contoso.test", DomainType::Authoritative).unwrap(),
                AcceptedDomain::new("*.fabrikam.test", DomainType::InternalRelay).unwrap(),
            ],
            default_domain: "CONTOSO".into(),
        }
    }

    #[test]
    fn an_account_has_many_names() {
        let directory = directory();
        for name in
            ["contoso\\ALICE", "CONTOSO/alice", "alice", "alice@contoso.test", "alice@contoso"]
        {
            assert!(directory.find(name).is_some(), "{name}");
        }
        for name in ["", "bob", "OTHER\\alice", "alice@other.test", "\\alice", "CONTOSO\\"] {
            assert!(directory.find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn principals_map_by_realm() {
        let directory = directory();
        let name = |p| directory.find_principal(p).map(|a| a.name.to_string());
        assert_eq!(name("EX02$@CONTOSO.TEST").as_deref(), Some("CONTOSO\\EX02$"));
        assert_eq!(name("EX02$@OTHER.TEST"), None);
        assert_eq!(name("EX02$"), None);
    }

    #[test]
    fn accepted_domains_with_and_without_wildcard() {
        let directory = directory();
        assert!(directory.is_authoritative("CONTOSO.test"));
        assert!(!directory.is_authoritative("sub.contoso.test"));
        assert!(directory.accepted_domain("a.b.fabrikam.test").is_some());
        assert!(directory.accepted_domain("fabrikam.test").is_some());
        assert!(directory.accepted_domain("xfabrikam.test").is_none());
    }
}
