//! Rights, who holds them, and what a session may do on a connector.
//!
//! The tables are those of learn.microsoft.com, "Receive connectors", sections "Receive
//! connector permission groups" and "Receive connector permissions".

use std::fmt;
use std::str::FromStr;

use super::{PermissionGroups, ReceiveConnector, ValueError};
use crate::directory::{Account, AccountName, Group};

bitflags::bitflags! {
    /// Extended rights on a receive connector.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Rights: u32 {
        const SUBMIT = 1;
        const ACCEPT_ANY_RECIPIENT = 1 << 1;
        const ACCEPT_AUTHENTICATION_FLAG = 1 << 2;
        const ACCEPT_ANY_SENDER = 1 << 3;
        const ACCEPT_AUTHORITATIVE_DOMAIN_SENDER = 1 << 4;
        const BYPASS_ANTI_SPAM = 1 << 5;
        const BYPASS_MESSAGE_SIZE_LIMIT = 1 << 6;
        const ACCEPT_EXCH50 = 1 << 7;
        const ACCEPT_HEADERS_ROUTING = 1 << 8;
        const ACCEPT_HEADERS_FOREST = 1 << 9;
        const ACCEPT_HEADERS_ORGANIZATION = 1 << 10;
        const ACCEPT_XSHADOW = 1 << 11;
        const ACCEPT_XPROXYFROM = 1 << 12;
        const ACCEPT_XSESSIONPARAMS = 1 << 13;
        const MESSAGE_CONTEXT_AD_RECIPIENT_CACHE = 1 << 14;
        const MESSAGE_CONTEXT_EXTENDED_PROPERTIES = 1 << 15;
        const MESSAGE_CONTEXT_FAST_INDEX = 1 << 16;
        const ACCEPT_XATTR = 1 << 17;
        const ACCEPT_XSYSPROBE = 1 << 18;
    }
}

/// Each right: as Active Directory calls it, and as the protocol log prints it. In the order
/// of the log's "Set Session Permissions" rows.
const RIGHT_NAMES: [(Rights, &str, &str); 19] = [
    (Rights::SUBMIT, "ms-Exch-SMTP-Submit", "SMTPSubmit"),
    (Rights::ACCEPT_ANY_RECIPIENT, "ms-Exch-SMTP-Accept-Any-Recipient", "SMTPAcceptAnyRecipient"),
    (
        Rights::ACCEPT_AUTHENTICATION_FLAG,
        "ms-Exch-SMTP-Accept-Authentication-Flag",
        "SMTPAcceptAuthenticationFlag",
    ),
    (Rights::ACCEPT_ANY_SENDER, "ms-Exch-SMTP-Accept-Any-Sender", "SMTPAcceptAnySender"),
    (
        Rights::ACCEPT_AUTHORITATIVE_DOMAIN_SENDER,
        "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender",
        "SMTPAcceptAuthoritativeDomainSender",
    ),
    (Rights::BYPASS_ANTI_SPAM, "ms-Exch-Bypass-Anti-Spam", "BypassAntiSpam"),
    (
        Rights::BYPASS_MESSAGE_SIZE_LIMIT,
        "ms-Exch-Bypass-Message-Size-Limit",
        "BypassMessageSizeLimit",
    ),
    (Rights::ACCEPT_EXCH50, "ms-Exch-SMTP-Accept-Exch50", "SMTPAcceptEXCH50"),
    (Rights::ACCEPT_HEADERS_ROUTING, "ms-Exch-Accept-Headers-Routing", "AcceptRoutingHeaders"),
    (Rights::ACCEPT_HEADERS_FOREST, "ms-Exch-Accept-Headers-Forest", "AcceptForestHeaders"),
    (
        Rights::ACCEPT_HEADERS_ORGANIZATION,
        "ms-Exch-Accept-Headers-Organization",
        "AcceptOrganizationHeaders",
    ),
    (Rights::ACCEPT_XSHADOW, "ms-Exch-SMTP-Accept-XShadow", "SMTPAcceptXShadow"),
    (Rights::ACCEPT_XPROXYFROM, "ms-Exch-SMTP-Accept-XProxyFrom", "SMTPAcceptXProxyFrom"),
    (
        Rights::ACCEPT_XSESSIONPARAMS,
        "ms-Exch-SMTP-Accept-XSessionParams",
        "SMTPAcceptXSessionParams",
    ),
    (
        Rights::MESSAGE_CONTEXT_AD_RECIPIENT_CACHE,
        "ms-Exch-SMTP-Send-XMessageContext-ADRecipientCache",
        "SMTPAcceptXMessageContextADRecipientCache",
    ),
    (
        Rights::MESSAGE_CONTEXT_EXTENDED_PROPERTIES,
        "ms-Exch-SMTP-Send-XMessageContext-ExtendedProperties",
        "SMTPAcceptXMessageContextExtendedProperties",
    ),
    (
        Rights::MESSAGE_CONTEXT_FAST_INDEX,
        "ms-Exch-SMTP-Send-XMessageContext-FastIndex",
        "SMTPAcceptXMessageContextFastIndex",
    ),
    (Rights::ACCEPT_XATTR, "ms-Exch-SMTP-Accept-Xattr", "SMTPAcceptXAttr"),
    (Rights::ACCEPT_XSYSPROBE, "ms-Exch-SMTP-Accept-XSysProbe", "SMTPAcceptXSysProbe"),
];

