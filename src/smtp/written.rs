//! Replies that a person writes: `452 4.3.1 Insufficient system resources`.

use super::Reply;

/// What a reply line holds besides the code, the character behind it and the line end
/// (RFC 5321 §4.5.3.1.5: 512 octets in all).
const MAX_TEXT: usize = 506;
/// Our choice; the longest EHLO reply has some 30.
const MAX_LINES: usize = 100;

/// Why a text is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrittenReplyError {
    #[error("expected a reply such as \"452 4.3.1 Insufficient system resources\"")]
    NoCode,
    #[error("{0} is no reply code; expected 200 to 599")]
    Code(u16),
    #[error("a reply has one code, here are {0} and {1}")]
    TwoCodes(u16, u16),
    #[error("the enhanced code {enhanced} belongs to another class than {code}; expected {}.…", .code / 100)]
    Class { code: u16, enhanced: String },
    #[error("a line holds a CR, an LF or another control character; give several lines as a list")]
    Control,
    #[error("a reply is in ASCII (RFC 5321 §2.4)")]
    NotAscii,
    #[error("a line is longer than {MAX_TEXT} octets behind its code")]
    TooLong,
    #[error("expected 1 to {MAX_LINES} lines")]
    Lines,
}

impl Reply {
    /// Reads a reply that is written as it goes over the wire, line by line: the same code
    /// before each, a blank or a hyphen behind it.
    pub fn written<'a>(
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, WrittenReplyError> {
        let mut reply: Option<(u16, String)> = None;
        for (i, line) in lines.into_iter().enumerate() {
            let (code, text) = split(line)?;
            match &mut reply {
                None => reply = Some((code, text.to_owned())),
                Some(_) if i >= MAX_LINES => return Err(WrittenReplyError::Lines),
                Some((first, _)) if *first != code => {
                    return Err(WrittenReplyError::TwoCodes(*first, code));
                }
                Some((_, texts)) => {
                    texts.push('\n');
                    texts.push_str(text);
                }
            }
        }
        reply.map(|(code, text)| Self::owned(code, text)).ok_or(WrittenReplyError::Lines)
    }
}

fn split(line: &str) -> Result<(u16, &str), WrittenReplyError> {
    if line.contains(|c: char| c.is_ascii_control()) {
        return Err(WrittenReplyError::Control);
    }
    if !line.is_ascii() {
        return Err(WrittenReplyError::NotAscii);
    }
    let (digits, rest) = line.split_at_checked(3).ok_or(WrittenReplyError::NoCode)?;
    let is_code = digits.bytes().all(|b| b.is_ascii_digit());
    let code = digits.parse().ok().filter(|_| is_code).ok_or(WrittenReplyError::NoCode)?;
    if !(200..600).contains(&code) {
        return Err(WrittenReplyError::Code(code));
    }
    let text = match rest.as_bytes().first() {
        None => "",
        Some(b' ' | b'-') => &rest[1..],
        Some(_) => return Err(WrittenReplyError::NoCode),
    };
    if text.len() > MAX_TEXT {
        return Err(WrittenReplyError::TooLong);
    }
    match enhanced(text) {
        Some(enhanced) if !agree(code, enhanced) => {
            Err(WrittenReplyError::Class { code, enhanced: enhanced.to_owned() })
        }
        _ => Ok((code, text)),
    }
}

/// The enhanced status code (RFC 3463 §2) at the front of `text`.
fn enhanced(text: &str) -> Option<&str> {
    let word = text.split(' ').next()?;
    let mut parts = word.split('.');
    let mut number = |digits: std::ops::RangeInclusive<usize>| {
        parts.next().is_some_and(|part| {
            digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        })
    };
    let is_code = number(1..=1) && number(1..=3) && number(1..=3);
    (is_code && parts.next().is_none()).then_some(word)
}

/// RFC 2034 §4 has the classes agree; a 3yz has no enhanced code that could. Exchange's own
/// `451 5.7.3` does not agree, and can be written.
fn agree(code: u16, enhanced: &str) -> bool {
    let class = code / 100;
    class == 3 || enhanced.as_bytes()[0] == b'0' + class as u8 || (code, enhanced) == (451, "5.7.3")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(lines: &[&str]) -> WrittenReplyError {
        Reply::written(lines.iter().copied()).unwrap_err()
    }

    #[test]
    fn replies_of_one_line_and_of_several() {
        let reply = Reply::written(["452 4.3.1 Insufficient system resources"]).unwrap();
        assert_eq!(reply, super::super::reply::INSUFFICIENT_RESOURCES);
        let reply = Reply::written(["250-ex01 Hello", "250 SIZE", "250"]).unwrap();
        assert_eq!(reply.to_string(), "250-ex01 Hello\n250-SIZE\n250 ");
        assert!(Reply::written(["451 5.7.3 Must issue a STARTTLS command first"]).is_ok());
        assert!(Reply::written(["250 10.0.0.1 is no enhanced code"]).is_ok());
        assert!(Reply::written(["334 1.2.3"]).is_ok());
    }

    #[test]
    fn what_is_no_reply_says_why() {
        for text in ["", "45", "4x2 text", "452_text", "+52 text"] {
            assert_eq!(error(&[text]), WrittenReplyError::NoCode, "{text:?}");
        }
        assert_eq!(error(&["199 a"]), WrittenReplyError::Code(199));
        assert_eq!(error(&["600 a"]), WrittenReplyError::Code(600));
        assert_eq!(error(&["250 a", "251 b"]), WrittenReplyError::TwoCodes(250, 251));
        assert_eq!(error(&["250 a\r\n250 b"]), WrittenReplyError::Control);
        assert_eq!(error(&["250 ä"]), WrittenReplyError::NotAscii);
        assert_eq!(error(&[&format!("250 {}", "x".repeat(507))]), WrittenReplyError::TooLong);
        assert_eq!(error(&[]), WrittenReplyError::Lines);
        assert_eq!(error(&["250 a"; 101]), WrittenReplyError::Lines);
        assert_eq!(
            error(&["550 4.7.1 a"]).to_string(),
            "the enhanced code 4.7.1 belongs to another class than 550; expected 5.…"
        );
    }

    proptest! {
        /// What is read goes over the wire as lines of that code.
        #[test]
        fn what_is_read_is_sent(lines in prop::collection::vec("[0-9]{3}[ -]?[ -~]{0,20}", 1..4)) {
            if let Ok(reply) = Reply::written(lines.iter().map(String::as_str)) {
                let mut wire = bytes::BytesMut::new();
                reply.write_to(&mut wire);
                let wire = String::from_utf8(wire.to_vec()).unwrap();
                for (line, sent) in lines.iter().zip(wire.split_terminator("\r\n")) {
                    prop_assert_eq!(&line[..3], &sent[..3]);
                    prop_assert_eq!(line.get(4..).unwrap_or_default(), &sent[4..]);
                }
            }
        }
    }
}
