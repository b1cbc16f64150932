//! The rows of one session.

use std::fmt::{self, Display};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::csv::{Time, write_field};
use super::layout::Layout;
use crate::connector::Role;
use crate::journal::Clock;
use crate::journal::writer::{Piece, Queue};

/// Writes the rows of one session, each with the time at which it is written. What is in hand
/// goes to the writer when [`Rows::hand_over`] is called, when it is much, when the client lets
/// the server wait, and in the end.
#[derive(Debug)]
pub struct Rows {
    queue: Queue,
    pub(super) layout: &'static Layout,
    clock: Clock,
    pub(super) role: Role,
    /// `08D892B7A9441226;2020-11-27T09:34:38.956Z`, with the time at which it was opened.
    pub(super) name: Arc<str>,
    columns: Columns,
    hand: Vec<u8>,
    /// When the first row in hand was written.
    since: Timestamp,
    in_hand: u32,
    ended: bool,
}

/// The columns that a session has in all its rows.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    pub role: Role,
    /// `SERVER\Connector name`
    pub connector: &'a str,
    /// 16 hexadecimal digits
    pub session: &'a str,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Local,
    Remote,
    ConnectionReset,
    /// Any other failure of the connection.
    SocketError,
}

/// How long rows may be in hand while a client thinks. Our choice.
const SOON: Duration = Duration::from_millis(20);

/// More than the replies of a usual dialogue; then a batch goes early.
const BATCH: usize = 16 << 10;

impl Rows {
    /// Begins with the row of the connection, `+`.
    pub(in crate::journal) fn open(
        queue: Queue,
        layout: &'static Layout,
        clock: Clock,
        opening: Opening<'_>,
    ) -> Self {
        let Opening { role, connector, session, local, remote } = opening;
        let now = clock();
        let mut rows = Self {
            queue,
            layout,
            clock,
            role,
            name: format!("{session};{}", Time(now)).into(),
            columns: Columns::new(connector, session, local, remote),
            hand: Vec::new(),
            since: now,
            in_hand: 0,
            ended: false,
        };
        rows.row(b'+', |_| (), "");
        rows
    }

    /// The last row, `-`.
    pub fn ended(&mut self, ending: Ending) {
        if !std::mem::replace(&mut self.ended, true) {
            self.row(b'-', |_| (), ending);
            self.hand_over();
        }
    }

    /// Gives what is in hand to the writer.
    pub fn hand_over(&mut self) {
        if self.hand.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.hand);
        let rows = std::mem::take(&mut self.in_hand);
        self.queue.put(Piece::Rows { role: self.role, at: self.since, text, rows });
    }

    /// Waits for `next` with what is in hand, as it may bring more. Soon that is handed over, and
    /// `None` says that `next` is still to come.
    pub async fn wait_with<T>(&mut self, next: impl Future<Output = T>) -> Option<T> {
        if self.hand.is_empty() {
            return None;
        }
        let came = tokio::time::timeout(SOON, next).await.ok();
        if came.is_none() {
            self.hand_over();
        }
        came
    }

    /// Information in the column for data.
    pub(super) fn note(&mut self, data: impl Display, context: impl Display) {
        self.row(b'*', |out| write(out, data), context);
    }

    /// Information in the column for context.
    pub(super) fn remark(&mut self, context: impl Display) {
        self.row(b'*', |_| (), context);
    }

    pub(super) fn row(
        &mut self,
        event: u8,
        data: impl FnOnce(&mut Vec<u8>),
        context: impl Display,
    ) {
        let now = (self.clock)();
        let out = &mut self.hand;
        if out.is_empty() {
            self.since = now;
            *out = self.queue.buffer();
        }
        self.columns.write(out, now, event, data, context);
        out.extend_from_slice(b"\r\n");
        self.in_hand += 1;
        if self.hand.len() >= BATCH {
            self.hand_over();
        }
    }
}

/// The columns that a session's rows share, and the number of the next one.
#[derive(Debug)]
pub(super) struct Columns {
    /// `,SERVER\Connector name,08D892B7A9441226,`
    head: Vec<u8>,
    /// `,10.0.0.1:25,192.0.2.10:40000,`
    tail: Vec<u8>,
    sequence: u32,
    /// The millisecond of the last row, and how it is written: the next one is often the same.
    last: (i64, [u8; 24]),
}

impl Columns {
    pub fn new(connector: &str, session: &str, local: SocketAddr, remote: SocketAddr) -> Self {
        let mut head = b",".to_vec();
        write_field(&mut head, |out| out.extend_from_slice(connector.as_bytes()));
        write(&mut head, format_args!(",{session},"));
        Self {
            head,
            tail: format!(",{local},{remote},").into_bytes(),
            sequence: 0,
            last: (i64::MIN, [0; 24]),
        }
    }

    /// Appends a row without its line end.
    pub fn write(
        &mut self,
        out: &mut Vec<u8>,
        at: Timestamp,
        event: u8,
        data: impl FnOnce(&mut Vec<u8>),
        context: impl Display,
    ) {
        let millisecond = at.as_millisecond();
        if self.last.0 != millisecond {
            self.last = (millisecond, Time(at).text());
        }
        out.extend_from_slice(&self.last.1);
        out.extend_from_slice(&self.head);
        write(out, self.sequence);
        out.extend_from_slice(&self.tail);
        out.extend_from_slice(&[event, b',']);
        write_field(out, data);
        out.push(b',');
        write_field(out, |out| write(out, context));
        self.sequence += 1;
    }
}

/// A session that was cut has an end all the same.
impl Drop for Rows {
    fn drop(&mut self) {
        self.ended(Ending::Local);
    }
}

impl Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "Local",
            Self::Remote => "Remote",
            Self::ConnectionReset => "Remote(ConnectionReset)",
            Self::SocketError => "Remote(SocketError)",
        })
    }
}

pub(super) fn write(out: &mut Vec<u8>, text: impl Display) {
    // Writing into a growing buffer cannot fail.
    let _ = write!(out, "{text}");
}
