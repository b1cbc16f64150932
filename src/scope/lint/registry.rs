//! The one list of rules.

use super::sees::NOTHING;
use super::{
    Rule, Sees, Severity, cmdlet, exchange, front, limits, listening, logon, relay, scoping,
    shadow, tls,
};

/// Every rule, by subject.
pub static RULES: &[&Rule] = &[
    &shadow::RELAY_COVERS_EXCHANGE_SERVER,
    &shadow::RELAY_RANGE_SHADOWS_DEFAULT,
    &shadow::RANGE_MAY_HOLD_EXCHANGE_SERVER,
    &shadow::RELAY_COVERS_SUBNET,
    &front::RELAY_COVERS_GATEWAY,
    &front::BALANCER_IN_RELAY_RANGE,
    &front::BALANCER_HIDES_SOURCE,
    &relay::ANONYMOUS_ON_DEFAULT_IS_OPEN_RELAY,
    &relay::EXTERNALLY_SECURED_OPEN_RELAY,
    &relay::ANONYMOUS_AND_EXTERNAL,
    &relay::ANONYMOUS_GROUP_MISSING,
    &relay::ANONYMOUS_TRUSTED_HEADERS,
    &relay::HOST_LOSES_RELAY,
    &exchange::EXCHANGE_AUTH_UNTICKED,
    &exchange::EXCHANGE_SERVERS_GROUP_REMOVED,
    &exchange::EXCHANGE_SERVERS_AS_USERS,
    &exchange::X_ANONYMOUSTLS_SUPPRESSED,
    &exchange::FQDN_CHANGED,
    &exchange::FQDN_OF_ANOTHER_SERVER,
    &scoping::IPV6_SOURCE_MISSES_RANGE,
    &scoping::CONNECTOR_NEVER_MET,
    &scoping::WILDCARD_BESIDE_ADDRESS,
    &scoping::TOO_MANY_RANGES,
    &listening::DEFAULT_NARROWED,
    &listening::DISABLED_DEFAULT,
    &listening::NO_CONNECTOR_FOR_SOME_SOURCES,
    &listening::BINDING_IS_NOT_LOCAL,
    &tls::CERTIFICATE_NAME_MISSING,
    &tls::CERTIFICATE_EXPIRED,
    &tls::CERTIFICATE_EXPIRES_SOON,
    &tls::TLS_CERTIFICATE_NAME_STALE,
    &tls::REQUIRE_TLS_WITHOUT_CERTIFICATE,
    &tls::PARTNER_WITHOUT_MUTUAL_TLS,
    &logon::RIGHT_ON_FRONTEND_ONLY,
    &logon::USERS_CANNOT_LOG_ON,
    &logon::LOGON_WITHOUT_SUBMIT,
    &logon::BASIC_IN_CLEAR,
    &logon::BASIC_WITHOUT_ANONYMOUS,
    &logon::KERBEROS_ON_CLIENT_FRONTEND,
    &limits::PER_SOURCE_LIMIT,
    &limits::RATE_LIMIT_APPLICATION,
    &limits::TARPIT_OFF,
    &cmdlet::HUB_ROLE_ON_PORT_25,
    &cmdlet::ROLE_CONFLICT,
    &cmdlet::EQUAL_RANGES,
    &cmdlet::OVERLAPPING_RANGES,
    &cmdlet::SAME_NAME,
    &cmdlet::NO_BINDING,
    &cmdlet::NO_RANGE,
    &cmdlet::BASIC_REQUIRE_TLS_ALONE,
    &cmdlet::EXTERNAL_AUTHORITATIVE_MIXED,
    &cmdlet::EXTERNAL_AUTHORITATIVE_GROUP,
    &cmdlet::REQUIRE_TLS_WITHOUT_TLS,
    &cmdlet::DOMAIN_SECURE_WITHOUT_TLS,
    &cmdlet::BINARY_MIME_WITHOUT_CHUNKING,
    &cmdlet::INACTIVITY_TIMEOUT_TOO_LONG,
    &cmdlet::CAPABILITY_OF_ANOTHER_VERSION,
    &cmdlet::NOT_ON_EDGE,
    &cmdlet::NO_FRONT_END,
    &ALLOW_COMMENT,
];

/// About comments in a configuration file, which its reader knows, and not this room.
pub static ALLOW_COMMENT: Rule = Rule {
    id: "allow-comment",
    severity: Severity::Warning,
    title: "A comment allows nothing",
    what: "`# expsd-lint: allow RULE reason` silences one rule: for a connector, in its table or \
           directly above it, or for one parameter, on its line. It needs the id of a rule and a \
           reason. One that silences nothing is told, so that it does not outlive the fault.",
    who: "whoever reads the file",
    sees: Sees { more: Some("nothing: the comment does nothing"), ..NOTHING },
    mend: "write the comment right, or remove it",
    sources: &["our choice"],
};

/// The rule with the id `id`.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_texts_are_sentences() {
        let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            assert!(
                rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert!(rule.what.ends_with(['.', ')']), "{}", rule.id);
            assert!(!rule.title.is_empty() && !rule.sources.is_empty(), "{}", rule.id);
        }
    }
}
