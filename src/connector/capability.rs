//! TlsDomainCapabilities: which organisations beyond this one are trusted with more.

use std::fmt;
use std::str::FromStr;

use super::Version;
use super::value::{FromValue, Value, ValueError};

bitflags::bitflags! {
    /// What a domain may do. Both let the fields pass that one organisation writes for another.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct TlsCapabilities: u32 {
        /// Exchange 2010.
        const AcceptOorgProtocol = 1;
        /// Exchange 2013 and later.
        const AcceptCloudServicesMail = 2;
    }
}

/// One value of the parameter: `mail.protection.outlook.com:AcceptCloudServicesMail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsDomainCapability {
    pub domain: CapableDomain,
    pub capabilities: TlsCapabilities,
}

/// Who has the capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapableDomain {
    /// `NO-TLS`: who is not in TLS.
    NoTls,
    /// Who shows a certificate for this domain.
    Domain(Box<str>),
}

fn expected() -> ValueError {
    let names: Vec<_> = TlsCapabilities::all().iter_names().map(|(name, _)| name).collect();
    ValueError::new(format!(
        "domain:capability[,capability], the capabilities being {}",
        names.join(", ")
    ))
}

impl TlsCapabilities {
    /// Those that servers of `version` know (Set-ReceiveConnector).
    pub fn of(version: Version) -> Self {
        match version {
            Version::E2007 => Self::empty(),
            Version::E2010 => Self::AcceptOorgProtocol,
            Version::E2013 | Version::E2016 | Version::E2019 => Self::AcceptCloudServicesMail,
        }
    }
}

impl FromStr for CapableDomain {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_label = |label: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            (1..=63).contains(&label.len()) && label.bytes().all(fits)
        };
        match text {
            _ if text.eq_ignore_ascii_case("NO-TLS") => Ok(Self::NoTls),
            _ if text.len() <= 255 && text.split('.').all(is_label) => {
                Ok(Self::Domain(text.into()))
            }
            _ => Err(expected()),
        }
    }
}

/// In one string the commas stand between capabilities and between domains alike: what has no
/// colon belongs to the domain before it.
impl FromValue for Vec<TlsDomainCapability> {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        let mut all: Self = Vec::new();
        for (i, item) in value.items()?.into_iter().enumerate() {
            let wrong = |error: ValueError| error.at(i);
            for part in item.split(',').map(str::trim) {
                let name = match part.split_once(':') {
                    None => part,
                    Some((domain, name)) => {
                        let domain = domain.trim().parse().map_err(wrong)?;
                        let capabilities = TlsCapabilities::empty();
                        all.push(TlsDomainCapability { domain, capabilities });
                        name.trim()
                    }
                };
                let known =
                    TlsCapabilities::all().iter_names().find(|(n, _)| n.eq_ignore_ascii_case(name));
                let ((_, capability), entry) =
                    known.zip(all.last_mut()).ok_or_else(|| wrong(expected()))?;
                entry.capabilities |= capability;
            }
        }
        Ok(all)
    }
}

impl fmt::Display for TlsDomainCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            CapableDomain::NoTls => f.write_str("NO-TLS")?,
            CapableDomain::Domain(domain) => f.write_str(domain)?,
        }
        for (i, (name, _)) in self.capabilities.iter_names().enumerate() {
            write!(f, "{}{name}", if i == 0 { ':' } else { ',' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: Value<'_>) -> Result<String, ValueError> {
        let all = Vec::<TlsDomainCapability>::from_value(&value)?;
        Ok(all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn domains_and_their_capabilities() {
        for (text, read) in [
            ("", ""),
            (
                "mail.protection.outlook.com:AcceptCloudServicesMail",
                "mail.protection.outlook.com:AcceptCloudServicesMail",
            ),
            (
                "a.test:acceptoorgprotocol,AcceptCloudServicesMail, no-tls:AcceptOorgProtocol",
                "a.test:AcceptOorgProtocol,AcceptCloudServicesMail NO-TLS:AcceptOorgProtocol",
            ),
        ] {
            assert_eq!(parse(Value::Text(text.into())).as_deref(), Ok(read), "{text:?}");
        }
        let list =
            ["a.test:AcceptOorgProtocol,AcceptCloudServicesMail", "b.test:AcceptOorgProtocol"];
        assert_eq!(
            parse(Value::List(list.map(Into::into).into())).as_deref(),
            Ok(&list.join(" ")[..])
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for text in [
            "a.test",
            "a.test:",
            ":AcceptOorgProtocol",
            "a b:AcceptOorgProtocol",
            "a.test:Accept",
            "AcceptOorgProtocol",
            "a..test:AcceptOorgProtocol",
        ] {
            assert!(parse(Value::Text(text.into())).is_err(), "{text:?}");
        }
        let list = vec!["a.test:AcceptOorgProtocol".into(), "b.test".into()];
        let error = parse(Value::List(list)).unwrap_err();
        assert_eq!(error.item, Some(1));
        assert!(error.expected.contains("AcceptCloudServicesMail"), "{error}");
    }
}
