//! Format-Table, of permissions only: a header, a line of dashes, and rows in columns.

use super::error::{Note, Stop};
use super::limits::{Budget, MAX_OBJECT};
use super::list;
use super::object::{Object, Raw, Reading, lines, shown};

const MAX_COLUMNS: usize = 32;

/// A line of dashes under a header.
pub(super) fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("--") && line.chars().all(|c| c == '-' || c == ' ')
}

pub(super) fn read(text: &str, mut budget: Budget) -> Reading {
    let mut reading = Reading::default();
    let mut columns: Vec<(usize, String)> = Vec::new();
    let mut group: Option<(String, String)> = None;
    let mut header = "";
    for (line, at, content) in lines(text) {
        let read = match content {
            _ if content.len() > MAX_OBJECT => Err(Stop::ObjectSize(MAX_OBJECT)),
            _ if content.trim().is_empty() => Ok(()),
            _ if is_rule(content) => {
                columns = self::columns(header, content);
                Ok(())
            }
            _ if list::is_prompt(content) => Ok(()),
            _ => match content.trim().split_once(": ") {
                // `-GroupBy Identity` puts it above each group.
                Some((name, value)) if name.chars().all(|c| c.is_ascii_alphabetic()) => {
                    group = Some((name.to_owned(), value.to_owned()));
                    columns.clear();
                    Ok(())
                }
                _ if columns.is_empty() => Ok(()),
                _ => row(line, at, content, &columns, group.as_ref(), &mut reading, &mut budget),
            },
        };
        header = content;
        if let Err(stop) = read {
            reading.notes.push(Note::Stopped { line, stop });
            break;
        }
    }
    reading
}

/// Where each column begins, and its name.
fn columns(header: &str, rule: &str) -> Vec<(usize, String)> {
    let dashes: Vec<char> = rule.chars().collect();
    let begins = |at: &usize| dashes[*at] == '-' && (*at == 0 || dashes[at - 1] == ' ');
    let starts: Vec<usize> = (0..dashes.len()).filter(begins).take(MAX_COLUMNS).collect();
    let names = cells(header, &starts);
    starts.into_iter().zip(names).collect()
}

/// The cells of a line whose columns begin at `starts`.
fn cells(line: &str, starts: &[usize]) -> Vec<String> {
    let ends = starts.iter().skip(1).copied().chain([usize::MAX]);
    let bounds = starts.iter().zip(ends);
    let cell = |(from, to): (&usize, usize)| line.chars().skip(*from).take(to - from).collect();
    bounds.map(cell).map(|cell: String| cell.trim().to_owned()).collect()
}

fn row(
    line: usize,
    at: usize,
    content: &str,
    columns: &[(usize, String)],
    group: Option<&(String, String)>,
    reading: &mut Reading,
    budget: &mut Budget,
) -> Result<(), Stop> {
    budget.object()?;
    let starts: Vec<usize> = columns.iter().map(|(start, _)| *start).collect();
    let mut object = Object::new(at..at + content.len());
    if let Some((name, value)) = group {
        object.add(name, Raw::Text(value.into()), budget)?;
    }
    let cells = cells(content, &starts);
    let cut = |cell: &String| cell.ends_with("...") || cell.ends_with('…');
    // What is cut off tells nothing, and a row that begins blank goes on with the one before.
    if cells.iter().any(cut) || cells[0].is_empty() {
        let stop = Stop::Row(shown(content.trim()).into_owned());
        reading.notes.push(Note::LeftOut { line, stop });
        return Ok(());
    }
    for ((_, name), cell) in columns.iter().zip(cells) {
        let raw = match cell.strip_prefix('{') {
            Some(items) => {
                let items = items.strip_suffix('}').unwrap_or(items);
                let items = items.split(',').map(str::trim).filter(|item| !item.is_empty());
                let items = items.map(|item| {
                    budget.node()?;
                    Ok(Raw::Text(item.into()))
                });
                Raw::List(items.collect::<Result<_, _>>()?)
            }
            None => Raw::Text(cell.into()),
        };
        object.add(name, raw, budget)?;
    }
    reading.objects.push(object);
    Ok(())
}
