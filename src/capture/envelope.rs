//! An envelope as JSON.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::smtp::command::{Body, Ret};
use crate::smtp::{Envelope, Mailbox, Path, Recipient};

/// What MAIL and RCPT said.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Envelope)]
pub(super) struct Facts<'a> {
    mail_from: Cow<'a, str>,
    rcpt_to: Vec<Rcpt<'a>>,
    size: Option<u64>,
    #[schema(value_type = String, example = "8BITMIME")]
    body: Body,
    #[schema(value_type = Option<String>)]
    ret: Option<Ret>,
    envid: Option<Cow<'a, str>>,
    auth: Option<Cow<'a, str>>,
    smtputf8: bool,
    xoorg: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Recipient)]
struct Rcpt<'a> {
    to: Cow<'a, str>,
    notify: Option<Cow<'a, str>>,
    orcpt: Option<Cow<'a, str>>,
}

impl<'a> Rcpt<'a> {
    fn of(recipient: &'a Recipient) -> Self {
        Self {
            to: recipient.mailbox.as_str().into(),
            notify: recipient.notify.as_deref().map(Into::into),
            orcpt: recipient.orcpt.as_deref().map(Into::into),
        }
    }
}

pub(super) fn serialize<S: Serializer>(
    envelope: &Envelope,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    Facts {
        mail_from: envelope.reverse_path.to_string().into(),
        rcpt_to: envelope.recipients.iter().map(Rcpt::of).collect(),
        size: envelope.declared_size,
        body: envelope.body,
        ret: envelope.ret,
        envid: envelope.envid.as_deref().map(Into::into),
        auth: envelope.auth.as_deref().map(Into::into),
        smtputf8: envelope.smtputf8,
        xoorg: envelope.xoorg.as_deref().map(Into::into),
    }
    .serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Envelope, D::Error> {
    let facts = Facts::deserialize(deserializer)?;
    let mailbox = |text: &str| {
        let expected = || D::Error::custom(format_args!("{text:?} is no mailbox"));
        Mailbox::parse(text).ok_or_else(expected)
    };
    let text = |text: Option<Cow<'_, str>>| text.map(|text| text.into_owned().into_boxed_str());
    let reverse_path = match &facts.mail_from[..] {
        "" => Path::Null,
        from => Path::Mailbox(mailbox(from)?),
    };
    let recipient = |rcpt: Rcpt<'_>| {
        let (notify, orcpt) = (text(rcpt.notify), text(rcpt.orcpt));
        Ok(Recipient { mailbox: mailbox(&rcpt.to)?, notify, orcpt })
    };
    Ok(Envelope {
        reverse_path,
        recipients: facts.rcpt_to.into_iter().map(recipient).collect::<Result<_, D::Error>>()?,
        declared_size: facts.size,
        body: facts.body,
        ret: facts.ret,
        envid: text(facts.envid),
        auth: text(facts.auth),
        smtputf8: facts.smtputf8,
        xoorg: text(facts.xoorg),
    })
}
