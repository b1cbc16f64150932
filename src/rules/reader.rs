//! Reading a rule, key by key.

use std::str::FromStr;

use super::error::{MAX_NAME, MAX_PATTERN, RuleError};
use super::pattern::Pattern;
use super::preset::Preset;
use super::spec::Spec;
use super::stage::Stage;
use super::then::{Answer, Fault, KEYWORDS, Then};
use super::times::Times;
use super::when::{HeaderPattern, When};
use crate::connector::{TimeSpan, ValueError};
use crate::smtp::Reply;

/// As ConnectionTimeout, which ends every delay.
const MAX_DELAY: TimeSpan = TimeSpan::from_secs(86_400);

/// Reads a rule whole, and collects all that is wrong with it.
pub(super) struct Reader<'a> {
    spec: &'a Spec,
    pub errors: Vec<RuleError>,
}

impl<'a> Reader<'a> {
    pub fn of(spec: &'a Spec) -> Self {
        Self { spec, errors: Vec::new() }
    }

    fn good<T>(&mut self, read: Result<T, RuleError>) -> Option<T> {
        read.map_err(|error| self.errors.push(error)).ok()
    }

    pub fn name(&mut self) {
        let name = &self.spec.name;
        let fits = (1..=MAX_NAME).contains(&name.chars().count());
        if !fits || name.contains(char::is_control) || name.trim().is_empty() {
            self.errors.push(RuleError::Name);
        }
    }

    /// The stage as written, or the one that the preset is for.
    pub fn stage(&mut self) -> Option<Stage> {
        let preset = self.spec.preset.as_deref();
        let stage = match &self.spec.stage {
            Some(name) => Stage::find(name),
            None => preset.and_then(|name| Preset::rows(name).next()).map(|row| row.stage),
        };
        if stage.is_none() && (self.spec.stage.is_some() || preset.is_none()) {
            let choices = Stage::ALL.map(Stage::name).to_vec();
            self.errors.push(RuleError::Choice { key: "stage", choices });
        }
        stage
    }

    pub fn when(&mut self, stage: Option<Stage>) -> When {
        let spec = self.spec;
        let when = When {
            connector: self.pattern("connector", &spec.connector),
            remote: self.value("remote", &spec.remote),
            identity: self.pattern("identity", &spec.identity),
            sender: self.pattern("sender", &spec.sender),
            recipient: self.pattern("recipient", &spec.recipient),
            header: spec.header.as_ref().and_then(|text| {
                let fits = text.len() <= MAX_PATTERN;
                let header = HeaderPattern::parse(text).filter(|_| fits);
                self.good(header.ok_or(RuleError::Header))
            }),
            size_over: self.value("size_over", &spec.size_over),
            mechanism: self.pattern("mechanism", &spec.mechanism),
        };
        let Some(stage) = stage else { return when };
        for (key, given, at) in [
            ("sender", spec.sender.is_some(), Stage::WITH_SENDER),
            ("recipient", spec.recipient.is_some(), Stage::WITH_RECIPIENT),
            ("header", spec.header.is_some(), Stage::WITH_CONTENT),
            ("size_over", spec.size_over.is_some(), Stage::WITH_SENDER),
            ("mechanism", spec.mechanism.is_some(), Stage::PROOFS),
        ] {
            if given && !at.contains(&stage) {
                self.errors.push(RuleError::NotKnown { key, stage, at: at.to_vec() });
            }
        }
        let anonymous = spec.identity.as_ref().is_some_and(|i| i.eq_ignore_ascii_case("anonymous"));
        if anonymous && Stage::PROOFS.contains(&stage) {
            self.errors.push(RuleError::AnonymousProof(stage));
        }
        when
    }

    pub fn then(&mut self, stage: Option<Stage>) -> Then {
        let spec = self.spec;
        let delay = spec.delay.as_ref().and_then(|text| {
            let fits = |span: &TimeSpan| !span.0.is_zero() && *span <= MAX_DELAY;
            self.good(text.parse().ok().filter(fits).ok_or(RuleError::Delay))
        });
        let truncate = spec.truncate.map(|octets| octets as usize);
        let answers = [
            ("preset", spec.preset.is_some()),
            ("reply", spec.reply.is_some()),
            ("action", spec.action.is_some()),
            ("withdraw", spec.withdraw.is_some()),
        ];
        let mut given = answers.iter().filter(|(_, given)| *given).map(|(key, _)| *key);
        match (given.next(), given.next()) {
            (Some(other), Some(key)) => self.errors.push(RuleError::Together { key, other }),
            (None, _) if spec.delay.is_none() && truncate.is_none() => {
                self.errors.push(RuleError::NoAction);
            }
            _ => {}
        }
        if spec.close.is_some() && spec.reply.is_none() {
            self.errors.push(RuleError::Needs { key: "close", needs: "reply" });
        }
        let answer = self.answer(stage).unwrap_or(Answer::Own);
        if let (Some(_), Answer::Fault(fault)) = (truncate, &answer) {
            self.errors.push(RuleError::NoReply(fault.name()));
        }
        Then { delay, answer, truncate }
    }

