//! Export-Clixml.
//!
//! Elements as [MS-PSRP] 2.2.5 has them. Read as a stream, one object at a time; `BA`, in which
//! Exchange keeps objects of .NET in binary form, is passed over and never decoded. There is
//! no document type, and no entity but XML's own five and numbers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use quick_xml::Error as XmlError;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::error::{Note, Stop};
use super::form::Form;
use super::limits::{Budget, MAX_DEPTH, MAX_OBJECT};
use super::object::{Lines, Object, Raw, Reading, shown};

pub(super) fn read(text: &str, budget: Budget) -> Reading {
    let mut xml = Reader::from_str(text);
    xml.config_mut().expand_empty_elements = true;
    let mut clixml = Clixml {
        xml,
        depth: 0,
        before: 0,
        references: HashMap::new(),
        budget,
        objects: Vec::new(),
    };
    let stopped = clixml.document().err();
    let line = |stop| Note::Stopped { line: Lines::of(text).line(clixml.position()), stop };
    Reading { notes: stopped.map(line).into_iter().collect(), objects: clixml.objects }
}

struct Clixml<'t> {
    xml: Reader<&'t [u8]>,
    /// Open elements.
    depth: usize,
    /// Where the last event began.
    before: usize,
    /// What `Ref` can stand for: the texts of properties that are objects.
    references: HashMap<String, Cow<'t, str>>,
    budget: Budget,
    objects: Vec<Object>,
}

impl<'t> Clixml<'t> {
    fn document(&mut self) -> Result<(), Stop> {
        let root = self.next_inside()?.ok_or(Stop::NotClixml)?;
        if root.local_name().as_ref() != "Objs" {
            return Err(Stop::NotClixml);
        }
        self.objects_inside()
    }

    /// Objects up to the end of the element that is open.
    fn objects_inside(&mut self) -> Result<(), Stop> {
        while let Some(start) = self.next_inside()? {
            match start.local_name().as_ref() {
                "Obj" => self.object()?,
                _ => self.skip()?,
            }
        }
        Ok(())
    }

    /// An object, or a list of objects.
    fn object(&mut self) -> Result<(), Stop> {
        let mut object = Object::new(self.place());
        while let Some(start) = self.next_inside()? {
            match start.local_name().as_ref() {
                "ToString" => object.label = Some(self.text()?.into_owned()),
                "Props" | "MS" => {
                    while let Some(start) = self.next_inside()? {
                        let name = attribute(&start, "N").unwrap_or_default();
                        let place = self.place();
                        if let Some(raw) = self.value(&start)? {
                            object.add_at(place, &name, raw, &mut self.budget)?;
                        }
                    }
                }
                name if is_list(name) => self.objects_inside()?,
                _ => self.skip()?,
            }
        }
        if !object.properties.is_empty() {
            self.budget.object()?;
            self.objects.push(object);
        }
        Ok(())
    }

    /// The value of the element that `start` opened; `None` for binary data.
    fn value(&mut self, start: &BytesStart<'_>) -> Result<Option<Raw<'t>>, Stop> {
        self.budget.node()?;
        Ok(Some(match start.local_name().as_ref() {
            "Nil" => {
                self.skip()?;
                Raw::Null
            }
            "BA" => {
                self.skip()?;
                return Ok(None);
            }
            "Ref" => {
                self.skip()?;
                let id = attribute(start, "RefId").unwrap_or_default();
                self.references.get(&id).map_or(Raw::Opaque, |text| Raw::Text(text.clone()))
            }
            "Obj" => {
                let raw = self.nested()?;
                if let (Raw::Text(text), Some(id)) = (&raw, attribute(start, "RefId")) {
                    self.references.insert(id, text.clone());
                }
                raw
            }
            name if is_list(name) => Raw::List(self.list()?),
            "B" => match self.text()?.trim() {
                "true" => Raw::Bool(true),
                "false" => Raw::Bool(false),
                other => Raw::Text(other.to_owned().into()),
            },
            "I16" | "I32" | "I64" | "U16" | "U32" | "U64" | "By" | "SB" => {
                let text = self.text()?;
                text.trim().parse().map_or(Raw::Text(text), Raw::Integer)
            }
            "S" | "C" | "G" | "DT" | "TS" | "URI" | "Version" | "Db" | "Sg" | "D" => {
                Raw::Text(self.text()?)
            }
            _ => {
                self.skip()?;
                Raw::Opaque
            }
        }))
    }

    /// An object as a value: its list, or how it prints, or its one primitive, or its fields.
    fn nested(&mut self) -> Result<Raw<'t>, Stop> {
        let (mut text, mut list, mut primitive) = (None, None, None);
        let mut fields = Vec::new();
        while let Some(start) = self.next_inside()? {
            match start.local_name().as_ref() {
                "ToString" => text = Some(self.text()?),
                "Props" | "MS" if text.is_none() => {
                    while let Some(start) = self.next_inside()? {
                        let name = attribute(&start, "N").unwrap_or_default();
                        if let Some(raw) = self.value(&start)? {
                            fields.push((name.into(), raw));
                        }
                    }
                }
                "TN" | "TNRef" | "Props" | "MS" => self.skip()?,
                name if is_list(name) => list = Some(self.list()?),
                _ => primitive = self.value(&start)?,
            }
        }
        Ok(match (list, text, primitive) {
            (Some(items), ..) => Raw::List(items),
            (None, Some(text), _) => Raw::Text(text),
            (None, None, Some(primitive)) => primitive,
            (None, None, None) if fields.is_empty() => Raw::Opaque,
            (None, None, None) => Raw::Object(fields),
        })
    }

