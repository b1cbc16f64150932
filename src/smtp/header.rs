//! The header block of a message (RFC 5322 §2.2): found, never changed.

use memchr::memchr;

/// The fields of the header block of `message`, in order: name and body, the body still
/// folded. Ends at the first line that is no field, whatever follows.
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// The first field called `name`, unfolded and trimmed; `None` if there is none or it is
/// not UTF-8.
pub fn field(message: &[u8], name: &str) -> Option<String> {
    let (_, body) = fields(message).find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))?;
    let unfolded: Vec<u8> = body.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    String::from_utf8(unfolded).ok().map(|text| text.trim().to_owned())
}

#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let field = &self.rest[..field_end(self.rest)];
        let colon = memchr(b':', field)?;
        let name = field[..colon].trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        self.rest = &self.rest[field.len()..];
        Some((name, &field[colon + 1..]))
    }
}

/// Where the field at the front of `rest` ends: the first line end that no blank follows.
fn field_end(rest: &[u8]) -> usize {
    let mut from = 0;
    while let Some(end) = memchr(b'\n', &rest[from..]).map(|at| from + at + 1) {
        if !matches!(rest.get(end), Some(b' ' | b'\t')) {
            return end;
        }
        from = end;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] =
        b"Subject: a\r\n b\r\nMESSAGE-ID : <1@x>\r\nFrom: A <a@x>\r\n\r\nMessage-ID: <2@x>\r\n";

    #[test]
    fn fields_are_found_in_any_case_and_unfolded() {
        assert_eq!(field(MESSAGE, "message-id").as_deref(), Some("<1@x>"));
        assert_eq!(field(MESSAGE, "Subject").as_deref(), Some("a b"));
    }

    #[test]
    fn the_body_is_not_searched() {
        assert_eq!(fields(MESSAGE).count(), 3);
        assert_eq!(field(b"\r\nMessage-ID: <2@x>\r\n", "Message-ID"), None);
        assert_eq!(field(b"", "Message-ID"), None);
    }
}
