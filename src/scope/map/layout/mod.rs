//! Where everything stands.

mod band;
mod flags;
mod grid;
mod lanes;
mod notes;
mod row;

use super::Mark;
use super::content::Map;
use super::page::{Area, Ink, Page, Paint, Shape};
use super::svg::NEUTRAL;
use super::text::{Font, clean, inline, wrap};

/// So many of the addresses asked about are answered in words; the others are in the list.
const ANSWERS: usize = 4;
/// Lines of prose are no longer than this: the eye would not find the next one.
const MEASURE: f32 = 860.0;
/// From the margin to what stands in a lane.
const INSET: f32 = 8.0;

pub(super) fn page(map: &Map<'_>, width: f32) -> Page {
    let margin = if is_narrow(width) { 14.0 } else { 24.0 };
    let mut page =
        Page { width, margin, height: margin - 2.0, ground: Vec::new(), items: Vec::new() };
    head(&mut page, map);
    for mark in map.marks.iter().filter(|mark| mark.asked).take(ANSWERS) {
        answer(&mut page, map, mark);
    }
    notes::legend(&mut page, map);
    for band in &map.bands {
        band::band(&mut page, map, band);
    }
    notes::marks(&mut page, map, ANSWERS);
    notes::absent(&mut page, map);
    page.height = (page.height + margin).ceil();
    page
}

/// Names then stand above their lanes, not beside them.
fn is_narrow(width: f32) -> bool {
    width < 600.0
}

fn head(page: &mut Page, map: &Map<'_>) {
    let (margin, room) = (page.margin, page.room());
    page.lines(margin, Font::TITLE, Ink::Plain, wrap(&map.title(), Font::TITLE, room, &[]));
    page.height += 4.0;
    let how = "The most specific range that holds the source decides, before the client has said a \
               word. Each column is a stretch of addresses that all meet the same; widths are not \
               to scale.";
    page.lines(margin, Font::BODY, Ink::Muted, wrap(how, Font::BODY, room.min(MEASURE), &[]));
    page.height += 12.0;
}

/// What `mark` meets, and why.
fn answer(page: &mut Page, map: &Map<'_>, mark: &Mark) {
    const PAD: f32 = 12.0;

    let selection = map.selection(mark);
    let address = mark.address;
    let who = match &mark.name {
        Some(name) => format!("{} ({address})", inline(&clean(name))),
        None => address.to_string(),
    };
    let met = match selection.index() {
        Some(winner) => inline(&map.identity(winner)),
        None => "no connector".to_owned(),
    };
    let room = page.room() - 2.0 * PAD - 4.0;
    let headline = wrap(&format!("{who} meets {met}"), Font::ANSWER, room, &[]);
    let reason = wrap(&sentence(&clean(&selection.reason())), Font::BODY, room.min(MEASURE), &[]);
    let height = Font::ANSWER.line() * headline.len() as f32
        + Font::BODY.line() * reason.len() as f32
        + 2.0 * PAD
        + 2.0;
    let area = Area::new(page.margin, page.height, page.room(), height);
    page.ground(Shape::new(area, Paint::Lane));
    let colour = selection.index().map_or(NEUTRAL, |winner| map.colour(winner));
    page.shape(Shape::new(Area { width: 5.0, ..area }, Paint::Taken(colour)));
    let x = area.x + PAD + 4.0;
    page.height += PAD;
    page.lines(x, Font::ANSWER, Ink::Plain, headline);
    page.height += 2.0;
    page.lines(x, Font::BODY, Ink::Plain, reason);
    page.height = area.y + height + 8.0;
}

fn sentence(clause: &str) -> String {
    let mut rest = clause.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).chain(['.']).collect()
}
