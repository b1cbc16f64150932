//! What kind of server it is, by what it said.

use super::answer::{Answer, offers};
use super::report::{Peer, Product};
use super::seen::{Heard, Seen};

/// Verbs that only Exchange advertises.
const OWN_VERBS: [&str; 6] =
    ["X-ANONYMOUSTLS", "X-EXPS", "XRDST", "XEXCH50", "XSHADOW", "XSHADOWREQUEST"];

const OLD_WORDS: &str = "with TURN, or 8bitmime in small letters";

pub(super) fn peer(seen: &Seen) -> Peer {
    let mut because = Vec::new();
    let product = product(seen, &mut because);
    Peer { product, version: None, because }
}

fn product(seen: &Seen, because: &mut Vec<String>) -> Product {
    let banner = seen.banner.as_ref().map(|(banner, _)| banner);
    let says = |part: &str| banner.is_some_and(|banner| banner.says(part));
    for (part, product) in [
        (" Postfix", Product::Postfix),
        (" Exim ", Product::Exim),
        (" Sendmail ", Product::Sendmail),
        ("Microsoft ESMTP MAIL Service, Version:", Product::OldMicrosoft),
        ("Microsoft ESMTP MAIL Service", Product::Exchange),
    ] {
        if says(part) {
            because.push(format!("the banner says \"{}\"", part.trim()));
            by_keywords(seen, because);
            return product;
        }
    }
    let by_keywords = by_keywords(seen, because);
    if let Some(product) = by_keywords.filter(|product| *product != Product::Other) {
        return product;
    }
    let by_greeting = seen.hellos.iter().find_map(|heard| by_greeting(heard, because));
    match (by_greeting, by_keywords) {
        // Behind a mask these are left of it; a later one has neither.
        (Some(Product::Exchange), _) if has_old_words(seen) => {
            because.push(format!("EHLO has Exchange's greeting {OLD_WORDS}"));
            return Product::OldMicrosoft;
        }
        // Its greeting has Exchange's form, and its verbs have not.
        (Some(Product::Exchange), Some(other)) => return other,
        (Some(product), _) => return product,
        (None, _) => {}
    }
    if banner.is_some_and(Answer::is_masked_banner) {
        because.push("the banner is masked".to_owned());
        return Product::Unknown;
    }
    match seen.hellos.iter().any(|heard| heard.answer.code == 250 && heard.verb == "EHLO") {
        true => {
            because.push("neither banner nor EHLO reply has the form of Exchange's".to_owned());
            Product::Other
        }
        false => Product::Unknown,
    }
}

/// [`Product::Other`] for verbs that are not Exchange's.
fn by_keywords(seen: &Seen, because: &mut Vec<String>) -> Option<Product> {
    let mut product = None;
    for heard in &seen.hellos {
        let has = |verb: &&&str| offers(&heard.keywords, verb);
        if offers(&heard.keywords, "X-LINK2STATE") {
            because.push("EHLO offers X-LINK2STATE".to_owned());
            return Some(Product::OldMicrosoft);
        }
        let own: Vec<_> = OWN_VERBS.iter().filter(has).copied().collect();
        if !own.is_empty() && has_old_words(seen) {
            because.push(format!("EHLO offers {} {OLD_WORDS}", own.join(", ")));
            return Some(Product::OldMicrosoft);
        }
        if !own.is_empty() {
            because.push(format!("EHLO offers {}", own.join(", ")));
            return Some(Product::Exchange);
        }
        // Neither has an Exchange of 2007 or later ever had.
        let foreign: Vec<_> =
            ["ETRN", "VRFY", "PIPECONNECT", "XCLIENT"].iter().filter(has).copied().collect();
        if !foreign.is_empty() {
            because.push(format!(
                "EHLO offers {}, which Exchange 2007 and later do not",
                foreign.join(", ")
            ));
            product = Some(Product::Other);
        }
    }
    product
}

