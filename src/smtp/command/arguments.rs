//! What MAIL, RCPT, BDAT and AUTH say behind the verb.

use super::Syntax;
use crate::smtp::address::{Path, is_atom, is_domain};

/// BODY (RFC 6152, RFC 3030).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Body {
    #[default]
    #[serde(rename = "7BIT")]
    SevenBit,
    #[serde(rename = "8BITMIME")]
    EightBitMime,
    #[serde(rename = "BINARYMIME")]
    BinaryMime,
}

/// RET (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Ret {
    Full,
    Hdrs,
}

/// The arguments of MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom<'a> {
    pub path: Path,
    pub size: Option<u64>,
    pub body: Option<Body>,
    pub ret: Option<Ret>,
    pub envid: Option<&'a str>,
    pub auth: Option<&'a str>,
    pub smtputf8: bool,
    /// XOORG: the domain that another organisation's server speaks for.
    pub xoorg: Option<&'a str>,
}

impl<'a> MailFrom<'a> {
    pub fn parse(args: &'a str) -> Result<Self, Syntax> {
        let (path, parameters) =
            Path::take(strip_keyword(args, "FROM:")?).ok_or(Syntax::Address)?;
        let mut mail = Self {
            path,
            size: None,
            body: None,
            ret: None,
            envid: None,
            auth: None,
            smtputf8: false,
            xoorg: None,
        };
        for parameter in Parameters::of(parameters)? {
            let (key, value) = parameter?;
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if is("SIZE") {
                once(&mut mail.size, parse_number(value)?)?;
            } else if is("BODY") {
                once(&mut mail.body, parse_body(value)?)?;
            } else if is("RET") {
                once(&mut mail.ret, parse_ret(value)?)?;
            } else if is("ENVID") {
                once(&mut mail.envid, xtext(value, 100)?)?;
            } else if is("AUTH") {
                once(&mut mail.auth, xtext(value, 500)?)?;
            } else if is("XOORG") {
                let domain = value.filter(|value| is_domain(value)).ok_or(Syntax::Arguments)?;
                once(&mut mail.xoorg, domain)?;
            } else if is("SMTPUTF8") && value.is_none() && !mail.smtputf8 {
                mail.smtputf8 = true;
            } else {
                return Err(Syntax::UnknownParameter);
            }
        }
        Ok(mail)
    }
}

/// The arguments of RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcptTo<'a> {
    pub path: Path,
    /// NOTIFY as given (RFC 3461 §4.1), checked.
    pub notify: Option<&'a str>,
    pub orcpt: Option<&'a str>,
    /// XORAR and XRDST: what other Exchange servers add.
    pub orar: bool,
    pub rdst: bool,
}

impl<'a> RcptTo<'a> {
    pub fn parse(args: &'a str) -> Result<Self, Syntax> {
        let (path, parameters) = Path::take(strip_keyword(args, "TO:")?).ok_or(Syntax::Address)?;
        if path == Path::Null {
            return Err(Syntax::Address);
        }
        let mut rcpt = Self { path, notify: None, orcpt: None, orar: false, rdst: false };
        for parameter in Parameters::of(parameters)? {
            let (key, value) = parameter?;
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if is("NOTIFY") {
                once(&mut rcpt.notify, parse_notify(value)?)?;
            } else if is("ORCPT") {
                once(&mut rcpt.orcpt, parse_orcpt(value)?)?;
            } else if is("XORAR") {
                rcpt.orar = true;
            } else if is("XRDST") {
                rcpt.rdst = true;
            } else {
                return Err(Syntax::UnknownParameter);
            }
        }
        Ok(rcpt)
    }
}

/// The arguments of BDAT: the size of the chunk, and whether it is the last. The size stands
/// for itself, as the octets of a chunk come whatever is said behind it.
pub fn parse_bdat(args: &str) -> Result<(u64, Result<bool, Syntax>), Syntax> {
    let (size, last) = args.split_once(' ').unwrap_or((args, ""));
    let last = match last.trim_matches(' ') {
        "" => Ok(false),
        word if word.eq_ignore_ascii_case("LAST") => Ok(true),
        _ => Err(Syntax::Arguments),
    };
    Ok((parse_number(Some(size))?, last))
}

