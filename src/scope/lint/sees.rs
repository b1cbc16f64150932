//! What people see of a fault: replies, missing keywords, queues, events, log rows.
//!
//! Texts may hold `{names}`, which a finding fills in: `{connector}` and `{identity}` always.

use crate::connector::{ExchangeAuthRefusal, Server, Version};
use crate::smtp::{Reply, reply};

/// What servers of one version say, where versions differ.
pub trait Words {
    /// To RCPT without Accept-Any-Recipient.
    fn relay_refused(&self) -> Reply;
    /// To MAIL without Submit.
    fn not_authenticated(&self) -> Reply;
    /// To a sender that is not one of the user's addresses.
    fn cannot_send_as(&self) -> Reply;
    /// What the queue of a sending server shows of `reply`.
    fn in_queue(&self, reply: &str) -> String;
}

/// A server, and how it puts things.
#[derive(Clone, Copy)]
pub struct Voice<'a> {
    pub server: &'a Server,
    pub words: &'a dyn Words,
}

/// The reply that a server gives.
pub type ReplyOf = fn(&Voice<'_>) -> Reply;

/// What a rule says that people see.
#[derive(Clone, Copy, Debug)]
pub struct Sees {
    /// What the client says, and how the receiver answers.
    pub replies: &'static [(&'static str, ReplyOf)],
    /// Keywords that the EHLO reply lacks.
    pub lacks: &'static [&'static str],
    /// What the queue of the sending server shows.
    pub queue: Option<Queue>,
    /// Id and text of an event of the receiver.
    pub event: Option<(u32, &'static str)>,
    /// What the receiver's protocol log shows.
    pub log: Option<&'static str>,
    /// Anything else.
    pub more: Option<&'static str>,
}

/// The error text of a queue.
#[derive(Clone, Copy, Debug)]
pub enum Queue {
    /// A reply of the receiver.
    Answer(ReplyOf),
    /// What the sender makes up where it finds no way.
    Own(&'static str),
}

/// The same in one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symptoms {
    pub replies: Vec<(&'static str, String)>,
    pub lacks: Vec<&'static str>,
    pub queue: Option<String>,
    pub event: Option<(u32, String)>,
    pub log: Option<String>,
    pub more: Option<String>,
}

/// The first row of a session, by its connector-id.
const OTHER_CONNECTOR: &str = "`…,{identity},…,0,…,{source}:…,+,,`";

pub(super) const NOTHING: Sees =
    Sees { replies: &[], lacks: &[], queue: None, event: None, log: None, more: None };

/// What a peer sees where there is no Exchange Server authentication. That the receiver says
/// 451 5.7.3 itself is a choice of the server's, see [`ExchangeAuthRefusal`].
pub(super) const NO_EXCHANGE_AUTH: Sees = Sees {
    replies: &[("X-EXPS GSSAPI", exchange_auth_refused)],
    lacks: &["X-ANONYMOUSTLS", "X-EXPS"],
    queue: Some(Queue::Answer(|_| reply::CANNOT_ACHIEVE_EXCHANGE_AUTH)),
    log: Some(OTHER_CONNECTOR),
    more: Some(
        "that the receiver says 451 5.7.3 itself is expsd's choice (ExchangeAuthRefusal); a real sender's queue shows it in any case",
    ),
    ..NOTHING
};

/// What an application sees that may not relay.
pub(super) const NO_RELAY: Sees =
    Sees { replies: &[("RCPT TO:<somebody@elsewhere.example>", relay_refused)], ..NOTHING };

/// What anybody sees who may relay.
pub(super) const OPEN_RELAY: Sees = Sees {
    replies: &[("RCPT TO:<somebody@elsewhere.example>", |_| reply::RECIPIENT_OK)],
    log: Some(
        "`…,{identity},…,{source}:…,<,RCPT TO:<somebody@elsewhere.example>,`, and no refusal in the next row",
    ),
    ..NOTHING
};

/// What a cmdlet refuses to make.
pub(super) const REFUSED: Sees = Sees {
    event: Some((
        1003,
        "The configuration of one of the SMTP Receive connectors is invalid. The configuration change will be ignored.",
    )),
    more: Some("the cmdlet refuses to set it, and `expsd serve` to run it"),
    ..NOTHING
};

/// What a sender sees that wants TLS where STARTTLS is not offered.
pub(super) const NO_STARTTLS: Sees = Sees {
    lacks: &["STARTTLS"],
    queue: Some(Queue::Own("451 5.7.3 STARTTLS is required to send mail")),
    more: Some("senders that do not insist on TLS send in clear"),
    ..NOTHING
};

fn exchange_auth_refused(voice: &Voice<'_>) -> Reply {
    match voice.server.exchange_auth_refusal {
        ExchangeAuthRefusal::Documented => reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
        ExchangeAuthRefusal::Observed => reply::UNRECOGNIZED_AUTH_TYPE,
    }
}

pub(super) fn relay_refused(voice: &Voice<'_>) -> Reply {
    voice.words.relay_refused()
}

pub(super) fn not_authenticated(voice: &Voice<'_>) -> Reply {
    voice.words.not_authenticated()
}

pub(super) fn cannot_send_as(voice: &Voice<'_>) -> Reply {
    voice.words.cannot_send_as()
}

impl Queue {
    fn text(self, voice: &Voice<'_>) -> String {
        match self {
            Self::Answer(reply) => voice.words.in_queue(&reply(voice).to_string()),
            Self::Own(text) => voice.words.in_queue(text),
        }
    }
}

impl Symptoms {
    /// In words, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.lacks.is_empty() {
            lines.push(format!("the EHLO reply lacks {}", self.lacks.join(", ")));
        }
        lines.extend(self.queue.iter().map(|queue| format!("the sender's queue: \"{queue}\"")));
        let replies = self.replies.iter().map(|(to, reply)| format!("{to} gets \"{reply}\""));
        lines.extend(replies);
        lines.extend(self.event.iter().map(|(id, text)| format!("event {id}: {text}")));
        lines.extend(self.log.iter().map(|log| format!("protocol log: {log}")));
        lines.extend(self.more.clone());
        lines
    }
}

