//! A message as it was accepted, and all that is known of how.

use bytes::Bytes;
use jiff::Timestamp;
use serde::ser::{SerializeSeq as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

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
    /// Its Message-ID field.
    pub message_id: Option<String>,
    pub internal_id: u64,
    pub octets: u64,
    #[serde(skip)]
    pub content: Bytes,
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

    let mut fields = serializer.serialize_struct("Envelope", 8)?;
    fields.serialize_field("mail_from", &envelope.reverse_path.to_string())?;
    fields.serialize_field("rcpt_to", &Recipients(&envelope.recipients))?;
    fields.serialize_field("size", &envelope.declared_size)?;
    fields.serialize_field("body", &envelope.body)?;
    fields.serialize_field("ret", &envelope.ret)?;
    fields.serialize_field("envid", &envelope.envid)?;
    fields.serialize_field("auth", &envelope.auth)?;
    fields.serialize_field("smtputf8", &envelope.smtputf8)?;
    fields.end()
}
