//! The events themselves: ids, levels and texts, each from a page of Microsoft's or a post that
//! quotes one. `%1` and so on stand for what differs.

use super::Level::{self, Error, Information, Warning};
use crate::connector::Version;

/// An event of the application log.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    pub id: u32,
    pub level: Level,
    pub text: &'static str,
}

/// What Event Viewer calls the task category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category {
    pub number: u16,
    pub name: &'static str,
}

impl Definition {
    /// Ids of one category have it as their thousands; that 1035 is of task 1 and Domain
    /// Security of category 11 is published, the rest is derived.
    pub fn category(&self) -> Category {
        let (number, name) = match self.id / 1000 {
            11 => (11, "MessageSecurity"),
            12 => (12, "TransportService"),
            _ => (1, "SmtpReceive"),
        };
        Category { number, name }
    }
}

/// The event of a connector without a certificate, as `version` has it.
pub fn no_certificate(version: Version) -> &'static Definition {
    match version {
        Version::E2007 => &NO_CERTIFICATE_2007,
        _ => &NO_CERTIFICATE,
    }
}

/// What clients can bring about, again and again.
pub fn of_sessions() -> [&'static Definition; 17] {
    [
        &TOO_MANY_CONNECTIONS,
        &MESSAGE_REJECTED,
        &LOGON_FAILURES_EXCEEDED,
        &NO_SUBMIT_PERMISSION,
        &NOT_AUTHORIZED,
        &TOO_MANY_FROM_SOURCE,
        &SUBMIT_DENIED,
        &TLS_REQUIRED,
        &AUTHENTICATION_FAILED,
        &DIRECT_TRUST_FAILED,
        &OTHER_NAME,
        &NO_TLS,
        &NOT_VALID,
        &NO_CLIENT_CERTIFICATE,
        &NO_STARTTLS,
        &REMOTE_INTERNAL_EXPIRED,
        &REMOTE_STARTTLS_EXPIRED,
    ]
}

const fn define(id: u32, level: Level, text: &'static str) -> Definition {
    Definition { id, level, text }
}

/// docs.microsoft.com hh994900
pub const CONFIGURATION_INVALID: Definition = define(
    1003,
    Error,
    "The configuration of one of the SMTP Receive connectors is invalid. The configuration change \
     will be ignored. The description of the configuration error is: %1.",
);
/// technet ff984304
pub const TOO_MANY_CONNECTIONS: Definition = define(
    1009,
    Warning,
    "Receive connector %1 rejected an incoming connection. The maximum number of connections (%2) \
     for this connector has been reached.",
);
/// technet ff983902
pub const MESSAGE_REJECTED: Definition =
    define(1010, Error, "Receive connector %1 rejected a message at SMTP end of data with %2.");
/// technet ff984713
pub const LOGON_FAILURES_EXCEEDED: Definition = define(
    1012,
    Warning,
    "Receive connector %1: Authentication failures have exceeded the maximum of %2 for the \
     connection from %3. Disconnecting.",
);
/// technet ff985427
pub const NO_SUBMIT_PERMISSION: Definition = define(
    1018,
    Warning,
    "The account '%1' provided valid credentials, but it does not have submit permissions on SMTP \
     Receive connector '%2'; failing authentication.",
);
/// KB 2958036, which gives this text the id of the other.
pub const ADDRESS_IN_USE: Definition =
    define(1018, Error, "The address is already in use. Binding: %1.");
/// KB 2958036
pub const CANNOT_LISTEN: Definition =
    define(1019, Error, "Failed to start listening (Error: %1). Binding: %2.");
/// technet ff983318
pub const NOT_AUTHORIZED: Definition = define(
    1020,
    Warning,
    "The account '%1' provided valid credentials, but is not authorized to use the server; failing \
     authentication.",
);
/// technet bb218300; onprem.wtf
pub const TOO_MANY_FROM_SOURCE: Definition = define(
    1021,
    Warning,
    "Receive connector %1 rejected an incoming connection from IP address %2. The maximum number \
     of connections per source (%3) for this connector has been reached by this source IP address.",
);
/// Id and level unconfirmed; the text is ours.
pub const SUBMIT_DENIED: Definition = define(
    1023,
    Information,
    "Receive connector %1 refused a message: the session, %2, has no permission to submit. The \
     source IP address is [%3].",
);
/// Id and level unconfirmed; the text is ours.
pub const TLS_REQUIRED: Definition = define(
    1032,
    Error,
    "Receive connector %1 requires TLS, and the client at the source IP address [%2] did not \
     start it.",
);
/// technet ff981907
pub const AUTHENTICATION_FAILED: Definition = define(
    1035,
    Warning,
    "Inbound authentication failed with error %1 for Receive connector %2. The authentication \
     mechanism is %3. The source IP address of the client who tried to authenticate to Microsoft \
     Exchange is [%4].",
);
/// technet ff980980
pub const DIRECT_TRUST_FAILED: Definition = define(
    1036,
    Error,
    "Inbound direct trust authentication failed for certificate %1. The source IP address of the \
     server that tried to authenticate to Microsoft Exchange is [%2]. Make sure EdgeSync is \
     running properly.",
);
/// Domain Security: ids that name the cases, and one text for all of them, which is ours.
const DOMAIN_SECURITY: &str = "A message from the secure domain %1 on Receive connector %2 failed \
                               Domain Security: %3. The source IP address is [%4].";
