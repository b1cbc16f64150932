//! One certificate with its key.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use jiff::Timestamp;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    RsaKeySize,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// A certificate chain, its private key, and what the first certificate says.
#[derive(Debug)]
pub struct Certificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub details: Details,
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Details {
    /// As Windows prints it: `CN=ex01`.
    pub subject: String,
    pub issuer: String,
    /// Upper-case hex.
    pub serial_number: String,
    /// SHA-1 of the certificate in upper-case hex.
    pub thumbprint: String,
    /// DNS names of the subject alternative name; the common name where it has none.
    pub names: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// What kind of key a certificate is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// 2048 bits, as the self-signed certificates of Exchange have. Any peer can use it, and
    /// making one takes a tenth of a second or more.
    Rsa,
    /// P-256. Made at once.
    Ec,
}

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("it holds no certificate in PEM")]
    NoCertificate,
    #[error("it holds no private key in PEM")]
    NoKey,
    #[error("its certificate cannot be read: {0}")]
    Certificate(String),
    #[error("a certificate cannot be made: {0}")]
    Generate(#[from] rcgen::Error),
    #[error("a certificate needs at least one name")]
    NoName,
}

impl Certificate {
    /// Makes a self-signed certificate for `names`, valid for `days` from `now`; gives it in
    /// PEM, key included.
    pub fn generate(
        names: &[String],
        days: u32,
        key: KeyKind,
        now: SystemTime,
    ) -> Result<String, CertificateError> {
        let first = names.first().ok_or(CertificateError::NoName)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, first.as_str());
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        // An hour back, for clients whose clocks lag.
        params.not_before = (now - Duration::from_secs(3600)).into();
        params.not_after = (now + Duration::from_secs(u64::from(days) * 86_400)).into();
        let key = match key {
            KeyKind::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?,
            KeyKind::Ec => KeyPair::generate()?,
        };
        Ok(params.self_signed(&key)?.pem() + &key.serialize_pem())
    }

    /// Reads a chain and its key, in PEM and in any order.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        let (chain, details) = Self::chain_from_pem(pem)?;
        let key =
            PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateError::NoKey)?;
        Ok(Self { chain, key, details })
    }

    /// Reads what needs no key.
    pub(super) fn chain_from_pem(
        pem: &str,
    ) -> Result<(Vec<CertificateDer<'static>>, Details), CertificateError> {
        let unreadable = |error: &dyn ToString| CertificateError::Certificate(error.to_string());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(&error))?;
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (_, parsed) = X509Certificate::from_der(first).map_err(|error| unreadable(&error))?;
        let details = Details::read(first, &parsed).map_err(|error| unreadable(&error))?;
        Ok((chain, details))
    }

    pub fn is_for(&self, fqdn: &str) -> bool {
        self.details.is_for(fqdn)
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.details.is_expired(now)
    }
}

/// The one certificate that a file holds, in PEM or DER; the key may be missing. In DER.
pub fn one_certificate(file: &[u8]) -> Option<Vec<u8>> {
    let der = match CertificateDer::from_pem_slice(file) {
        Ok(first) => first.to_vec(),
        Err(_) => file.to_vec(),
    };
    let (rest, _) = X509Certificate::from_der(&der).ok()?;
    rest.is_empty().then_some(())?;
    Some(der)
}

impl Details {
    /// `parsed` is what `der` holds.
    pub(super) fn read(der: &[u8], parsed: &X509Certificate<'_>) -> Result<Self, jiff::Error> {
        Ok(Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            serial_number: hex(parsed.raw_serial()),
            thumbprint: hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref()),
            names: names(parsed),
            not_before: Timestamp::from_second(parsed.validity().not_before.timestamp())?,
            not_after: Timestamp::from_second(parsed.validity().not_after.timestamp())?,
        })
    }

    /// Whether the certificate is for `fqdn`. A wildcard stands for one label.
    pub fn is_for(&self, fqdn: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => fqdn.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && rest.eq_ignore_ascii_case(parent)
            }),
            None => name.eq_ignore_ascii_case(fqdn),
        })
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.not_after
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let dns: Vec<String> = alternative
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect();
    if !dns.is_empty() {
        return dns;
    }
    let common = certificate.subject().iter_common_name().filter_map(|cn| cn.as_str().ok());
    common.map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_can_be_read() {
        let names = ["ex01.contoso.test".to_owned(), "*.fabrikam.test".to_owned()];
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let pem = Certificate::generate(&names, 30, KeyKind::Rsa, now).unwrap();
        let certificate = Certificate::from_pem(&pem).unwrap();
        assert_eq!(certificate.details.subject, "CN=ex01.contoso.test");
        assert_eq!(certificate.details.names, names);
        assert_eq!(certificate.details.thumbprint.len(), 40);
        assert_eq!(certificate.details.not_after.as_second(), 1_800_000_000 + 30 * 86_400);
        assert!(certificate.is_for("EX01.contoso.test"));
        assert!(certificate.is_for("mail.fabrikam.test"));
        assert!(!certificate.is_for("a.mail.fabrikam.test"));
        assert!(!certificate.is_for("fabrikam.test"));
        assert!(certificate.is_expired(certificate.details.not_after));
    }

    #[test]
    fn half_a_file_says_what_is_missing() {
        let pem = Certificate::generate(&["a.test".to_owned()], 1, KeyKind::Ec, SystemTime::now())
            .unwrap();
        let at = pem.find("-----BEGIN PRIVATE").unwrap();
        assert!(matches!(Certificate::from_pem(&pem[..at]), Err(CertificateError::NoKey)));
        assert!(matches!(Certificate::from_pem(&pem[at..]), Err(CertificateError::NoCertificate)));
        let der = one_certificate(&pem.as_bytes()[..at]).unwrap();
        assert_eq!(one_certificate(&der), Some(der.clone()));
        assert_eq!(one_certificate(&der[1..]), None);
        assert_eq!(one_certificate(&pem.as_bytes()[at..]), None);
    }
}
