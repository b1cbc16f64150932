//! The decision trace: one session, with the reason of every answer.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened in a session, and why.
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
    /// Steps that are not kept, as there were too many, or they were too long.
    pub more_steps: u64,
    /// Who the peer turned out to be; `None`: it stayed anonymous.
    pub identity: Option<String>,
    pub messages: u32,
    pub outcome: Outcome,
    /// The failure rules that have bitten, each once; 100 at most.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Who ended the connection.
    pub ending: Option<String>,
    /// What its steps take so far.
    #[serde(skip)]
    octets: usize,
}

/// Which connector was met, and how the others stood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Selection {
    /// `SERVER\Connector name`; `None`: no connector takes the connection.
    pub connector: Option<String>,
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
    Command { text: String },
    /// A reply, and why it refuses if it does.
    Reply { text: String, refusal: Option<Refusal> },
    /// What an EHLO reply left out, and why.
    LeftOut { keywords: Vec<LeftOut> },
    /// What the session may do from here on, each right with what gives it.
    Permissions { holder: String, grants: Vec<Grant> },
    /// The next replies wait, for a tarpit or a delayed acknowledgement.
    Delayed { milliseconds: u64 },
    Tls {
        command: String,
        protocol: String,
        cipher_suite: String,
        client_certificate: Option<String>,
    },
    /// A handshake failed, which no reply tells.
    TlsFailed { command: String, refusal: Refusal },
    /// A proof was good.
    Authenticated { account: String, mechanism: String, package: String },
    /// Something that fits none of the others, in words.
    Remark { text: String },
    /// A message was kept under this id.
    Message { id: String, octets: u64, recipients: usize },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    pub reason: String,
    /// What shows at a sending Exchange server.
    pub sender: Option<String>,
    pub mend: Option<String>,
    /// Commands that mend it.
    #[serde(default)]
    pub commands: Vec<String>,
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
    /// What its steps may take.
    pub const MAX_OCTETS: usize = 64 << 10;
    /// Rules that it names.
    pub const MAX_RULES: usize = 100;

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
            rules: Vec::new(),
            ending: None,
            octets: 0,
        }
    }

    /// A rule has bitten. Whether it is the first time.
    pub fn ruled(&mut self, rule: &str) -> bool {
        let is_new =
            self.rules.len() < Self::MAX_RULES && self.rules.iter().all(|known| known != rule);
        if is_new {
            self.rules.push(rule.to_owned());
        }
        is_new
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

/// In lines for a person.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Session {}, {} to {}, {:.3}",
            self.session, self.remote, self.local, self.started
        )?;
        match &self.selection.connector {
            Some(connector) => writeln!(f, "  met {connector}: {}", self.selection.reason)?,
            None => writeln!(f, "  met no connector: {}", self.selection.reason)?,
        }
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
            1 => "1 message accepted".to_owned(),
            n => format!("{n} messages accepted"),
        };
        writeln!(f, "  in the end: {identity}, {count}, {ending}")
    }
}

impl What {
    /// About what it takes, here and in a file.
    fn octets(&self) -> usize {
        /// Its time, its kind and the names of its parts.
        const FRAME: usize = 64;
        let sum = |lengths: &mut dyn Iterator<Item = usize>| lengths.sum::<usize>();
        FRAME
            + match self {
                Self::Command { text } | Self::Remark { text } => text.len(),
                Self::Reply { text, refusal } => {
                    text.len() + refusal.as_ref().map_or(0, Refusal::octets)
                }
                Self::LeftOut { keywords } => {
                    sum(&mut keywords.iter().map(|k| FRAME + k.keyword.len() + k.why.len()))
                }
                Self::Permissions { holder, grants } => {
                    let grants = grants.iter().map(|g| FRAME + g.by.len() + g.rights.len());
                    holder.len() + sum(&mut { grants })
                }
                Self::Tls { command, protocol, cipher_suite, client_certificate } => {
                    let certificate = client_certificate.as_ref().map_or(0, String::len);
                    command.len() + protocol.len() + cipher_suite.len() + certificate
                }
                Self::TlsFailed { command, refusal } => command.len() + refusal.octets(),
                Self::Authenticated { account, mechanism, package } => {
                    account.len() + mechanism.len() + package.len()
                }
                Self::Message { id, .. } => id.len(),
                Self::Delayed { .. } => 0,
            }
    }
}

impl Refusal {
    fn octets(&self) -> usize {
        let optional = [&self.sender, &self.mend].into_iter().flatten();
        self.reason.len() + optional.chain(&self.commands).map(String::len).sum::<usize>()
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
            Self::TlsFailed { command, refusal } => {
                writeln!(f, "  the handshake behind {command} failed")?;
                refusal.fmt(f)
            }
            Self::Authenticated { account, mechanism, package } => {
                write!(f, "  {account} proved itself by {mechanism}")?;
                // A package that the mechanism chose is news.
                match package.eq_ignore_ascii_case(mechanism) {
                    true => writeln!(f),
                    false => writeln!(f, " ({package})"),
                }
            }
            Self::Remark { text } => writeln!(f, "  {text}"),
            Self::Message { id, octets, recipients } => {
                let plural = if *recipients == 1 { "" } else { "s" };
                writeln!(f, "  kept as {id}: {octets} octets for {recipients} recipient{plural}")
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
        if let Some(mend) = &self.mend {
            let end = if self.commands.is_empty() { '.' } else { ':' };
            writeln!(f, "     To mend it: {mend}{end}")?;
        }
        self.commands.iter().try_for_each(|command| writeln!(f, "       {command}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        let selection = Selection { connector: None, reason: String::new(), others: Vec::new() };
        Trace::new(String::new(), Timestamp::UNIX_EPOCH, String::new(), String::new(), selection)
    }

    /// Whatever its steps are made of.
    #[test]
    fn a_trace_is_no_longer_than_it_may_be() {
        let long = || "x".repeat(200);
        let refusal = || Refusal {
            reason: long(),
            sender: Some(long()),
            mend: Some(long()),
            commands: vec![long()],
        };
        let left_out = || LeftOut { keyword: "STARTTLS".into(), why: long() };
        let grant = || Grant { by: long(), rights: long() };
        for what in [
            What::Reply { text: "500".to_owned(), refusal: Some(refusal()) },
            What::LeftOut { keywords: (0..5).map(|_| left_out()).collect() },
            What::Permissions { holder: long(), grants: (0..5).map(|_| grant()).collect() },
            What::TlsFailed { command: "STARTTLS".to_owned(), refusal: refusal() },
            What::Command { text: "NOOP".to_owned() },
            What::Delayed { milliseconds: 5_000 },
        ] {
            let mut trace = trace();
            for _ in 0..Trace::MAX_STEPS {
                trace.push(100, what.clone());
            }
            let octets = serde_json::to_string(&trace.steps).unwrap().len();
            assert!(octets <= Trace::MAX_OCTETS * 5 / 4, "{octets}: {what:?}");
            assert_eq!(trace.steps.len() as u64 + trace.more_steps, Trace::MAX_STEPS as u64);
        }
    }

    #[test]
    fn commands_stand_in_lines_of_their_own() {
        let refusal = Refusal {
            reason: "RequireTLS is on".to_owned(),
            sender: None,
            mend: Some("use STARTTLS".to_owned()),
            commands: vec!["Set-ReceiveConnector a -RequireTLS $false".to_owned()],
        };
        assert_eq!(
            refusal.to_string(),
            "     Refused because RequireTLS is on.\n     To mend it: use STARTTLS:\n       \
             Set-ReceiveConnector a -RequireTLS $false\n"
        );
    }
}
