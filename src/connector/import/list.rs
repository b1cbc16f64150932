//! Format-List: `Name   : value`, lists in braces, a blank line between objects, and values
//! that the console has wrapped.

use std::ops::Range;

use super::error::{Loss, Note, Stop};
use super::limits::{Budget, MAX_OBJECT};
use super::object::{Object, Raw, Reading, lines, shown};

pub(super) fn read(text: &str, budget: Budget) -> Reading {
    let width = text.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or(0);
    let object = Object::new(0..0);
    let mut list = List { width, budget, reading: Reading::default(), object, open: None };
    let mut last = 1;
    let mut read = || {
        for (line, at, content) in lines(text) {
            last = line;
            list.line(line, at..at + content.len(), content)?;
        }
        list.end_object()
    };
    if let Err(stop) = read() {
        list.reading.notes.push(Note::Stopped { line: last, stop });
    }
    list.reading
}

/// The name and the value of a line that begins a property.
pub(super) fn property(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = name.strip_suffix(' ')?.trim_end();
    let fits = named.starts_with(|c: char| c.is_ascii_alphabetic()) && named.chars().all(plain);
    let value = if value.is_empty() { value } else { value.strip_prefix(' ')? };
    fits.then_some((named, value))
}

/// A prompt, with the command that made the list.
pub(super) fn is_prompt(line: &str) -> bool {
    (line.starts_with("[PS] ") || line.starts_with("PS ")) && line.contains('>')
}

struct List {
    /// Of the longest line: one of that length may have been cut within a word.
    width: usize,
    budget: Budget,
    reading: Reading,
    object: Object,
    open: Option<Open>,
}

/// A property whose value may go on.
struct Open {
    at: Range<usize>,
    name: String,
    value: String,
    /// Its last line is as long as a line can be.
    full: bool,
}

impl List {
    fn line(&mut self, line: usize, at: Range<usize>, content: &str) -> Result<(), Stop> {
        if content.len() > MAX_OBJECT {
            return Err(Stop::ObjectSize(MAX_OBJECT));
        }
        let full = content.chars().count() == self.width;
        if content.is_empty() {
            return self.end_object();
        }
        if let Some((name, value)) = property(content) {
            self.end_property()?;
            // Whoever copied the list has dropped the blank lines.
            if self.object.has(name) {
                self.end_object()?;
            }
            if self.object.properties.is_empty() {
                self.object.at = at.clone();
            }
            self.open = Some(Open { at, name: name.to_owned(), value: value.to_owned(), full });
            return Ok(());
        }
        match &mut self.open {
            Some(open) if content.starts_with(' ') => {
                return open.go_on(content.trim_start(), full);
            }
            _ if is_prompt(content) => {}
            _ => {
                self.budget.values(1)?;
                let stop = Stop::Stray(shown(content).into_owned());
                self.reading.notes.push(Note::LeftOut { line, stop });
            }
        }
        Ok(())
    }

    fn end_property(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let Open { at, name, value, .. } = &open;
        let value = value.trim();
        let Some(items) = value.strip_prefix('{') else {
            return self.object.add_at(at.clone(), name, Raw::Text(value.into()), &mut self.budget);
        };
        let inside = items.strip_suffix('}');
        let items = inside.unwrap_or(items).split(", ").map(str::trim).filter(|i| !i.is_empty());
        let items = items.map(|item| {
            self.budget.node()?;
            Ok(Raw::Text(item.into()))
        });
        let items = items.collect::<Result<_, _>>()?;
        self.object.add_at(at.clone(), name, Raw::List(items), &mut self.budget)?;
        if inside.is_none()
            && let Some(last) = self.object.properties.last_mut()
        {
            last.loss = last.loss.or(Some(Loss::Cut));
        }
        Ok(())
    }

    fn end_object(&mut self) -> Result<(), Stop> {
        self.end_property()?;
        if !self.object.properties.is_empty() {
            self.budget.object()?;
            self.reading.objects.push(std::mem::replace(&mut self.object, Object::new(0..0)));
        }
        Ok(())
    }
}

impl Open {
    /// The console breaks a line at a blank, which is gone then, or within a word that does not
    /// fit. In a list of the values at hand blanks stand behind commas only.
    fn go_on(&mut self, more: &str, full: bool) -> Result<(), Stop> {
        let in_word = if self.value.starts_with('{') {
            !self.value.ends_with(',')
        } else {
            self.full && !self.value.ends_with(',')
        };
        if !in_word && !self.value.is_empty() {
            self.value.push(' ');
        }
        self.value.push_str(more);
        self.full = full;
        if self.value.len() > MAX_OBJECT { Err(Stop::ObjectSize(MAX_OBJECT)) } else { Ok(()) }
    }
}
