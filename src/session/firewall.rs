//! The header firewall: which fields of a message pass, by the rights of the session.
//!
//! learn.microsoft.com, "Header firewall". It strips in silence, and only looks: the content
//! stays as it came.

use std::ops::Range;

use bytes::Bytes;
use mail_parser::{Message, MessageParser};

use crate::connector::Rights;
use crate::smtp::header::{Family, Field, HeaderReader, Stripped, made_by, message_id, unfold};

/// The header block of a message that is coming in.
#[derive(Debug)]
pub(super) struct Firewall {
    rights: Rights,
    /// What one organisation tells another passes (TlsDomainCapabilities).
    trusts_premises: bool,
    reader: HeaderReader,
    stripped: Vec<(Range<usize>, &'static str)>,
    header: Header,
}

/// What is known of a header block.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Octets up to the empty line.
    pub octets: u64,
    /// The content begins with a field.
    pub begins: bool,
    /// Received fields, whether they pass or not.
    pub hops: u32,
    /// Those that this server made.
    pub local_hops: u32,
    /// The body of the first field of that name.
    pub message_id: Option<Range<usize>>,
    /// Bodies of all of that name.
    pub from: Vec<Range<usize>>,
    /// Fields of another server that passed, so that this one need not stamp them.
    pub has_auth_as: bool,
    pub has_arrival_time: bool,
}

impl Firewall {
    pub fn new(rights: Rights, trusts_premises: bool) -> Self {
        Self {
            rights,
            trusts_premises,
            reader: HeaderReader::default(),
            stripped: Vec::new(),
            header: Header::default(),
        }
    }

    /// Looks at what is new in `content`; `last` tells that no more will come.
    pub fn read(&mut self, content: &[u8], last: bool, is_local: impl Fn(&[u8]) -> bool) {
        while let Some(field) = self.reader.next(content, last) {
            self.field(&field, &is_local);
        }
        self.header.octets = self.reader.octets(content) as u64;
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Octets that it takes to remember what was found.
    pub fn held(&self) -> usize {
        self.stripped.len() * size_of::<Stripped>()
            + self.header.from.len() * size_of::<Range<usize>>()
    }

    /// What it knows of `content`, which is whole, and the fields that do not pass.
    pub fn finish(self, content: &Bytes) -> (Header, Vec<Stripped>) {
        let strip = |(span, needs): (Range<usize>, &'static str)| Stripped {
            at: span.start,
            field: content.slice(span),
            needs: needs.into(),
        };
        (self.header, self.stripped.into_iter().map(strip).collect())
    }

    fn field(&mut self, field: &Field<'_>, is_local: &impl Fn(&[u8]) -> bool) {
        let header = &mut self.header;
        header.begins |= field.at == 0 && field.is_well_formed();
        let Some(family) = Family::of(field.name()) else {
            if header.message_id.is_none() && field.is("Message-ID") {
                header.message_id = Some(field.body_span());
            } else if field.is("From") {
                header.from.push(field.body_span());
            }
            return;
        };
        if family == Family::Routing && field.is("Received") {
            header.hops += 1;
            header.local_hops += u32::from(made_by(field.body()).is_some_and(is_local));
        }
        match self.judge(family) {
            Err(needs) => self.stripped.push((field.at..field.at + field.text.len(), needs)),
            Ok(()) if family == Family::Organization => {
                self.header.has_auth_as |= field.is("X-MS-Exchange-Organization-AuthAs");
                self.header.has_arrival_time |=
                    field.is("X-MS-Exchange-Organization-OriginalArrivalTime");
            }
            Ok(()) => {}
        }
    }

    /// Whether a family passes, or what it would need to.
    fn judge(&self, family: Family) -> Result<(), &'static str> {
        let right = match family {
            Family::Organization => Rights::ACCEPT_HEADERS_ORGANIZATION,
            Family::Forest => Rights::ACCEPT_HEADERS_FOREST,
            Family::Routing => Rights::ACCEPT_HEADERS_ROUTING,
            Family::CrossPremises if self.trusts_premises => return Ok(()),
            Family::CrossPremises => return Err("TlsDomainCapabilities"),
        };
        let passes = self.rights.contains(right);
        if passes { Ok(()) } else { Err(right.ad_names().next().unwrap_or_default()) }
    }
}

impl Header {
    /// The id of `content`, if it is fit to stand in a reply: printable, and not beyond what a
    /// reply line holds.
    pub fn message_id(&self, content: &[u8]) -> Option<String> {
        let id = message_id(&content[self.message_id.clone()?])?;
        (id.len() <= 250).then(|| String::from_utf8_lossy(id).into_owned())
    }

    /// The addresses in the From fields of `content`; of a field without any, its text.
    pub fn from<'a>(&'a self, content: &'a [u8]) -> impl Iterator<Item = String> + 'a {
        self.from.iter().flat_map(|body| addresses(&content[body.clone()]))
    }
}

/// By the reader that shows the message, so that both see the same.
fn addresses(body: &[u8]) -> Vec<String> {
    let field = [b"From:", body, b"\r\n\r\n"].concat();
    let parsed = MessageParser::default().parse_headers(&field);
    let from = parsed.as_ref().and_then(Message::from);
    let found: Vec<String> = from
        .iter()
        .flat_map(|from| from.iter())
        .map(|mailbox| mailbox.address().or(mailbox.name()).unwrap_or_default().to_owned())
        .collect();
    if found.is_empty() { vec![unfold(body).unwrap_or_default()] } else { found }
}
