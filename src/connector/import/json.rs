//! ConvertTo-Json: one object, several after each other, an array, or `{"value": […]}` around
//! one, as Windows PowerShell and web services have it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::error::{Note, Stop};
use super::form::Form;
use super::limits::{Budget, MAX_DEPTH, MAX_OBJECT};
use super::object::{Lines, Object, Raw, Reading};

/// Arrays within arrays before there are objects: a list of servers, and their connectors.
const MAX_ARRAYS: usize = 4;

pub(super) fn read(text: &str, budget: Budget) -> Reading {
    let deep = too_deep(text);
    let text = &text[..deep.unwrap_or(text.len())];
    let mut json = Json { text, lines: Lines::of(text), budget, reading: Reading::default() };
    let stopped = match (json.document(), deep) {
        (Err((_, Stop::Cut)), Some(at)) => Some((at, Stop::Depth)),
        (document, _) => document.err(),
    };
    if let Some((at, stop)) = stopped {
        let line = json.lines.line(at);
        json.reading.notes.push(Note::Stopped { line, stop });
    }
    json.reading
}

/// Where values are nested deeper than they may be: what skips over a value remembers every
/// bracket that is open.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    text.bytes().position(|octet| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

struct Json<'t> {
    text: &'t str,
    lines: Lines<'t>,
    budget: Budget,
    reading: Reading,
}

/// Where reading ended, and why.
type Stopped = (usize, Stop);

impl<'t> Json<'t> {
    fn document(&mut self) -> Result<(), Stopped> {
        let mut values = Deserializer::from_str(self.text).into_iter::<&RawValue>();
        loop {
            let at = values.byte_offset();
            match values.next() {
                Some(Ok(value)) => self.value(value.get(), 0)?,
                // What is whole before the fault is read all the same.
                Some(Err(error)) => {
                    let rest = self.text[at..].trim_start();
                    if rest.starts_with(['[', '{']) {
                        self.value(rest, 0)?;
                    }
                    return Err((self.offset(rest), stop(&error)));
                }
                None => return Ok(()),
            }
        }
    }

    fn value(&mut self, text: &'t str, arrays: usize) -> Result<(), Stopped> {
        match array(text) {
            Some(_) if arrays == MAX_ARRAYS => Err((self.offset(text), Stop::Depth)),
            Some(items) => {
                let mut elements = Vec::new();
                let rest = Elements { into: &mut elements, budget: &mut self.budget };
                let end = rest.read(items);
                for element in elements {
                    self.value(element.get(), arrays + 1)?;
                }
                end.map_err(|error| {
                    let line = items.split_inclusive('\n').take(error.line() - 1);
                    (self.offset(items) + line.map(str::len).sum::<usize>(), stop(&error))
                })
            }
            None => self.object(text).map_err(|stop| (self.offset(text), stop)),
        }
    }

    /// A fault in one object is no reason to lose the others.
    fn object(&mut self, text: &'t str) -> Result<(), Stop> {
        let at = self.offset(text);
        let line = self.lines.line(at);
        let mut left_out = |stop| self.reading.notes.push(Note::LeftOut { line, stop });
        if text.len() > MAX_OBJECT {
            left_out(Stop::ObjectSize(MAX_OBJECT));
            return Ok(());
        }
        let read = AnyRaw(&mut self.budget).deserialize(&mut Deserializer::from_str(text));
        let fields = match read {
            Ok(Raw::Object(fields)) => fields,
            Ok(_) => {
                left_out(Stop::Other);
                return Ok(());
            }
            Err(error) if error.is_eof() => return Err(Stop::Cut),
            Err(error) => {
                left_out(stop(&error));
                return Ok(());
            }
        };
        self.budget.object()?;
        let first_line = text.lines().next().unwrap_or_default();
        let mut object = Object::new(at..at + first_line.len());
        for (name, raw) in fields {
            object.add(&name, raw, &mut self.budget)?;
        }
        self.reading.objects.push(object);
        Ok(())
    }

    /// Where `part` of the text begins.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }
}

/// The array that `text` is, or has in `value` as its first field.
fn array(text: &str) -> Option<&str> {
    if text.starts_with('[') {
        return Some(text);
    }
    let field = text.strip_prefix('{')?.trim_start().strip_prefix("\"value\"")?;
    Some(field.trim_start().strip_prefix(':')?.trim_start()).filter(|text| text.starts_with('['))
}

fn stop(error: &serde_json::Error) -> Stop {
    if error.is_eof() {
        return Stop::Cut;
    }
    let full = error.to_string();
    let reason = full.split(" at line ").next().unwrap_or(&full).to_owned();
    Stop::Broken { form: Form::Json, reason }
}

/// The elements of an array as they stand there, up to a fault.
struct Elements<'a, 't> {
    into: &'a mut Vec<&'t RawValue>,
    budget: &'a mut Budget,
}

impl<'t> Elements<'_, 't> {
    fn read(self, text: &'t str) -> Result<(), serde_json::Error> {
        Deserializer::from_str(text).deserialize_seq(self)
    }
}

impl<'t> Visitor<'t> for Elements<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            self.budget.node().map_err(A::Error::custom)?;
            self.into.push(item);
        }
        Ok(())
    }
}

/// Any value, as far as the budget goes.
struct AnyRaw<'a>(&'a mut Budget);

impl<'t> DeserializeSeed<'t> for AnyRaw<'_> {
    type Value = Raw<'t>;

    fn deserialize<D: serde::Deserializer<'t>>(self, json: D) -> Result<Raw<'t>, D::Error> {
        self.0.node().map_err(D::Error::custom)?;
        json.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for AnyRaw<'_> {
    type Value = Raw<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Raw<'t>, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw<'t>, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw<'t>, E> {
        Ok(Raw::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw<'t>, E> {
        Ok(i64::try_from(value).map_or_else(|_| Raw::Text(value.to_string().into()), Raw::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw<'t>, E> {
        Ok(Raw::Text(value.to_string().into()))
    }

    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Raw<'t>, E> {
        Ok(Raw::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw<'t>, E> {
        Ok(Raw::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<Raw<'t>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(AnyRaw(self.0))? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'t>>(self, mut fields: A) -> Result<Raw<'t>, A::Error> {
        let mut object: Vec<(Cow<'t, str>, _)> = Vec::new();
        while let Some(name) = fields.next_key::<Cow<'t, str>>()? {
            object.push((name, fields.next_value_seed(AnyRaw(self.0))?));
        }
        Ok(Raw::Object(object))
    }
}
