//! What failures mean, by what their texts begin with and hold.

mod logon;
mod rights;
mod server;
mod talk;

/// What a failure means, and where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    pub means: &'static str,
    pub look_at: &'static str,
}

/// What a failure text means, if it is one of those that are documented.
pub fn meaning(text: &str) -> Option<Meaning> {
    let known = KNOWN.into_iter().flatten().find(|known| {
        text.starts_with(known.begins) && known.holds.iter().all(|part| text.contains(part))
    });
    known.map(|known| Meaning { means: known.means, look_at: known.look_at })
}

struct Known {
    begins: &'static str,
    holds: &'static [&'static str],
    means: &'static str,
    look_at: &'static str,
}

const fn known(
    begins: &'static str,
    holds: &'static [&'static str],
    means: &'static str,
    look_at: &'static str,
) -> Known {
    Known { begins, holds, means, look_at }
}

/// The first that fits counts. Sources: docs/evidence.md, "Reading protocol logs".
static KNOWN: [&[Known]; 4] = [logon::KNOWN, rights::KNOWN, server::KNOWN, talk::KNOWN];

#[cfg(test)]
mod tests {
    use super::*;

    /// What Exchange refuses with, a line each.
    const CATALOGUE: &str = include_str!("catalogue.txt");

    #[test]
    fn every_refusal_of_the_catalogue_has_a_meaning() {
        assert!(CATALOGUE.lines().count() > 90);
        for reply in CATALOGUE.lines() {
            assert!(meaning(reply).is_some(), "{reply}");
        }
    }

    #[test]
    fn a_cause_that_the_log_states_is_not_explained_away() {
        let of = |text: &str| meaning(text).unwrap().means;
        let refused = |reply: &str, reason: &str| of(&format!("{reply} ({reason})"));
        let temporary = "454 4.7.0 Temporary authentication failure";
        let general = of(temporary);
        for (reason, part) in [
            ("DirectTrust certificate failed to authenticate for …", "certificate"),
            ("Inbound ExchangeAuth negotiation failed because connection is not TLS", "in clear"),
            (
                "Inbound ExchangeAuth negotiation failed because client did not specify hash algorithm",
                "hash",
            ),
            (
                "Inbound authentication failed as we reject well-known account authentication for …",
                "nobody may log on",
            ),
            (
                "Inbound authentication failed because the client … doesn't have submit permission.",
                "proved itself",
            ),
        ] {
            let means = refused(temporary, reason);
            assert!(means != general && means.contains(part), "{reason}: {means}");
            assert!(of(reason) != general, "{reason}");
        }
        for (text, part) in [
            (
                "454 4.7.0 Temporary authentication failure because negotiated Tls cipher strength is too weak",
                "weak",
            ),
            ("454 4.7.0 Failed to establish appropriate TLS channel: Access Denied", "TLS channel"),
            (
                "550 5.7.1 Anonymous client does not have permissions to send as this sender",
                "not logged on",
            ),
            ("501 5.5.4 Authentication cancelled", "gave it up"),
            ("421 4.4.2 Message size limit for this connection reached", "octets"),
            (
                "550 5.7.1 External client with IP address … does not have permissions to submit to this server.",
                "filter",
            ),
            ("Remote during the TLS handshake", "certificate"),
            ("Remote(ConnectionReset) during a message", "message"),
            (
                "Inbound authentication failed because the client … doesn't have submit permission.",
                "lets the account submit",
            ),
        ] {
            assert!(of(text).contains(part), "{text}: {}", of(text));
        }
    }

    #[test]
    fn the_closest_meaning_is_told() {
        let means = |text: &str| meaning(text).unwrap().means;
        assert_ne!(
            means("530 5.7.1 Not authenticated"),
            means("530 5.7.1 Client was not authenticated")
        );
        assert_ne!(means("535 5.7.3 x (… because of LogonDenied)"), means("535 5.7.3 x"));
        assert!(means("421 4.3.2 The maximum number of concurrent connections").contains("limit"));
        let no_submit =
            "Inbound authentication failed because the client … doesn't have submit permission.";
        assert!(means(&format!("535 5.7.3 x ({no_submit})")).contains("password is right"));
        assert!(means(&format!("454 4.7.0 x ({no_submit})")).contains("proved itself"));
        assert_eq!(meaning("599 what"), None);
    }
}
