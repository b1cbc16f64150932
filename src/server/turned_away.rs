//! A connection that gets no session: one reply, and the record of it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use jiff::Timestamp;

use super::shared::Shared;
use super::stream::{Stream, Transport};
use super::tracer::{by, refusal, weighed};
use crate::connector::{ReceiveConnector, SourceAddress};
use crate::journal::trace::{Trace, What};
use crate::journal::{Ending, Followed, Journal, Point, Rows};
use crate::scope::Selection;
use crate::session::Reason;
use crate::smtp::Reply;

pub(super) struct TurnedAway<'a> {
    pub shared: &'a Shared,
    pub id: &'a str,
    pub selection: &'a Selection<'a>,
    /// The binding.
    pub local: SocketAddr,
    pub source: SourceAddress,
    /// The connector that was met, if one was.
    pub connector: Option<&'a ReceiveConnector>,
    pub rows: Option<Rows>,
}

impl TurnedAway<'_> {
    /// Sends `reply` and closes. All is recorded before the peer has had the time to read it.
    pub(super) async fn with<T: Transport>(
        mut self,
        reply: &Reply,
        reason: &Reason,
        stream: &mut Stream<T>,
    ) {
        let mut output = BytesMut::new();
        reply.write_to(&mut output);
        self.shared.host.tally.reply(reply.code());
        self.shared.metrics.octets(0, output.len());
        if let Some(rows) = &mut self.rows {
            rows.sent(&output);
            rows.ended(Ending::Local);
        }
        let journal = self.shared.journal.as_ref();
        if let Some(journal) = journal.filter(|journal| journal.wants_traces()) {
            self.trace(journal, reply, reason);
        }
        if stream.send(&mut output).await.is_ok() {
            stream.close().await;
        }
    }

    /// As a session of one reply.
    fn trace(&self, journal: &Journal, reply: &Reply, reason: &Reason) {
        let server = &self.shared.host.server;
        let selection = weighed(server, self.selection, self.local);
        let (local, remote) = (self.local.to_string(), self.source.to_string());
        let mut trace = Trace::new(self.id.to_owned(), Timestamp::now(), local, remote, selection);
        let refusal = Some(refusal(reason, reply, server, self.connector));
        trace.push(0, What::Reply { text: reply.to_string(), refusal });
        trace.ended = Some(trace.started);
        trace.ending = Some(by(Ending::Local).to_owned());
        journal.trace(&trace);
        if let Some(recent) = journal.recent() {
            let followed = Arc::new(Followed::new(trace));
            recent.opened(&followed);
            recent.changed(Point::Refused, &followed);
            recent.changed(Point::Ended, &followed);
        }
    }
}