impl Rights {
    /// The right that Active Directory calls `name`.
    pub fn find(name: &str) -> Option<Self> {
        RIGHT_NAMES
            .iter()
            .find(|(_, ad, _)| ad.eq_ignore_ascii_case(name))
            .map(|&(right, ..)| right)
    }

    /// The right that the protocol log calls `name`.
    pub fn find_logged(name: &str) -> Option<Self> {
        RIGHT_NAMES.iter().find(|(.., logged)| *logged == name).map(|&(right, ..)| right)
    }

    /// What Active Directory calls the rights in this set.
    pub fn ad_names(self) -> impl Iterator<Item = &'static str> {
        RIGHT_NAMES.iter().filter(move |(right, ..)| self.contains(*right)).map(|&(_, ad, _)| ad)
    }
}

/// As the protocol log prints a session's permissions.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = RIGHT_NAMES.iter().filter(|(right, ..)| self.contains(*right));
        for (i, (_, _, name)) in held.enumerate() {
            write!(f, "{}{name}", if i > 0 { " " } else { "" })?;
        }
        if self.is_empty() { f.write_str("None") } else { Ok(()) }
    }
}

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
/// French, and by the security identifiers that stand where there is no name ("Well-known SIDs", learn.microsoft.com).
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

    fn holds(&self, principal: &Principal) -> bool {
        self.0.contains(principal)
    }
}

/// Rights given or taken by hand, as Add-ADPermission does and Get-ADPermission shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdPermission {
    pub user: Principal,
    pub rights: Rights,
    pub deny: bool,
    /// From a container above the connector, such as the server or the organization.
    pub inherited: bool,
}

const ANONYMOUS: Rights = Rights::SUBMIT
    .union(Rights::ACCEPT_ANY_SENDER)
    .union(Rights::ACCEPT_AUTHORITATIVE_DOMAIN_SENDER)
    .union(Rights::ACCEPT_HEADERS_ROUTING);
const USERS: Rights = Rights::SUBMIT
    .union(Rights::ACCEPT_ANY_RECIPIENT)
    .union(Rights::BYPASS_ANTI_SPAM)
    .union(Rights::ACCEPT_HEADERS_ROUTING);
const PARTNERS: Rights = Rights::SUBMIT.union(Rights::ACCEPT_HEADERS_ROUTING);
/// Externally Secured Servers and ExchangeLegacyInterop.
const TRUSTED: Rights = USERS
    .union(Rights::ACCEPT_ANY_SENDER)
    .union(Rights::ACCEPT_AUTHORITATIVE_DOMAIN_SENDER)
    .union(Rights::ACCEPT_AUTHENTICATION_FLAG)
    .union(Rights::ACCEPT_EXCH50)
    .union(Rights::BYPASS_MESSAGE_SIZE_LIMIT);
/// All there are.
const SERVERS: Rights = Rights::all();

const GROUP_GRANTS: [(PermissionGroups, Principal, Rights); 8] = [
    (PermissionGroups::AnonymousUsers, Principal::Anonymous, ANONYMOUS),
    (PermissionGroups::ExchangeUsers, Principal::AuthenticatedUsers, USERS),
    (PermissionGroups::ExchangeServers, Principal::Group(Group::ExchangeServers), SERVERS),
    (PermissionGroups::ExchangeServers, Principal::Group(Group::EdgeTransportServers), SERVERS),
    (PermissionGroups::ExchangeServers, Principal::Group(Group::HubTransportServers), SERVERS),
    (PermissionGroups::ExchangeServers, Principal::Group(Group::ExternallySecuredServers), TRUSTED),
    (
        PermissionGroups::ExchangeLegacyServers,
        Principal::Group(Group::ExchangeLegacyInterop),
        TRUSTED,
    ),
    (PermissionGroups::Partners, Principal::Group(Group::PartnerServers), PARTNERS),
];

