//! What lists show of a message and searches look at, found once when it is kept.
//!
//! However a message is made, this looks at its first [`READ`] octets, and follows messages
//! forwarded in it over [`MAX_DEPTH`] levels only. Both are our choice.

use mail_parser::decoders::html::html_to_text;
use mail_parser::{Message, MessageParser};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Parts;

/// Octets from the start of the content.
const READ: usize = 256 << 10;
const MAX_DEPTH: usize = 4;
/// Octets of UTF-8 that a search for text looks at.
const MAX_TEXT: usize = 64 << 10;
const MAX_SUBJECT: usize = 4 << 10;
/// Characters.
const PREVIEW: usize = 200;

/// The subject and the text of a message, decoded (RFC 2045, RFC 2047).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Digest {
    /// Empty where there is none.
    pub subject: String,
    /// The first 200 characters of the text, each run of blanks as one space.
    pub preview: String,
    /// The text and HTML parts, without tags: what [`Filter::text`](super::Filter::text) searches.
    #[serde(skip)]
    pub text: String,
}

impl Digest {
    pub fn of(content: &[u8]) -> Self {
        let content = &content[..content.len().min(READ)];
        let headers = MessageParser::default().parse_headers(content);
        let subject = headers.as_ref().and_then(Message::subject).unwrap_or_default();
        let mut subject = clean(subject);
        truncate(&mut subject, MAX_SUBJECT);
        let mut text = String::new();
        gather(content, MAX_DEPTH, &mut text);
        truncate(&mut text, MAX_TEXT);
        Self { subject, preview: preview(&text), text }
    }
}

/// Adds the text of `content`, and of what was forwarded in it.
fn gather(content: &[u8], depth: usize, text: &mut String) {
    for part in Parts::of(content).listed.iter().filter(|part| !part.attachment) {
        if text.len() >= MAX_TEXT {
            return;
        }
        let found = match &part.kind[..] {
            "text/plain" => part.text(READ).0,
            "text/html" => html_to_text(&part.text(READ).0),
            "message/rfc822" if depth > 0 => {
                gather(&part.decoded(), depth - 1, text);
                continue;
            }
            _ => continue,
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&clean(&found));
    }
}

/// NUL would end a text for SQLite.
fn clean(text: &str) -> String {
    text.replace('\0', " ")
}

fn truncate(text: &mut String, octets: usize) {
    text.truncate(text.floor_char_boundary(octets));
}

fn preview(text: &str) -> String {
    let mut preview = String::new();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if !preview.is_empty() {
            preview.push(' ');
        }
        preview.extend(word.chars().take(PREVIEW + 1));
        if let Some((end, _)) = preview.char_indices().nth(PREVIEW) {
            preview.truncate(end);
            break;
        }
    }
    preview
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::tests::computed;
    use super::*;

    #[test]
    fn subject_and_text_are_decoded() {
        let digest = Digest::of(
            b"Subject: =?ISO-8859-1?Q?Gr=FC=DFe?= =?utf-8?B?IPCfmIA=?=\r\n\
              MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"o\"\r\n\r\npreamble\r\n\
              --o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n\
              --i\r\nContent-Type: text/plain; charset=windows-1252\r\n\
              Content-Transfer-Encoding: quoted-printable\r\n\r\nDer  Preis:=20\r\n5=80\r\n\
              --i\r\nContent-Type: text/html\r\n\r\n<p>Only <b>here</b></p><script>never()</script>\r\n\
              --i--\r\n\
              --o\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nForwarded.\r\n\
              --o\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nattached\r\n\
              --o--\r\nepilogue\r\n",
        );
        assert_eq!(digest.subject, "Grüße 😀");
        assert_eq!(digest.preview, "Der Preis: 5€ Only here Forwarded.");
        for unseen in ["never", "attached", "preamble", "epilogue"] {
            assert!(!digest.text.contains(unseen), "{}", digest.text);
        }
    }

    #[test]
    fn what_is_no_mime_is_text() {
        assert_eq!(Digest::of(b""), Digest::default());
        assert_eq!(Digest::of(b"Subject: a\r\n\r\nhello\r\n").text, "hello\r\n");
        assert_eq!(Digest::of(b"\r\njust text\r\n").preview, "just text");
        assert_eq!(Digest::of(b"Subject: a\0b\r\n\r\nc\0d").text, "c d");
        let long = format!("\r\n{}", "é".repeat(300));
        assert_eq!(Digest::of(long.as_bytes()).preview, "é".repeat(200));
    }

    #[test]
    fn hostile_messages_take_no_time() {
        let line = [b"Subject: a\r\n\r\n", &vec![b'x'; 50 << 20][..]].concat();
        let mut parts = "Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
        for n in 0..10_000 {
            write!(parts, "--b\r\n\r\npart {n}\r\n").unwrap();
        }
        let mut deep = String::new();
        for n in 0..10_000 {
            write!(deep, "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n").unwrap();
        }
        let forwarded = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
        let lost = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".to_owned()
            + &"Content-Type: multipart/mixed; boundary=never\r\n\r\n--b\r\n".repeat(10_000);
        let html = "Content-Type: text/html\r\n\r\n".to_owned() + &"<p>".repeat(100_000);
        let encoded = "Subject: ".to_owned() + &"=?x?Q?=?=".repeat(30_000);
        let charset = "Content-Type: text/plain; charset=\"\u{1}x-none\"\r\n\r\n\u{fffd}\u{fe}";
        for content in [
            &line[..],
            parts.as_bytes(),
            deep.as_bytes(),
            forwarded.as_bytes(),
            lost.as_bytes(),
            html.as_bytes(),
            encoded.as_bytes(),
            charset.as_bytes(),
            b"Content-Type: text/plain; charset=utf-16\r\n\r\n\xff\xfe\xd8",
        ] {
            let start = computed();
            let digest = Digest::of(content);
            let took = computed() - start;
            let start_of = String::from_utf8_lossy(&content[..40]);
            assert!(took < Duration::from_secs(2), "{start_of}: {took:?}");
            assert!(digest.text.len() <= MAX_TEXT && digest.subject.len() <= MAX_SUBJECT);
        }
    }

    proptest! {
        #[test]
        fn no_content_is_too_broken(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "\r\n", "\n", " ", "--b", "--", "Content-Type: ", "multipart/mixed; boundary=b",
                    "text/html; charset=utf-16", "message/rfc822", "Subject: ", "=?utf-8?Q?", "?=",
                    "Content-Transfer-Encoding: base64", "quoted-printable", "=", "\0", "é", "<", "&#x",
                    ";", "\"",
                ]),
                0..60,
            ),
        ) {
            Digest::of(pieces.concat().as_bytes());
        }
    }
}