impl Sees {
    /// What is seen of a server, with the names in the texts filled in.
    pub(super) fn symptoms(&self, voice: &Voice<'_>, names: &[(&str, String)]) -> Symptoms {
        let fill = |text: &str| {
            names.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
        };
        Symptoms {
            replies: self.replies.iter().map(|(to, of)| (*to, of(voice).to_string())).collect(),
            lacks: self.lacks.to_vec(),
            queue: self.queue.map(|queue| fill(&queue.text(voice))),
            event: self.event.map(|(id, text)| (id, fill(text))),
            log: self.log.map(fill),
            more: self.more.map(fill),
        }
    }

    /// What every version shows, a line each, in Markdown.
    pub(super) fn lines(&self, words: &dyn Fn(Version) -> &'static dyn Words) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.lacks.is_empty() {
            lines.push(format!("the EHLO reply lacks {}", quoted(self.lacks)));
        }
        if let Some(queue) = self.queue {
            for (versions, text) in by_version(words, |voice| queue.text(voice)) {
                lines.push(format!("the sender's queue shows `{text}`{versions}"));
            }
        }
        for (to, of) in self.replies {
            for (versions, text) in by_version(words, |voice| of(voice).to_string()) {
                // Markdown would take `<…>` for a tag.
                let to = if to.contains('<') { format!("`{to}`") } else { (*to).to_owned() };
                lines.push(format!("{to} gets `{text}`{versions}"));
            }
        }
        let plain = |text: &str| text.replace('{', "<").replace('}', ">");
        lines.extend(self.event.map(|(id, text)| format!("event {id}: `{}`", plain(text))));
        lines.extend(self.log.map(|text| format!("the protocol log: {}", plain(text))));
        lines.extend(self.more.map(plain));
        lines
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Each text with the versions that it belongs to, unless there is one text for all.
fn by_version(
    words: &dyn Fn(Version) -> &'static dyn Words,
    text: impl Fn(&Voice<'_>) -> String,
) -> Vec<(String, String)> {
    let of = |version| {
        let server = Server { version, ..Server::default() };
        text(&Voice { server: &server, words: words(version) })
    };
    let mut found: Vec<(Vec<Version>, String)> = Vec::new();
    for version in Version::ALL {
        let text = of(version);
        match found.last_mut().filter(|(_, last)| *last == text) {
            Some((versions, _)) => versions.push(version),
            None => found.push((vec![version], text)),
        }
    }
    let all = found.len() == 1;
    let span = |versions: Vec<Version>| match (versions.as_slice(), all) {
        (_, true) | ([], _) => String::new(),
        ([one], _) => format!(" ({one})"),
        ([first, .., last], _) => format!(" ({first} to {last})"),
    };
    found.into_iter().map(|(versions, text)| (span(versions), text)).collect()
}
