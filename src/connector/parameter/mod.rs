//! The parameters of `Set-ReceiveConnector`: how each is read, what it does, and whether it
//! acts. `docs/parameters.md` is made from these tables.

mod dialogue;
mod limits;
mod other;
mod reader;
mod scope;
mod security;
mod show;

use super::value::{FromValue, Value, ValueError};
use super::{ReceiveConnector, Server, ServerRole, Version};
use show::Show;

/// A parameter of `Set-ReceiveConnector`.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub effect: Effect,
    /// What it does, in a sentence.
    pub does: &'static str,
    /// The first version that has it.
    pub since: Version,
    pub on_edge: bool,
    /// Where that is known from, as `docs/evidence.md` names its sources.
    pub source: &'static str,
    set: fn(&mut ReceiveConnector, &Value<'_>) -> Result<(), ValueError>,
    get: fn(&ReceiveConnector) -> String,
}

/// Whether setting a parameter changes what a session meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Acts,
    /// Has no effect on the wire in Exchange either.
    None,
}

/// Parameters that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub title: &'static str,
    pub parameters: &'static [Parameter],
}

/// Every parameter, by subject.
pub const GROUPS: &[Group] = &[
    Group { title: "Who meets the connector", parameters: scope::PARAMETERS },
    Group { title: "What it says and takes", parameters: dialogue::PARAMETERS },
    Group { title: "Who may do what", parameters: security::PARAMETERS },
    Group { title: "Limits and delays", parameters: limits::PARAMETERS },
    Group { title: "The rest", parameters: other::PARAMETERS },
];

/// Every parameter.
pub static PARAMETERS: &[Parameter] = &join::<{ count() }>();

const fn count() -> usize {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].parameters.len();
        group += 1;
    }
    count
}

const fn join<const N: usize>() -> [Parameter; N] {
    let mut all = [GROUPS[0].parameters[0]; N];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let parameters = GROUPS[group].parameters;
        let mut i = 0;
        while i < parameters.len() {
            all[at] = parameters[i];
            (at, i) = (at + 1, i + 1);
        }
        group += 1;
    }
    all
}

/// The parameter called `name`, in any case.
pub fn find(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name))
}

impl Parameter {
    /// Reads `value` into `connector`.
    pub fn set(
        &self,
        connector: &mut ReceiveConnector,
        value: &Value<'_>,
    ) -> Result<(), ValueError> {
        (self.set)(connector, value)
    }

    /// The value that `connector` has, as `Get-ReceiveConnector | Format-List` prints it but
    /// for the braces around lists. Blank where nothing is set.
    pub fn get(&self, connector: &ReceiveConnector) -> String {
        (self.get)(connector)
    }

    /// What a value must be: the words that a wrong one is refused with.
    pub fn takes(&self) -> String {
        let mut scratch = ReceiveConnector::new("", Version::E2019);
        match self.set(&mut scratch, &Value::Text("\u{1}".into())) {
            Err(error) if error.item.is_some() => format!("a list, each {}", error.expected),
            Err(error) => error.expected,
            Ok(()) => "any text".to_owned(),
        }
    }

    /// Whether the cmdlet of `server` has it.
    pub fn exists_on(&self, server: &Server) -> bool {
        server.version >= self.since && (self.on_edge || server.role != ServerRole::Edge)
    }

    /// Where it exists, in words.
    pub fn availability(&self) -> String {
        let versions = Version::ALL.into_iter().filter(|version| *version >= self.since);
        let versions: Vec<_> = versions.map(|version| version.to_string()).collect();
        let role = if self.on_edge { "" } else { ", and not on an Edge server" };
        format!("it exists on {}{role}", versions.join(", "))
    }

    const fn acts(self, does: &'static str) -> Self {
        Self { does, ..self }
    }

    const fn acts_never(self, does: &'static str) -> Self {
        Self { effect: Effect::None, does, ..self }
    }

    const fn since(self, since: Version) -> Self {
        Self { since, ..self }
    }

    const fn not_on_edge(self) -> Self {
        Self { on_edge: false, ..self }
    }

    const fn by(self, source: &'static str) -> Self {
        Self { source, ..self }
    }
}

/// A parameter with the field of [`ReceiveConnector`] that holds it, and how its value is read.
macro_rules! parameter {
    ($name:ident, $field:ident) => {
        $crate::connector::parameter::parameter!($name, $field, super::FromValue::from_value)
    };
    ($name:ident, $field:ident, $read:expr) => {
        super::Parameter {
            name: stringify!($name),
            effect: super::Effect::Acts,
            does: "",
            since: crate::connector::Version::E2007,
            on_edge: true,
            source: "Set-ReceiveConnector",
            set: |connector, value| {
                connector.$field = $read(value)?;
                Ok(())
            },
            get: |connector| super::Show::show(&connector.$field),
        }
    };
}
use parameter;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Unlimited;

    fn set(name: &str, value: Value<'_>) -> Result<ReceiveConnector, ValueError> {
        let mut connector = ReceiveConnector::new("a", Version::E2019);
        find(name).unwrap().set(&mut connector, &value)?;
        Ok(connector)
    }

    #[test]
    fn ranges_are_kept() {
        assert_eq!(set("maxlogonfailures", Value::Integer(10)).unwrap().max_logon_failures, 10);
        assert!(set("MaxLogonFailures", Value::Integer(11)).is_err());
        assert!(set("MaxInboundConnection", Value::Integer(0)).is_err());
        assert_eq!(
            set("MaxInboundConnection", Value::Text("unlimited".into()))
                .unwrap()
                .max_inbound_connection,
            Unlimited::Unlimited
        );
        for (name, value) in [
            ("ConnectionTimeout", "2.00:00:00"),
            ("MaxHeaderSize", "2 GB"),
            ("Banner", "Hello"),
            ("Name", &"x".repeat(65)),
            ("Fqdn", "mail contoso.test"),
            ("Fqdn", "mail\r\n250 OK"),
            ("Fqdn", "mail..test"),
            ("DefaultDomain", "*.contoso.test"),
            ("MaxInboundConnectionPercentagePerSource", "101"),
        ] {
            assert!(set(name, Value::Text(value.into())).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn a_bad_item_of_a_list_is_named() {
        let ranges = Value::List(vec!["10.0.0.1".into(), "10.0.0".into()]);
        assert_eq!(set("RemoteIPRanges", ranges).unwrap_err().item, Some(1));
    }

    #[test]
    fn names_are_unique() {
        for (i, parameter) in PARAMETERS.iter().enumerate() {
            assert!(PARAMETERS[i + 1..].iter().all(|other| other.name != parameter.name));
        }
    }

    /// What a parameter prints it takes, so that an exported value can be read again.
    #[test]
    fn what_is_shown_can_be_set() {
        for version in Version::ALL {
            let mut connector = ReceiveConnector::new("a", version);
            connector.bindings = vec!["0.0.0.0:25".parse().unwrap()];
            for parameter in PARAMETERS {
                let shown = parameter.get(&connector);
                let mut other = ReceiveConnector::new("b", Version::E2007);
                parameter.set(&mut other, &Value::Text(shown.clone().into())).unwrap();
                assert_eq!(parameter.get(&other), shown, "{}", parameter.name);
            }
        }
    }

    #[test]
    fn each_is_documented() {
        for parameter in PARAMETERS {
            assert!(parameter.does.ends_with('.'), "{}", parameter.name);
            assert!(!parameter.source.is_empty(), "{}", parameter.name);
        }
    }
}
