//! TlsCertificateName: a certificate by its issuer and its subject.

use std::fmt;
use std::str::FromStr;

use super::value::{FromValue, Value, ValueError};

/// `<I>issuer<S>subject`, both as Windows prints a distinguished name: `CN=ex01, O=Contoso`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName {
    issuer: Box<str>,
    subject: Box<str>,
}

impl CertificateName {
    /// Whether these are the issuer and the subject of a certificate. Letters count in any
    /// case, and the parts of a name from either end: Windows prints the last one first, others
    /// the first (our choice).
    pub fn is_of(&self, issuer: &str, subject: &str) -> bool {
        same(&self.issuer, issuer) && same(&self.subject, subject)
    }
}

fn same(a: &str, b: &str) -> bool {
    let (a, mut b) = (parts(a), parts(b));
    a == b || {
        b.reverse();
        a == b
    }
}

/// The parts of a distinguished name, as (type, value).
fn parts(name: &str) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    let mut start = 0;
    let commas = name.match_indices([',', ';']).map(|(at, _)| at).chain([name.len()]);
    for at in commas {
        let (part, rest) = (&name[start..at], name.get(at + 1..).unwrap_or_default());
        // A comma within a value, quoted or not, has no type behind it.
        if at == name.len() || attribute(rest).is_some() {
            parts.extend(attribute(part));
            start = at + 1;
        }
    }
    parts
}

/// `CN=ex01` in lower case, without blanks around and without quotes.
fn attribute(part: &str) -> Option<(String, String)> {
    let (kind, value) = part.split_once('=')?;
    let kind = kind.trim().to_ascii_uppercase();
    let is_type = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    let kind = match kind.as_str() {
        // Windows' short names beside those of RFC 4514.
        "S" => "ST".to_owned(),
        "E" | "EMAIL" => "EMAILADDRESS".to_owned(),
        _ => kind,
    };
    let value = value.trim();
    let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    is_type.then(|| (kind, bare.replace("\"\"", "\"").to_lowercase()))
}

impl FromStr for CertificateName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let both = text.trim().strip_prefix("<I>").and_then(|rest| rest.split_once("<S>"));
        let both = both.filter(|(issuer, subject)| {
            !parts(issuer).is_empty() && !parts(subject).is_empty() && !text.contains(['\r', '\n'])
        });
        let (issuer, subject) = both.ok_or_else(|| {
            ValueError::new("an issuer and a subject, \"<I>CN=Contoso CA<S>CN=mail.contoso.test\"")
        })?;
        Ok(Self { issuer: issuer.trim().into(), subject: subject.trim().into() })
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<I>{}<S>{}", self.issuer, self.subject)
    }
}

impl FromValue for Option<CertificateName> {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        Option::<String>::from_value(value)?.map(|text| text.parse()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> CertificateName {
        text.parse().unwrap()
    }

    #[test]
    fn it_prints_as_it_was_written() {
        let text = "<I>CN=Contoso CA, O=Contoso<S>CN=mail.contoso.test";
        assert_eq!(name(text).to_string(), text);
        for bad in ["", "CN=a", "<I>CN=a", "<S>CN=a<I>CN=b", "<I><S>", "<I>a<S>CN=b", "<I>CN=a<S>"]
        {
            assert!(bad.parse::<CertificateName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_compared_by_their_parts() {
        let windows = name("<I>CN=CA, O=\"Contoso, Ltd.\", S=Bavaria, C=DE<S>CN=mail.contoso.test");
        let subject = "CN=Mail.contoso.test";
        assert!(windows.is_of("C=DE, ST=Bavaria, O=Contoso, Ltd., CN=CA", subject));
        assert!(windows.is_of("CN=CA,O=Contoso, Ltd.,ST=Bavaria,C=DE", subject));
        for other in ["CN=CA", "C=DE, ST=Bavaria, O=Contoso, Ltd., CN=CB", "", "CN=CA, C=DE"] {
            assert!(!windows.is_of(other, subject), "{other}");
        }
        assert!(!windows.is_of("C=DE, ST=Bavaria, O=Contoso, Ltd., CN=CA", "CN=contoso.test"));
    }
}
