//! Certificates for STARTTLS, and whom they make of a peer.

use super::sees::{NO_STARTTLS, NOTHING, not_authenticated};
use super::{Certificate, Finding, Rule, Sees, Set, Severity, powershell};
use crate::connector::{AuthMechanism, PermissionGroups};
use crate::smtp::reply;

pub(super) const CERTIFICATE_NAME_MISSING: Rule = Rule {
    id: "certificate-name-missing",
    severity: Severity::Error,
    title: "No certificate holds the connector's name",
    what: "Without TlsCertificateName, STARTTLS needs a certificate that holds the connector's Fqdn, \
           or the server's where that is empty. None does, so STARTTLS is not offered. expsd looks \
           into its own certificates, those that `expsd serve` would use.",
    who: "senders that insist on TLS; the others send in clear",
    sees: Sees {
        event: Some((
            12014,
            "Microsoft Exchange could not find a certificate that contains the domain name {fqdn} in the personal store on the local computer.",
        )),
        ..NO_STARTTLS
    },
    mend: "get a certificate with that name and run `Enable-ExchangeCertificate -Services SMTP`, \
           answering No to replacing the default one; here, `expsd cert new`",
    sources: &[
        "learn.microsoft.com, inbound-starttls-certificates-selection",
        "technet bb510128 (event 12014)",
        "blog.expta.com, 2010/09",
    ],
};

pub(super) const CERTIFICATE_EXPIRED: Rule = Rule {
    id: "certificate-expired",
    severity: Severity::Error,
    title: "The connector's certificate has expired",
    what: "Every certificate that holds the connector's name has expired, so STARTTLS is not \
           offered.",
    who: "senders that insist on TLS; the others send in clear",
    sees: Sees {
        event: Some((
            12016,
            "There is no valid SMTP Transport Layer Security (TLS) certificate for the FQDN of {fqdn}. The existing certificate for that FQDN has expired.",
        )),
        ..NO_STARTTLS
    },
    mend: "renew the certificate, enable it for SMTP and restart the Transport services; on an Edge \
           server subscribe again",
    sources: &["technet ff983405 (event 12016)"],
};

pub(super) const CERTIFICATE_EXPIRES_SOON: Rule = Rule {
    id: "certificate-expires-soon",
    severity: Severity::Warning,
    title: "The connector's certificate expires soon",
    what: "Told of certificates that have less than 30 days left (our choice).",
    who: "nobody yet; then senders that insist on TLS",
    sees: Sees {
        event: Some((
            12018,
            "The STARTTLS certificate will expire soon: subject: {subject}, thumbprint: {thumbprint}, hours remaining: {hours}.",
        )),
        ..NOTHING
    },
    mend: "renew the certificate and enable it for SMTP",
    sources: &["technet ff982351 (event 12018)"],
};

pub(super) const TLS_CERTIFICATE_NAME_STALE: Rule = Rule {
    id: "tls-certificate-name-stale",
    severity: Severity::Error,
    title: "TlsCertificateName names a certificate that is not there",
    what: "It names issuer and subject, `<I>CN=…<S>CN=…`, and stays as it is when the certificate is \
           renewed under others or removed. Without that certificate STARTTLS is not offered, \
           whatever else is installed.",
    who: "senders that insist on TLS, Exchange Online above all; the others send in clear",
    sees: Sees {
        event: Some((
            12014,
            "Microsoft Exchange could not find a certificate that contains the domain name {named} in the personal store on the local computer.",
        )),
        more: Some(
            "Exchange Online says `450 4.4.317 Cannot connect to remote server [Message=451 5.7.3 STARTTLS is required to send mail]`",
        ),
        ..NO_STARTTLS
    },
    mend: "name the new certificate, or none",
    sources: &[
        "KB 2989382",
        "blogs.blackmarble.co.uk, 2016/03/02",
        "techcommunity.microsoft.com, \"TLS certificates in Exchange hybrid: common issues & how to fix them\"",
    ],
};

pub(super) const REQUIRE_TLS_WITHOUT_CERTIFICATE: Rule = Rule {
    id: "require-tls-without-certificate",
    severity: Severity::Error,
    title: "TLS is required, and there is no certificate for it",
    what: "RequireTLS lets nobody send mail before TLS, and STARTTLS is not offered, as no valid \
           certificate holds the connector's name.",
    who: "everybody who meets the connector, but for Exchange servers by X-ANONYMOUSTLS",
    sees: Sees {
        replies: &[("MAIL FROM:<somebody@fabrikam.test>", |_| reply::MUST_ISSUE_STARTTLS)],
        lacks: &["STARTTLS"],
        ..NOTHING
    },
    mend: "install a certificate with that name; until then switch RequireTLS off",
    sources: &[
        "Set-ReceiveConnector, parameter RequireTLS",
        "learn.microsoft.com, inbound-starttls-certificates-selection",
    ],
};