    fn list(&mut self) -> Result<Vec<Raw<'t>>, Stop> {
        let mut items = Vec::new();
        while let Some(start) = self.next_inside()? {
            items.extend(self.value(&start)?);
        }
        Ok(items)
    }

    /// The text of the element that is open, to its end.
    fn text(&mut self) -> Result<Cow<'t, str>, Stop> {
        let mut text = Cow::Borrowed("");
        loop {
            let piece = match self.event()? {
                Event::Text(piece) => piece.xml10_content(),
                Event::CData(piece) => piece.xml10_content(),
                Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                    Ok(Some(c)) => c.to_string().into(),
                    Ok(None) => resolve_predefined_entity(&entity)
                        .ok_or_else(|| Stop::Entity(shown(&entity).into_owned()))?
                        .into(),
                    Err(error) => return Err(broken(&error)),
                },
                Event::End(_) => return Ok(unescaped(text)),
                Event::Start(_) => {
                    self.skip()?;
                    continue;
                }
                _ => continue,
            };
            if text.is_empty() {
                text = piece;
            } else {
                text.to_mut().push_str(&piece);
            }
            if text.len() > MAX_OBJECT {
                return Err(Stop::ObjectSize(MAX_OBJECT));
            }
        }
    }

    /// The next element within the one that is open; `None` at its end.
    fn next_inside(&mut self) -> Result<Option<BytesStart<'t>>, Stop> {
        loop {
            match self.event()? {
                Event::Start(start) => return Ok(Some(start)),
                Event::End(_) => return Ok(None),
                _ => {}
            }
        }
    }

    /// Goes on to the end of the element that is open.
    fn skip(&mut self) -> Result<(), Stop> {
        let outside = self.depth - 1;
        while self.depth > outside {
            self.event()?;
        }
        Ok(())
    }

    fn event(&mut self) -> Result<Event<'t>, Stop> {
        self.before = self.position();
        let event = match self.xml.read_event() {
            Ok(event) => event,
            Err(XmlError::Syntax(_)) => return Err(Stop::Cut),
            Err(error) => return Err(broken(&error)),
        };
        match event {
            Event::Start(_) if self.depth == MAX_DEPTH => return Err(Stop::Depth),
            Event::Start(_) => self.depth += 1,
            // Names of ends are checked by the reader: there is one for each start.
            Event::End(_) => self.depth -= 1,
            Event::DocType(_) => return Err(Stop::DocType),
            Event::Eof => return Err(Stop::Cut),
            _ => {}
        }
        Ok(event)
    }

    fn position(&self) -> usize {
        self.xml.buffer_position() as usize
    }

    /// The tag that was read last.
    fn place(&self) -> Range<usize> {
        self.before..self.position()
    }
}

fn is_list(name: &str) -> bool {
    matches!(name, "LST" | "IE" | "QUE" | "STK")
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    let mut sound = attributes.with_checks(false).flatten();
    let found = sound.find(|attribute| attribute.key.as_ref() == name)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(unescaped(value).into_owned())
}

fn broken(error: &XmlError) -> Stop {
    Stop::Broken { form: Form::Clixml, reason: error.to_string() }
}

/// `_x000A_` is a line feed: Clixml writes so what XML cannot hold, in units of UTF-16.
fn unescaped(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains("_x") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    let mut units: Vec<u16> = Vec::new();
    loop {
        while let Some(unit) = escape(rest) {
            units.push(unit);
            rest = &rest[7..];
        }
        out.extend(
            char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)),
        );
        let Some(first) = rest.chars().next() else { return out.into() };
        let end =
            rest[first.len_utf8()..].find("_x").map_or(rest.len(), |at| at + first.len_utf8());
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
}

/// The unit that `text` begins with, if it is escaped.
fn escape(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("_x")?.get(..5)?.strip_suffix('_')?;
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
}