impl PermissionGroups {
    /// What these groups give to `principal` itself.
    pub fn rights_of(self, principal: &Principal) -> Rights {
        let given = GROUP_GRANTS
            .iter()
            .filter(|(group, whom, _)| self.contains(*group) && whom == principal);
        given.fold(Rights::empty(), |all, (.., rights)| all | *rights)
    }
}

/// Rights that one entry of a connector gives to, or takes from, a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    pub source: GrantSource,
    pub principal: &'a Principal,
    pub rights: Rights,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantSource {
    PermissionGroup(PermissionGroups),
    Allowed,
    Denied,
    InheritedAllowed,
    InheritedDenied,
}

/// How it comes about, in words.
impl fmt::Display for GrantSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PermissionGroup(group) => group.fmt(f),
            Self::Allowed => f.write_str("allowed by Add-ADPermission"),
            Self::Denied => f.write_str("denied by Add-ADPermission"),
            Self::InheritedAllowed => f.write_str("allowed by an inherited entry"),
            Self::InheritedDenied => f.write_str("denied by an inherited entry"),
        }
    }
}

impl ReceiveConnector {
    /// What each entry of the connector means to a session of `token`.
    pub fn grants<'a>(&'a self, token: &'a Token) -> impl Iterator<Item = Grant<'a>> {
        self.entries().filter(|grant| token.holds(grant.principal))
    }

