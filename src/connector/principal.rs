//! Who can hold rights, and who a session is.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use crate::directory::{Account, AccountName, Group};

/// Somebody who can be given rights.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// `NT AUTHORITY\ANONYMOUS LOGON`
    Anonymous,
    /// `NT AUTHORITY\Authenticated Users`
    AuthenticatedUsers,
    Group(Group),
    Account(AccountName),
}

/// The two that Windows itself knows, without their domain: by their names, also in German and
/// French, and by the security identifiers that stand where there is no name (learn.microsoft.com,
/// "Well-known SIDs").
const WELL_KNOWN: [(&str, Principal); 7] = [
    ("ANONYMOUS LOGON", Principal::Anonymous),
    ("ANONYMOUS-ANMELDUNG", Principal::Anonymous),
    ("S-1-5-7", Principal::Anonymous),
    ("Authenticated Users", Principal::AuthenticatedUsers),
    ("Authentifizierte Benutzer", Principal::AuthenticatedUsers),
    ("Utilisateurs authentifiés", Principal::AuthenticatedUsers),
    ("S-1-5-11", Principal::AuthenticatedUsers),
];

/// By name, in any case: a group with or without its domain, or an account with it.
impl FromStr for Principal {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let short = text.rsplit('\\').next().unwrap_or(text);
        let known = WELL_KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(short));
        if let Some((_, principal)) = known {
            return Ok(principal.clone());
        }
        let group = Group::find(short).map(Self::Group);
        group.or_else(|| text.parse().ok().map(Self::Account)).ok_or_else(|| {
            ValueError::new(format!(
                "NT AUTHORITY\\ANONYMOUS LOGON, NT AUTHORITY\\Authenticated Users, an account \
                 DOMAIN\\user, or a group: {}",
                Group::ALL.map(Group::name).join(", ")
            ))
        })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("NT AUTHORITY\\ANONYMOUS LOGON"),
            Self::AuthenticatedUsers => f.write_str("NT AUTHORITY\\Authenticated Users"),
            Self::Group(group) => f.write_str(group.name()),
            Self::Account(name) => name.fmt(f),
        }
    }
}

/// Who a session is: the principals that its rights are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(Vec<Principal>);

impl Token {
    /// Where every session starts.
    pub fn anonymous() -> Self {
        Self(vec![Principal::Anonymous])
    }

    /// After a proof: the account, its groups, and Authenticated Users. Not the anonymous
    /// rights, which end there (our reading of "Receive connectors").
    pub fn of(account: &Account) -> Self {
        let own = [Principal::AuthenticatedUsers, Principal::Account(account.name.clone())];
        Self(
            own.into_iter()
                .chain(account.member_of.iter().copied().map(Principal::Group))
                .collect(),
        )
    }

    /// Somebody who proved himself, and is in no group.
    pub fn user() -> Self {
        Self(vec![Principal::AuthenticatedUsers])
    }

    /// A member of `group` only; what certificates and connectors can make of a session.
    pub fn of_group(group: Group) -> Self {
        Self(vec![Principal::Group(group)])
    }

    pub(super) fn holds(&self, principal: &Principal) -> bool {
        self.0.contains(principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_principals_have_names_in_several_languages() {
        for (text, principal) in [
            ("NT AUTHORITY\\Anonymous Logon", Principal::Anonymous),
            ("NT-AUTORITÄT\\ANONYMOUS-ANMELDUNG", Principal::Anonymous),
            ("AUTORITE NT\\ANONYMOUS LOGON", Principal::Anonymous),
            ("S-1-5-7", Principal::Anonymous),
            ("NT-AUTORITÄT\\Authentifizierte Benutzer", Principal::AuthenticatedUsers),
            ("S-1-5-11", Principal::AuthenticatedUsers),
        ] {
            assert_eq!(text.parse(), Ok(principal), "{text}");
        }
    }
}
