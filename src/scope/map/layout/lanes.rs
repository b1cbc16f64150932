//! The lanes of a row: one for each connector that holds a piece of it.

use std::collections::BTreeSet;

use super::super::bands::{Column, Content, family};
use super::super::page::{Area, Ink, Page, Paint, Shape};
use super::super::text::{Font, elide, inline};
use super::super::words;
use super::grid::{Names, Row};
use super::{INSET, notes};

/// A row has so many at most. It bounds the picture whatever the set.
const MOST: usize = 12;
const GAP: f32 = 3.0;

pub(super) fn draw(page: &mut Page, row: &Row<'_>) {
    let (shown, hidden) = of(row);
    for connector in shown {
        lane(page, row, connector);
    }
    if !hidden.is_empty() {
        let head = format!("{} more with a range that holds one of these pieces:", hidden.len());
        let names = hidden.iter().map(|&i| inline(row.map.name(i))).collect();
        page.height += 2.0;
        let lines = notes::list(&head, names, Font::SMALL, page.room() - 2.0 * INSET, 2);
        page.lines(page.margin + INSET, Font::SMALL, Ink::Muted, lines);
    }
}

/// The height of a lane, and of the bars in it, below its top.
fn measures(row: &Row<'_>) -> (f32, f32, f32) {
    match (row.names, row.dense) {
        (Names::Beside(_), false) => (36.0, 6.0, 24.0),
        (Names::Beside(_), true) => (24.0, 4.0, 16.0),
        (Names::Above, false) => (42.0, 21.0, 16.0),
        (Names::Above, true) => (37.0, 19.0, 15.0),
    }
}

fn lane(page: &mut Page, row: &Row<'_>, connector: usize) {
    let (height, below, bar) = measures(row);
    let name = row.map.name(connector);
    let ranges = words::ranges(family(&row.map.scope.connectors()[connector], row.band.ipv6()));
    let (top, colour) = (page.height, row.map.colour(connector));
    let ground = Area::new(page.margin, top, page.room(), height);
    let title = format!("{}: {ranges}", inline(&row.map.identity(connector)));
    page.ground(Shape::new(ground, Paint::Lane).title(title));

    let x = page.margin + INSET;
    page.shape(Shape::new(Area::new(x, top + 6.0, 10.0, 10.0), Paint::Taken(colour)));
    let x = x + 16.0;
    match row.names {
        Names::Beside(room) => {
            page.elided(x, top + 3.0, Font::STRONG, Ink::Plain, name, room);
            if !row.dense {
                page.elided(x, top + 19.0, Font::SMALL, Ink::Muted, &ranges, room);
            }
        }
        Names::Above => {
            let room = page.width - page.margin - x;
            let name = elide(name, Font::STRONG, room * 0.6);
            let after = Font::STRONG.width(&name) + 8.0;
            page.text(x, top + 3.0, Font::STRONG, Ink::Plain, name);
            page.elided(x + after, top + 4.0, Font::SMALL, Ink::Muted, &ranges, room - after);
        }
    }
    for (i, column) in row.columns.iter().enumerate() {
        cell(page, row, column, connector, row.cell(i, top + below, bar));
    }
    page.height += height + GAP;
}

fn cell(page: &mut Page, row: &Row<'_>, column: &Column<'_>, connector: usize, area: Area) {
    let colour = row.map.colour(connector);
    // Drawn with a line around it, which goes half outside.
    let outlined = area.inset(0.5);
    match &column.content {
        Content::Piece { index, winner, holders } => {
            let Some(range) = holders.get(&connector) else { return };
            let (area, paint, state) = match *winner == Some(connector) {
                true => (area, Paint::Taken(colour), "takes"),
                false => (outlined, Paint::Shadowed(colour), "shadowed"),
            };
            let shape = Shape::new(area, paint)
                .data("family", row.band.family())
                .data("piece", index)
                .data("connector", connector)
                .data("state", state);
            page.shape(shape.title(format!("{state}, by {range}")));
        }
        Content::Fold { pieces, takes } => match takes.get(&Some(connector)) {
            None => {}
            Some(count) if *count == pieces.len() => {
                page.shape(Shape::new(area, Paint::Taken(colour)));
            }
            Some(count) => {
                let count = words::thousands(*count);
                let text = format!("takes {count}");
                let fits = Font::SMALL.width(&text) <= area.width;
                let text = if fits { text } else { elide(&count, Font::SMALL, area.width) };
                page.shape(Shape::new(outlined, Paint::Folded));
                page.centred(area, Font::SMALL, Ink::Muted, &[text]);
            }
        },
    }
}

/// The connectors with a lane, in the order of the band, and those without one though they
/// hold a piece. The winners come before others, and what lies at a mark before the rest.
fn of(row: &Row<'_>) -> (Vec<usize>, BTreeSet<usize>) {
    let mut wanted = Vec::new();
    for column in row.columns {
        match &column.content {
            Content::Piece { winner, holders, .. } => {
                wanted.extend(holders.iter().map(|(&connector, range)| {
                    let loses = *winner != Some(connector);
                    (loses, column.marks.is_empty(), range.span(), connector)
                }));
            }
            Content::Fold { takes, .. } if takes.len() == 1 => {
                wanted.extend(takes.keys().flatten().map(|&winner| (false, true, 0, winner)));
            }
            Content::Fold { .. } => {}
        }
    }
    wanted.sort_unstable();
    let (mut shown, mut hidden) = (BTreeSet::new(), BTreeSet::new());
    for (.., connector) in wanted {
        let with = if shown.len() < MOST { &mut shown } else { &mut hidden };
        with.insert(connector);
    }
    let order = row.band.listening.iter().copied().filter(|i| shown.contains(i)).collect();
    (order, &hidden - &shown)
}
