//! Walking a parsed TOML tree: typed keys out of tables, spans kept, unknown keys reported.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Problems;
use crate::connector::{FromValue, Value, ValueError};

/// A table that is being read. When it is done, [`Table::finish`] reports what was not asked for.
pub(super) struct Table<'a, 'i> {
    name: String,
    span: Range<usize>,
    entries: &'a DeTable<'i>,
    known: Vec<&'static str>,
    problems: &'a RefCell<Problems>,
}

impl<'a, 'i> Table<'a, 'i> {
    pub(super) fn new(
        name: impl Into<String>,
        span: Range<usize>,
        entries: &'a DeTable<'i>,
        problems: &'a RefCell<Problems>,
    ) -> Self {
        Self { name: name.into(), span, entries, known: Vec::new(), problems }
    }

    pub(super) fn problem(
        &self,
        span: Range<usize>,
        message: String,
        label: &str,
        help: Option<String>,
    ) {
        self.problems.borrow_mut().add(span, message, label, help);
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where the value of `key` stands, or the table if it has none.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.known.push(key);
        self.entries.get(key)
    }

    /// Keys that are in the table, with their values.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'i>>)> + use<'a, 'i> {
        self.entries.iter().map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    /// Says that `key` is known, whether it is there or not.
    pub(super) fn know(&mut self, key: &'static str) {
        self.known.push(key);
    }

    /// A string that parses into `T`.
    pub(super) fn parse<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        key: &'static str,
    ) -> Option<T> {
        let value = self.get(key)?;
        let parsed = match value.get_ref().as_str() {
            Some(text) => text.parse::<T>().map_err(|error| error.to_string()),
            None => Err("expected a string".to_owned()),
        };
        parsed.map_err(|error| self.bad_value(key, value.span(), error)).ok()
    }

    /// A value in any of the forms that the cmdlets take.
    pub(super) fn parameter<T: FromValue>(&mut self, key: &'static str) -> Option<T> {
        let found = self.get(key)?;
        let read = value(found.get_ref()).and_then(|value| T::from_value(&value));
        read.map_err(|error| self.bad_parameter(key, found, &error)).ok()
    }

    pub(super) fn string(&mut self, key: &'static str) -> Option<String> {
        self.parse::<String>(key)
    }

    pub(super) fn bool(&mut self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let read = value.get_ref().as_bool();
        if read.is_none() {
            self.bad_value(key, value.span(), "expected true or false".to_owned());
        }
        read
    }

    /// A list of strings that each parse into `T`; what does not parse is reported and left out.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.bad_value(key, value.span(), "expected a list of strings".to_owned());
            return Vec::new();
        };
        let mut items = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_str().ok_or("expected a string".to_owned()).and_then(&parse) {
                Ok(parsed) => items.push(parsed),
                Err(error) => self.bad_value(key, item.span(), error),
            }
        }
        items
    }

    pub(super) fn bad_value(&self, key: &str, span: Range<usize>, error: String) {
        self.problem(span, format!("{key} of {} has a wrong value", self.name), &error, None);
    }

    /// Reports a value that a parameter does not take, at the list item if that is known.
    pub(super) fn bad_parameter(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        error: &ValueError,
    ) {
        let item = error.item.and_then(|i| Some(value.get_ref().as_array()?.get(i)?.span()));
        self.bad_value(key, item.unwrap_or_else(|| value.span()), error.to_string());
    }

    pub(super) fn required<T>(&self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            let help = Some(format!("add {key} = …"));
            self.problem(self.span(), format!("{} has no {key}", self.name), "in this table", help);
        }
        value
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.entries.iter() {
            let text: &str = key.get_ref();
            if !self.known.contains(&text) {
                let help = suggestion(text, &self.known);
                let message = format!("{} has no setting called {text}", self.name);
                self.problem(key.span(), message, "unknown", Some(help));
            }
        }
    }
}

/// `did you mean …`, or all there is.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    let lower = word.to_lowercase();
    let closest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match closest {
        Some((likeness, candidate)) if likeness > 0.85 => format!("did you mean {candidate}?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// A TOML value as a parameter's value.
pub(super) fn value<'a>(value: &'a DeValue<'_>) -> Result<Value<'a>, ValueError> {
    match value {
        DeValue::String(text) => Ok(Value::Text(Cow::Borrowed(text))),
        DeValue::Boolean(value) => Ok(Value::Bool(*value)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::Integer)
            .map_err(|_| ValueError::new("a smaller number")),
        DeValue::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, item)| {
                item.get_ref()
                    .as_str()
                    .map(Cow::Borrowed)
                    .ok_or(ValueError { expected: "a string".to_owned(), item: Some(i) })
            })
            .collect::<Result<_, _>>()
            .map(Value::List),
        _ => Err(ValueError::new("a string, a number, true, false or a list of strings")),
    }
}
