//! One row of a SmtpReceive log: its fields, by the `#Fields` line above it.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::time::Stamp;

/// The fields of a row, in the order in which Exchange writes them.
const FIELDS: [&str; 9] = [
    "date-time",
    "connector-id",
    "session-id",
    "sequence-number",
    "local-endpoint",
    "remote-endpoint",
    "event",
    "data",
    "context",
];

const TIME: usize = 0;
const CONNECTOR: usize = 1;
const SESSION: usize = 2;
const LOCAL: usize = 4;
const REMOTE: usize = 5;
const EVENT: usize = 6;
const DATA: usize = 7;
const CONTEXT: usize = 8;
/// Where columns go that have another name.
const IGNORED: usize = FIELDS.len();

/// More columns than any version writes.
const MAX_COLUMNS: usize = 64;

/// A row. The fields are as in the file, but for the quotes around them; a quote inside is
/// still doubled. A field that the file does not have is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    pub time: Stamp,
    pub connector: &'a [u8],
    pub session: &'a [u8],
    pub local: &'a [u8],
    pub remote: &'a [u8],
    pub event: Event,
    pub data: &'a [u8],
    pub context: &'a [u8],
}

/// What a row tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `+`
    Connect,
    /// `-`
    Disconnect,
    /// `>`, by the server
    Sent,
    /// `<`, by the server
    Received,
    /// `*`, or nothing at all, as in excerpts whose asterisks a web page has eaten.
    Information,
}

/// Why a row could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it does not begin with a date and a time")]
    NoTime,
    #[error("it has {found} fields instead of {expected}")]
    Fields { found: usize, expected: usize },
    #[error("a quote opens and does not close")]
    OpenQuote,
    #[error("its event is none of + - > < *")]
    Event,
    #[error("it is longer than {0} octets")]
    TooLong(usize),
    #[error("the #Fields line above it has no {0}")]
    NoField(&'static str),
    #[error("the #Log-type above it is another one than SMTP Receive")]
    OtherLog,
    #[error("the lines of the file end with a carriage return alone")]
    CarriageReturns,
}

/// Which column holds which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    columns: Vec<usize>,
}

impl Default for Layout {
    /// All fields in Exchange's order, for files that have lost their header.
    fn default() -> Self {
        Self { columns: (0..FIELDS.len()).collect() }
    }
}

impl Layout {
    /// Reads what follows `#Fields:`.
    pub fn parse(list: &[u8]) -> Result<Self, Unreadable> {
        let columns: Vec<usize> = list
            .split(|b| *b == b',')
            .take(MAX_COLUMNS)
            .map(|name| {
                let is = |field: &&str| field.as_bytes().eq_ignore_ascii_case(name.trim_ascii());
                FIELDS.iter().position(is).unwrap_or(IGNORED)
            })
            .collect();
        match [TIME, EVENT].into_iter().find(|field| !columns.contains(field)) {
            Some(missing) => Err(Unreadable::NoField(FIELDS[missing])),
            None => Ok(Self { columns }),
        }
    }

    /// Whether rows begin with their time, so that other lines can be told from them.
    pub fn begins_with_time(&self) -> bool {
        self.columns.first() == Some(&TIME)
    }

    /// Reads a line, without its line end.
    pub fn row<'a>(&self, line: &'a [u8]) -> Result<Row<'a>, Unreadable> {
        if self.begins_with_time() && !begins_with_date(line) {
            return Err(Unreadable::NoTime);
        }
        let mut fields = [&line[..0]; FIELDS.len() + 1];
        let (mut found, mut at) = (0, 0);
        loop {
            let (field, end) = take_field(line, at).ok_or(Unreadable::OpenQuote)?;
            if let Some(place) = self.columns.get(found) {
                fields[*place] = field;
            }
            found += 1;
            if end == line.len() {
                break;
            }
            at = end + 1;
        }
        if found != self.columns.len() {
            return Err(Unreadable::Fields { found, expected: self.columns.len() });
        }
        Ok(Row {
            time: Stamp::parse(fields[TIME]).ok_or(Unreadable::NoTime)?,
            connector: fields[CONNECTOR],
            session: fields[SESSION],
            local: fields[LOCAL],
            remote: fields[REMOTE],
            event: match fields[EVENT] {
                b"+" => Event::Connect,
                b"-" => Event::Disconnect,
                b">" => Event::Sent,
                b"<" => Event::Received,
                b"*" | b"" => Event::Information,
                _ => return Err(Unreadable::Event),
            },
            data: fields[DATA],
            context: fields[CONTEXT],
        })
    }
}

/// Whether `line` begins as a row does: `2026-11-22T`.
pub fn begins_with_date(line: &[u8]) -> bool {
    line.len() > 10
        && line.iter().zip(b"0000-00-00T").all(|(b, shape)| match shape {
            b'0' => b.is_ascii_digit(),
            _ => b == shape,
        })
}