    fn answer(&mut self, stage: Option<Stage>) -> Option<Answer> {
        let spec = self.spec;
        if let Some(name) = &spec.preset {
            return self.preset(name, stage);
        }
        if let Some(lines) = &spec.reply {
            let reply = self.good(Reply::written(lines.iter()).map_err(RuleError::Reply))?;
            let close = spec.close.unwrap_or_else(|| closes(&reply, stage));
            return Some(Answer::Reply { reply, close });
        }
        if let Some(name) = &spec.action {
            let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
            let choices = Fault::ALL.map(Fault::name).to_vec();
            let fault = self.good(fault.ok_or(RuleError::Choice { key: "action", choices }))?;
            self.happens("action", fault.name(), stage, fault.stages());
            return Some(Answer::Fault(fault));
        }
        let words = spec.withdraw.as_ref()?;
        self.happens("withdraw", "withdrawing keywords", stage, Stage::WITH_KEYWORDS);
        let find = |word: &str| KEYWORDS.into_iter().find(|known| known.eq_ignore_ascii_case(word));
        let keywords: Option<Vec<_>> = words.iter().map(find).collect();
        let keywords = keywords.filter(|keywords| !keywords.is_empty());
        let choices = KEYWORDS.to_vec();
        self.good(keywords.ok_or(RuleError::Choice { key: "withdraw", choices }))
            .map(Answer::Withdraw)
    }

    fn preset(&mut self, name: &str, stage: Option<Stage>) -> Option<Answer> {
        let rows = Preset::rows(name);
        let Some(first) = rows.clone().next() else {
            let choices = Preset::names();
            self.errors.push(RuleError::Choice { key: "preset", choices });
            return None;
        };
        let stage = stage?;
        let found = rows.clone().find(|row| row.stage == stage);
        if found.is_none() {
            let at = rows.map(|row| row.stage).collect();
            let what = first.name;
            self.errors.push(RuleError::NotHere { key: "preset", what, stage, at });
        }
        found.map(Preset::answer)
    }

    pub fn times(&mut self, stage: Option<Stage>) -> Times {
        let Some(text) = &self.spec.times else { return Times::default() };
        let times = self.good(text.parse().map_err(RuleError::Times)).unwrap_or_default();
        if times == Times::OncePerSender {
            self.happens("times", "once per sender", stage, Stage::WITH_SENDER);
        }
        times
    }

    fn happens(
        &mut self,
        key: &'static str,
        what: &'static str,
        stage: Option<Stage>,
        at: &[Stage],
    ) {
        if let Some(stage) = stage.filter(|stage| !at.contains(stage)) {
            self.errors.push(RuleError::NotHere { key, what, stage, at: at.to_vec() });
        }
    }

    fn pattern(&mut self, key: &'static str, text: &Option<String>) -> Option<Pattern> {
        let text = text.as_deref()?;
        let fits = (1..=MAX_PATTERN).contains(&text.len());
        self.good(fits.then(|| Pattern::new(text)).ok_or(RuleError::Pattern { key }))
    }

    fn value<T: FromStr<Err = ValueError>>(
        &mut self,
        key: &'static str,
        text: &Option<String>,
    ) -> Option<T> {
        let read = text.as_deref()?.parse();
        self.good(read.map_err(|error| RuleError::Value { key, error }))
    }
}

/// Whether the connection is over behind a reply for which the rule does not say: 421 closes
/// it (RFC 5321 §4.2.2), so does the answer to QUIT, and who was not greeted has no session.
fn closes(reply: &Reply, stage: Option<Stage>) -> bool {
    reply.code() == 421
        || stage == Some(Stage::Quit)
        || (stage == Some(Stage::Connect) && reply.code() >= 300)
}
