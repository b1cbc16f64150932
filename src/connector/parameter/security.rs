//! Who may do what: proofs, TLS and permissions.

use super::{Parameter, parameter};
use crate::connector::Version;

pub(super) const PARAMETERS: &[Parameter] = &[
    parameter!(AuthMechanism, auth_mechanism)
        .acts(
            "How a peer may prove itself, and whether there is TLS: decides on AUTH, X-EXPS, \
             STARTTLS and X-ANONYMOUSTLS.",
        )
        .by("Set-ReceiveConnector; Receive connectors"),
    parameter!(PermissionGroups, permission_groups)
        .acts(
            "Which peers get their usual rights; `Custom` gives nothing and shows itself once \
             rights were added by hand.",
        )
        .by("Set-ReceiveConnector; Receive connectors"),
    parameter!(RequireTLS, require_tls).acts("MAIL in clear gets 451 5.7.3."),
    parameter!(DomainSecureEnabled, domain_secure_enabled)
        .acts("Lets domains of TLSReceiveDomainSecureList in, by mutual TLS."),
    parameter!(EnableAuthGSSAPI, enable_auth_gssapi)
        .acts("`AUTH GSSAPI` beside NTLM, where AuthMechanism has Integrated (2007: from SP1)."),
    parameter!(ExtendedProtectionPolicy, extended_protection_policy)
        .acts("Whether GSSAPI and NTLM look at channel bindings, and whether they insist.")
        .since(Version::E2010),
    parameter!(SuppressXAnonymousTls, suppress_x_anonymous_tls)
        .acts("Takes X-ANONYMOUSTLS out of the EHLO reply.")
        .since(Version::E2010)
        .by("Set-ReceiveConnector; WAN optimisation (2013)"),
    parameter!(TlsCertificateName, tls_certificate_name)
        .acts(
            "The STARTTLS certificate by issuer and subject, whatever names it holds, the newest \
             of several; none: no STARTTLS and event 12014.",
        )
        .since(Version::E2013)
        .by("Set-ReceiveConnector; TLS certificates in hybrid; KB 2989382"),
    parameter!(TlsDomainCapabilities, tls_domain_capabilities)
        .acts(
            "Lets a peer whose certificate names the domain keep the fields of its organisation \
             (X-MS-Exchange-CrossTenant-… and others), and offers it XOORG.",
        )
        .since(Version::E2010)
        .by("Set-ReceiveConnector; TLS certificates in hybrid"),
];
