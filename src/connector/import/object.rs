//! What every form of a dump is read into before it means anything: objects with properties.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::ops::Range;

use super::error::{Loss, Note, Stop};
use super::limits::{Budget, MAX_TEXT};
use crate::connector::{TimeSpan, Value};

/// What a reader found in a dump.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub objects: Vec<Object>,
    pub notes: Vec<Note>,
}

/// One object of a dump.
#[derive(Debug)]
pub(super) struct Object {
    /// Its beginning in the text: a tag, or a line.
    pub at: Range<usize>,
    /// The object in a word, as a shell prints it.
    pub label: Option<String>,
    pub properties: Vec<Property>,
}

#[derive(Debug)]
pub(super) struct Property {
    /// Where it stands, or else its object.
    pub at: Range<usize>,
    pub name: String,
    /// Blank if there is nothing.
    pub value: Value<'static>,
    pub loss: Option<Loss>,
}

/// A value in the shape that the form gives it.
#[derive(Debug)]
pub(super) enum Raw<'t> {
    Null,
    Bool(bool),
    Integer(i64),
    Text(Cow<'t, str>),
    List(Vec<Raw<'t>>),
    Object(Vec<(Cow<'t, str>, Raw<'t>)>),
    /// Something that says nothing about its content.
    Opaque,
}

impl Object {
    pub(super) fn new(at: Range<usize>) -> Self {
        Self { at, label: None, properties: Vec::new() }
    }

    /// Adds a property that has no place of its own.
    pub(super) fn add(
        &mut self,
        name: &str,
        raw: Raw<'_>,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        self.add_at(self.at.clone(), name, raw, budget)
    }

    pub(super) fn add_at(
        &mut self,
        at: Range<usize>,
        name: &str,
        raw: Raw<'_>,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        let (value, loss) = flat(raw);
        let (count, octets) = match &value {
            Value::Text(text) => (1, text.len()),
            Value::List(items) => (1 + items.len(), items.iter().map(|item| item.len()).sum()),
            Value::Bool(_) | Value::Integer(_) => (1, 0),
        };
        budget.values(count)?;
        budget.text(octets)?;
        let name = shown(name).into_owned();
        self.properties.push(Property { at, name, value, loss });
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The text of a property, if it has one that is not blank.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match &self.get(name)?.value {
            Value::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }
}

/// Counts lines on the way through a text.
pub(super) struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line of the octet `at`; quick where it lies behind the last one asked for.
    pub(super) fn line(&mut self, at: usize) -> usize {
        if at < self.at {
            *self = Self::of(self.text);
        }
        let at = at.min(self.text.len());
        self.line += memchr::memchr_iter(b'\n', &self.text.as_bytes()[self.at..at]).count();
        self.at = at;
        self.line
    }
}

/// Every line with its number and its offset, without what ends it.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let offset = move |line: &str| line.as_ptr() as usize - text.as_ptr() as usize;
    (1..).zip(text.lines()).map(move |(number, line)| (number, offset(line), line.trim_end()))
}

/// At most 80 characters of `text`, for a message.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// A value of the model's kind, and what of it is lost.
fn flat(raw: Raw<'_>) -> (Value<'static>, Option<Loss>) {
    let blank = || Value::Text("".into());
    match raw {
        Raw::Null => (blank(), None),
        Raw::Bool(value) => (Value::Bool(value), None),
        Raw::Integer(value) => (Value::Integer(value), None),
        Raw::Text(text) if is_type_name(&text) => (blank(), Some(Loss::TypeName)),
        Raw::Text(text) if text.len() > MAX_TEXT => (blank(), Some(Loss::TooLong)),
        Raw::Text(text) => (Value::Text(text.into_owned().into()), None),
        Raw::List(items) => list(items),
        Raw::Object(fields) => flat(object(fields)),
        Raw::Opaque => (blank(), Some(Loss::Opaque)),
    }
}

fn list(items: Vec<Raw<'_>>) -> (Value<'static>, Option<Loss>) {
    let mut texts = Vec::with_capacity(items.len());
    let mut lost = None;
    for item in items {
        match flat(item) {
            (Value::Text(text), None) => match without_ellipsis(&text) {
                Some("") => lost = Some(Loss::Cut),
                Some(shorter) => {
                    lost = Some(Loss::Cut);
                    texts.push(shorter.to_owned().into());
                }
                None => texts.push(text),
            },
            (Value::Integer(number), None) => texts.push(number.to_string().into()),
            (_, loss) => lost = lost.or(loss).or(Some(Loss::Opaque)),
        }
    }
    (Value::List(texts), lost)
}

