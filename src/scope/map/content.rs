//! What a map says, before it has a place.

use std::net::SocketAddr;

use super::super::{Scope, Selection};
use super::bands::{Band, Taker, bands};
use super::page::Colour;
use super::svg::{COLOURS, NEUTRAL};
use super::text::{clean, inline};
use super::{Mark, words};
use crate::connector::Server;

/// Everything that a map says.
pub(super) struct Map<'a> {
    pub(super) scope: &'a Scope,
    pub(super) local: SocketAddr,
    pub(super) marks: &'a [Mark],
    pub(super) bands: Vec<Band<'a>>,
    server: &'a Server,
    /// Of the connectors, fit to be drawn.
    names: Vec<String>,
    /// `None`: it has no lane.
    colours: Vec<Option<Colour>>,
}

impl<'a> Map<'a> {
    pub(super) fn new(
        scope: &'a Scope,
        server: &'a Server,
        local: SocketAddr,
        marks: &'a [Mark],
    ) -> Self {
        let connectors = scope.connectors();
        let bands = bands(scope, local, marks);
        let mut colours = vec![None; connectors.len()];
        for &i in bands.iter().flat_map(|band| &band.listening) {
            colours[i] = Some(NEUTRAL);
        }
        for (colour, next) in colours.iter_mut().flatten().zip((0..COLOURS).cycle()) {
            *colour = next;
        }
        let names = connectors.iter().map(|connector| clean(&connector.name)).collect();
        Self { scope, local, marks, bands, server, names, colours }
    }

    pub(super) fn name(&self, connector: usize) -> &str {
        &self.names[connector]
    }

    /// `EX01\Default Frontend EX01`
    pub(super) fn identity(&self, connector: usize) -> String {
        clean(&self.server.identity(&self.scope.connectors()[connector]))
    }

    pub(super) fn colour(&self, connector: usize) -> Colour {
        self.colours[connector].unwrap_or(NEUTRAL)
    }

    pub(super) fn has_lane(&self, connector: usize) -> bool {
        self.colours[connector].is_some()
    }

    pub(super) fn title(&self) -> String {
        let server = inline(&clean(&self.server.name));
        format!("Which connector of {server} takes which source on port {}", self.local.port())
    }

    /// What a mark meets, on the local address of its band.
    pub(super) fn selection(&self, mark: &Mark) -> Selection<'a> {
        let ipv6 = mark.address.ip().is_ipv6();
        let band = self.bands.iter().find(|band| band.ipv6() == ipv6);
        self.scope.select(band.map_or(self.local, |band| band.local), mark.address)
    }

    /// The picture in words, for those who do not see it.
    pub(super) fn description(&self) -> String {
        /// A listener has not the patience for more.
        const COLUMNS: usize = 40;

        let asked = self.marks.iter().filter(|mark| mark.asked).take(COLUMNS);
        let mut sentences: Vec<String> =
            asked.map(|mark| clean(&self.selection(mark).reason()) + ".").collect();
        for band in &self.bands {
            let local = band.local;
            let listening = words::count(band.listening.len(), "connector");
            sentences.push(format!("{} sources on {local}: {listening}.", band.family()));
            for column in band.columns.iter().take(COLUMNS) {
                let who = match column.taker() {
                    Taker::Connector(winner) => inline(self.name(winner)),
                    Taker::Nobody => "no connector".to_owned(),
                    Taker::Several => column.takers(),
                };
                let (first, last) = (column.first, column.last);
                let bounds =
                    if first == last { first.to_string() } else { format!("{first} to {last}") };
                sentences.push(format!("{bounds}: {who}."));
            }
            let more = band.columns.len().saturating_sub(COLUMNS);
            if more > 0 {
                sentences.push(format!("And {} more.", words::count(more, "column")));
            }
        }
        sentences.join(" ")
    }
}
