//! A message as it was accepted, as it would be passed on, and all that is known of how.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Digest;
use crate::smtp::Envelope;
use crate::smtp::header::Stripped;

/// An accepted message. It serialises to everything but its content and its text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
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
    #[serde(with = "super::envelope")]
    #[schema(value_type = super::envelope::Facts<'static>)]
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
    #[serde(with = "super::stripped")]
    #[schema(value_type = Vec<super::stripped::Field<'static>>)]
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

    /// The same in octets that are shared with the content.
    pub fn delivered_bytes(&self) -> impl Iterator<Item = Bytes> {
        let content = self.content.as_ptr_range();
        self.delivered().map(move |piece| match content.contains(&piece.as_ptr()) {
            true => self.content.slice_ref(piece),
            false => Bytes::copy_from_slice(piece),
        })
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
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tls {
    pub command: String,
    pub protocol: String,
    pub cipher_suite: String,
    /// The subject of the client's certificate.
    pub client_certificate: Option<String>,
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
