//! The decision trace: one session, with the reason of every answer.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened in a session, and why. `Display` tells it to a person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Trace {
    /// 16 hexadecimal digits, as in the protocol log.
    pub session: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// The local address, as the connector's binding has it.
    pub local: String,
    pub remote: String,
    pub selection: Selection,
    pub steps: Vec<Step>,
    /// Steps that are not kept, beyond [`Trace::MAX_STEPS`] or [`Trace::MAX_OCTETS`].
    pub more_steps: u64,
    /// Who the peer turned out to be; `None`: it stayed anonymous.
    pub identity: Option<String>,
    pub messages: u32,
    pub outcome: Outcome,
    /// Who ended the connection.
    pub ending: Option<String>,
    /// What commands and replies take so far.
    #[serde(skip)]
    octets: usize,
}

/// Which connector was met, and how the others stood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Selection {
    /// `SERVER\Connector name`
    pub connector: String,
    /// In a sentence.
    pub reason: String,
    /// Every other connector, with why it is not the one.
    pub others: Vec<Other>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Other {
    pub connector: String,
    pub why: Cow<'static, str>,
}

/// How a session went, by the worst that happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing was refused, and no message came.
    #[default]
    Quiet,
    /// Messages were accepted, and nothing was refused.
    Accepted,
    /// Something was refused.
    Refused,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Milliseconds since the session started.
    pub at: u64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// A command, without what is secret in it.
    Command {
        text: String,
    },
    /// A reply, and why it refuses if it does.
    Reply {
        text: String,
        refusal: Option<Refusal>,
    },
    /// What an EHLO reply left out, and why.
    LeftOut {
        keywords: Vec<LeftOut>,
    },
    /// What the session may do from here on, each right with what gives it.
    Permissions {
        holder: String,
        grants: Vec<Grant>,
    },
    /// The next replies wait, for a tarpit or a delayed acknowledgement.
    Delayed {
        milliseconds: u64,
    },
    Tls {
        command: String,
        protocol: String,
        cipher_suite: String,
        client_certificate: Option<String>,
    },
    TlsFailed {
        command: String,
        error: String,
    },
    /// A proof was good.
    Authenticated {
        account: String,
        mechanism: String,
        package: String,
    },
    /// Something that fits none of the others, in words.
    Remark {
        text: String,
    },
    /// A message was kept under this id.
    Message {
        id: String,
        octets: u64,
        recipients: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    pub reason: String,
    /// What shows at a sending Exchange server.
    pub sender: Option<String>,
    pub mend: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    pub keyword: Cow<'static, str>,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// The permission group, or the entry of Add-ADPermission.
    pub by: String,
    /// By the names of the protocol log.
    pub rights: String,
}

impl Trace {
    /// A session may be as long as it likes; its trace may not.
    pub const MAX_STEPS: usize = 1_000;
    /// What the commands and replies of its steps may take.
    pub const MAX_OCTETS: usize = 64 << 10;

    pub fn new(
        session: String,
        started: Timestamp,
        local: String,
        remote: String,
        selection: Selection,
    ) -> Self {
        Self {
            session,
            started,
            ended: None,
            local,
            remote,
            selection,
            steps: Vec::new(),
            more_steps: 0,
            identity: None,
            messages: 0,
            outcome: Outcome::Quiet,
            ending: None,
            octets: 0,
        }
    }

    pub fn push(&mut self, at: u64, what: What) {
        match &what {
            What::Reply { refusal: Some(_), .. } | What::TlsFailed { .. } => {
                self.outcome = Outcome::Refused;
            }
            What::Message { .. } => {
                self.messages += 1;
                if self.outcome == Outcome::Quiet {
                    self.outcome = Outcome::Accepted;
                }
            }
            _ => {}
        }
        let octets = self.octets + what.octets();
        if self.steps.len() < Self::MAX_STEPS && octets <= Self::MAX_OCTETS {
            self.octets = octets;
            self.steps.push(Step { at, what });
        } else {
            self.more_steps += 1;
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Session {}, {} to {}, {:.3}",
            self.session, self.remote, self.local, self.started
        )?;
        writeln!(f, "  met {}: {}", self.selection.connector, self.selection.reason)?;
        for Other { connector, why } in &self.selection.others {
            writeln!(f, "  not {connector}: {why}")?;
        }
        for Step { what, .. } in &self.steps {
            what.fmt(f)?;
        }
        if self.more_steps > 0 {
            writeln!(f, "  … and {} more steps, which were not kept", self.more_steps)?;
        }
        let identity = self.identity.as_deref().unwrap_or("anonymous");
        let ending = self.ending.as_deref().unwrap_or("still open");
        let count = match self.messages {
            0 => "no message".to_owned(),
            1 => "1 message".to_owned(),
            n => format!("{n} messages"),
        };
        writeln!(f, "  in the end: {identity}, {count}, {ending}")
    }
}

impl What {
    /// What the peer made it take.
    fn octets(&self) -> usize {
        match self {
            Self::Command { text } | Self::Reply { text, .. } | Self::Remark { text } => text.len(),
            _ => 0,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { text } => writeln!(f, "  C: {text}"),
            Self::Reply { text, refusal } => {
                text.lines().try_for_each(|line| writeln!(f, "  S: {line}"))?;
                refusal.as_ref().map_or(Ok(()), |refusal| refusal.fmt(f))
            }
            Self::LeftOut { keywords } => {
                let mut reasons: Vec<&str> = Vec::new();
                for LeftOut { why, .. } in keywords {
                    if !reasons.contains(&&why[..]) {
                        reasons.push(why);
                    }
                }
                reasons.iter().try_for_each(|reason| {
                    let alike = keywords.iter().filter(|left| left.why == *reason);
                    let names: Vec<_> = alike.map(|left| &left.keyword[..]).collect();
                    writeln!(f, "     no {}: {reason}", names.join(", "))
                })
            }
            Self::Permissions { holder, grants } => {
                writeln!(f, "  as {holder}, by")?;
                if grants.is_empty() {
                    writeln!(f, "     nothing")?;
                }
                grants
                    .iter()
                    .try_for_each(|Grant { by, rights }| writeln!(f, "     {by}: {rights}"))
            }
            Self::Delayed { milliseconds } => {
                writeln!(f, "  waits {}.{:03} s", milliseconds / 1000, milliseconds % 1000)
            }
            Self::Tls { command, protocol, cipher_suite, client_certificate } => {
                write!(f, "  TLS by {command}: {protocol}, {cipher_suite}")?;
                match client_certificate {
                    Some(subject) => writeln!(f, ", client certificate {subject}"),
                    None => writeln!(f),
                }
            }
            Self::TlsFailed { command, error } => {
                writeln!(f, "  the handshake behind {command} failed: {error}")
            }
            Self::Authenticated { account, mechanism, package } => {
                writeln!(f, "  {account} proved itself by {mechanism} ({package})")
            }
            Self::Remark { text } => writeln!(f, "  {text}"),
            Self::Message { id, octets, recipients } => {
                writeln!(f, "  kept as {id}: {octets} octets for {recipients} recipients")
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "     Refused because {}.", self.reason)?;
        if let Some(sender) = &self.sender {
            writeln!(f, "     On Exchange {sender}.")?;
        }
        match &self.mend {
            Some(mend) => writeln!(f, "     To mend it: {mend}."),
            None => Ok(()),
        }
    }
}
