//! The SmtpSend log of one session, in memory.

use std::fmt::Display;
use std::net::SocketAddr;

use jiff::Timestamp;

use super::folder::header;
use super::layout::Layout;
use super::rows::{Columns, Ending, write};
use super::schannel::Negotiated;
use super::tls::CertificateRow;
use crate::connector::Version;

/// The rows of a sender's session, in the layout of its version.
#[derive(Debug)]
pub struct SendRows {
    layout: &'static Layout,
    columns: Columns,
    rows: Vec<String>,
}

impl SendRows {
    /// `connector` is the send connector's name, `session` 16 hexadecimal digits.
    pub fn new(
        version: Version,
        connector: &str,
        session: &str,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Self {
        let columns = Columns::new(connector, session, local, remote);
        Self { layout: Layout::of(version), columns, rows: Vec::new() }
    }

    /// What the file begins with, a line each.
    pub fn header(version: Version, at: Timestamp) -> Vec<String> {
        let header = header(Layout::of(version), "Send", at);
        header.trim_start_matches('\u{feff}').lines().map(str::to_owned).collect()
    }

    pub fn connected(&mut self, at: Timestamp) {
        self.row(at, b'+', "", "");
    }

    /// A command, without what is secret in it.
    pub fn sent(&mut self, at: Timestamp, command: &str) {
        self.row(at, b'>', command, "");
    }

    /// A reply, its lines without code and separator.
    pub fn received(&mut self, at: Timestamp, code: u16, lines: &[String]) {
        if self.layout.joins_replies && lines.len() > 1 {
            return self.row(at, b'<', format_args!("{code}  {}", lines.join(" ")), "");
        }
        for (i, line) in lines.iter().enumerate() {
            let separator = if i + 1 < lines.len() { '-' } else { ' ' };
            self.row(at, b'<', format_args!("{code}{separator}{line}"), "");
        }
    }

    /// A reply that carries a token (case note of 2019-11-04).
    pub fn received_token(&mut self, at: Timestamp, code: u16) {
        self.row(at, b'<', format_args!("{code} <authentication information>"), "");
    }

    /// What is no reply, or no whole one.
    pub fn received_text(&mut self, at: Timestamp, text: &str) {
        self.row(at, b'<', text, "");
    }

    /// The certificate that the server showed.
    pub fn received_certificate(&mut self, at: Timestamp, certificate: CertificateRow<'_>) {
        certificate.rows(self.layout, "Received certificate", |data, context| {
            self.row(at, b'*', data, context);
        });
    }

    /// As [`super::Rows::negotiated`], on the client's side.
    pub fn negotiated(&mut self, at: Timestamp, protocol: &str, cipher_suite: &str, group: &str) {
        let layout = self.layout;
        let negotiated = Negotiated { layout, side: "CLIENT", protocol, cipher_suite, group };
        self.row(at, b'*', "", negotiated);
    }

    pub fn negotiation_failed(&mut self, at: Timestamp, status: &str) {
        self.row(at, b'*', "", format_args!("TLS negotiation failed with error {status}"));
    }

    /// The sender's own part of a proof failed.
    pub fn authentication_failed(&mut self, at: Timestamp, status: &str) {
        self.row(at, b'*', "", format_args!("Outbound Authentication failed with {status}"));
    }

    pub fn ended(&mut self, at: Timestamp, ending: Ending) {
        self.row(at, b'-', "", ending);
    }

    pub fn into_rows(self) -> Vec<String> {
        self.rows
    }

    fn row(&mut self, at: Timestamp, event: u8, data: impl Display, context: impl Display) {
        let mut out = Vec::new();
        self.columns.write(&mut out, at, event, |out| write(out, data), context);
        // Fields are made of text, and written as text.
        self.rows.push(String::from_utf8_lossy(&out).into_owned());
    }
}
