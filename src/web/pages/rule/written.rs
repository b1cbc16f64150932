//! The form in which a person writes a rule.

use serde::Deserialize;

use crate::rules::{Lines, Spec};

/// A rule as the form has it: blank where nothing is said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::web::pages) struct Written {
    pub(super) name: String,
    pub(super) stage: String,
    pub(super) preset: String,
    pub(super) reply: String,
    pub(super) close: String,
    pub(super) action: String,
    pub(super) withdraw: String,
    pub(super) delay: String,
    pub(super) truncate: String,
    pub(super) times: String,
    pub(super) connector: String,
    pub(super) remote: String,
    pub(super) identity: String,
    pub(super) sender: String,
    pub(super) recipient: String,
    pub(super) header: String,
    pub(super) size_over: String,
    pub(super) mechanism: String,
}

/// A field of the form for text.
pub(super) struct Entry<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) value: &'a str,
}

impl Written {
    /// What narrows a rule, and what else it may do.
    pub(super) fn entries(&self) -> [Entry<'_>; 11] {
        let entry = |name, label, hint, value| Entry { name, label, hint, value };
        [
            entry("connector", "Connector", "Its name; * stands for anything", &self.connector),
            entry("remote", "Source address", "An address or a range, 10.0.0.0/24", &self.remote),
            entry("identity", "Identity", r"CONTOSO\alice, or anonymous", &self.identity),
            entry("recipient", "Recipient", "bob@contoso.test", &self.recipient),
            entry("header", "Header field", "Subject: *invoice*", &self.header),
            entry("size_over", "Larger than", "10 MB", &self.size_over),
            entry("mechanism", "Mechanism", "NTLM", &self.mechanism),
            entry("delay", "Delay the answer", "Hours, minutes and seconds, 00:00:30", &self.delay),
            entry("truncate", "Cut the reply", "So many octets of it are sent, 10", &self.truncate),
            entry(
                "withdraw",
                "Withdraw EHLO keywords",
                "STARTTLS, or several with blanks",
                &self.withdraw,
            ),
            entry("times", "How often", "first 1, after 2, every 3, once per sender", &self.times),
        ]
    }

    /// The rule, with a name of its own if it was given none.
    pub(super) fn spec(
        &self,
        is_taken: impl Fn(&str) -> bool,
    ) -> Result<Spec, (&'static str, String)> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let lines = |text: &str, split: fn(char) -> bool| {
            let lines = text.split(split).map(str::trim).filter(|line| !line.is_empty());
            let mut lines: Vec<_> = lines.map(str::to_owned).collect();
            match lines.len() {
                0 => None,
                1 => lines.pop().map(Lines::One),
                _ => Some(Lines::Several(lines)),
            }
        };
        let truncate = given(&self.truncate).map(|text| text.parse()).transpose();
        let truncate =
            truncate.map_err(|_| ("truncate", "expected a number of octets".to_owned()))?;
        let name = given(&self.name).unwrap_or_else(|| self.new_name(is_taken));
        Ok(Spec {
            name,
            stage: given(&self.stage),
            connector: given(&self.connector),
            remote: given(&self.remote),
            identity: given(&self.identity),
            sender: given(&self.sender),
            recipient: given(&self.recipient),
            header: given(&self.header),
            size_over: given(&self.size_over),
            mechanism: given(&self.mechanism),
            delay: given(&self.delay),
            preset: given(&self.preset),
            reply: lines(&self.reply, |c| c == '\n'),
            close: (!self.close.is_empty()).then_some(true),
            action: given(&self.action),
            withdraw: lines(&self.withdraw, |c| c == ',' || c.is_whitespace()),
            truncate,
            times: given(&self.times),
        })
    }

    /// After what the rule does.
    fn new_name(&self, is_taken: impl Fn(&str) -> bool) -> String {
        let does = [&self.preset, &self.action, &self.reply].into_iter().find(|t| !t.is_empty());
        let does: String = does.map_or("rule", |text| text.trim()).chars().take(60).collect();
        let numbered = (2..).map(|n| format!("{does} {n}"));
        let mut names = std::iter::once(does.clone()).chain(numbered);
        names.find(|name| !is_taken(name)).unwrap_or_default()
    }
}
