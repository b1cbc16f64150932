//! Export-Csv: with or without the `#TYPE` line, separated as the culture has it.

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::error::{Note, Stop};
use super::limits::{Budget, MAX_OBJECT};
use super::object::{Object, Raw, Reading};

/// Export-Csv's own, that of `-UseCulture` in most of Europe, and a tab.
const DELIMITERS: [char; 3] = [',', ';', '\t'];
const MAX_COLUMNS: usize = 512;
const MAX_HEADER: usize = 64 << 10;

/// What separates the columns of `header`, if they have names that `is_known` knows.
pub(super) fn delimiter(header: &str, is_known: impl Fn(&str) -> bool) -> Option<char> {
    let header = &header[..header.floor_char_boundary(MAX_HEADER)];
    let known = |delimiter: &char| {
        let columns = header.split(*delimiter).map(|name| name.trim().trim_matches('"'));
        columns.filter(|name| is_known(name)).count()
    };
    let most = DELIMITERS.into_iter().max_by_key(known)?;
    // One column alone is no table of anything.
    (known(&most) > 1).then_some(most)
}

/// The lines before the header: Export-Csv's type, and blank ones.
pub(super) fn is_before_header(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with("#TYPE")
}

pub(super) fn read(text: &str, delimiter: char, budget: Budget) -> Reading {
    let before: Vec<_> =
        text.split_inclusive('\n').take_while(|line| is_before_header(line)).collect();
    let at = before.iter().map(|line| line.len()).sum();
    let mut reading = Reading::default();
    let mut rows = Rows {
        csv: ReaderBuilder::new().delimiter(delimiter as u8).build(),
        text,
        at,
        before: before.len(),
        fields: vec![0; MAX_OBJECT],
        ends: vec![0; MAX_COLUMNS],
    };
    if let Err(stop) = rows.read(budget, &mut reading) {
        reading.notes.push(Note::Stopped { line: rows.line(), stop });
    }
    reading
}

struct Rows<'t> {
    csv: csv_core::Reader,
    text: &'t str,
    /// What has been read of it.
    at: usize,
    /// Lines before the header.
    before: usize,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl<'t> Rows<'t> {
    fn read(&mut self, mut budget: Budget, reading: &mut Reading) -> Result<(), Stop> {
        let Some(header) = self.row()? else { return Ok(()) };
        loop {
            let before = self.at;
            let Some(row) = self.row()? else { return Ok(()) };
            if row.len() < header.len() {
                return Err(Stop::Cut);
            }
            budget.object()?;
            // What ends the row before may still stand there.
            let rest = self.text[before..].trim_start_matches(['\r', '\n']);
            let from = self.text.len() - rest.len();
            let first_line = rest.lines().next().unwrap_or_default();
            let mut object = Object::new(from..from + first_line.len());
            for (name, value) in header.iter().zip(row) {
                object.add(name.trim(), Raw::Text(value.into()), &mut budget)?;
            }
            reading.objects.push(object);
        }
    }

    fn row(&mut self) -> Result<Option<Vec<String>>, Stop> {
        let text = &self.text.as_bytes()[self.at..];
        let mut used = 0;
        let (mut length, mut count) = (0, 0);
        loop {
            let input = &text[used..];
            let (fields, ends) = (&mut self.fields[length..], &mut self.ends[count..]);
            let (result, read, written, ended) = self.csv.read_record(input, fields, ends);
            used += read;
            length += written;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(Stop::ObjectSize(MAX_OBJECT));
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        // A quote that is never closed runs to the end.
        if memchr::memchr_iter(b'"', &text[..used]).count() % 2 == 1 {
            return Err(Stop::Cut);
        }
        self.at += used;
        let mut from = 0;
        let row = self.ends[..count].iter().map(|&end| {
            let field = String::from_utf8_lossy(&self.fields[from..end]).into_owned();
            from = end;
            field
        });
        Ok(Some(row.collect()))
    }

    fn line(&self) -> usize {
        self.before + self.csv.line() as usize
    }
}
