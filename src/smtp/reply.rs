//! The reply catalogue: every reply expsd can give is a constant or a constructor in this file,
//! and so is what a sender says in a server's place.
//!
//! `docs/evidence.md` tells for each where its text was seen: a Microsoft page, a public
//! transcript, or "our choice". What needs a word to be understood has it here.

use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, BytesMut};

/// One SMTP reply (RFC 5321 §4.2): a code and its text, in one or more lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    /// Text after the code, with the enhanced status code; lines separated by `\n`.
    text: Cow<'static, str>,
}

impl Reply {
    const fn new(code: u16, text: &'static str) -> Self {
        Self { code, text: Cow::Borrowed(text) }
    }

    pub(super) fn owned(code: u16, text: String) -> Self {
        Self { code, text: Cow::Owned(text) }
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// 5yz: the command failed for good.
    pub fn is_permanent_failure(&self) -> bool {
        self.code >= 500
    }

    /// Appends the reply as it goes over the wire.
    pub fn write_to(&self, out: &mut BytesMut) {
        out.reserve(self.text.len() + 16);
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            write_code(out, self.code, lines.peek().is_none());
            out.put_slice(line.as_bytes());
            out.put_slice(b"\r\n");
        }
    }
}

/// Writes `code` and the separator that tells whether more lines follow.
fn write_code(out: &mut BytesMut, code: u16, last: bool) {
    let digit = |n: u16| b'0' + (n % 10) as u8;
    out.put_slice(&[
        digit(code / 100),
        digit(code / 10),
        digit(code),
        if last { b' ' } else { b'-' },
    ]);
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let last = lines.peek().is_none();
            write!(f, "{}{}{line}", self.code, if last { ' ' } else { '-' })?;
            if !last {
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

// Greeting, hello, TLS and misc.

/// Two lines; the verb list is the same from 2010 to SE (nmap scans of all four).
pub const HELP: Reply = Reply::new(
    214,
    "This server supports the following commands:\nHELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH BDAT",
);
/// STARTTLS or X-ANONYMOUSTLS accepted.
pub const READY_FOR_TLS: Reply = Reply::new(220, "2.0.0 SMTP server ready");
pub const CLOSING: Reply = Reply::new(221, "2.0.0 Service closing transmission channel");
/// NOOP: no transcript shows the answer of 2007 or later; our choice.
pub const OK: Reply = Reply::new(250, "2.0.0 OK");
/// KB 304897, for 2000/2003.
pub const RESETTING: Reply = Reply::new(250, "2.0.0 Resetting");
pub const CANNOT_VRFY: Reply = Reply::new(252, "2.1.5 Cannot VRFY user");

// The mail transaction.

pub const SENDER_OK: Reply = Reply::new(250, "2.1.0 Sender OK");
pub const RECIPIENT_OK: Reply = Reply::new(250, "2.1.5 Recipient OK");
pub const START_MAIL_INPUT: Reply = Reply::new(354, "Start mail input; end with <CRLF>.<CRLF>");

/// The answer to a BDAT that is not the last; our choice of text.
pub fn chunk_received(octets: u64) -> Reply {
    Reply::owned(250, format!("2.6.0 CHUNK received OK, {octets} octets"))
}

/// `250 2.6.0 <id>… Queued mail for delivery`; `detail` is what the version puts between.
pub fn queued(message_id: &str, detail: &str) -> Reply {
    Reply::owned(250, format!("2.6.0 {message_id}{detail} Queued mail for delivery"))
}

// Authentication.

pub const AUTHENTICATED: Reply = Reply::new(235, "2.7.0 Authentication successful");

/// `334`, and a prompt in clear or a base64 token.
pub fn continue_auth(text: impl Into<Cow<'static, str>>) -> Reply {
    Reply { code: 334, text: text.into() }
}

// 4yz.

/// A service that is not up. That a source without a connector and a shutdown get it too is
/// our choice.
pub const SERVICE_NOT_AVAILABLE: Reply = Reply::new(421, "4.3.2 Service not available");
/// MaxInboundConnection; text unconfirmed.
pub const TOO_MANY_CONNECTIONS: Reply = Reply::new(
    421,
    "4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel",
);
/// MaxInboundConnectionPerSource and its percentage.
pub const TOO_MANY_FROM_SOURCE: Reply = Reply::new(
    421,
    "4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel",
);
/// The transport service is there and inactive.
pub const SERVICE_NOT_ACTIVE: Reply = Reply::new(421, "4.3.2 Service not active");
/// ConnectionTimeout; the text is known from senders' queues, as a receiver's it is our choice.
pub const CONNECTION_TIMED_OUT: Reply = Reply::new(421, "4.4.1 Connection timed out");
/// MessageRateLimit.
pub const SUBMISSION_RATE: Reply = Reply::new(
    421,
    "4.4.2 Message submission rate for this client has exceeded the configured limit",
);
/// MaxProtocolErrors or MaxLogonFailures; text unconfirmed, our choice.
pub const TOO_MANY_ERRORS: Reply =
    Reply::new(421, "4.7.0 Too many errors on this connection, closing transmission channel");
/// Domain Security; text unconfirmed.
pub const SECURE_DOMAIN_DISALLOWED: Reply =
    Reply::new(451, "4.7.3 The admin has temporarily disallowed this secure domain");
/// A Front End that finds no Hub to pass the session on to.
pub const PROXY_FAILED_PRX5: Reply =
    Reply::new(451, "4.7.0 Temporary server error. Please try again later. PRX5");
pub const TIMEOUT_WAITING: Reply = Reply::new(451, "4.7.0 Timeout waiting for client input");
pub const MUST_ISSUE_STARTTLS: Reply = Reply::new(451, "5.7.3 Must issue a STARTTLS command first");
/// A sender's own text, in its queue. That a receiver gives it is our choice, see
/// `ExchangeAuthRefusal`.
pub const CANNOT_ACHIEVE_EXCHANGE_AUTH: Reply =
    Reply::new(451, "5.7.3 Cannot achieve Exchange Server authentication");
/// A sender's own text, where its send connector requires TLS; no receiver here gives it.
pub const STARTTLS_REQUIRED_TO_SEND: Reply =
    Reply::new(451, "5.7.3 STARTTLS is required to send mail");
/// A sender's own text, under direct trust (said of 2013).
pub const CANNOT_LOAD_CERTIFICATE: Reply = Reply::new(
    451,
    "5.7.3 Cannot load Internal Transport Certificate. Exchange Server authentication failed.",
);
pub const INSUFFICIENT_RESOURCES: Reply = Reply::new(452, "4.3.1 Insufficient system resources");
/// Back pressure at the end of data, which names what is short.
pub const INSUFFICIENT_DISK: Reply = Reply::new(
    452,
    r"4.3.1 Insufficient system resources (UsedDiskSpace[C:\Program Files\Microsoft\Exchange Server\V15\TransportRoles\data\Queue])",
);
pub const TOO_MANY_RECIPIENTS: Reply = Reply::new(452, "4.5.3 Too many recipients");
pub const TEMPORARY_AUTH_FAILURE: Reply = Reply::new(454, "4.7.0 Temporary authentication failure");

pub const CERTIFICATE_VALIDATION_FAILURE: Reply =
    Reply::new(454, "4.7.5 Certificate validation failure");

// 5yz: the conversation.

pub const UNRECOGNIZED_COMMAND: Reply = Reply::new(500, "5.3.3 Unrecognized command");
/// XEXCH50 where the connector does not offer it; text unconfirmed.
pub const NOT_ENABLED: Reply = Reply::new(500, "5.5.1 Not enabled");
/// Text unconfirmed.
pub const COMMAND_TOO_LONG: Reply = Reply::new(500, "5.5.2 Command too long");
/// RequireEHLODomain; text unconfirmed.
pub const EHLO_REQUIRES_DOMAIN: Reply = Reply::new(501, "5.0.0 EHLO requires domain address");
/// RequireEHLODomain; text unconfirmed.
pub const HELO_REQUIRES_DOMAIN: Reply = Reply::new(501, "5.0.0 HELO requires domain address");
pub const INVALID_RECIPIENT: Reply = Reply::new(501, "5.1.3 Invalid address");
/// RejectReservedTopLevelRecipientDomains; the code from the queue of a sender.
pub const RESERVED_TOP_LEVEL: Reply =
    Reply::new(501, "5.1.4 Recipient address reserved by RFC 2606");
/// RejectReservedSecondLevelRecipientDomains.
pub const RESERVED_SECOND_LEVEL: Reply =
    Reply::new(501, "5.1.5 Recipient address reserved by RFC 2606");
/// RejectSingleLabelRecipientDomains.
pub const SINGLE_LABEL: Reply =
    Reply::new(501, "5.1.6 Recipient addresses in single label domains not accepted");
/// From a log of 2010; Microsoft's telnet walkthrough prints 550 for the code.
pub const INVALID_SENDER: Reply = Reply::new(501, "5.1.7 Invalid address");
pub const INVALID_DOMAIN_NAME: Reply = Reply::new(501, "5.5.4 Invalid domain name");
pub const INVALID_ARGUMENTS: Reply = Reply::new(501, "5.5.4 Invalid arguments");
pub const UNRECOGNIZED_PARAMETER: Reply = Reply::new(501, "5.5.4 Unrecognized parameter");
pub const UNSUPPORTED_BODY: Reply = Reply::new(501, "5.5.4 Unsupported BODY type");
/// `*` as a continuation; text unconfirmed.
pub const AUTH_CANCELLED: Reply = Reply::new(501, "5.5.4 Authentication cancelled");
pub const NOT_IMPLEMENTED: Reply = Reply::new(502, "5.3.3 Command not implemented");
pub const BAD_SEQUENCE: Reply = Reply::new(503, "5.5.1 Bad sequence of commands");
pub const SEND_HELLO_FIRST: Reply = Reply::new(503, "5.5.2 Send hello first");
pub const NEED_MAIL: Reply = Reply::new(503, "5.5.2 Need mail command");
pub const NEED_RCPT: Reply = Reply::new(503, "5.5.2 Need rcpt command");
pub const SENDER_ALREADY_SPECIFIED: Reply = Reply::new(503, "5.5.2 Sender already specified");
pub const AUTH_ALREADY_SPECIFIED: Reply = Reply::new(503, "5.5.2 Auth command already specified");
pub const ONLY_ONE_STARTTLS: Reply =
    Reply::new(503, "5.5.2 Only one STARTTLS command can be issued per session");

// 5yz: rights and content.

pub const NOT_AUTHORIZED: Reply = Reply::new(504, "5.7.1 Not authorized");
pub const NOT_AUTHORIZED_ORAR: Reply = Reply::new(504, "5.7.1 Not authorized to send ORAR");
pub const NOT_AUTHORIZED_RDST: Reply = Reply::new(504, "5.7.1 Not authorized to send RDST");
pub const UNRECOGNIZED_AUTH_TYPE: Reply = Reply::new(504, "5.7.4 Unrecognized authentication type");
/// MAIL without Submit, 2007 to 2016.
pub const NOT_AUTHENTICATED: Reply = Reply::new(530, "5.7.1 Client was not authenticated");
/// MAIL without Submit, 2019.
pub const NOT_AUTHENTICATED_2019: Reply = Reply::new(
    530,
    "5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
);
/// Domain Security; text unconfirmed.
pub const PARTNER_NOT_AUTHENTICATED: Reply = Reply::new(530, "5.7.1 Not authenticated");
pub const AUTH_UNSUCCESSFUL: Reply = Reply::new(535, "5.7.3 Authentication unsuccessful");
/// RCPT outside the accepted domains, 2007 to 2013.
pub const UNABLE_TO_RELAY: Reply = Reply::new(550, "5.7.1 Unable to relay");
/// RCPT outside the accepted domains, 2016 and 2019.
pub const UNABLE_TO_RELAY_2016: Reply =
    Reply::new(550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain");
/// 2007 to 2016.
pub const CANNOT_SEND_AS: Reply =
    Reply::new(550, "5.7.1 Client does not have permissions to send as this sender");
/// Seen on premises in 2020 and 2025; we give it for 2019.
pub const CANNOT_SEND_AS_2019: Reply =
    Reply::new(550, "5.7.60 SMTP; Client does not have permissions to send as this sender");
/// Text unconfirmed.
pub const ANONYMOUS_CANNOT_SEND_AS: Reply =
    Reply::new(550, "5.7.1 Anonymous client does not have permissions to send as this sender");
pub const MESSAGE_TOO_LARGE: Reply =
    Reply::new(552, "5.3.4 Message size exceeds fixed maximum message size");
/// MaxHeaderSize; text unconfirmed.
pub const HEADER_TOO_LARGE: Reply = Reply::new(552, "5.3.4 Header size exceeds fixed maximum size");
/// MaxHopCount or MaxLocalHopCount.
pub const HOP_COUNT_EXCEEDED: Reply =
    Reply::new(554, "5.4.6 Hop count exceeded - possible mail loop");
/// BareLinefeedRejectionEnabled; text unconfirmed.
pub const BARE_LINEFEEDS: Reply =
    Reply::new(554, "5.6.0 Invalid message content, contains bare linefeeds");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lines_are_joined_by_a_hyphen_after_the_code() {
        let mut wire = BytesMut::new();
        HELP.write_to(&mut wire);
        assert_eq!(
            &wire[..],
            b"214-This server supports the following commands:\r\n\
              214 HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH BDAT\r\n"
        );
    }

    #[test]
    fn display_is_the_wire_form_without_the_last_line_end() {
        assert_eq!(SENDER_OK.to_string(), "250 2.1.0 Sender OK");
    }
}