/// Exchange 2000 and 2003 write it so (linux.ittoolbox.com 1938880).
fn has_old_words(seen: &Seen) -> bool {
    seen.keywords().any(|keyword| keyword.is("TURN") || keyword.text == "8bitmime")
}

/// `<fqdn> Hello [<address>]` is Exchange's; Exim repeats the client's name before the address.
fn by_greeting(heard: &Heard, because: &mut Vec<String>) -> Option<Product> {
    if heard.answer.code != 250 {
        return None;
    }
    let first = heard.answer.lines.first()?;
    let words: Vec<_> = first.split(' ').collect();
    match words[..] {
        [_, "Hello", address] if address.starts_with('[') && address.ends_with(']') => {
            because.push(format!("the hello reply reads \"{first}\", the form of Exchange's"));
            Some(Product::Exchange)
        }
        [_, "Hello", _, address] if address.starts_with('[') => {
            because.push(format!("the hello reply reads \"{first}\", the form of Exim's"));
            Some(Product::Exim)
        }
        _ => None,
    }
}

impl Product {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exchange => "Exchange",
            Self::OldMicrosoft => "Exchange 2003 or older, or the SMTP service of IIS",
            Self::Postfix => "Postfix",
            Self::Exim => "Exim",
            Self::Sendmail => "Sendmail",
            Self::Other => "no Exchange server",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn is_foreign(self) -> bool {
        matches!(self, Self::Postfix | Self::Exim | Self::Sendmail | Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn of(banner: &str, ehlo: &[&str]) -> Product {
        let answer = |code, lines: &[&str]| Answer {
            code,
            lines: lines.iter().map(ToString::to_string).collect(),
        };
        let reply = answer(250, ehlo);
        let keywords = reply.keywords();
        let seen = Seen {
            banner: Some((answer(220, &[banner]), Duration::ZERO)),
            hellos: vec![Heard { verb: "EHLO", tls: None, answer: reply, keywords }],
            ..Seen::default()
        };
        peer(&seen).product
    }

    #[test]
    fn servers_are_known_by_their_words() {
        let microsoft = "ex01.contoso.test Microsoft ESMTP MAIL Service ready at …";
        assert_eq!(
            of(microsoft, &["ex01.contoso.test Hello [10.0.0.1]", "SIZE"]),
            Product::Exchange
        );
        let old = "x Microsoft ESMTP MAIL Service, Version: 6.0.3790.4675 ready at  …";
        assert_eq!(of(old, &["x Hello [10.0.0.1]", "TURN", "X-LINK2STATE"]), Product::OldMicrosoft);
        assert_eq!(of("mail ESMTP Postfix (Debian/GNU)", &["mail", "ETRN"]), Product::Postfix);
        assert_eq!(of("mail ESMTP Exim 4.96 Sun, …", &["mail Hello x [1.2.3.4]"]), Product::Exim);
        // Behind a mask, or with a banner of the administrator's.
        assert_eq!(of("****************", &["x Hello [10.0.0.1]", "XXXXXXXA"]), Product::Exchange);
        assert_eq!(of("welcome", &["x Hello [10.0.0.1]", "X-EXPS GSSAPI"]), Product::Exchange);
        assert_eq!(of("welcome", &["mail Hello me [1.2.3.4]", "SIZE"]), Product::Exim);
        assert_eq!(of("welcome", &["mail Hello [1.2.3.4]", "VRFY"]), Product::Other);
        let masked_2003 = ["x Hello [10.0.0.1]", "XXXA", "SIZE", "ETRN", "8bitmime", "XB"];
        assert_eq!(of("****************", &masked_2003), Product::OldMicrosoft);
        assert_eq!(
            of("welcome", &["x Hello [10.0.0.1]", "TURN", "ETRN", "VRFY"]),
            Product::OldMicrosoft
        );
        assert_eq!(of("welcome", &["mail at your service", "SIZE"]), Product::Other);
    }
}
