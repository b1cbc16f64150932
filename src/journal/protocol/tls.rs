//! Rows of a handshake.

use jiff::Timestamp;

use super::csv::Time;
use super::rows::{Rows, write};
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
        self.remark(Negotiated { layout, protocol, cipher_suite, group });
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
        let CertificateRow { subject, issuer, serial_number, thumbprint, .. } = certificate;
        if self.layout.joins_certificates {
            return self.row(
                b'*',
                |out| certificate.write_to(out),
                format_args!(
                    "{context} Subject Issuer name Serial number Thumbprint Not before Not after \
                     Subject alternate names"
                ),
            );
        }
        self.note("", context);
        self.note(subject, "Certificate subject");
        self.note(issuer, "Certificate issuer name");
        self.note(serial_number, "Certificate serial number");
        self.note(thumbprint, "Certificate thumbprint");
        self.note(certificate.names.join(";"), "Certificate alternate names");
    }
}

impl CertificateRow<'_> {
    /// In one row, each value after a blank.
    fn write_to(&self, out: &mut Vec<u8>) {
        for value in [self.subject, self.issuer, self.serial_number, self.thumbprint] {
            write(out, format_args!(" {value}"));
        }
        for time in [self.not_before, self.not_after] {
            write(out, format_args!(" {}", Time(time)));
        }
        write(out, format_args!(" {}", self.names.join(";")));
    }
}
