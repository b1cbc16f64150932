//! Comments to the linter: `# expsd-lint: allow RULE reason`.

use std::ops::Range;

use toml_parser::parser::{Event, EventKind, parse_document};
use toml_parser::{Source, Span};

use super::Places;

const MARK: &str = "expsd-lint:";

/// A comment that silences a rule of the linter. What it names is not looked up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// Empty if the comment names none.
    pub rule: String,
    /// Empty if the comment gives none.
    pub reason: String,
    /// Where the comment stands.
    pub span: Range<usize>,
    /// The connector that it stands in, or directly above; `None` is no connector's.
    pub connector: Option<usize>,
    /// The parameter whose line it stands on; `None` means all of the connector.
    pub parameter: Option<&'static str>,
}

impl Places {
    /// The comments to the linter, in the order of the text.
    pub fn allows(&self) -> Vec<Allow> {
        if !self.text().contains(MARK) {
            return Vec::new();
        }
        let tokens = Source::new(self.text()).lex().into_vec();
        let mut reader = Reader {
            places: self,
            found: Vec::new(),
            connector: None,
            header: None,
            above: Vec::new(),
            line_has: Content::Nothing,
        };
        // What is wrong with the text was told when it was read.
        parse_document(&tokens, &mut |event| reader.event(&event), &mut ());
        reader.settle(reader.connector);
        reader.found.sort_by_key(|allow| allow.span.start);
        reader.found
    }
}

struct Reader<'a> {
    places: &'a Places,
    found: Vec<Allow>,
    /// The connector whose table the text has come to.
    connector: Option<usize>,
    /// Where a header that is being read begins, and its first key.
    header: Option<(usize, Option<String>)>,
    /// Comments on lines of their own, with nothing behind them so far.
    above: Vec<Allow>,
    line_has: Content,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    Comment,
    Code,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event) {
        let span = event.span();
        match event.kind() {
            EventKind::Whitespace => {}
            EventKind::Newline => {
                if self.line_has == Content::Nothing {
                    self.settle(self.connector);
                }
                self.line_has = Content::Nothing;
            }
            EventKind::Comment => {
                self.comment(span);
                if self.line_has == Content::Nothing {
                    self.line_has = Content::Comment;
                }
            }
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => {
                self.header = Some((span.start(), None));
                self.line_has = Content::Code;
            }
            EventKind::StdTableClose | EventKind::ArrayTableClose => self.header_ends(),
            kind => {
                let key = self.header.as_mut().filter(|_| kind == EventKind::SimpleKey);
                if let Some((_, first)) = key {
                    let text = &self.places.text()[span.start()..span.end()];
                    first.get_or_insert_with(|| text.trim_matches(['"', '\'']).to_owned());
                } else if self.header.is_none() {
                    self.settle(self.connector);
                }
                self.line_has = Content::Code;
            }
        }
    }

    /// A header of another section ends the connector; one of its own parts does not.
    fn header_ends(&mut self) {
        let Some((start, first)) = self.header.take() else { return };
        let next = self.places.connector_at(start);
        let before = self.connector;
        if next.is_some() || first.is_none_or(|first| first != "ReceiveConnector") {
            self.connector = next;
        }
        self.settle(next.or(before));
    }

    fn comment(&mut self, span: Span) {
        let text = self.places.text()[span.start()..span.end()].trim_start_matches('#').trim();
        let Some(order) = text.strip_prefix(MARK) else { return };
        let mut words = order.split_whitespace();
        let allows = words.next().is_some_and(|word| word == "allow");
        let rule = words.next().filter(|_| allows).unwrap_or_default().to_owned();
        let reason = words.collect::<Vec<_>>().join(" ");
        let connector = self.connector;
        let parameter = connector.and_then(|i| self.places.parameter_at(i, span.start()));
        let allow = Allow { rule, reason, span: span.start()..span.end(), connector, parameter };
        match self.line_has {
            Content::Code => self.found.push(allow),
            _ if parameter.is_some() => self.found.push(allow),
            _ => self.above.push(allow),
        }
    }

    /// Those that waited for what stands below them belong to `connector`.
    fn settle(&mut self, connector: Option<usize>) {
        self.found.extend(self.above.drain(..).map(|allow| Allow { connector, ..allow }));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Draft;

    /// Each comment as rule, reason, connector and parameter.
    fn allows(text: &str) -> Vec<(String, String, Option<usize>, Option<&'static str>)> {
        let draft = Draft::parse(text, "x.toml").unwrap();
        let all = draft.places.allows().into_iter();
        all.map(|a| (a.rule, a.reason, a.connector, a.parameter)).collect()
    }

    #[test]
    fn a_comment_belongs_to_what_it_stands_in_above_or_behind() {
        let text = r#"# expsd-lint: allow nobody far above

# A word before.
# expsd-lint: allow above directly above
[[ReceiveConnector]] # expsd-lint: allow header on the header
Name = "a # expsd-lint: allow text in a string"
# expsd-lint: allow inside a whole connector
Bindings = "0.0.0.0:25" # expsd-lint: allow here one parameter
RemoteIPRanges = [
    "10.0.0.1",
    # expsd-lint: allow line of a list
    "10.0.0.2", # expsd-lint: allow item of a list
]
[[ReceiveConnector.ADPermission]]
# expsd-lint: allow part of the connector
User = 'NT AUTHORITY\ANONYMOUS LOGON'
# expsd-lint: allow second above the second

# expsd-lint: allow next for b
[[ReceiveConnector]]
Name = "b"
Bindings = "0.0.0.0:26"
[http]
# expsd-lint: allow http elsewhere
"#;
        let a = Some(0);
        let expected = [
            ("nobody", "far above", None, None),
            ("above", "directly above", a, None),
            ("header", "on the header", a, None),
            ("inside", "a whole connector", a, None),
            ("here", "one parameter", a, Some("Bindings")),
            ("line", "of a list", a, Some("RemoteIPRanges")),
            ("item", "of a list", a, Some("RemoteIPRanges")),
            ("part", "of the connector", a, None),
            ("second", "above the second", a, None),
            ("next", "for b", Some(1), None),
            ("http", "elsewhere", None, None),
        ];
        let expected = expected.map(|(rule, reason, c, p)| (rule.into(), reason.into(), c, p));
        assert_eq!(allows(text), expected);
    }

    #[test]
    fn what_is_left_out_is_empty() {
        for (comment, rule, reason) in [
            ("# expsd-lint: allow a-rule", "a-rule", ""),
            ("#expsd-lint: allow", "", ""),
            ("## expsd-lint: forbid a-rule for once", "", "for once"),
        ] {
            let found = allows(comment);
            assert_eq!(found, [(rule.to_owned(), reason.to_owned(), None, None)], "{comment}");
        }
        assert_eq!(allows("# expsd-linter: allow x y"), []);
    }
}
