//! What a session may do on a connector, by the names of Active Directory and of the protocol log
//! (learn.microsoft.com, "Receive connectors", section "Receive connector permissions").

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_have_two_names() {
        assert_eq!(Rights::find("Ms-Exch-SMTP-Submit"), Some(Rights::SUBMIT));
        assert_eq!(Rights::SUBMIT.ad_names().collect::<Vec<_>>(), ["ms-Exch-SMTP-Submit"]);
        assert_eq!(Rights::all().ad_names().count(), Rights::all().iter().count());
    }
}
