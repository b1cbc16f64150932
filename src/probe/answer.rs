//! What a server says, read with care: it may be anybody's.

use std::fmt;

use jiff::Timestamp;

use super::report::Keyword;

/// A reply (RFC 5321 §4.2). Control characters in it are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub code: u16,
    /// Without code and separator.
    pub lines: Vec<String>,
}

/// The code of a reply line, whether it is the last, and its text.
pub(super) fn split(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = code.bytes().all(|b| b.is_ascii_digit()).then(|| code.parse().ok())??;
    match rest.as_bytes().first() {
        None => Some((code, true, "")),
        Some(b' ') => Some((code, true, &rest[1..])),
        Some(b'-') => Some((code, false, &rest[1..])),
        // A banner masked by a PIX has an asterisk there (Cisco document 4733).
        Some(b'*') if code == 220 => Some((code, true, rest)),
        Some(_) => None,
    }
}

impl Answer {
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// Whether the text holds `part`, in any case.
    pub fn says(&self, part: &str) -> bool {
        contains(&self.text(), part)
    }

    /// The keywords of an EHLO reply.
    pub fn keywords(&self) -> Vec<Keyword> {
        let keyword = |text: &String| Keyword { text: text.clone(), masked: is_masked(text) };
        self.lines.iter().skip(1).map(keyword).collect()
    }

    pub fn is_masked_banner(&self) -> bool {
        let text = self.text();
        // Cisco documents 4733 and 118584; KB 320027.
        is_masked_greeting(&text) || text.starts_with("SMTP/cmap")
    }

    /// The name that a banner or a hello reply begins with. What a refusal begins with is none.
    pub fn host(&self) -> Option<&str> {
        if !matches!(self.code, 220 | 250) {
            return None;
        }
        let host = self.lines.first()?.split(' ').next()?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        // `2.0.0` and an address have no letter there.
        let last = host.rsplit('.').find(|label| !label.is_empty())?;
        let is_name = host.bytes().all(fits) && last.bytes().any(|b: u8| b.is_ascii_alphabetic());
        is_name.then_some(host)
    }

    /// The date somewhere in the text, `Fri, 5 Aug 2016 16:24:41 -0700` (RFC 5322 §3.3).
    pub fn date(&self) -> Option<Timestamp> {
        let text = self.text();
        let from = |(comma, _): (usize, &str)| {
            let date = text.get(comma.checked_sub(3)?..)?;
            let date: Vec<_> = date.split_whitespace().take(6).collect();
            jiff::fmt::rfc2822::parse(&date.join(" ")).ok()
        };
        text.match_indices(", ").find_map(from).map(|date| date.timestamp())
    }
}

/// In one line, as queues show it.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text())
    }
}

impl Keyword {
    fn words(&self) -> impl Iterator<Item = &str> {
        // `AUTH=LOGIN` is the form before RFC 2554.
        self.text.split([' ', '='])
    }

    pub(super) fn is(&self, verb: &str) -> bool {
        self.words().next().is_some_and(|word| word.eq_ignore_ascii_case(verb))
    }
}

pub(super) fn offers(keywords: &[Keyword], verb: &str) -> bool {
    keywords.iter().any(|keyword| keyword.is(verb))
}

/// Whether the line of `verb` names `word`: `AUTH` and `NTLM`.
pub(super) fn offers_with(keywords: &[Keyword], verb: &str, word: &str) -> bool {
    let mut lines = keywords.iter().filter(|keyword| keyword.is(verb));
    lines.any(|line| line.words().skip(1).any(|w| w.eq_ignore_ascii_case(word)))
}

/// X's, and a letter that counts: `XXXXXXXA` (Cisco document 113423, Postfix transcripts).
fn is_masked(text: &str) -> bool {
    let Some((last, rest)) = text.as_bytes().split_last() else { return false };
    rest.len() >= 2 && rest.iter().all(|b| *b == b'X') && last.is_ascii_uppercase()
}

/// Nothing but asterisks and what a PIX leaves of a banner (Cisco document 4733).
pub(super) fn is_masked_greeting(text: &str) -> bool {
    text.contains('*') && text.bytes().all(|b| matches!(b, b'*' | b'2' | b'0' | b' '))
}

pub(super) fn contains(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

/// What came, fit for a terminal: text, with controls and what is no UTF-8 escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match is_safe(letter) {
                true => out.push(letter),
                false => out.extend(letter.escape_default()),
            }
        }
        chunk.invalid().iter().for_each(|byte| out += &format!("\\x{byte:02x}"));
    }
    out
}

