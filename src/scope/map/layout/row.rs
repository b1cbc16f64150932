//! A row of columns: marks, bounds, who takes each, and the lanes of those who hold them.

use super::super::bands::{Content, Taker};
use super::super::page::{Area, Ink, Page, Paint, Shape};
use super::super::text::{Font, fit};
use super::super::words;
use super::flags::Flags;
use super::grid::{Names, Row};
use super::{INSET, lanes};

pub(super) fn draw(page: &mut Page, row: &Row<'_>) {
    let flags: Vec<_> = (0..row.columns.len()).map(|i| Flags::new(row, i)).collect();
    let top = page.height + flags.iter().map(Flags::height).fold(0.0, f32::max);
    page.height = top + 6.0;
    bounds(page, row);
    strip(page, row);
    let strip_end = page.height;
    page.height += 8.0;
    lanes::draw(page, row);

    for (i, flags) in flags.iter().enumerate().filter(|(i, _)| !row.columns[*i].marks.is_empty()) {
        // Where names stand above the lanes, a frame would cross them.
        let end = match row.names {
            Names::Beside(_) => page.height + 1.0,
            Names::Above => strip_end + 3.0,
        };
        let framed = row.cell(i, top, end - top);
        let asked = row.columns[i].marks.iter().any(|&mark| row.map.marks[mark].asked);
        if asked {
            page.ground(Shape::new(framed, Paint::Highlight));
        }
        let paint = if asked { Paint::AskedFrame } else { Paint::NamedFrame };
        page.shape(Shape::new(framed.inset(-1.0), paint));
        flags.draw(page, row.map, row.cell(i, top - flags.height(), flags.height()));
    }
}

/// From where to where each column goes, and how many addresses that is.
fn bounds(page: &mut Page, row: &Row<'_>) {
    let font = Font::SMALL;
    let texts = row.columns.iter().enumerate().map(|(i, column)| {
        let room = row.inner(i);
        let fit = |text: &str| fit(text, font, room, 3, &[':']);
        let size = match &column.content {
            Content::Fold { pieces, .. } => {
                let text = format!("… {} more pieces", words::thousands(pieces.len()));
                return (Vec::new(), fit(&text));
            }
            Content::Piece { .. } if column.other_links => "on other links".to_owned(),
            Content::Piece { .. } => words::size(column.span),
        };
        let mut bounds = fit(&words::bound(column.first));
        if column.first != column.last {
            bounds.extend(fit(&words::to(column.last)));
        }
        (bounds, fit(&size))
    });
    let texts: Vec<_> = texts.collect();
    let height = |lines: usize| lines as f32 * font.line();
    let sizes =
        height(texts.iter().filter(|t| !t.0.is_empty()).map(|t| t.1.len()).max().unwrap_or(0));
    let bounds = height(texts.iter().map(|t| t.0.len()).max().unwrap_or(0));
    let all = texts.iter().map(|t| height(t.1.len())).fold(bounds + sizes, f32::max);
    let end = page.height + all;
    for (i, (bound, size)) in texts.iter().enumerate() {
        if row.columns[i].is_fold() {
            let area = row.cell(i, end - height(size.len()), height(size.len()));
            page.centred(area, font, Ink::Muted, size);
            continue;
        }
        let area = row.cell(i, end - sizes - height(bound.len()), height(bound.len()));
        page.centred(area, font, Ink::Plain, bound);
        let area = row.cell(i, end - sizes, height(size.len()));
        page.centred(area, font, Ink::Muted, size);
    }
    if let Names::Beside(_) = row.names {
        let y = end - height(2);
        page.text(page.margin + INSET, y, Font::LABEL, Ink::Muted, "Sources");
    }
    page.height = end + 4.0;
}

/// Who takes each column, by name.
fn strip(page: &mut Page, row: &Row<'_>) {
    let texts = row.columns.iter().enumerate().map(|(i, column)| {
        let room = row.inner(i);
        match column.taker() {
            Taker::Connector(winner) => fit(row.map.name(winner), Font::STRONG, room, 3, &[]),
            Taker::Nobody => fit("no connector", Font::LABEL, room, 3, &[]),
            Taker::Several => fit("mixed", Font::LABEL, room, 1, &[]),
        }
    });
    let texts: Vec<_> = texts.collect();
    let lines = texts.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let height = lines as f32 * Font::STRONG.line() + 10.0;
    if let Names::Beside(_) = row.names {
        let y = page.height + (height - Font::STRONG.line()) / 2.0;
        page.text(page.margin + INSET, y, Font::STRONG, Ink::Plain, "Taken by");
    }
    for (i, (column, lines)) in row.columns.iter().zip(&texts).enumerate() {
        let area = row.cell(i, page.height, height);
        let (paint, font, ink) = match column.taker() {
            Taker::Connector(winner) => {
                (Paint::Taken(row.map.colour(winner)), Font::STRONG, Ink::OnFilled)
            }
            Taker::Nobody => (Paint::Nobody, Font::LABEL, Ink::Muted),
            Taker::Several => (Paint::Folded, Font::LABEL, Ink::Muted),
        };
        let outlined = !matches!(paint, Paint::Taken(_));
        let area = if outlined { area.inset(0.5) } else { area };
        page.shape(taken(row, i, area, paint));
        page.centred(area, font, ink, lines);
    }
    page.height += height;
}

fn taken(row: &Row<'_>, i: usize, area: Area, paint: Paint) -> Shape {
    let column = &row.columns[i];
    let shape = Shape::new(area, paint)
        .data("family", row.band.family())
        .data("first", column.first)
        .data("last", column.last);
    let shape = match &column.content {
        Content::Piece { index, .. } => shape.data("piece", index),
        Content::Fold { pieces, .. } => {
            shape.data("piece", pieces.start).data("pieces", pieces.len())
        }
    };
    match column.taker() {
        Taker::Connector(winner) => shape.data("winner", winner).title(row.map.identity(winner)),
        Taker::Nobody => shape.data("winner", "none"),
        Taker::Several => {
            shape.title(format!("{} to {}: {}", column.first, column.last, column.takers()))
        }
    }
}
