//! What stands below the bands: the legend, the marked addresses, who is not drawn and why.

use super::super::bands::{Column, Content, Taker, takes_connections};
use super::super::content::Map;
use super::super::page::{Area, Ink, Page, Paint, Shape};
use super::super::svg::NEUTRAL;
use super::super::text::{Font, clean, inline, wrap};
use super::super::{Mark, words};

/// So many marks are listed at most. It bounds the picture whatever is asked.
const LISTED: usize = 200;

/// What the shapes mean that are in the picture.
pub(super) fn legend(page: &mut Page, map: &Map<'_>) {
    let columns = || map.bands.iter().flat_map(|band| &band.columns);
    let shadowed = columns().any(
        |column| matches!(&column.content, Content::Piece { holders, .. } if holders.len() > 1),
    );
    let marked = |asked| {
        columns().flat_map(|column| &column.marks).any(|&mark| map.marks[mark].asked == asked)
    };
    let takers = |is: fn(Taker) -> bool| columns().any(|column| is(column.taker()));
    let entries = [
        (
            takers(|t| matches!(t, Taker::Connector(_))),
            Paint::Taken(NEUTRAL),
            "takes the addresses",
        ),
        (shadowed, Paint::Shadowed(NEUTRAL), "holds them, but a more specific range wins"),
        (takers(|t| t == Taker::Nobody), Paint::Nobody, "no connector takes them"),
        (columns().any(Column::is_fold), Paint::Folded, "several pieces, folded"),
        (marked(true), Paint::AskedFlag, "asked about"),
        (marked(false), Paint::NamedFlag, "named peer"),
    ];
    page.height += 8.0;
    let (mut x, font) = (page.margin, Font::LABEL);
    for (_, paint, text) in entries.into_iter().filter(|(present, ..)| *present) {
        let width = 28.0 + font.width(text);
        if x > page.margin && x + width > page.width - page.margin {
            x = page.margin;
            page.height += font.line() + 4.0;
        }
        page.shape(Shape::new(Area::new(x + 0.5, page.height + 2.5, 20.0, 12.0), paint));
        page.text(x + 28.0, page.height, font, Ink::Muted, text);
        x += width + 22.0;
    }
    page.height += font.line();
}

/// Every mark that has no sentence of its own, with what it meets.
pub(super) fn marks(page: &mut Page, map: &Map<'_>, answered: usize) {
    const LINE: f32 = 40.0;

    let mut left = answered;
    let rest: Vec<_> = map
        .marks
        .iter()
        .filter(|mark| {
            let answered = mark.asked && left > 0;
            left -= usize::from(answered);
            !answered
        })
        .collect();
    if rest.is_empty() {
        return;
    }
    page.height += 18.0;
    page.lines(page.margin, Font::HEADING, Ink::Plain, vec!["Marked addresses".to_owned()]);
    page.height += 4.0;
    let who = |mark: &Mark| match &mark.name {
        Some(name) => format!("{} {}", inline(&clean(name)), mark.address),
        None => mark.address.to_string(),
    };
    let widest = rest.iter().take(LISTED).map(|mark| Font::STRONG.width(&who(mark)) + 32.0);
    let widest = widest.fold(200.0, f32::max).min(page.room()).min(360.0);
    let columns = ((page.room() / widest) as usize).max(1);
    for row in rest[..rest.len().min(LISTED)].chunks(columns) {
        for (i, mark) in row.iter().enumerate() {
            let (x, y) = (page.margin + i as f32 * widest, page.height);
            let winner = map.selection(mark).index();
            let colour = winner.map(|winner| map.colour(winner));
            let paint = colour.map_or(Paint::Nobody, Paint::Taken);
            page.shape(Shape::new(Area::new(x, y + 4.0, 10.0, 10.0), paint));
            let room = widest - 28.0;
            page.elided(x + 16.0, y, Font::STRONG, Ink::Plain, &who(mark), room);
            let met = winner.map_or("no connector", |winner| map.name(winner));
            let met = format!("meets {}", inline(met));
            page.elided(x + 16.0, y + 17.0, Font::LABEL, Ink::Muted, &met, room);
        }
        page.height += LINE;
    }
    let more = rest.len().saturating_sub(LISTED);
    if more > 0 {
        let text = format!("and {} more", words::thousands(more));
        page.lines(page.margin, Font::LABEL, Ink::Muted, vec![text]);
    }
}

/// The connectors that have no lane.
pub(super) fn absent(page: &mut Page, map: &Map<'_>) {
    let connectors = map.scope.connectors();
    let bound =
        |i: usize| map.bands.iter().any(|band| takes_connections(&connectors[i], band.local));
    let absent: Vec<usize> = (0..connectors.len()).filter(|&i| !map.has_lane(i)).collect();
    let with_ports = |&i: &usize| {
        let mut ports: Vec<_> = connectors[i].bindings.iter().map(|b| b.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        format!("{}\u{a0}({})", inline(map.name(i)), ports.join(", "))
    };
    let name = |&i: &usize| inline(map.name(i));
    let (enabled, disabled): (Vec<_>, Vec<_>) =
        absent.into_iter().partition(|&i| connectors[i].enabled);
    let (bound, elsewhere): (Vec<_>, Vec<_>) = enabled.into_iter().partition(|&i| bound(i));
    let groups = [
        (
            format!("Not listening on {}:", map.local),
            elsewhere.iter().map(with_ports).collect::<Vec<_>>(),
        ),
        ("Disabled:".to_owned(), disabled.iter().map(name).collect()),
        ("Listening, without a range:".to_owned(), bound.iter().map(name).collect()),
    ];
    let groups = groups.into_iter().filter(|(_, names)| !names.is_empty());
    for (i, (head, names)) in groups.enumerate() {
        page.height += if i == 0 { 12.0 } else { 2.0 };
        let lines = list(&head, names, Font::LABEL, page.room(), 3);
        page.lines(page.margin, Font::LABEL, Ink::Muted, lines);
    }
}

/// `head` and as many of the names as there are lines for, with how many more there are.
pub(super) fn list(
    head: &str,
    names: Vec<String>,
    font: Font,
    room: f32,
    most: usize,
) -> Vec<String> {
    let lines = |shown: usize| {
        let more = match names.len() - shown {
            0 => String::new(),
            more => format!(" and {} more", words::thousands(more)),
        };
        wrap(&format!("{head} {}{more}", names[..shown].join(", ")), font, room, &[])
    };
    // A name takes a part of a line: looking at more of them than lines have room for is idle.
    let enough = names.len().min(64 * most);
    let shown = (0..=enough).rev().find(|&shown| lines(shown).len() <= most);
    lines(shown.unwrap_or(0))
}
