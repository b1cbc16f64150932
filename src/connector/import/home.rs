//! Whose connector an object is, and what it is called.

use super::object::Object;

/// The server and the name of an object that is a receive connector or belongs to one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Home {
    pub server: Option<String>,
    pub name: Option<String>,
}

impl Home {
    /// `Server` and `Name` come first, then the identity in any form, then how the object
    /// prints.
    pub(super) fn of(object: &Object) -> Self {
        let texts = ["Identity", "DistinguishedName", "Id"].map(|name| object.text(name));
        let others = texts.into_iter().chain([object.label.as_deref()]).flatten().map(Self::parse);
        let own = Self {
            server: object.text("Server").map(|server| short(server).to_owned()),
            name: object.text("Name").map(str::to_owned),
        };
        others.fold(own, Self::or)
    }

    /// `SERVER\Name`, `CN=Name,CN=SMTP Receive Connectors,CN=Protocols,CN=SERVER,…`, or
    /// `…/SERVER/Protocols/SMTP Receive Connectors/Name`.
    pub(super) fn parse(identity: &str) -> Self {
        let path = if identity.starts_with("CN=") {
            distinguished_name(identity)
        } else if identity.contains("/SMTP Receive Connectors/") {
            identity.rsplit('/').map(str::to_owned).collect()
        } else {
            let (server, name) = match identity.split_once('\\') {
                Some((server, name)) => (Some(short(server).to_owned()), name),
                None => (None, identity),
            };
            let name = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
            return Self { server, name };
        };
        let mut path = path.into_iter();
        let name = path.next();
        Self { name, server: path.nth(2) }
    }

    fn or(self, other: Self) -> Self {
        Self { server: self.server.or(other.server), name: self.name.or(other.name) }
    }
}

/// The domain of a distinguished name: `contoso.test` of `…,DC=contoso,DC=test`.
pub(super) fn dns_domain(name: &str) -> Option<String> {
    let parts: Vec<_> =
        name.split(',').filter_map(|part| part.trim().strip_prefix("DC=")).collect();
    (parts.len() > 1).then(|| parts.join("."))
}

/// The NetBIOS name in a host's name.
fn short(host: &str) -> &str {
    host.split('.').next().unwrap_or(host).trim()
}

/// The values of the parts, innermost first. `\` takes its meaning from a comma.
fn distinguished_name(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, parts.last_mut()) {
            (',', _) => parts.push(String::new()),
            ('\\', Some(part)) => part.extend(chars.next()),
            (c, Some(part)) => part.push(c),
            (_, None) => {}
        }
    }
    let value = |part: String| part.split_once('=').map_or(String::new(), |(_, v)| v.to_owned());
    parts.into_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_have_three_forms() {
        for identity in [
            "EX01\\App, relay",
            "CN=App\\, relay,CN=SMTP Receive Connectors,CN=Protocols,CN=EX01,CN=Servers,DC=contoso,DC=test",
            "contoso.test/Configuration/Servers/EX01/Protocols/SMTP Receive Connectors/App, relay",
        ] {
            let home = Home::parse(identity);
            assert_eq!(home.server.as_deref(), Some("EX01"), "{identity}");
            assert_eq!(home.name.as_deref(), Some("App, relay"), "{identity}");
        }
        assert_eq!(Home::parse("Relay"), Home { server: None, name: Some("Relay".into()) });
        assert_eq!(Home::parse(""), Home::default());
        assert_eq!(dns_domain("CN=a,DC=contoso, DC=test").as_deref(), Some("contoso.test"));
    }
}
