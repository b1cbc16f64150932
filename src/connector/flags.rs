//! AuthMechanism and PermissionGroups: sets of named flags.

use std::fmt;

use super::value::{FromValue, Value, ValueError};

bitflags::bitflags! {
    /// How a session may prove itself, and TLS. In a serialised `Get-ReceiveConnector` the five
    /// up to ExchangeServer add up to 31; their order, and 32, are assumed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct AuthMechanism: u32 {
        const Tls = 1;
        const Integrated = 2;
        const BasicAuth = 4;
        const BasicAuthRequireTLS = 8;
        const ExchangeServer = 16;
        const ExternalAuthoritative = 32;
    }

    /// Which groups of peers get their usual rights.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PermissionGroups: u32 {
        const AnonymousUsers = 1;
        const ExchangeUsers = 2;
        const ExchangeServers = 4;
        const ExchangeLegacyServers = 8;
        const Partners = 16;
        /// Shows itself where rights were added by hand; gives nothing of its own.
        const Custom = 32;
    }
}

fn from_value<F: bitflags::Flags<Bits = u32>>(value: &Value<'_>) -> Result<F, ValueError> {
    if let Value::Integer(number) = value {
        let known = u32::try_from(*number).ok().and_then(F::from_bits);
        return known.ok_or_else(|| {
            ValueError::new(format!("a sum of flags, at most {}", F::all().bits()))
        });
    }
    let items = value.items()?;
    let mut set = F::empty();
    for item in &items {
        if item.eq_ignore_ascii_case("None") && items.len() == 1 {
            break;
        }
        let flag = F::FLAGS.iter().find(|flag| flag.name().eq_ignore_ascii_case(item));
        let Some(flag) = flag else {
            let names: Vec<_> = F::FLAGS.iter().map(bitflags::Flag::name).collect();
            return Err(ValueError::new(format!(
                "\"None\" alone, or some of {}",
                names.join(", ")
            )));
        };
        set.insert(F::from_bits_retain(flag.value().bits()));
    }
    Ok(set)
}

/// The names in their order, joined as Exchange prints them.
fn names<F: bitflags::Flags>(set: &F, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if set.is_empty() {
        return f.write_str("None");
    }
    for (i, (name, _)) in set.iter_names().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        f.write_str(name)?;
    }
    Ok(())
}

impl FromValue for AuthMechanism {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        from_value(value)
    }
}

impl FromValue for PermissionGroups {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        from_value(value)
    }
}

impl fmt::Display for AuthMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(self, f)
    }
}

impl fmt::Display for PermissionGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_string_a_list_or_the_sum() {
        let parse = |v: Value<'_>| AuthMechanism::from_value(&v);
        let both = AuthMechanism::Tls | AuthMechanism::Integrated;
        assert_eq!(parse(Value::Text("Tls, integrated".into())), Ok(both));
        assert_eq!(parse(Value::List(vec!["Tls".into(), "Integrated".into()])), Ok(both));
        assert_eq!(parse(Value::Text("None".into())), Ok(AuthMechanism::empty()));
        assert_eq!(both.to_string(), "Tls, Integrated");
        assert_eq!(parse(Value::Integer(3)), Ok(both));
        assert!(parse(Value::Integer(64)).is_err());
        assert!(parse(Value::Integer(-1)).is_err());
        assert!(parse(Value::Text("None, Tls".into())).is_err());
        assert!(parse(Value::Text("TLS1".into())).unwrap_err().expected.contains("ExchangeServer"));
    }
}