/// The arguments of AUTH and X-EXPS: a mechanism, and what follows it.
pub fn parse_auth(args: &str) -> (&str, Option<&str>) {
    match args.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial.trim_matches(' '))),
        None => (args, None),
    }
}

fn strip_keyword<'a>(args: &'a str, keyword: &str) -> Result<&'a str, Syntax> {
    match args.split_at_checked(keyword.len()) {
        Some((word, rest)) if word.eq_ignore_ascii_case(keyword) => Ok(rest),
        _ => Err(Syntax::Arguments),
    }
}

/// `KEY` and `KEY=value` words (RFC 5321 §4.1.2, `Mail-parameters`).
struct Parameters<'a>(std::str::Split<'a, char>);

impl<'a> Parameters<'a> {
    fn of(text: &'a str) -> Result<Self, Syntax> {
        if !text.is_empty() && !text.starts_with(' ') {
            return Err(Syntax::Address);
        }
        Ok(Self(text.split(' ')))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(&'a str, Option<&'a str>), Syntax>;

    fn next(&mut self) -> Option<Self::Item> {
        let word = self.0.find(|word| !word.is_empty())?;
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        let known_form = key.starts_with(|c: char| c.is_ascii_alphanumeric())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && value != Some("");
        Some(if known_form { Ok((key, value)) } else { Err(Syntax::Arguments) })
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Syntax> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Syntax::Arguments),
    }
}

fn parse_number(value: Option<&str>) -> Result<u64, Syntax> {
    value
        .filter(|v| !v.is_empty() && v.len() <= 20 && v.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|v| v.parse().ok())
        .ok_or(Syntax::Arguments)
}

fn parse_body(value: Option<&str>) -> Result<Body, Syntax> {
    match value {
        Some(v) if v.eq_ignore_ascii_case("7BIT") => Ok(Body::SevenBit),
        Some(v) if v.eq_ignore_ascii_case("8BITMIME") => Ok(Body::EightBitMime),
        Some(v) if v.eq_ignore_ascii_case("BINARYMIME") => Ok(Body::BinaryMime),
        _ => Err(Syntax::Body),
    }
}

fn parse_ret(value: Option<&str>) -> Result<Ret, Syntax> {
    match value {
        Some(v) if v.eq_ignore_ascii_case("FULL") => Ok(Ret::Full),
        Some(v) if v.eq_ignore_ascii_case("HDRS") => Ok(Ret::Hdrs),
        _ => Err(Syntax::Arguments),
    }
}

fn parse_notify(value: Option<&str>) -> Result<&str, Syntax> {
    let value = value.ok_or(Syntax::Arguments)?;
    let known = |word: &str| {
        ["SUCCESS", "FAILURE", "DELAY"].iter().any(|name| word.eq_ignore_ascii_case(name))
    };
    if value.eq_ignore_ascii_case("NEVER") || value.split(',').all(known) {
        Ok(value)
    } else {
        Err(Syntax::Arguments)
    }
}

/// An address type, and an address of it in xtext (RFC 3461 §4.2) or, as `utf-8`, in letters
/// beyond ASCII (RFC 6533 §3).
fn parse_orcpt(value: Option<&str>) -> Result<&str, Syntax> {
    let value = value.filter(|v| v.len() <= 500).ok_or(Syntax::Arguments)?;
    let fits = value.split_once(';').is_some_and(|(kind, address)| {
        let unitext = kind.eq_ignore_ascii_case("utf-8") && !address.contains(char::is_control);
        is_atom(kind) && !address.is_empty() && (unitext || xtext(Some(address), 500).is_ok())
    });
    if fits { Ok(value) } else { Err(Syntax::Arguments) }
}

