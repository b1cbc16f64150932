//! The columns of a band, in rows.

use std::ops::Range;

use super::super::bands::{Band, Column};
use super::super::content::Map;
use super::super::page::{Area, Page};
use super::super::text::Font;
use super::super::words;
use super::is_narrow;

/// Between a cell and its text.
const PAD: f32 = 4.0;
/// Between a cell and the border of its column.
const GAP: f32 = 1.0;
/// A column is made no wider than this for what it says; longer texts are broken.
const TEXT: f32 = 172.0;
/// All pieces are equally wide, and so are all folds.
const FOLD: f32 = 64.0;
/// With more connectors than this, lanes are lower.
const DENSE: usize = 10;

pub(super) struct Grid {
    pub(super) rows: Vec<Range<usize>>,
    x: f32,
    piece: f32,
    names: Names,
}

/// Where the names of the lanes stand.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Names {
    /// To the left, in so much room.
    Beside(f32),
    Above,
}

/// A row of columns, with their places.
pub(super) struct Row<'a> {
    pub(super) map: &'a Map<'a>,
    pub(super) band: &'a Band<'a>,
    pub(super) columns: &'a [Column<'a>],
    pub(super) names: Names,
    pub(super) dense: bool,
    /// Left border and width of each column.
    slots: Vec<(f32, f32)>,
}

impl Grid {
    pub(super) fn new(page: &Page, map: &Map<'_>, band: &Band<'_>, columns: &[Column<'_>]) -> Self {
        let names = if is_narrow(page.width) {
            Names::Above
        } else {
            let widths = band.listening.iter().map(|&i| Font::STRONG.width(map.name(i)));
            Names::Beside(widths.fold(84.0, f32::max).min(page.width * 0.25).min(178.0))
        };
        let x = page.margin + if let Names::Beside(room) = names { room + 36.0 } else { 0.0 };
        let room = page.width - page.margin - x;
        let least = widest(map, columns).min(room);
        let rows = pack(columns, least, room).len();
        // As wide as they can be in as many rows: by bisection, to a fraction of a pixel.
        let (mut piece, mut too_wide) = (least, room + 1.0);
        while too_wide - piece > 0.05 {
            let middle = (piece + too_wide) / 2.0;
            match pack(columns, middle, room).len() <= rows && middle <= room {
                true => piece = middle,
                false => too_wide = middle,
            }
        }
        Self { rows: pack(columns, piece, room), x, piece, names }
    }

    pub(super) fn row<'a>(
        &self,
        map: &'a Map<'a>,
        band: &'a Band<'a>,
        columns: &'a [Column<'a>],
    ) -> Row<'a> {
        let slots = columns.iter().scan(self.x, |x, column| {
            let slot = (*x, width(column, self.piece));
            *x += slot.1;
            Some(slot)
        });
        let slots = slots.collect();
        let dense = band.listening.len() > DENSE;
        Row { map, band, columns, names: self.names, dense, slots }
    }
}

impl Row<'_> {
    /// The part of column `i` between two heights.
    pub(super) fn cell(&self, i: usize, y: f32, height: f32) -> Area {
        let (x, width) = self.slots[i];
        Area::new(x + GAP, y, width - 2.0 * GAP, height)
    }

    /// The room for text in column `i`.
    pub(super) fn inner(&self, i: usize) -> f32 {
        self.slots[i].1 - 2.0 * (PAD + GAP)
    }
}

/// What the widest text needs that a column should hold on one line.
fn widest(map: &Map<'_>, columns: &[Column<'_>]) -> f32 {
    let pieces = || columns.iter().filter(|column| !column.is_fold());
    let bounds = pieces().map(|column| Font::SMALL.width(&words::to(column.last)));
    let marks = pieces().flat_map(|column| &column.marks);
    let marks = marks.map(|&mark| Font::FLAG.width(&map.marks[mark].address.to_string()));
    bounds.chain(marks).fold(76.0, f32::max).min(TEXT) + 2.0 * (PAD + GAP)
}

fn width(column: &Column<'_>, piece: f32) -> f32 {
    if column.is_fold() { FOLD.min(piece) } else { piece }
}

/// Fills row after row.
fn pack(columns: &[Column<'_>], piece: f32, room: f32) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let (mut start, mut used) = (0, 0.0);
    for (i, column) in columns.iter().enumerate() {
        let width = width(column, piece);
        // A tenth of a pixel for what sums of fractions lose.
        if used + width > room + 0.1 && i > start {
            rows.push(start..i);
            (start, used) = (i, 0.0);
        }
        used += width;
    }
    if start < columns.len() {
        rows.push(start..columns.len());
    }
    rows
}
