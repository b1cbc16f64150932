//! The families of fields that servers trust only from those that may say them.

/// A family of header fields, as Microsoft's "Header firewall" page divides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `X-MS-Exchange-Organization-…`
    Organization,
    /// `X-MS-Exchange-Forest-…`
    Forest,
    /// `Received` and `Resent-…`
    Routing,
    /// What one organisation tells another about a message: `X-MS-Exchange-CrossTenant-…`,
    /// `X-MS-Exchange-CrossPremises-…`, `X-OriginatorOrg`.
    CrossPremises,
}

const ROUTING: [&str; 8] = [
    "Received",
    "Resent-Date",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Resent-Message-ID",
];

const EXCHANGE: &str = "X-MS-Exchange-";
const PREFIXES: [(&str, Family); 4] = [
    ("Organization-", Family::Organization),
    ("Forest-", Family::Forest),
    ("CrossTenant-", Family::CrossPremises),
    ("CrossPremises-", Family::CrossPremises),
];

impl Family {
    /// The family of the field called `name`, in any case.
    pub fn of(name: &[u8]) -> Option<Self> {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match name.first()? {
            b'R' | b'r' => ROUTING.into_iter().any(is).then_some(Self::Routing),
            b'X' | b'x' if is("X-OriginatorOrg") => Some(Self::CrossPremises),
            b'X' | b'x' => {
                let rest = strip_prefix(name, EXCHANGE)?;
                let found =
                    PREFIXES.iter().find(|(prefix, _)| strip_prefix(rest, prefix).is_some());
                found.map(|(_, family)| *family)
            }
            _ => None,
        }
    }
}

fn strip_prefix<'a>(name: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case_have_a_family() {
        for (name, family) in [
            ("X-MS-Exchange-Organization-SCL", Some(Family::Organization)),
            ("x-ms-exchange-organization-", Some(Family::Organization)),
            ("X-MS-Exchange-Organization", None),
            ("X-MS-EXCHANGE-FOREST-RulesExecuted", Some(Family::Forest)),
            ("X-MS-Exchange-CrossTenant-AuthAs", Some(Family::CrossPremises)),
            ("X-MS-Exchange-CrossPremises-AuthAs", Some(Family::CrossPremises)),
            ("x-originatororg", Some(Family::CrossPremises)),
            ("X-OriginatorOrgs", None),
            ("X-MS-Exchange-Inbox-Rules-Loop", None),
            ("RECEIVED", Some(Family::Routing)),
            ("Received-SPF", None),
            ("resent-message-id", Some(Family::Routing)),
            ("Resent-Reply-To", None),
            ("Return-Path", None),
            ("From", None),
            ("", None),
        ] {
            assert_eq!(Family::of(name.as_bytes()), family, "{name}");
        }
    }
}