/// Printable ASCII without `=`, with `+XX` for the rest, in upper case (RFC 3461 §4).
fn xtext(value: Option<&str>, limit: usize) -> Result<&str, Syntax> {
    let value = value.ok_or(Syntax::Arguments)?;
    let mut bytes = value.bytes();
    while let Some(b) = bytes.next() {
        let fits = match b {
            b'+' => {
                let mut hex =
                    || bytes.next().is_some_and(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
                hex() && hex()
            }
            b'=' => false,
            b => b.is_ascii_graphic(),
        };
        if !fits {
            return Err(Syntax::Arguments);
        }
    }
    if value.len() <= limit { Ok(value) } else { Err(Syntax::Arguments) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mail_with_every_parameter() {
        let mail = MailFrom::parse(
            "from: <a@x.test> size=10 BODY=8BITMIME RET=HDRS ENVID=a+2Bb AUTH=<> SMTPUTF8 XOORG=x.test",
        )
        .unwrap();
        assert_eq!(mail.path.to_string(), "a@x.test");
        assert_eq!((mail.size, mail.body), (Some(10), Some(Body::EightBitMime)));
        assert_eq!((mail.ret, mail.envid), (Some(Ret::Hdrs), Some("a+2Bb")));
        assert_eq!((mail.auth, mail.smtputf8), (Some("<>"), true));
        assert_eq!(mail.xoorg, Some("x.test"));
    }

    #[test]
    fn mail_that_is_wrong_says_where() {
        for (args, wrong) in [
            ("", Syntax::Arguments),
            ("TO:<a@x>", Syntax::Arguments),
            ("FROM:", Syntax::Address),
            ("FROM:<a@x>SIZE=1", Syntax::Address),
            ("FROM:<a@x> SIZE=-1", Syntax::Arguments),
            ("FROM:<a@x> SIZE=1 SIZE=2", Syntax::Arguments),
            ("FROM:<a@x> SIZE=99999999999999999999", Syntax::Arguments),
            ("FROM:<a@x> BODY=9BIT", Syntax::Body),
            ("FROM:<a@x> X=1", Syntax::UnknownParameter),
            ("FROM:<a@x> ENVID=a=b", Syntax::Arguments),
            ("FROM:<a@x> AUTH=+G0", Syntax::Arguments),
            ("FROM:<a@x> ENVID=a+2bb", Syntax::Arguments),
            ("FROM:<a@x> XOORG=", Syntax::Arguments),
            ("FROM:<a@x> XOORG=a..b", Syntax::Arguments),
        ] {
            assert_eq!(MailFrom::parse(args), Err(wrong), "{args:?}");
        }
    }

    #[test]
    fn rcpt_as_microsoft_types_it() {
        let rcpt = RcptTo::parse("TO: <kate@fabrikam.com> NOTIFY=success,failure").unwrap();
        assert_eq!(rcpt.notify, Some("success,failure"));
        assert_eq!(RcptTo::parse("TO:<>"), Err(Syntax::Address));
        assert_eq!(RcptTo::parse("TO:<a@x> NOTIFY=NEVER,DELAY"), Err(Syntax::Arguments));
        for orcpt in [
            "rfc822;b+40x.test",
            "utf-8;j\u{f6}rg@x.test",
            "x400;/c=a".replace('=', "+3D").as_str(),
        ] {
            let args = format!("TO:<a@x> ORCPT={orcpt}");
            assert_eq!(RcptTo::parse(&args).unwrap().orcpt, Some(orcpt));
        }
        for orcpt in [
            "rfc822",
            ";a",
            "rfc822;",
            "rfc 822;a",
            "rfc822;a+4",
            "rfc822;a+4x",
            "rfc822;a=b",
            "rfc822;\u{f6}",
        ] {
            let args = format!("TO:<a@x> ORCPT={orcpt}");
            assert!(RcptTo::parse(&args).is_err(), "{orcpt}");
        }
    }

    #[test]
    fn bdat_sizes() {
        assert_eq!(parse_bdat("10"), Ok((10, Ok(false))));
        assert_eq!(parse_bdat("0 last"), Ok((0, Ok(true))));
        assert_eq!(parse_bdat("1 FIRST"), Ok((1, Err(Syntax::Arguments))));
        for args in ["", "x", "-1", "LAST", "99999999999999999999"] {
            assert_eq!(parse_bdat(args), Err(Syntax::Arguments), "{args:?}");
        }
    }

    proptest! {
        #[test]
        fn no_argument_makes_the_parser_panic(text in r#"(FROM:|TO:)?[ <>@:."\\a-zäA-Z0-9=+;\[\]-]{0,60}"#) {
            let _ = MailFrom::parse(&text);
            let _ = RcptTo::parse(&text);
            let _ = parse_bdat(&text);
        }
    }
}