pub(super) const PARTNER_WITHOUT_MUTUAL_TLS: Rule = Rule {
    id: "partner-without-mutual-tls",
    severity: Severity::Error,
    title: "A connector for partners that no partner can use",
    what: "A partner is known by his certificate, which the connector asks for only with \
           DomainSecureEnabled; New-ReceiveConnector -Usage Partner does not set it. Without it \
           partners stay anonymous, and the group AnonymousUsers is not ticked either.",
    who: "the partners",
    sees: Sees {
        replies: &[("MAIL FROM:<somebody@partner.example>", not_authenticated)],
        ..NOTHING
    },
    mend: "set DomainSecureEnabled, and name the partner's domain in TLSReceiveDomainSecureList",
    sources: &[
        "learn.microsoft.com, \"Receive connectors\"",
        "Set-ReceiveConnector, parameter DomainSecureEnabled",
    ],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    for (i, connector) in set.enabled() {
        let tls = connector.auth_mechanism.contains(AuthMechanism::Tls);
        if tls && connector.require_tls && set.certificate(i).is_lacking() {
            let problem = format!(
                "\"{}\" requires TLS, and no valid certificate is there for {}",
                connector.name,
                set.server.fqdn_of(connector)
            );
            found.push(
                Finding::new(&REQUIRE_TLS_WITHOUT_CERTIFICATE, set, i, "RequireTLS", problem)
                    .mend(new_certificate(set, i))
                    .or(powershell::set(set, i, "-RequireTLS $false")),
            );
        } else if tls {
            found.extend(certificate(set, i));
        }
        let groups = connector.permission_groups;
        let partners = groups.contains(PermissionGroups::Partners);
        let anonymous = groups.contains(PermissionGroups::AnonymousUsers);
        if partners && !anonymous && !(tls && connector.domain_secure_enabled) {
            let problem =
                format!("\"{}\" is for partners, and asks for no certificate", connector.name);
            let parameters = "-DomainSecureEnabled $true -AuthMechanism Tls";
            found.push(
                Finding::new(&PARTNER_WITHOUT_MUTUAL_TLS, set, i, "DomainSecureEnabled", problem)
                    .mend(powershell::set(set, i, parameters))
                    .mend(
                        "Set-TransportConfig -TLSReceiveDomainSecureList @{Add='<their domain>'}",
                    ),
            );
        }
    }
}

fn certificate(set: &Set<'_>, i: usize) -> Option<Finding> {
    let connector = &set.connectors[i];
    let (name, fqdn) = (&connector.name, set.server.fqdn_of(connector));
    let finding = |rule, parameter, problem: String| Finding::new(rule, set, i, parameter, problem);
    Some(match set.certificate(i) {
        Certificate::Unknown | Certificate::Found => return None,
        Certificate::Missing => {
            let problem = format!("\"{name}\": no certificate holds {fqdn}");
            finding(&CERTIFICATE_NAME_MISSING, "Fqdn", problem).mend(new_certificate(set, i))
        }
        Certificate::Expired { at } => {
            let problem = format!("\"{name}\": the certificate for {fqdn} has expired on {at}");
            finding(&CERTIFICATE_EXPIRED, "Fqdn", problem).mend(new_certificate(set, i))
        }
        Certificate::Expiring { subject, thumbprint, hours } => {
            let problem =
                format!("\"{name}\": the certificate for {fqdn} expires in {} days", hours / 24);
            finding(&CERTIFICATE_EXPIRES_SOON, "Fqdn", problem)
                .naming(set, "subject", subject.clone())
                .naming(set, "thumbprint", thumbprint.clone())
                .naming(set, "hours", hours.to_string())
                .mend(new_certificate(set, i))
        }
        Certificate::NamedAbsent => {
            let named = set.server.certificate_of(connector);
            let problem = format!("\"{name}\": no certificate is {named}");
            finding(&TLS_CERTIFICATE_NAME_STALE, "TlsCertificateName", problem)
                .naming(set, "named", named)
                .mend(powershell::set(set, i, "-TlsCertificateName '<I><issuer><S><subject>'"))
                .or(powershell::set(set, i, "-TlsCertificateName $null"))
        }
    })
}

fn new_certificate(set: &Set<'_>, i: usize) -> String {
    let fqdn = set.server.fqdn_of(&set.connectors[i]);
    format!("New-ExchangeCertificate -DomainName {} -Services SMTP", powershell::quote(fqdn))
}
