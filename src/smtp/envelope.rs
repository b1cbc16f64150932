//! The envelope of a message (RFC 5321 §2.3.1), with the parameters of RFC 3461 and others.

use super::address::{Mailbox, Path};
use super::command::{Body, MailFrom, RcptTo, Ret};

/// What MAIL and RCPT said.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub reverse_path: Path,
    pub recipients: Vec<Recipient>,
    /// SIZE as declared, in octets.
    pub declared_size: Option<u64>,
    pub body: Body,
    pub ret: Option<Ret>,
    pub envid: Option<Box<str>>,
    /// The AUTH parameter, if the session may set it.
    pub auth: Option<Box<str>>,
    pub smtputf8: bool,
    pub xoorg: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub struct Recipient {
    pub mailbox: Mailbox,
    pub notify: Option<Box<str>>,
    pub orcpt: Option<Box<str>>,
}

impl Envelope {
    pub fn new(mail: &MailFrom<'_>, reverse_path: Path) -> Self {
        Self {
            reverse_path,
            recipients: Vec::new(),
            declared_size: mail.size,
            body: mail.body.unwrap_or_default(),
            ret: mail.ret,
            envid: mail.envid.map(Into::into),
            auth: mail.auth.map(Into::into),
            smtputf8: mail.smtputf8,
            xoorg: mail.xoorg.map(Into::into),
        }
    }
}

impl Recipient {
    pub fn new(rcpt: &RcptTo<'_>, mailbox: Mailbox) -> Self {
        Self { mailbox, notify: rcpt.notify.map(Into::into), orcpt: rcpt.orcpt.map(Into::into) }
    }
}
