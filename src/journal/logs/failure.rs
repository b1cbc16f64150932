//! What failed, without what differs from row to row.

use std::net::IpAddr;

/// The text of a reply or a context, with names, addresses and what stands in angle brackets
/// left out, so that one cause is one text.
pub fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    for (before, after) in NAMES {
        let Some((head, tail)) = text.split_once(before) else { continue };
        let end =
            if after.is_empty() { tail.len() } else { tail.find(after).unwrap_or(tail.len()) };
        out.push_str(head);
        out.push_str(before);
        out.push('…');
        rest = &tail[end..];
        break;
    }
    for (i, word) in rest.split(' ').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        out.push_str(if varies(word) { "…" } else { word });
    }
    out
}

/// What stands around a name in the contexts that hold one.
const NAMES: [(&str, &str); 3] = [
    ("because the client ", " doesn't have"),
    ("well-known account authentication for ", ""),
    ("certificate failed to authenticate for ", ""),
];

fn varies(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
    word.contains('@')
        || (word.starts_with('<') && word.contains('>'))
        || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_row_to_row_is_left_out() {
        for (text, group) in [
            ("550 5.7.54 SMTP; Unable to relay", "550 5.7.54 SMTP; Unable to relay"),
            ("550 5.1.1 <bob@contoso.test>: unknown", "550 5.1.1 … unknown"),
            ("550 5.7.1 [192.0.2.1] is listed, ask x@y.test", "550 5.7.1 … is listed, ask …"),
            (
                "Inbound authentication failed because the client CONTOSO\\app 1 doesn't have submit permission.",
                "Inbound authentication failed because the client … doesn't have submit permission.",
            ),
            (
                "DirectTrust certificate failed to authenticate for CN=edge 01",
                "DirectTrust certificate failed to authenticate for …",
            ),
        ] {
            assert_eq!(normalized(text), group);
        }
    }
}