/// `10.0.0.4` of `10.0.0.4...`, which a shell prints where a list goes on.
fn without_ellipsis(text: &str) -> Option<&str> {
    text.strip_suffix("...").or_else(|| text.strip_suffix('…')).map(str::trim_end)
}

/// What Export-Csv and ConvertTo-Json print where they do not look into a value.
fn is_type_name(text: &str) -> bool {
    let of_exchange = text.starts_with("Microsoft.Exchange.Data.");
    let of_system = text.starts_with("System.") && (text.contains('`') || text.ends_with("[]"));
    (of_exchange || of_system || text.starts_with("System.Collections.")) && !text.contains(' ')
}

/// Objects of .NET that stand for one value, as JSON and Clixml show them: the part that
/// counts.
fn object(mut fields: Vec<(Cow<'_, str>, Raw<'_>)>) -> Raw<'static> {
    let mut take = |name: &str| {
        let at = fields.iter().position(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(fields.swap_remove(at).1)
    };
    if let Some(Raw::Bool(true)) = take("IsUnlimited") {
        return Raw::Text("Unlimited".into());
    }
    if let Some(Raw::Integer(ticks)) = take("Ticks") {
        return match u64::try_from(ticks) {
            Ok(ticks) => Raw::Text(TimeSpan::from_ticks(ticks).to_string().into()),
            Err(_) => Raw::Opaque,
        };
    }
    // A binding, or an address in it.
    let (address, port) = (take("Address"), take("Port"));
    let number = match &address {
        Some(Raw::Integer(number)) => u32::try_from(*number).ok(),
        _ => None,
    };
    if let (Some(address), Some(Raw::Integer(port))) = (address.and_then(text), port) {
        let v6 = address.contains(':');
        let (open, close) = if v6 { ("[", "]") } else { ("", "") };
        return Raw::Text(format!("{open}{address}{close}:{port}").into());
    }
    // A range, a certificate's domain, and the range once more.
    if let Some(low) = take("LowerBound").and_then(text) {
        return match (take("Expression").and_then(text), take("UpperBound").and_then(text)) {
            (Some(expression), _) => Raw::Text(expression.into()),
            (None, Some(high)) => Raw::Text(format!("{low}-{high}").into()),
            (None, None) => Raw::Opaque,
        };
    }
    if let Some(domain) = take("Domain").and_then(text) {
        return Raw::Text(match take("Capabilities").and_then(text) {
            Some(capabilities) => format!("{domain}:{}", capabilities.replace(", ", ",")).into(),
            None => domain.into(),
        });
    }
    // Windows PowerShell wraps in `value` what has properties of its own beside its value.
    if let Some(value) = take("value") {
        return owned(value);
    }
    ["Expression", "IPAddressToString", "RawIdentity", "Name", "DistinguishedName"]
        .iter()
        .find_map(|name| take(name).and_then(text))
        // System.Net.IPAddress, IPv4: the octets, the first the lowest.
        .or_else(|| number.map(|number| Ipv4Addr::from(number.to_le_bytes()).to_string()))
        .map_or(Raw::Opaque, |text| Raw::Text(text.into()))
}

/// A part of an object as text.
fn text(raw: Raw<'_>) -> Option<String> {
    match flat(raw) {
        (Value::Text(text), None) if !text.is_empty() => Some(text.into_owned()),
        (Value::List(items), None) => Some(items.join(",")),
        _ => None,
    }
}

fn owned(raw: Raw<'_>) -> Raw<'static> {
    match raw {
        Raw::Null => Raw::Null,
        Raw::Bool(value) => Raw::Bool(value),
        Raw::Integer(value) => Raw::Integer(value),
        Raw::Text(text) => Raw::Text(text.into_owned().into()),
        Raw::List(items) => Raw::List(items.into_iter().map(owned).collect()),
        Raw::Object(fields) => object(fields),
        Raw::Opaque => Raw::Opaque,
    }
}
