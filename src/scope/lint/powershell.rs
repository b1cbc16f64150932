//! Commands of the Exchange Management Shell.

use super::addresses::number;
use super::{Addresses, Set};
use crate::connector::{
    AuthMechanism, IpRange, PermissionGroups, Principal, ReceiveConnector, Rights,
};

/// A command that changes more ranges than this is nothing to paste.
const MOST_CHANGES: usize = 40;

/// `'EX01\Bob''s relay'`: what PowerShell takes as it stands.
pub(super) fn quote(text: &str) -> String {
    // PowerShell ends a string at typographic quotes too, which are doubled like its own.
    let mut quoted = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted + "'"
}

/// `Set-ReceiveConnector -Identity 'EX01\App relay' -RequireTLS $true`
pub(super) fn set(set: &Set<'_>, connector: usize, parameters: impl std::fmt::Display) -> String {
    let identity = set.server.identity(&set.connectors[connector]);
    format!("Set-ReceiveConnector -Identity {} {parameters}", quote(&identity))
}

pub(super) fn remove(set: &Set<'_>, connector: usize) -> String {
    let identity = set.server.identity(&set.connectors[connector]);
    format!("Remove-ReceiveConnector -Identity {}", quote(&identity))
}

/// `Tls,ExchangeServer`
pub(super) fn mechanisms(auth: AuthMechanism) -> String {
    auth.to_string().replace(", ", ",")
}

/// The same for groups. Custom cannot be set; it shows itself.
pub(super) fn groups(groups: PermissionGroups) -> String {
    (groups - PermissionGroups::Custom).to_string().replace(", ", ",")
}

/// `Get-ReceiveConnector … | Remove-ADPermission -User … -ExtendedRights …`, one command for
/// each entry of the connector's own that gives `user` some of `rights`.
pub(super) fn revoke(
    set: &Set<'_>,
    connector: usize,
    user: &Principal,
    rights: Rights,
) -> Vec<String> {
    let of = &set.connectors[connector];
    let own = of.ad_permissions.iter().filter(|ace| !ace.deny && !ace.inherited);
    let entries = own.filter(|ace| ace.user == *user);
    let revoked = entries.map(|ace| ace.rights & rights).filter(|rights| !rights.is_empty());
    revoked.map(|rights| permission("Remove", set, of, user, rights)).collect()
}

pub(super) fn grant(set: &Set<'_>, connector: usize, user: &Principal, rights: Rights) -> String {
    permission("Add", set, &set.connectors[connector], user, rights)
}

fn permission(
    verb: &str,
    set: &Set<'_>,
    connector: &ReceiveConnector,
    user: &Principal,
    rights: Rights,
) -> String {
    let rights: Vec<_> = rights.ad_names().map(quote).collect();
    format!(
        "Get-ReceiveConnector -Identity {} | {verb}-ADPermission -User {} -ExtendedRights {}",
        quote(&set.server.identity(connector)),
        quote(&user.to_string()),
        rights.join(",")
    )
}

/// A dedicated connector for those that should relay.
pub(super) fn new_relay(set: &Set<'_>) -> [String; 2] {
    let role = match set.server.version.has_front_end() {
        true => " -TransportRole FrontendTransport",
        false => "",
    };
    let name = "Application relay";
    [
        format!(
            "New-ReceiveConnector -Name {} -Server {}{role} -Custom -Bindings 0.0.0.0:25 \
             -RemoteIPRanges <the applications' addresses> -PermissionGroups AnonymousUsers",
            quote(name),
            set.server.name
        ),
        format!(
            "Get-ReceiveConnector -Identity {} | Add-ADPermission -User \
             'NT AUTHORITY\\ANONYMOUS LOGON' -ExtendedRights 'ms-Exch-SMTP-Accept-Any-Recipient'",
            quote(&format!("{}\\{name}", set.server.name))
        ),
    ]
}

/// Takes `addresses` out of the ranges of a connector:
/// `-RemoteIPRanges @{Remove='10.0.0.10-10.0.0.20'; Add='10.0.0.10-10.0.0.11',…}`, or in words
/// where that would be very long.
pub(super) fn narrow(subject: &Set<'_>, connector: usize, addresses: &Addresses) -> String {
    let of = &subject.connectors[connector];
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for range in &of.remote_ip_ranges {
        let rest = difference(range, addresses);
        if rest.as_slice() == [(range.low(), range.high())] {
            continue;
        }
        removed.push(quote(&range.to_string()));
        added.extend(rest.into_iter().map(|(low, high)| {
            let [low, high] = [low, high].map(|n| super::address(n, range.is_ipv6()));
            quote(&if low == high { low.to_string() } else { format!("{low}-{high}") })
        }));
    }
    if removed.len() == of.remote_ip_ranges.len() && added.is_empty() {
        return remove(subject, connector);
    }
    if removed.len() + added.len() > MOST_CHANGES {
        return set(subject, connector, format!("-RemoteIPRanges <those without {addresses}>"));
    }
    let add = if added.is_empty() { String::new() } else { format!("; Add={}", added.join(",")) };
    set(subject, connector, format!("-RemoteIPRanges @{{Remove={}{add}}}", removed.join(",")))
}

/// The parts of a range that hold none of `addresses`.
fn difference(range: &IpRange, addresses: &Addresses) -> Vec<(u128, u128)> {
    let mut rest = Vec::new();
    let mut low = range.low();
    for (first, last) in addresses.within(range).map(|(a, b)| (number(a), number(b))) {
        if first > low {
            rest.push((low, first - 1));
        }
        match last.checked_add(1).filter(|next| *next <= range.high()) {
            Some(next) => low = next,
            None => return rest,
        }
    }
    rest.push((low, range.high()));
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powershell_takes_what_is_quoted_as_it_stands() {
        assert_eq!(quote(r"EX01\App $relay"), r"'EX01\App $relay'");
        assert_eq!(quote("Bob's \u{2019}relay"), "'Bob''s \u{2019}\u{2019}relay'");
    }

    #[test]
    fn a_range_without_some_addresses() {
        let rest = |range: &str, out: &[(&str, &str)]| {
            let out = out.iter().map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).collect();
            let rest = difference(&range.parse().unwrap(), &out);
            rest.into_iter().map(|(a, b)| (a & 255, b & 255)).collect::<Vec<_>>()
        };
        let ten = "10.0.0.10-10.0.0.20";
        assert_eq!(rest(ten, &[]), [(10, 20)]);
        assert_eq!(rest(ten, &[("10.0.0.12", "10.0.0.12")]), [(10, 11), (13, 20)]);
        assert_eq!(rest(ten, &[("10.0.0.0", "10.0.0.10"), ("10.0.0.20", "10.0.0.30")]), [(11, 19)]);
        assert_eq!(rest(ten, &[("10.0.0.0", "10.0.1.0")]), []);
        assert_eq!(rest(ten, &[("::", "::ffff:ffff")]), [(10, 20)]);
        assert_eq!(rest("fe80::1%3", &[("fe80::1", "fe80::1")]), [(1, 1)]);
        assert_eq!(rest("fe80::1%3", &[("fe80::1%3", "fe80::1%3")]), []);
    }
}
