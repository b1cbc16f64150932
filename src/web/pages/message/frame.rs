//! HTML that came in a message, made ready for its frame.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mail_parser::decoders::html::html_to_text;
use memchr::memchr_iter;

use super::links::inert;
use crate::capture::{Part, Parts};

/// Octets of an HTML part.
pub(super) const MAX_HTML: usize = 2 << 20;
/// Octets of HTML that images of the message may become.
const MAX_IMAGES: usize = 8 << 20;

/// Images that do nothing but show.
const IMAGES: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"];

/// What a link still looks like, unless the message has it otherwise.
const LOOK: &str =
    "<style>:where(a[title]) { color: #06c; text-decoration: underline; cursor: help }</style>";

/// The HTML of a message, with its own images in it and links that lead nowhere; `None` if it has
/// none.
pub(super) fn html(parts: &Parts<'_>) -> Option<String> {
    let (_, part) = parts.shown("text/html")?;
    let (html, links) = inert(&part.text(MAX_HTML).0);
    let look = if links.is_empty() { "" } else { LOOK };
    Some(with_images(without_frames(&html), parts) + look)
}

/// Where the links of the HTML would lead.
pub(super) fn links(parts: &Parts<'_>) -> Vec<String> {
    let html = parts.shown("text/html").map(|(_, part)| part.text(MAX_HTML).0);
    let (_, links) = inert(&html.unwrap_or_default());
    // They have entities of HTML in them, and may have more.
    links.iter().map(|link| html_to_text(link)).filter(|link| !link.is_empty()).collect()
}

/// Whether a part is an image that can do nothing but show.
pub(super) fn is_image(part: &Part<'_>) -> bool {
    IMAGES.contains(&&*part.kind)
}

/// Puts the images that the HTML names by their Content-ID in their place (RFC 2392).
fn with_images(mut html: String, parts: &Parts<'_>) -> String {
    let mut room = MAX_IMAGES;
    for part in parts.listed.iter().filter(|part| is_image(part)) {
        let Some(reference) = part.id.as_ref().map(|id| format!("cid:{id}")) else { continue };
        let times = html.matches(&reference).count();
        let length = part.octets() * 2;
        if times > 0 && length.saturating_mul(times) <= room {
            room -= length * times;
            let data = BASE64_STANDARD.encode(part.decoded());
            html = html.replace(&reference, &format!("data:{};base64,{data}", part.kind));
        }
    }
    html
}

/// Makes elements that nobody knows of those that hold another document. The policy keeps that
/// document out, but Chromium connects to its host before it asks the policy.
fn without_frames(html: &str) -> String {
    const NAMES: [&[u8]; 4] = [b"iframe", b"frame", b"object", b"embed"];
    let mut safe = String::with_capacity(html.len());
    let mut from = 0;
    // A tag has its name directly behind the bracket (WHATWG HTML, "Tag open state").
    for at in memchr_iter(b'<', html.as_bytes()) {
        let name = &html.as_bytes()[at + 1..];
        let is =
            |known: &&[u8]| name.get(..known.len()).is_some_and(|n| n.eq_ignore_ascii_case(known));
        if NAMES.iter().any(is) {
            safe.push_str(&html[from..=at]);
            safe.push_str("no-");
            from = at + 1;
        }
    }
    safe + &html[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_out() {
        let html = "<p>é<IFrame src=a></iframe><frame><object><embed/src=b>< iframe><i><<iframe";
        let safe = "<p>é<no-IFrame src=a></iframe><no-frame><no-object><no-embed/src=b>< iframe><i><<no-iframe";
        assert_eq!(without_frames(html), safe);
    }

    #[test]
    fn images_of_the_message_are_put_in_place() {
        let content = |image: &str| {
            format!(
                "Content-Type: multipart/related; boundary=b\r\n\r\n\
                 --b\r\nContent-Type: text/html\r\n\r\n<img src=\"cid:a@b\"><img src=cid:c>\r\n\
                 --b\r\nContent-Type: {image}\r\nContent-ID: <a@b>\r\n\r\nhi\r\n--b--"
            )
        };
        let shown = |image| html(&Parts::of(content(image).as_bytes())).unwrap();
        let safe = "<img src=\"data:image/png;base64,aGk=\"><img src=cid:c>";
        assert_eq!(shown("image/png"), safe);
        assert!(shown("image/svg+xml").contains("cid:a@b"), "it could hold script");
        assert!(html(&Parts::of(b"\r\ntext")).is_none());
    }

    #[test]
    fn one_image_does_not_make_a_page_of_any_size() {
        let content = format!(
            "Content-Type: multipart/related; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/html\r\n\r\n{}\r\n\
             --b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\n\r\n{}\r\n--b--",
            "<img src=cid:a>".repeat(10_000),
            "x".repeat(1 << 20)
        );
        assert!(html(&Parts::of(content.as_bytes())).unwrap().len() < MAX_HTML + MAX_IMAGES);
    }
}