/// The field at `at`, and where it ends: at a comma or at the end of the line. `None` if a
/// quote does not close.
fn take_field(line: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let comma = |from: usize| memchr(b',', &line[from..]).map_or(line.len(), |i| from + i);
    if line.get(at) != Some(&b'"') {
        let end = comma(at);
        return Some((&line[at..end], end));
    }
    let mut from = at + 1;
    loop {
        let quote = from + memchr(b'"', &line[from..])?;
        if line.get(quote + 1) != Some(&b'"') {
            // Nothing but a comma should follow; whatever does is dropped.
            return Some((&line[at + 1..quote], comma(quote + 1)));
        }
        from = quote + 2;
    }
}

/// `field` with its doubled quotes made single.
pub fn unquoted(field: &[u8]) -> Cow<'_, [u8]> {
    if memmem::find(field, b"\"\"").is_none() {
        return Cow::Borrowed(field);
    }
    let mut single = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some(quote) = memchr(b'"', rest) {
        single.extend_from_slice(&rest[..=quote]);
        rest = &rest[quote + 1..];
        rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    }
    single.extend_from_slice(rest);
    Cow::Owned(single)
}

/// The address in an endpoint, `10.0.0.12` of `10.0.0.12:4711`. IPv6 stands in brackets, or,
/// from the .NET of 2007 and 2010, without.
pub fn host(endpoint: &[u8]) -> &[u8] {
    let end = memchr::memrchr(b':', endpoint).unwrap_or(endpoint.len());
    let host = &endpoint[..end];
    host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<Row<'_>, Unreadable> {
        Layout::default().row(line.as_bytes())
    }

    #[test]
    fn fields_with_and_without_quotes() {
        let row = read(
            r#"2026-11-22T09:12:02.123Z,"EX01\Relay, ""old""",08D0,4,10.0.0.1:25,10.0.0.12:4711,>,"250 a, b","#,
        )
        .unwrap();
        assert_eq!(row.time.to_string(), "2026-11-22T09:12:02.123Z");
        assert_eq!(unquoted(row.connector), &br#"EX01\Relay, "old""#[..]);
        assert_eq!(row.session, b"08D0");
        assert_eq!(row.event, Event::Sent);
        assert_eq!(row.data, b"250 a, b");
        assert_eq!(row.context, b"");
    }

    #[test]
    fn what_is_no_row_says_why() {
        let time = "2026-11-22T09:12:02.123Z";
        for (line, why) in [
            ("garbage".to_owned(), Unreadable::NoTime),
            ("2026-11-22Tgarbage,a,b,0,l,r,+,,".to_owned(), Unreadable::NoTime),
            (format!("{time},a,b,0,l,r,+,"), Unreadable::Fields { found: 8, expected: 9 }),
            (format!("{time},a,b,0,l,r,+,,,"), Unreadable::Fields { found: 10, expected: 9 }),
            (format!("{time},a,b,0,l,r,?,,"), Unreadable::Event),
            (format!("{time},a,b,0,l,r,+,\"x,"), Unreadable::OpenQuote),
        ] {
            assert_eq!(read(&line), Err(why), "{line}");
        }
    }

    #[test]
    fn columns_go_by_their_names() {
        let layout = Layout::parse(b" event, DATA ,date-time,colour,connector-id").unwrap();
        assert!(!layout.begins_with_time());
        let row = layout.row(b"<,\"a,b\",2026-11-22T09:12:02.123Z,red,EX01\\Relay").unwrap();
        assert_eq!((row.data, row.connector), (&b"a,b"[..], &br"EX01\Relay"[..]));
        assert_eq!(row.remote, b"");
        let missing = Layout::parse(b"date-time,connector-id");
        assert_eq!(missing, Err(Unreadable::NoField("event")));
    }

    #[test]
    fn hosts_of_both_families() {
        assert_eq!(host(b"10.0.0.12:4711"), b"10.0.0.12");
        assert_eq!(host(b"[fe80::1%11]:25"), b"fe80::1%11");
        assert_eq!(host(b"fe80::1%11:25"), b"fe80::1%11");
        assert_eq!(host(b"x.x.x.x:25"), b"x.x.x.x");
        assert_eq!(host(b""), b"");
    }

    fn quoted(field: &str) -> String {
        match field.contains([',', '"']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field.to_owned(),
        }
    }

    proptest! {
        #[test]
        fn what_was_quoted_reads_back(fields in prop::array::uniform5("[ -~]{0,12}")) {
            let [connector, session, local, remote, data] = &fields;
            let line = format!(
                "2026-11-22T09:12:02.123Z,{},{},7,{},{},<,{},",
                quoted(connector), quoted(session), quoted(local), quoted(remote), quoted(data),
            );
            let row = read(&line).unwrap();
            let again = [row.connector, row.session, row.local, row.remote, row.data];
            for (was, is) in fields.iter().zip(again) {
                prop_assert_eq!(was.as_bytes(), &*unquoted(is));
            }
        }

        #[test]
        fn no_line_makes_the_reader_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Layout::default().row(&line);
            let _ = Layout::parse(&line);
            let _ = (host(&line), unquoted(&line));
        }
    }
}