pub const OTHER_NAME: Definition = define(11011, Error, DOMAIN_SECURITY);
pub const NO_TLS: Definition = define(11012, Error, DOMAIN_SECURITY);
pub const NOT_VALID: Definition = define(11015, Error, DOMAIN_SECURITY);
pub const NO_CLIENT_CERTIFICATE: Definition = define(11017, Error, DOMAIN_SECURITY);
pub const NO_STARTTLS: Definition = define(11018, Error, DOMAIN_SECURITY);
/// blog.expta.com, 2010/09
const NO_CERTIFICATE_TEXT: &str = "Microsoft Exchange could not find a certificate that contains the domain name %1 in the \
     personal store on the local computer. Therefore, it is unable to support the STARTTLS SMTP \
     verb for the connector %2 with a FQDN parameter of %3. If the connector's FQDN is not \
     specified, the computer's FQDN is used. Verify the connector configuration and the installed \
     certificates to make sure that there is a certificate with a domain name for that FQDN. If \
     this certificate exists, run Enable-ExchangeCertificate -Services SMTP to make sure that the \
     Microsoft Exchange Transport service has access to the certificate key.";
/// technet bb510128, of 2007, where it is a warning.
static NO_CERTIFICATE_2007: Definition = define(12014, Warning, NO_CERTIFICATE_TEXT);
static NO_CERTIFICATE: Definition = define(12014, Error, NO_CERTIFICATE_TEXT);
/// technet ff981561; its page gives the level, which real logs may not share.
pub const INTERNAL_EXPIRED: Definition =
    define(12015, Information, "An internal transport certificate expired. Thumbprint:%1");
/// technet ff983405
pub const CERTIFICATE_EXPIRED: Definition = define(
    12016,
    Error,
    "There is no valid SMTP Transport Layer Security (TLS) certificate for the FQDN of %1. The \
     existing certificate for that FQDN has expired. The continued use of that FQDN will cause \
     mail flow problems. A new certificate that contains the FQDN of %1 should be installed on \
     this server as soon as possible. You can create a new certificate by using the \
     New-ExchangeCertificate task.",
);
/// The id and the level: technet bb217963. The text is ours, after that of 12018.
pub const INTERNAL_EXPIRES_SOON: Definition = define(
    12017,
    Warning,
    "An internal transport certificate will expire soon. Thumbprint:%1, hours remaining: %2",
);
/// technet ff982351
pub const CERTIFICATE_EXPIRES_SOON: Definition = define(
    12018,
    Error,
    "The STARTTLS certificate will expire soon: subject: %1, thumbprint: %2, hours remaining: %3. \
     Run the New-ExchangeCertificate cmdlet to create a new certificate.",
);
/// technet ff980723; the level as for 12015.
pub const REMOTE_INTERNAL_EXPIRED: Definition = define(
    12019,
    Information,
    "The remote internal transport certificate expired. Certificate subject: %1.",
);
/// Id and level unconfirmed; the text is ours, after that of 12019.
pub const REMOTE_STARTTLS_EXPIRED: Definition =
    define(12020, Error, "The remote STARTTLS certificate expired. Certificate subject: %1.");
/// technet ff983190; the level as for 12015.
pub const INTERNAL_EPHEMERAL: Definition = define(
    12024,
    Information,
    "Microsoft Exchange could not load the certificate with thumbprint of %1 from the personal \
     store on the local computer. This certificate was configured for authentication with other \
     Exchange servers. Mail flow to other Exchange servers could be affected by this error. If the \
     certificate with this thumbprint still exists in the personal store, run \
     Enable-ExchangeCertificate %1 -Services SMTP to resolve the issue. If the certificate does \
     not exist in the personal store, restore it from backup by using the \
     Import-ExchangeCertificate cmdlet, or create a new certificate for the FQDN or the server \
     enabled for SMTP by running the following command: New-ExchangeCertificate -DomainName \
     serverfqdn -Services SMTP. Meanwhile, an ephemeral, self-signed certificate with thumbprint \
     %2 is being used.",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_certificate_was_a_warning_once() {
        assert_eq!(no_certificate(Version::E2007).level, Warning);
        assert_eq!(no_certificate(Version::E2010).level, Error);
        assert_eq!(no_certificate(Version::E2007).text, no_certificate(Version::E2019).text);
    }

    #[test]
    fn categories_follow_the_ids() {
        assert_eq!(AUTHENTICATION_FAILED.category().name, "SmtpReceive");
        assert_eq!(NO_TLS.category().number, 11);
        assert_eq!(NO_CERTIFICATE_2007.category().name, "TransportService");
    }
}
