//! The picture of a set: which connector takes which source addresses.
//!
//! The address space is cut at every bound of a range, and each piece is drawn equally wide,
//! so that one address among four billion can be seen. Every connector has a lane: filled
//! where it takes a piece, hatched where its range holds one that another takes.
//!
//! From the set to the picture: `bands` asks [`Scope`] and folds what is quiet, `layout` gives
//! everything its place, `svg` writes it down.

mod bands;
mod content;
mod fold;
mod layout;
mod page;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::net::SocketAddr;

use super::Scope;
use crate::connector::{Server, SourceAddress};
use content::Map;

/// For a page, in pixels.
pub const WIDTH: u32 = 960;

/// An address to be marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whose it is, `EX02`.
    pub name: Option<String>,
    pub address: SourceAddress,
    /// Whether it is what the picture is drawn for: then it answers in a sentence.
    pub asked: bool,
}

/// Draws `scope` as an SVG document, `width` pixels wide (320 to 4000; others are taken as
/// the nearest of these). Below 600 it is made for a hand-held screen.
///
/// It shows who takes the sources of `local`'s family on `local`, and those of the other
/// family on the wildcard of the same port. There is no script, no font and no address
/// in it that a viewer would load, and its size is bounded: of long sets it folds what bears
/// no mark. Each shape of a piece has it in `data-…` attributes: `piece` (its number within
/// `family`), `first`, `last`, `winner` or `connector` and `state`, connectors by their
/// place in the set.
pub fn svg(
    scope: &Scope,
    server: &Server,
    local: SocketAddr,
    marks: &[Mark],
    width: u32,
) -> String {
    let map = Map::new(scope, server, local, marks);
    let page = layout::page(&map, width.clamp(320, 4000) as f32);
    svg::document(&page, &map.title(), &map.description())
}
