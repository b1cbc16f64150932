//! One family of addresses: a heading, the rows, and what they do not show.

use super::super::bands::{Band, Column};
use super::super::content::Map;
use super::super::page::{Ink, Page};
use super::super::text::{Font, inline};
use super::super::words;
use super::grid::Grid;
use super::{ANSWERS, is_narrow, notes, row};

pub(super) fn band(page: &mut Page, map: &Map<'_>, band: &Band<'_>) {
    page.height += 20.0;
    heading(page, band);
    let grid = Grid::new(page, map, band, &band.columns);
    close_ups(page, map, band, &grid);
    rows(page, map, band, &grid, &band.columns);
    let family = band.family();
    let notes = [
        (
            &band.outdone,
            format!("Never met by an {family} source, as more specific ranges hold all of theirs:"),
        ),
        (&band.folded, "Only in pieces that are folded:".to_owned()),
    ];
    for (connectors, head) in notes.iter().filter(|(connectors, _)| !connectors.is_empty()) {
        let names = connectors.iter().map(|&i| inline(map.name(i))).collect();
        page.height += 5.0;
        let lines = notes::list(head, names, Font::LABEL, page.room(), 3);
        page.lines(page.margin, Font::LABEL, Ink::Muted, lines);
    }
}

/// A band of more rows begins with what is asked about, if that comes further down.
const LONG: usize = 6;

fn close_ups(page: &mut Page, map: &Map<'_>, band: &Band<'_>, grid: &Grid) {
    if grid.rows.len() <= LONG {
        return;
    }
    let near = grid.rows[1].end;
    let asked = |&mark: &usize| map.marks[mark].asked;
    let far = (near..band.columns.len())
        .filter_map(|i| Some((i, band.columns[i].marks.iter().copied().find(asked)?)));
    let beside = if is_narrow(page.width) { 1 } else { 2 };
    let far: Vec<_> = far.take(ANSWERS).collect();
    for (i, mark) in &far {
        let columns = i.saturating_sub(beside)..(i + beside + 1).min(band.columns.len());
        let columns = &band.columns[columns];
        let title = format!("Around {}", map.marks[*mark].address);
        page.lines(page.margin, Font::STRONG, Ink::Plain, vec![title]);
        page.height += 2.0;
        let grid = Grid::new(page, map, band, columns);
        rows(page, map, band, &grid, columns);
        page.height += 14.0;
    }
    if !far.is_empty() {
        page.lines(page.margin, Font::STRONG, Ink::Plain, vec!["All sources in order".to_owned()]);
        page.height += 2.0;
    }
}

fn rows(page: &mut Page, map: &Map<'_>, band: &Band<'_>, grid: &Grid, columns: &[Column<'_>]) {
    for (i, of_row) in grid.rows.iter().enumerate() {
        if i > 0 {
            page.height += 18.0;
        }
        row::draw(page, &grid.row(map, band, &columns[of_row.clone()]));
    }
}

fn heading(page: &mut Page, band: &Band<'_>) {
    let title = format!("{} sources, on {}", band.family(), band.local);
    let shown = band.columns.iter().filter(|column| !column.is_fold()).count();
    let mut count = words::count(band.pieces, "piece");
    if shown < band.pieces {
        count += &format!(", {shown} of them shown");
    }
    let (x, after) = (page.margin, Font::HEADING.width(&title) + 12.0);
    page.text(x, page.height, Font::HEADING, Ink::Plain, title);
    if after + Font::LABEL.width(&count) > page.room() {
        page.height += Font::HEADING.line();
        page.text(x, page.height, Font::LABEL, Ink::Muted, count);
    } else {
        page.text(x + after, page.height + 2.0, Font::LABEL, Ink::Muted, count);
    }
    page.height += Font::HEADING.line() + 8.0;
}
