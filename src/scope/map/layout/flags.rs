//! The labels of marks, on top of the columns that they lie in.

use super::super::content::Map;
use super::super::page::{Area, Ink, Page, Paint, Shape};
use super::super::text::{Font, clean, elide, fit, inline};
use super::super::{Mark, words};
use super::grid::Row;

/// A column shows so many at most; the list has them all.
const MOST: usize = 3;
const FONT: Font = Font::FLAG;
const GAP: f32 = 2.0;

pub(super) struct Flags<'a> {
    flags: Vec<(&'a Mark, Vec<String>)>,
    more: usize,
}

impl<'a> Flags<'a> {
    pub(super) fn new(row: &Row<'a>, column: usize) -> Self {
        let marks = &row.columns[column].marks;
        let shown = if marks.len() > MOST { MOST - 1 } else { marks.len() };
        let flags = marks[..shown].iter().map(|&mark| {
            let mark = &row.map.marks[mark];
            (mark, label(mark, row.inner(column)))
        });
        Self { flags: flags.collect(), more: marks.len() - shown }
    }

    pub(super) fn height(&self) -> f32 {
        let flags = self.flags.iter().map(|(_, lines)| height(lines) + GAP).sum::<f32>();
        if self.more > 0 { flags + Font::SMALL.line() + GAP } else { flags }
    }

    /// In `area`, those asked about at the bottom, next to their column.
    pub(super) fn draw(&self, page: &mut Page, map: &Map<'_>, area: Area) {
        let mut y = area.y;
        if self.more > 0 {
            let more = format!("+ {}", words::thousands(self.more));
            let line = Area { y, height: Font::SMALL.line(), ..area };
            page.centred(line, Font::SMALL, Ink::Muted, &[more]);
            y += line.height + GAP;
        }
        for (mark, lines) in self.flags.iter().rev() {
            let flag = Area { y, height: height(lines), ..area };
            let (paint, ink) = match mark.asked {
                true => (Paint::AskedFlag, Ink::OnFilled),
                false => (Paint::NamedFlag, Ink::Plain),
            };
            page.shape(Shape::new(flag, paint).title(full(map, mark)));
            page.centred(flag, FONT, ink, lines);
            y += flag.height + GAP;
        }
    }
}

fn height(lines: &[String]) -> f32 {
    FONT.line() * lines.len() as f32 + 5.0
}

/// Name and address on one line if they fit, or else one below the other.
fn label(mark: &Mark, room: f32) -> Vec<String> {
    let address = mark.address.to_string();
    let mut lines = fit(&address, FONT, room, 2, &[':']);
    if let Some(name) = mark.name.as_deref().map(clean) {
        let both = format!("{} {address}", inline(&name));
        if FONT.width(&both) <= room {
            return vec![both];
        }
        lines.insert(0, elide(&name, FONT, room));
    }
    lines
}

/// `EX02, 10.0.0.12, meets EX01\App relay`
fn full(map: &Map<'_>, mark: &Mark) -> String {
    let name = mark.name.as_deref().map(|name| inline(&clean(name)) + ", ");
    let met = map.selection(mark).index().map(|winner| map.identity(winner));
    let met = met.map_or("no connector".to_owned(), |identity| inline(&identity));
    format!("{}{}, meets {met}", name.unwrap_or_default(), mark.address)
}
