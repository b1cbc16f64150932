//! The parts of a message (RFC 2045, RFC 2046), found in its octets and decoded one at a time.
//!
//! Whatever a message is made of, this lists its first [`MAX_PARTS`] parts, goes [`MAX_DEPTH`]
//! levels down and reads [`MAX_HEADER`] octets of a part's header. All three are our choice.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{MessageParser, MessagePart, MimeHeaders as _};
use memchr::{memchr, memmem};

const MAX_PARTS: usize = 100;
const MAX_DEPTH: usize = 16;
const MAX_HEADER: usize = 64 << 10;

/// The parts of a message that hold something, in their order. A forwarded message is one part.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    pub listed: Vec<Part<'a>>,
    /// Parts that are not listed, at least.
    pub more: usize,
}

#[derive(Debug)]
pub struct Part<'a> {
    /// `text/html`, in lower case.
    pub kind: String,
    pub charset: Option<String>,
    /// The file name that it was given. A peer chose it.
    pub name: Option<String>,
    /// Its Content-ID, by which HTML beside it refers to it.
    pub id: Option<String>,
    /// Meant to be saved, not shown.
    pub attachment: bool,
    encoding: Encoding,
    body: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Base64,
    QuotedPrintable,
}

impl<'a> Parts<'a> {
    pub fn of(content: &'a [u8]) -> Self {
        let mut walk = Walk { parser: MessageParser::default(), parts: Self::default() };
        walk.part(content, MAX_DEPTH);
        walk.parts
    }

    /// The first part of `kind` that is meant to be shown, with its number.
    pub fn shown(&self, kind: &str) -> Option<(usize, &Part<'a>)> {
        self.listed.iter().enumerate().find(|(_, part)| part.kind == kind && !part.attachment)
    }
}

impl Part<'_> {
    /// Octets as they came, encoded.
    pub fn octets(&self) -> usize {
        self.body.len()
    }

    /// What the part holds.
    pub fn decoded(&self) -> Cow<'_, [u8]> {
        self.encoding.decode(self.body)
    }

    /// About the first `most` octets as text, and whether that is all.
    pub fn text(&self, most: usize) -> (String, bool) {
        let start = &self.body[..self.body.len().min(most)];
        let octets = self.encoding.decode(start);
        let decoder = self.charset.as_ref().and_then(|name| charset_decoder(name.as_bytes()));
        let text = match decoder {
            Some(decode) => decode(&octets),
            None => String::from_utf8_lossy(&octets).into_owned(),
        };
        (text, start.len() == self.body.len())
    }
}

impl Encoding {
    fn named(name: Option<&str>) -> Self {
        match name {
            Some(name) if name.eq_ignore_ascii_case("base64") => Self::Base64,
            Some(name) if name.eq_ignore_ascii_case("quoted-printable") => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }

    /// What is broken is decoded as far as it makes sense, or not at all.
    fn decode(self, octets: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Identity => Cow::Borrowed(octets),
            Self::Base64 => Cow::Owned(base64(octets)),
            Self::QuotedPrintable => {
                quoted_printable_decode(octets).map_or(octets.into(), Cow::Owned)
            }
        }
    }
}

/// Passes over what is not of the alphabet, as RFC 2045 §6.8 wants.
fn base64(octets: &[u8]) -> Vec<u8> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let digits = octets.iter().take_while(|octet| **octet != b'=');
    let mut digits: Vec<u8> =
        digits.filter(|o| o.is_ascii_alphanumeric() || matches!(o, b'+' | b'/')).copied().collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(digits).unwrap_or_default()
}

/// mail-parser reads headers. It is not asked for a whole tree, which it would free by recursion.
struct Walk<'a> {
    parser: MessageParser,
    parts: Parts<'a>,
}

impl<'a> Walk<'a> {
    fn part(&mut self, part: &'a [u8], depth: usize) {
        if self.parts.listed.len() == MAX_PARTS {
            self.parts.more += 1;
            return;
        }
        let headers = self.parser.parse_headers(&part[..part.len().min(MAX_HEADER)]);
        let end = headers.as_ref().and_then(|h| Some(h.headers().last()?.offset_end() as usize));
        let body = without_first_line_end(part.get(end.unwrap_or(0)..).unwrap_or_default());
        let root = headers.as_ref().map(|headers| headers.root_part());
        let kind = root.and_then(|root| root.content_type());
        let boundary = kind
            .filter(|kind| kind.ctype().eq_ignore_ascii_case("multipart") && depth > 0)
            .and_then(|kind| kind.attribute("boundary"));
        match boundary {
            Some(boundary) => self.multipart(body, boundary, depth - 1),
            None => self.parts.listed.push(leaf(root, body)),
        }
    }

    fn multipart(&mut self, body: &'a [u8], boundary: &str, depth: usize) {
        let delimiter = format!("--{boundary}");
        let mut start = None;
        for at in memmem::find_iter(body, &delimiter) {
            let rest = &body[at + delimiter.len()..];
            let line = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let tail = rest[..line].trim_ascii_end();
            let is_line = at == 0 || body[at - 1] == b'\n';
            if !is_line || !matches!(tail, b"" | b"--") {
                continue;
            }
            if let Some(start) = start {
                self.part(without_last_line_end(&body[start..at]), depth);
            }
            if tail == b"--" {
                return;
            }
            start = Some(at + delimiter.len() + line);
        }
        // Nobody closed it: what is left is its last part.
        if let Some(rest) = start.and_then(|start| body.get(start..)) {
            self.part(rest, depth);
        }
    }
}