    /// Every entry: those of the permission groups, then those that were added by hand.
    pub fn entries(&self) -> impl Iterator<Item = Grant<'_>> {
        let by_group = GROUP_GRANTS
            .iter()
            .filter(|(group, ..)| self.permission_groups.contains(*group))
            .map(|(group, principal, rights)| Grant {
                source: GrantSource::PermissionGroup(*group),
                principal,
                rights: *rights,
            });
        let by_hand = self.ad_permissions.iter().map(|ace| Grant {
            source: match (ace.deny, ace.inherited) {
                (false, false) => GrantSource::Allowed,
                (true, false) => GrantSource::Denied,
                (false, true) => GrantSource::InheritedAllowed,
                (true, true) => GrantSource::InheritedDenied,
            },
            principal: &ace.user,
            rights: ace.rights,
        });
        by_group.chain(by_hand)
    }

    /// What a session of `token` may do. Entries count as Active Directory orders them: denied
    /// here, allowed here (permission groups are entries of the connector itself), denied
    /// above, allowed above; the first that names a right decides on it (learn.microsoft.com,
    /// "Order of ACEs in a DACL").
    pub fn rights(&self, token: &Token) -> Rights {
        let [mut denied, mut allowed] = [Rights::empty(); 2];
        let [mut denied_above, mut allowed_above] = [Rights::empty(); 2];
        for Grant { source, rights, .. } in self.grants(token) {
            *match source {
                GrantSource::Denied => &mut denied,
                GrantSource::Allowed | GrantSource::PermissionGroup(_) => &mut allowed,
                GrantSource::InheritedDenied => &mut denied_above,
                GrantSource::InheritedAllowed => &mut allowed_above,
            } |= rights;
        }
        ((allowed_above - denied_above) | allowed) - denied
    }

    /// Lets `Custom` stand in PermissionGroups exactly where an entry was added by hand to the
    /// connector itself, as Exchange shows it.
    pub fn show_custom(&mut self) {
        let by_hand = self.ad_permissions.iter().any(|entry| !entry.inherited);
        self.permission_groups.set(PermissionGroups::Custom, by_hand);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Version;

    fn rights(groups: PermissionGroups, token: &Token) -> String {
        let mut connector = ReceiveConnector::new("a", Version::E2019);
        connector.permission_groups = groups;
        connector.rights(token).to_string()
    }

    /// Each row as a protocol log prints it.
    #[test]
    fn groups_give_what_the_documents_say() {
        let server = Token::of_group(Group::ExchangeServers);
        let secured = Token::of_group(Group::ExternallySecuredServers);
        let user = Token::of(&Account::new("A\\b".parse().unwrap(), None));
        for (groups, token, expected) in [
            (
                PermissionGroups::AnonymousUsers,
                &Token::anonymous(),
                "SMTPSubmit SMTPAcceptAnySender SMTPAcceptAuthoritativeDomainSender AcceptRoutingHeaders",
            ),
            (
                PermissionGroups::ExchangeUsers,
                &user,
                "SMTPSubmit SMTPAcceptAnyRecipient BypassAntiSpam AcceptRoutingHeaders",
            ),
            (
                PermissionGroups::ExchangeServers,
                &secured,
                "SMTPSubmit SMTPAcceptAnyRecipient SMTPAcceptAuthenticationFlag SMTPAcceptAnySender \
                 SMTPAcceptAuthoritativeDomainSender BypassAntiSpam BypassMessageSizeLimit \
                 SMTPAcceptEXCH50 AcceptRoutingHeaders",
            ),
            (
                PermissionGroups::ExchangeServers,
                &server,
                "SMTPSubmit SMTPAcceptAnyRecipient SMTPAcceptAuthenticationFlag SMTPAcceptAnySender \
                 SMTPAcceptAuthoritativeDomainSender BypassAntiSpam BypassMessageSizeLimit \
                 SMTPAcceptEXCH50 AcceptRoutingHeaders AcceptForestHeaders AcceptOrganizationHeaders \
                 SMTPAcceptXShadow SMTPAcceptXProxyFrom SMTPAcceptXSessionParams \
                 SMTPAcceptXMessageContextADRecipientCache SMTPAcceptXMessageContextExtendedProperties \
                 SMTPAcceptXMessageContextFastIndex SMTPAcceptXAttr SMTPAcceptXSysProbe",
            ),
            (PermissionGroups::AnonymousUsers, &user, "None"),
            (PermissionGroups::ExchangeUsers, &server, "None"),
            (PermissionGroups::empty(), &Token::anonymous(), "None"),
        ] {
            assert_eq!(rights(groups, token), expected, "{groups} for {token:?}");
        }
    }

    fn entry(deny: bool, inherited: bool, rights: Rights) -> AdPermission {
        AdPermission { user: Principal::Anonymous, rights, deny, inherited }
    }

    /// Every set of entries for one right against the order that Active Directory documents.
    #[test]
    fn the_first_entry_in_order_decides() {
        let order = [(true, false), (false, false), (true, true), (false, true)];
        for present in 0..1 << order.len() {
            let entries = order.iter().enumerate().filter(|(i, _)| present & (1 << i) != 0);
            let entries: Vec<_> = entries.map(|(_, entry)| *entry).collect();
            let first_allows = entries.first().is_some_and(|(deny, _)| !deny);
            let mut connector = ReceiveConnector::new("a", Version::E2019);
            // Written last to first: the order of the file does not count.
            connector.ad_permissions = entries
                .iter()
                .rev()
                .map(|&(deny, inherited)| entry(deny, inherited, Rights::ACCEPT_ANY_RECIPIENT))
                .collect();
            let allowed = !connector.rights(&Token::anonymous()).is_empty();
            assert_eq!(allowed, first_allows, "{entries:?}");
        }
    }

    #[test]
    fn a_permission_group_yields_to_a_denial_here_and_not_to_one_above() {
        let mut connector = ReceiveConnector::new("a", Version::E2019);
        connector.permission_groups = PermissionGroups::AnonymousUsers;
        for (inherited, expected) in [(false, false), (true, true)] {
            connector.ad_permissions = vec![entry(true, inherited, Rights::ACCEPT_ANY_SENDER)];
            let rights = connector.rights(&Token::anonymous());
            assert_eq!(rights.contains(Rights::ACCEPT_ANY_SENDER), expected);
            assert!(rights.contains(Rights::SUBMIT));
        }
    }

    #[test]
    fn entries_concern_only_their_principal() {
        let mut connector = ReceiveConnector::new("a", Version::E2019);
        connector.permission_groups = PermissionGroups::ExchangeUsers;
        connector.ad_permissions = vec![entry(true, false, Rights::SUBMIT)];
        let user = Token::of(&Account::new("A\\b".parse().unwrap(), None));
        assert!(connector.rights(&user).contains(Rights::SUBMIT));
    }

    #[test]
    fn custom_shows_itself_for_entries_of_the_connector_only() {
        let mut connector = ReceiveConnector::new("a", Version::E2019);
        for (entries, shown) in [
            (vec![], false),
            (vec![entry(false, true, Rights::SUBMIT)], false),
            (vec![entry(true, false, Rights::SUBMIT)], true),
        ] {
            connector.permission_groups = PermissionGroups::Custom;
            connector.ad_permissions = entries;
            connector.show_custom();
            assert_eq!(connector.permission_groups.contains(PermissionGroups::Custom), shown);
        }
    }

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

    #[test]
    fn rights_have_two_names() {
        assert_eq!(Rights::find("Ms-Exch-SMTP-Submit"), Some(Rights::SUBMIT));
        assert_eq!(Rights::SUBMIT.ad_names().collect::<Vec<_>>(), ["ms-Exch-SMTP-Submit"]);
        assert_eq!(Rights::all().ad_names().count(), Rights::all().iter().count());
    }
}
