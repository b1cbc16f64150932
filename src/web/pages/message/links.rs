//! Links of HTML that came in a message: they lead nowhere, and show where they would.

use memchr::memchr;

/// Links that are listed.
const MAX_LINKS: usize = 200;
/// Octets of an address that is listed.
const MAX_ADDRESS: usize = 2_000;

/// The HTML with the address of each link as its title, and these addresses as they stand there.
pub(super) fn inert(html: &str) -> (String, Vec<String>) {
    let mut inert = String::with_capacity(html.len());
    let mut links = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = memchr(b'<', &html.as_bytes()[at..]) {
        at += found + 1;
        let rest = &html[at..];
        if rest.starts_with("!--") {
            at += rest.find("-->").unwrap_or(rest.len());
            continue;
        }
        let mut tag = Attributes { html, at };
        if !tag.name() {
            continue;
        }
        let name = &html[at..tag.at];
        let is_link = ["a", "area"].iter().any(|link| name.eq_ignore_ascii_case(link));
        while let Some((start, end, value)) = tag.next() {
            let other = match &html[start..end].to_ascii_lowercase()[..] {
                "href" | "xlink:href" if is_link => "title",
                // Of two titles the first one counts.
                "title" if is_link => "data-title",
                _ => continue,
            };
            if other == "title" && links.len() < MAX_LINKS {
                links.push(value[..value.floor_char_boundary(MAX_ADDRESS)].to_owned());
            }
            inert.push_str(&html[copied..start]);
            inert.push_str(other);
            copied = end;
        }
        at = tag.at;
    }
    inert.push_str(&html[copied..]);
    (inert, links)
}

/// The attributes of a tag, found as a browser finds them (WHATWG HTML, "Tokenization").
struct Attributes<'a> {
    html: &'a str,
    at: usize,
}

impl<'a> Attributes<'a> {
    /// Passes over the name of the tag; there is none where no letter is.
    fn name(&mut self) -> bool {
        let is_tag = self.peek().is_some_and(|octet| octet.is_ascii_alphabetic());
        self.skip(|octet| !octet.is_ascii_whitespace() && !matches!(octet, b'/' | b'>'));
        is_tag
    }

    /// Where the name of the next one begins and ends, and its value.
    fn next(&mut self) -> Option<(usize, usize, &'a str)> {
        self.skip(|octet| octet.is_ascii_whitespace() || octet == b'/');
        if self.peek().is_none_or(|octet| octet == b'>') {
            return None;
        }
        let start = self.at;
        // An equals sign at the start is a part of the name.
        self.at += usize::from(self.peek() == Some(b'='));
        self.skip(|octet| !octet.is_ascii_whitespace() && !matches!(octet, b'/' | b'>' | b'='));
        let end = self.at;
        self.skip(|octet| octet.is_ascii_whitespace());
        if self.peek() != Some(b'=') {
            return Some((start, end, ""));
        }
        self.at += 1;
        self.skip(|octet| octet.is_ascii_whitespace());
        let quote = self.peek().filter(|octet| matches!(octet, b'"' | b'\''));
        self.at += usize::from(quote.is_some());
        let from = self.at;
        match quote {
            Some(quote) => self.skip(|octet| octet != quote),
            None => self.skip(|octet| !octet.is_ascii_whitespace() && octet != b'>'),
        }
        let value = &self.html[from..self.at];
        self.at += usize::from(quote.is_some() && self.peek().is_some());
        Some((start, end, value))
    }

    fn peek(&self) -> Option<u8> {
        self.html.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, is: impl Fn(u8) -> bool) {
        let rest = &self.html.as_bytes()[self.at..];
        self.at += rest.iter().position(|octet| !is(*octet)).unwrap_or(rest.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_show_where_they_would_lead() {
        for (html, shown, link) in [
            (
                "<a href=\"https://a.test/?b=1\">é</a>",
                "<a title=\"https://a.test/?b=1\">é</a>",
                "https://a.test/?b=1",
            ),
            ("<A\nclass='x'/HREF = '//a'>", "<A\nclass='x'/title = '//a'>", "//a"),
            ("<area title=t href=/rules>", "<area data-title=t title=/rules>", "/rules"),
            ("<svg><a xlink:href=x>", "<svg><a title=x>", "x"),
            (
                "<i title='<a href=no>'><a x=\">\" href=yes>",
                "<i title='<a href=no>'><a x=\">\" title=yes>",
                "yes",
            ),
            ("<!-- <a href='--><a href=b>", "<!-- <a href='--><a title=b>", "b"),
            ("<a href", "<a title", ""),
        ] {
            assert_eq!(inert(html), (shown.to_owned(), vec![link.to_owned()]), "{html}");
        }
        for same in
            ["<a name=href>", "<abbr href=x>", "< a href=x>", "href=x", "<link href=x>", "<"]
        {
            assert_eq!(inert(same), (same.to_owned(), Vec::new()));
        }
    }

    proptest! {
        #[test]
        fn no_html_is_too_broken(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["<", "a", " ", "href", "=", "\"", "'", ">", "/", "é", "<!--", "-->", "title"]),
                0..40,
            ),
        ) {
            let html = pieces.concat();
            let (once, _) = inert(&html);
            prop_assert!(inert(&once).1.is_empty(), "{html} became {once}");
        }
    }
}