/// Not a control, and none of the marks that turn the direction of text around.
fn is_safe(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(lines: &[&str]) -> Answer {
        Answer { code: 250, lines: lines.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn lines_have_a_code_and_a_separator() {
        assert_eq!(split("250-SIZE"), Some((250, false, "SIZE")));
        assert_eq!(split("250 OK"), Some((250, true, "OK")));
        assert_eq!(split("250"), Some((250, true, "")));
        assert_eq!(split("220*****0****"), Some((220, true, "*****0****")));
        for garbage in ["", "SSH-2.0-x", "25", "2500", "HTTP/1.1 400", "äöü", "25ä x"] {
            assert_eq!(split(garbage), None, "{garbage}");
        }
    }

    /// Cisco ASA and PIX in public transcripts.
    #[test]
    fn masks_are_known() {
        for masked in ["XXXXXXXA", "XXXB", "XXXXXXXXXXXXXXXXXXXXXXXD"] {
            assert!(is_masked(masked), "{masked}");
        }
        for plain in ["XRDST", "XEXCH50", "X-EXPS GSSAPI NTLM", "SIZE", "X", ""] {
            assert!(!is_masked(plain), "{plain}");
        }
        let banner = |text: &str| answer(&[text]).is_masked_banner();
        assert!(banner("*********0****************2*************"));
        assert!(banner("*****0****2*****0 ***2******200******"));
        assert!(banner("SMTP/cmap_________________________________________ read"));
        assert!(!banner("ex01.contoso.test Microsoft ESMTP MAIL Service ready at …"));
        assert!(!banner("ex01.contoso.test ***** AUTHORISED USE ONLY *****"));
        assert!(!banner("ex01.contoso.test ********** 2020 **********") && !banner("200 220"));
    }

    #[test]
    fn a_banner_has_a_name_and_a_date() {
        let banner = answer(&[
            "mail1.fabrikam.com Microsoft ESMTP MAIL Service ready at Fri, 5 Aug 2016 16:24:41 -0700",
        ]);
        assert_eq!(banner.host(), Some("mail1.fabrikam.com"));
        assert_eq!(banner.date(), Some("2016-08-05T23:24:41Z".parse().unwrap()));
        let old = answer(&[
            "x Microsoft ESMTP MAIL Service, Version: 6.0.3790.4675 ready at  Sat, 3 Sep 2011 08:39:16 -0700",
        ]);
        assert_eq!(old.date(), Some("2011-09-03T15:39:16Z".parse().unwrap()));
        for nobody in ["*******0**", "2.0.0 Ready", "10.0.0.5 ESMTP", "", "."] {
            assert_eq!(answer(&[nobody]).host(), None, "{nobody}");
        }
        let refusal = Answer { code: 554, lines: vec!["mx.fabrikam.com says no".to_owned()] };
        assert_eq!(refusal.host(), None);
    }

    #[test]
    fn keywords_are_found_with_their_arguments() {
        let keywords =
            answer(&["x Hello", "auth=LOGIN", "X-EXPS GSSAPI NTLM", "XXXXXXXA"]).keywords();
        assert!(offers(&keywords, "AUTH") && offers_with(&keywords, "AUTH", "login"));
        assert!(offers_with(&keywords, "X-EXPS", "NTLM") && !offers(&keywords, "NTLM"));
        assert!(keywords[2].masked);
    }

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(shown(b"a\x1b[2Jb\r\x07"), "a\\u{1b}[2Jb\\r\\u{7}");
        assert_eq!(shown("Grüße \u{9b}31m\u{202e}".as_bytes()), "Grüße \\u{9b}31m\\u{202e}");
        assert_eq!(shown(b"\xff\xfe"), "\\xff\\xfe");
    }

    proptest! {
        /// Whatever a server says is read without harm, and shown without any.
        #[test]
        fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let line = shown(&octets);
            prop_assert!(line.chars().all(is_safe));
            let (code, text) = split(&line).map_or((250, &line[..]), |(code, _, text)| (code, text));
            let answer = Answer { code, lines: vec![text.to_owned(), line.clone()] };
            prop_assert!(answer.host().is_none_or(|host| text.starts_with(host)));
            prop_assert_eq!(answer.keywords().len(), 1);
            let _ = (answer.date(), answer.is_masked_banner(), answer.to_string());
        }

        #[test]
        fn a_date_is_found_wherever_it_stands(before in "[ -~]{0,40}", after in "[ -~]{0,20}") {
            let date = "Fri, 5 Aug 2016 16:24:41 -0700";
            let answer = answer(&[&format!("{before} {date} {after}")]);
            prop_assert_eq!(answer.date(), Some("2016-08-05T23:24:41Z".parse().unwrap()));
        }
    }
}
