//! A message as it was accepted, as it would be passed on, and all that is known of how.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::ser::{SerializeSeq as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

use super::Digest;
use crate::smtp::header::Stripped;
use crate::smtp::{Envelope, Recipient};

/// An accepted message. It serialises to everything but its content.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Unique; names the files in a folder.
    pub id: String,
    /// The session that brought it, as protocol logs name sessions.
    pub session: String,
    pub received: Timestamp,
    /// `SERVER\Connector name`
    pub connector: String,
    /// Why that connector took the connection.
    pub selection: String,
    pub local: String,
    pub remote: String,
    pub hello: String,
    /// The account, or `null` for an anonymous peer.
    pub identity: Option<String>,
    pub mechanism: Option<String>,
    /// As the protocol log prints a session's permissions.
    pub permissions: String,
    pub tls: Option<Tls>,
    #[serde(serialize_with = "envelope")]
    pub envelope: Envelope,
    /// As the reply named it: its Message-ID field, or an id of this server.
    pub message_id: String,
    pub internal_id: u64,
    /// Octets of the content.
    pub octets: u64,
    #[serde(flatten)]
    pub digest: Digest,
    /// What the server puts before the content: fields with their line ends, and an empty line
    /// where the content has none of its own.
    pub stamped: Vec<String>,
    /// The fields that the header firewall takes out, in their order.
    #[serde(serialize_with = "stripped")]
    pub stripped: Vec<Stripped>,
    /// The content as it came.
    #[serde(skip)]
    pub content: Bytes,
}

impl Message {
    /// The message as an Exchange server would pass it on, in pieces: what was stamped, and of
    /// the content what was not stripped.
    pub fn delivered(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let cuts = self.stripped.iter().map(|cut| (cut.at, cut.at + cut.field.len()));
        let kept = cuts.chain([(self.content.len(), self.content.len())]).map(move |(at, end)| {
            let start = std::mem::replace(&mut from, end);
            self.content.get(start..at).unwrap_or_default()
        });
        self.stamped.iter().map(String::as_bytes).chain(kept).filter(|piece| !piece.is_empty())
    }

    /// Octets of memory that it takes, but for its facts.
    pub(super) fn held(&self) -> u64 {
        let stamped: usize = self.stamped.iter().map(String::len).sum();
        let stripped = self.stripped.len() * size_of::<Stripped>();
        let Digest { subject, preview, text } = &self.digest;
        let digest = subject.len() + preview.len() + text.len();
        (self.content.len() + stamped + stripped + digest) as u64
    }
}

/// TLS under which a message came.
#[derive(Clone, Debug, Serialize)]
pub struct Tls {
    pub command: String,
    pub protocol: String,
    pub cipher_suite: String,
    /// The subject of the client's certificate.
    pub client_certificate: Option<String>,
}

/// The text of a field, or in base64 what is not UTF-8, so that all that came can be had back.
fn stripped<S: Serializer>(all: &[Stripped], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Field<'a> {
        at: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
        needs: &'a str,
    }

    serializer.collect_seq(all.iter().map(|Stripped { at, field, needs }| {
        let text = std::str::from_utf8(field).ok();
        let base64 = text.is_none().then(|| BASE64_STANDARD.encode(field));
        Field { at: *at, field: text, base64, needs }
    }))
}

fn envelope<S: Serializer>(envelope: &Envelope, serializer: S) -> Result<S::Ok, S::Error> {
    struct Recipients<'a>(&'a [Recipient]);

    impl Serialize for Recipients<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(Some(self.0.len()))?;
            for recipient in self.0 {
                list.serialize_element(&Rcpt {
                    to: recipient.mailbox.as_str(),
                    notify: recipient.notify.as_deref(),
                    orcpt: recipient.orcpt.as_deref(),
                })?;
            }
            list.end()
        }
    }

    #[derive(Serialize)]
    struct Rcpt<'a> {
        to: &'a str,
        notify: Option<&'a str>,
        orcpt: Option<&'a str>,
    }

    let mut fields = serializer.serialize_struct("Envelope", 9)?;
    fields.serialize_field("mail_from", &envelope.reverse_path.to_string())?;
    fields.serialize_field("rcpt_to", &Recipients(&envelope.recipients))?;
    fields.serialize_field("size", &envelope.declared_size)?;
    fields.serialize_field("body", &envelope.body)?;
    fields.serialize_field("ret", &envelope.ret)?;
    fields.serialize_field("envid", &envelope.envid)?;
    fields.serialize_field("auth", &envelope.auth)?;
    fields.serialize_field("smtputf8", &envelope.smtputf8)?;
    fields.serialize_field("xoorg", &envelope.xoorg)?;
    fields.end()
}

/// A message from nobody, for tests.
#[cfg(test)]
pub(super) fn sample(id: &str, content: &[u8]) -> Message {
    use crate::smtp::Path;
    use crate::smtp::command::MailFrom;

    let mail = MailFrom::parse("FROM:<>").unwrap();
    Message {
        id: id.to_owned(),
        session: String::new(),
        received: Timestamp::UNIX_EPOCH,
        connector: String::new(),
        selection: String::new(),
        local: String::new(),
        remote: String::new(),
        hello: String::new(),
        identity: None,
        mechanism: None,
        permissions: String::new(),
        tls: None,
        envelope: Envelope::new(&mail, Path::Null),
        message_id: String::new(),
        internal_id: 0,
        octets: content.len() as u64,
        digest: Digest::of(content),
        stamped: Vec::new(),
        stripped: Vec::new(),
        content: Bytes::copy_from_slice(content),
    }
}
