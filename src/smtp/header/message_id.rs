//! What a Message-ID field tells (RFC 5322 §3.6.4).

/// The id in the body of a Message-ID field, with its angle brackets, past blanks and comments
/// in front of it.
pub fn message_id(body: &[u8]) -> Option<&[u8]> {
    let text = &body[comments(body)..];
    let end = text.iter().position(|octet| *octet == b'>')?;
    let id = &text[..=end];
    (id.len() > 2 && id[0] == b'<' && id.iter().all(u8::is_ascii_graphic)).then_some(id)
}

/// Octets of blanks and comments at the front of `text`.
fn comments(text: &[u8]) -> usize {
    let (mut depth, mut escaped) = (0_usize, false);
    let in_front = text.iter().take_while(|octet| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if depth > 0 => escaped = true,
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            _ => return depth > 0 || octet.is_ascii_whitespace(),
        }
        true
    });
    in_front.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stands_between_brackets() {
        for (body, id) in [
            (" <1@x>\r\n", Some("<1@x>")),
            ("\r\n <1@x>\r\n", Some("<1@x>")),
            (" (a (b) \\) <0@x>)\r\n\t(c)<1@x> (d) <2@x>\r\n", Some("<1@x>")),
            (" 1@x\r\n", None),
            (" <>\r\n", None),
            (" <1@x\r\n", None),
            (" <1 @x>\r\n", None),
            (" <1\r\n @x>\r\n", None),
            (" <1\r@x>\r\n", None),
            (" <1@\u{e9}>\r\n", None),
            (" (<1@x>\r\n", None),
            (") <1@x>", None),
            ("", None),
        ] {
            assert_eq!(message_id(body.as_bytes()), id.map(str::as_bytes), "{body:?}");
        }
    }
}
