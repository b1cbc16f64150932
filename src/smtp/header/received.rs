//! What a Received field tells (RFC 5321 §4.4).

/// The host that says it has made a Received field, by the word behind `by`; comments in
/// parentheses are passed over.
pub fn made_by(body: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut words = body.split(u8::is_ascii_whitespace).filter(|word| {
        let outside = depth == 0 && !matches!(word.first(), None | Some(b'('));
        for octet in *word {
            match octet {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        outside
    });
    words.find(|word| word.eq_ignore_ascii_case(b"by"))?;
    let host = words.next()?;
    host.split(|octet| matches!(octet, b'(' | b';')).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_word_behind_by() {
        for (body, host) in [
            (
                "from a.test (192.0.2.1) by ex01.contoso.test\r\n (10.0.0.5) with Microsoft SMTP \
                 Server id 15.2.1118.7; Sun, 22 Nov 2026 10:14:05 +0000",
                Some("ex01.contoso.test"),
            ),
            ("from a (by no (by one) of us) BY\r\n\tmx.test(x); date", Some("mx.test")),
            ("(qmail 1 invoked by uid 0); date", None),
            (" by mx.test; date", Some("mx.test")),
            ("from by", None),
            (") by a", Some("a")),
            ("", None),
        ] {
            assert_eq!(made_by(body.as_bytes()), host.map(str::as_bytes), "{body:?}");
        }
    }
}