fn leaf<'a>(root: Option<&MessagePart<'_>>, body: &'a [u8]) -> Part<'a> {
    let kind = root.and_then(|root| root.content_type());
    let disposition = root.and_then(|root| root.content_disposition());
    Part {
        kind: kind.map_or("text/plain".to_owned(), |kind| {
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("*")).to_ascii_lowercase()
        }),
        charset: kind.and_then(|kind| kind.attribute("charset")).map(str::to_owned),
        name: root.and_then(|root| root.attachment_name()).map(str::to_owned),
        id: root.and_then(|root| root.content_id()).map(str::to_owned),
        attachment: disposition.is_some_and(|disposition| disposition.is_attachment()),
        encoding: Encoding::named(root.and_then(|root| root.content_transfer_encoding())),
        body,
    }
}

fn without_first_line_end(part: &[u8]) -> &[u8] {
    let rest = part.strip_prefix(b"\r").unwrap_or(part);
    rest.strip_prefix(b"\n").unwrap_or(rest)
}

fn without_last_line_end(part: &[u8]) -> &[u8] {
    let rest = part.strip_suffix(b"\n").unwrap_or(part);
    rest.strip_suffix(b"\r").unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::tests::computed;
    use super::*;

    fn told(content: &str) -> Vec<String> {
        let parts = Parts::of(content.as_bytes());
        let tell = |part: &Part<'_>| {
            let name = part.name.as_deref().unwrap_or("-");
            format!("{} {name} {} {:?}", part.kind, part.attachment, part.text(1000).0)
        };
        parts.listed.iter().map(tell).collect()
    }

    #[test]
    fn parts_are_found_and_decoded() {
        let content = "Subject: a\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n\
             --b\r\nContent-Type: multipart/alternative; boundary=b1\r\n\r\n\
             --b1\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n\
             --b1\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             PGI+aGk8\r\nL2I+\r\n--b1--\r\n\
             --b \r\nContent-Type: Application/PDF; name=\"a.pdf\"\r\n\
             Content-Disposition: attachment\r\n\r\n%PDF\r\n\
             --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n\
             --bc\r\n--b--\r\nepilogue\r\n";
        assert_eq!(
            told(content),
            [
                r#"text/plain - false "Grüße""#,
                r#"text/html - false "<b>hi</b>""#,
                r#"application/pdf a.pdf true "%PDF""#,
                r#"message/rfc822 - false "Subject: inner\r\n\r\ntext\r\n--bc""#,
            ]
        );
        let parts = Parts::of(content.as_bytes());
        assert_eq!(parts.shown("text/html").unwrap().0, 1);
        assert!(parts.shown("application/pdf").is_none());
    }

    #[test]
    fn what_is_no_mime_is_text() {
        assert_eq!(told(""), [r#"text/plain - false """#]);
        assert_eq!(told("Subject: a\r\n\r\nhello\r\n"), [r#"text/plain - false "hello\r\n""#]);
        assert_eq!(told("\r\njust text"), [r#"text/plain - false "just text""#]);
        let open = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nnever closed";
        assert_eq!(told(open), [r#"text/plain - false "never closed""#]);
    }

    #[test]
    fn a_long_text_is_cut() {
        let content = format!("Subject: a\r\n\r\n{}", "x".repeat(100));
        let parts = Parts::of(content.as_bytes());
        assert_eq!(parts.listed[0].text(10), ("x".repeat(10), false));
        assert_eq!(parts.listed[0].text(100), ("x".repeat(100), true));
    }

    #[test]
    fn broken_base64_gives_what_it_can() {
        for (encoded, decoded) in
            [("aGk=", "hi"), ("aGk", "hi"), ("aG!\r\nk", "hi"), ("a", ""), ("", "")]
        {
            assert_eq!(base64(encoded.as_bytes()), decoded.as_bytes(), "{encoded}");
        }
    }

    #[test]
    fn hostile_messages_take_no_time() {
        let line = "Subject: a\r\n\r\n".to_owned() + &"x".repeat(50 << 20);
        let mut parts = "Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
        for n in 0..10_000 {
            write!(parts, "--b\r\n\r\npart {n}\r\n").unwrap();
        }
        let mut deep = String::new();
        for n in 0..10_000 {
            write!(deep, "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n").unwrap();
        }
        let same = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(200_000);
        let fields = "a:b\r\n".repeat(2_000_000);
        let encoded = "Subject: ".to_owned() + &"=?x?Q?=?=".repeat(1_000_000);
        for content in [&line, &parts, &deep, &same, &fields, &encoded] {
            let start = computed();
            let parts = Parts::of(content.as_bytes());
            let took = computed() - start;
            assert!(took < Duration::from_secs(3), "{}: {took:?}", &content[..40]);
            assert!(parts.listed.len() <= MAX_PARTS);
        }
        assert_eq!(Parts::of(parts.as_bytes()).more, 9_900);
    }

    proptest! {
        #[test]
        fn no_content_is_too_broken(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "\r\n", "\n", " ", "--b", "--", "Content-Type: ", "multipart/mixed; boundary=b",
                    "text/html; charset=utf-16", "message/rfc822", "Content-Disposition: attachment;",
                    "filename*=utf-8''%", "Content-Transfer-Encoding: base64", "quoted-printable", "=",
                    "\0", "é", ";", "\"", "boundary=\"\"",
                ]),
                0..60,
            ),
        ) {
            let content = pieces.concat();
            for part in Parts::of(content.as_bytes()).listed {
                part.decoded();
                part.text(7);
            }
        }
    }
}
