//! `[[rule]]`: the keys of a [`Spec`], each with its place.

use std::collections::HashSet;

use toml::de::DeValue;

use super::reader::Table;
use super::sections::Sections;
use crate::rules::{Lines, MAX_RULES, Rule, RuleError, RulesError, Spec};

impl<'a, 'i> Sections<'a, 'i> {
    pub(super) fn rules(&mut self) -> Vec<Rule> {
        let mut rules = Vec::new();
        let mut names = HashSet::new();
        for (i, mut table) in self.tables("rule").unwrap_or_default().into_iter().enumerate() {
            let before = self.problems.borrow().count();
            let spec = spec(&mut table);
            let sound = self.problems.borrow().count() == before;
            if i == MAX_RULES {
                let error = RulesError::TooMany.to_string();
                table.problem(table.span(), error, "one too many", None);
            }
            if !spec.name.is_empty() && !names.insert(spec.name.clone()) {
                let error = RulesError::NameTaken(spec.name.clone());
                table.bad_value("name", table.span_of("name"), error.to_string());
            }
            if sound {
                rules.extend(rule(&table, spec));
            }
            table.finish();
        }
        rules
    }
}

fn spec(table: &mut Table<'_, '_>) -> Spec {
    Spec {
        name: table.string("name").unwrap_or_default(),
        stage: table.string("stage"),
        connector: table.string("connector"),
        remote: table.string("remote"),
        identity: table.string("identity"),
        sender: table.string("sender"),
        recipient: table.string("recipient"),
        header: table.string("header"),
        size_over: table.string("size_over"),
        mechanism: table.string("mechanism"),
        delay: table.string("delay"),
        preset: table.string("preset"),
        reply: lines(table, "reply"),
        close: table.bool("close"),
        action: table.string("action"),
        withdraw: lines(table, "withdraw"),
        truncate: octets(table, "truncate"),
        times: table.string("times"),
    }
}

fn rule(table: &Table<'_, '_>, spec: Spec) -> Option<Rule> {
    let report = |error: RuleError| {
        let key = error.key();
        match table.has(key) {
            true => table.bad_value(key, table.span_of(key), error.to_string()),
            false => {
                let message = format!("[[rule]] has no {key}");
                table.problem(table.span(), message, &error.to_string(), None);
            }
        }
    };
    Rule::try_from(spec).map_err(|bad| bad.0.into_iter().for_each(report)).ok()
}

/// One string, or a list of them.
fn lines(table: &mut Table<'_, '_>, key: &'static str) -> Option<Lines> {
    match table.get(key)?.get_ref() {
        DeValue::String(text) => Some(Lines::One(text.to_string())),
        _ => Some(Lines::Several(table.list(key, |text| Ok(text.to_owned())))),
    }
}

fn octets(table: &mut Table<'_, '_>, key: &'static str) -> Option<u32> {
    let value = table.get(key)?;
    let number = value.get_ref().as_integer();
    let number = number.and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok());
    if number.is_none() {
        table.bad_value(key, value.span(), "expected a number of octets".to_owned());
    }
    number
}

#[cfg(test)]
mod tests {
    use crate::config::Configuration;
    use crate::rules::MAX_RULES;

    fn errors(text: &str) -> String {
        Configuration::parse(text, "x.toml").unwrap_err().to_string()
    }

    #[test]
    fn rules_stand_in_their_order() {
        let text = "[[rule]]\nname = \"a\"\npreset = \"back-pressure\"\n\
                    [[rule]]\nname = \"b\"\nstage = \"ehlo\"\nreply = [\"250-a\", \"250 SIZE\"]\ntruncate = 9\n";
        let rules = Configuration::parse(text, "x.toml").unwrap().rules;
        let names: Vec<_> = rules.iter().map(|rule| rule.name()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(rules[1].then().to_string(), "reply 250-a\n250 SIZE, truncate 9");
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let text = "[[rule]]\nname = \"a\"\nstage = \"mial\"\nreplay = \"250 OK\"\n\
                    [[rule]]\nname = \"a\"\nstage = \"mail\"\naction = \"garble-tls\"\nsize_over = \"big\"\n\
                    [[rule]]\nname = \"b\"\nstage = \"mail\"\ntruncate = -1\nreply = 250\n\
                    [[rule]]\nname = \"c\"\nreply = \"550 4.7.1 No\"\n";
        assert_eq!(
            errors(text),
            "x.toml:1: [[rule]] has no action (a rule needs one of preset, reply, action, withdraw, delay and truncate)\n\
             x.toml:3: stage of [[rule]] has a wrong value (expected one of connect, ehlo, starttls, x-anonymoustls, auth, \
             x-exps, mail, rcpt, data, end-of-data, quit)\n\
             x.toml:4: [[rule]] has no setting called replay (unknown); did you mean reply?\n\
             x.toml:6: name of [[rule]] has a wrong value (there is a rule called \"a\" already; names tell rules apart)\n\
             x.toml:8: action of [[rule]] has a wrong value (garble-tls happens only at starttls, x-anonymoustls, not at mail)\n\
             x.toml:9: size_over of [[rule]] has a wrong value (expected a size such as \"36 MB\", \"256 KB\" or a number of bytes)\n\
             x.toml:13: truncate of [[rule]] has a wrong value (expected a number of octets)\n\
             x.toml:14: reply of [[rule]] has a wrong value (expected a list of strings)\n\
             x.toml:15: [[rule]] has no stage (expected one of connect, ehlo, starttls, x-anonymoustls, auth, x-exps, mail, \
             rcpt, data, end-of-data, quit)\n\
             x.toml:17: reply of [[rule]] has a wrong value (the enhanced code 4.7.1 belongs to another class than 550; expected 5.…)"
        );
    }

    #[test]
    fn there_is_an_end_to_the_list() {
        let rule = |i| format!("[[rule]]\nname = \"{i}\"\npreset = \"prx5\"\n");
        let text: String = (0..=MAX_RULES).map(rule).collect();
        assert_eq!(errors(&text), "x.toml:3001: there can be 1000 rules at most (one too many)");
    }
}
