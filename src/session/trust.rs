//! Trust that comes from a client certificate: direct trust between Edge and Hub behind
//! X-ANONYMOUSTLS, and partners (Domain Security) behind STARTTLS.

use std::time::Instant;

use super::{Identity, Note, Reason, Refusal, Session, TlsKind};
use crate::auth::ChannelBindings;
use crate::connector::{CapableDomain, TlsCapabilities};
use crate::directory::Group;
use crate::smtp::{Mailbox, reply};

/// What a handshake brought.
#[derive(Clone, Debug)]
pub struct Secured {
    pub kind: TlsKind,
    pub bindings: ChannelBindings,
    /// The certificate that the client showed.
    pub peer: Option<PeerCertificate>,
}

/// A client certificate, whose key the client holds.
#[derive(Clone, Debug)]
pub struct PeerCertificate {
    pub subject: String,
    pub names: Vec<String>,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// Its chain is valid and leads to a root for partners.
    pub is_vouched_for: bool,
}

/// A peer that is known by its key, as EdgeSync publishes it.
#[derive(Clone, Debug)]
pub struct DirectTrust {
    pub public_key: Vec<u8>,
    pub role: Group,
}

impl PeerCertificate {
    /// Whether the certificate names `domain`, itself or by a wildcard. Our choice.
    fn is_for(&self, domain: &str) -> bool {
        self.names
            .iter()
            .any(|name| name.strip_prefix("*.").unwrap_or(name).eq_ignore_ascii_case(domain))
    }
}

impl Session {
    /// Behind X-ANONYMOUSTLS a known key gives its role at once; an unknown one is told at
    /// the next hello. No certificate at all leaves the session anonymous.
    pub(super) fn judge_certificate(&mut self) {
        let Some(Secured { kind: TlsKind::XAnonymousTls, peer: Some(peer), .. }) = &self.tls else {
            return;
        };
        let known = self.host.direct_trust.iter().find(|trust| trust.public_key == peer.public_key);
        let subject = peer.subject.clone();
        match known {
            Some(trust) => {
                self.identity =
                    Identity::DirectTrust { role: trust.role, subject: subject.clone() };
                self.rights = self.connector.rights(&self.identity.token());
                self.notes.push(Note::TrustedByCertificate {
                    subject,
                    role: trust.role,
                    rights: self.rights,
                });
            }
            None => {
                self.notes.push(Note::DirectTrustFailed { subject: subject.clone() });
                self.distrusted = Some(subject);
            }
        }
    }

    /// What TlsDomainCapabilities lets the peer do: by a certificate behind STARTTLS that names
    /// the domain and has a valid chain, or because it is not in TLS.
    pub(super) fn capabilities(&self) -> TlsCapabilities {
        let proves = |domain: &CapableDomain| match (domain, &self.tls) {
            (CapableDomain::NoTls, tls) => tls.is_none(),
            (
                CapableDomain::Domain(domain),
                Some(Secured { kind: TlsKind::StartTls, peer: Some(peer), .. }),
            ) => peer.is_vouched_for && peer.is_for(domain),
            _ => false,
        };
        let entries = self.connector.tls_domain_capabilities.iter();
        entries.filter(|entry| proves(&entry.domain)).map(|entry| entry.capabilities).collect()
    }

    /// What Exchange tells of a client's certificate at the hello behind STARTTLS.
    pub(super) fn tell_of_certificate(&mut self) {
        if let Some(Secured { kind: TlsKind::StartTls, peer, .. }) = &self.tls {
            let vouched_for = peer.as_ref().map(|peer| peer.is_vouched_for);
            let capabilities = self.capabilities();
            self.tell(Note::SecuredHello { vouched_for, capabilities });
        }
    }

    /// A hello after a certificate that nobody knows.
    pub(super) fn refuse_distrusted(&mut self, subject: String, now: Instant) {
        self.fail_and_close(Reason::UnknownCertificate(subject), now);
    }

    /// Mail from a domain of TLSReceiveDomainSecureList needs mutual TLS; with it the session
    /// is a partner's.
    pub(super) fn check_domain_security(&mut self, sender: &Mailbox) -> Result<(), Refusal> {
        let Some(domain) = sender.domain() else { return Ok(()) };
        let listed =
            self.host.domain_secure.iter().any(|secure| secure.eq_ignore_ascii_case(domain));
        let proves = matches!(self.identity, Identity::Anonymous | Identity::Partner { .. });
        if !listed || !proves {
            return Ok(());
        }
        let refuse = |reply, problem: DomainSecurity| {
            Err((reply, Reason::DomainSecurity { domain: domain.to_owned(), problem }))
        };
        if !self.connector.domain_secure_enabled {
            return refuse(reply::SECURE_DOMAIN_DISALLOWED, DomainSecurity::Disabled);
        }
        if !self.offer().enables_tls(TlsKind::StartTls) {
            return refuse(reply::TEMPORARY_AUTH_FAILURE, DomainSecurity::NoStartTls);
        }
        let peer = match &self.tls {
            Some(Secured { kind: TlsKind::StartTls, peer: Some(peer), .. }) => peer,
            Some(_) => {
                return refuse(reply::PARTNER_NOT_AUTHENTICATED, DomainSecurity::NoCertificate);
            }
            None => return refuse(reply::PARTNER_NOT_AUTHENTICATED, DomainSecurity::NoTls),
        };
        if !peer.is_vouched_for {
            return refuse(reply::CERTIFICATE_VALIDATION_FAILURE, DomainSecurity::NotValid);
        }
        if !peer.is_for(domain) {
            return refuse(reply::CERTIFICATE_VALIDATION_FAILURE, DomainSecurity::OtherName);
        }
        let subject = peer.subject.clone();
        if let Identity::Anonymous = self.identity {
            self.identity = Identity::Partner { subject: subject.clone() };
            self.rights = self.connector.rights(&self.identity.token());
            let role = Group::PartnerServers;
            self.notes.push(Note::TrustedByCertificate { subject, role, rights: self.rights });
        }
        Ok(())
    }
}

/// What is wrong with mail from a secure domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainSecurity {
    #[error("the connector has not DomainSecureEnabled")]
    Disabled,
    #[error("STARTTLS is not offered here")]
    NoStartTls,
    #[error("the session is in clear")]
    NoTls,
    #[error("the client showed no certificate")]
    NoCertificate,
    #[error("the client's certificate does not lead to a trusted root")]
    NotValid,
    #[error("the client's certificate does not name the domain")]
    OtherName,
}
