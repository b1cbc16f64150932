//! Who holds which rights on a connector, and what a session may do there.
//!
//! The table is that of learn.microsoft.com, "Receive connectors", section "Receive connector
//! permission groups".

use std::fmt;

use super::{PermissionGroups, Principal, ReceiveConnector, Rights, Token};
use crate::directory::Group;

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
    use crate::directory::Account;

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
}
