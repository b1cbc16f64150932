//! Rows of a handshake.

use jiff::Timestamp;

use super::csv::Time;
use super::layout::Layout;
use super::rows::Rows;
use super::schannel::Negotiated;
use crate::connector::TlsCapabilities;

/// What a certificate's rows show.
#[derive(Clone, Copy, Debug)]
pub struct CertificateRow<'a> {
    pub subject: &'a str,
    pub issuer: &'a str,
    pub serial_number: &'a str,
    pub thumbprint: &'a str,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub names: &'a [String],
}

impl Rows {
    /// The certificate that the server shows.
    pub fn sending_certificate(&mut self, certificate: CertificateRow<'_>) {
        self.certificate("Sending certificate", certificate);
    }

    /// The certificate that the client showed.
    pub fn remote_certificate(&mut self, certificate: CertificateRow<'_>) {
        self.certificate("Remote certificate", certificate);
    }

    /// The handshake is done. Names are those of RFCs: `TLSv1.2`,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`, `secp384r1`.
    pub fn negotiated(&mut self, protocol: &str, cipher_suite: &str, group: &str) {
        let layout = self.layout;
        self.remark(Negotiated { layout, side: "SERVER", protocol, cipher_suite, group });
    }

    pub fn negotiation_failed(&mut self, status: &str) {
        self.remark(format_args!("TLS negotiation failed with error {status}"));
    }

    /// A hello behind STARTTLS: whether a client's certificate was there, and is vouched for, and
    /// what TlsDomainCapabilities lets it do.
    pub fn certificate_status(&mut self, vouched_for: Option<bool>, capabilities: TlsCapabilities) {
        if !self.layout.certificate_status {
            return;
        }
        let (chain, domain) = match vouched_for {
            None => ("EmptyCertificate", "NoRemoteCertificate"),
            Some(true) => ("Valid", "Success"),
            Some(false) => ("UntrustedRoot", "InvalidCertificate"),
        };
        self.remark(format_args!("Client certificate chain validation status: '{chain}'"));
        let names: Vec<_> = capabilities.iter_names().map(|(name, _)| name).collect();
        let names = if names.is_empty() { "None".to_owned() } else { names.join(", ") };
        self.remark(format_args!("TlsDomainCapabilities='{names}'; Status='{domain}'"));
    }

    fn certificate(&mut self, context: &str, certificate: CertificateRow<'_>) {
        certificate.rows(self.layout, context, |data, context| self.note(data, context));
    }
}

impl CertificateRow<'_> {
    /// Hands `note` the data and the context of each row.
    pub(super) fn rows(self, layout: &Layout, context: &str, mut note: impl FnMut(&str, &str)) {
        if layout.joins_certificates {
            return note(
                &self.joined(),
                &format!(
                    "{context} Subject Issuer name Serial number Thumbprint Not before Not after \
                     Subject alternate names"
                ),
            );
        }
        note("", context);
        note(self.subject, "Certificate subject");
        note(self.issuer, "Certificate issuer name");
        note(self.serial_number, "Certificate serial number");
        note(self.thumbprint, "Certificate thumbprint");
        note(&self.names.join(";"), "Certificate alternate names");
    }

    /// Each value after a blank.
    fn joined(&self) -> String {
        let Self { subject, issuer, serial_number, thumbprint, .. } = self;
        let (from, to, names) = (Time(self.not_before), Time(self.not_after), self.names.join(";"));
        format!(" {subject} {issuer} {serial_number} {thumbprint} {from} {to} {names}")
    }
}
