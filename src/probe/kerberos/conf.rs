//! The KDCs in `krb5.conf` (web.mit.edu/kerberos/krb5-latest/doc, "krb5.conf"). Those that only
//! DNS knows are not looked up.

use std::collections::BTreeMap;
use std::fs;

#[derive(Debug, Default)]
pub(super) struct Conf {
    pub default_realm: Option<String>,
    realms: BTreeMap<String, Vec<Place>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub host: String,
    pub port: u16,
    /// Where passwords are changed, not where tickets are given.
    pub passwords: bool,
}

const KERBEROS: u16 = 88;
const PASSWORDS: u16 = 464;

impl Conf {
    /// The files of the environment; what cannot be read is left out, as the library does.
    pub fn load() -> Self {
        let files = std::env::var("KRB5_CONFIG").unwrap_or_else(|_| "/etc/krb5.conf".to_owned());
        let mut conf = Self::default();
        for file in files.split(':').filter(|file| !file.is_empty()) {
            conf.read(&fs::read_to_string(file).unwrap_or_default());
        }
        conf
    }

    /// What stands first, counts.
    fn read(&mut self, text: &str) {
        let (mut section, mut realm) = (String::new(), None);
        for line in text.lines().map(str::trim) {
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(['*', ' ']).trim_end_matches(']').to_owned();
                realm = None;
                continue;
            }
            if line.starts_with('}') {
                realm = None;
                continue;
            }
            let Some((name, value)) = line.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            match (section.as_str(), &realm) {
                ("libdefaults", _) if name == "default_realm" => {
                    self.default_realm.get_or_insert_with(|| value.to_owned());
                }
                ("realms", None) if value.starts_with('{') => realm = Some(name.to_owned()),
                ("realms", Some(realm)) => {
                    let (port, passwords) = match name {
                        "kdc" | "master_kdc" | "primary_kdc" => (KERBEROS, false),
                        "kpasswd_server" => (PASSWORDS, true),
                        _ => continue,
                    };
                    let place = Place::parse(value, port, passwords);
                    let places = self.realms.entry(realm.clone()).or_default();
                    if !places.contains(&place) {
                        places.push(place);
                    }
                }
                _ => {}
            }
        }
    }

    /// Where tickets are given and passwords are changed: in a domain, on the same servers.
    pub fn places(&self, realm: &str) -> Vec<Place> {
        let mut places = self.realms.get(realm).cloned().unwrap_or_default();
        if !places.iter().any(|place| place.passwords) {
            let on_usual_port = |place: &&Place| place.port == KERBEROS;
            let also: Vec<_> = places
                .iter()
                .filter(on_usual_port)
                .map(|place| Place { host: place.host.clone(), port: PASSWORDS, passwords: true })
                .collect();
            places.extend(also);
        }
        places
    }
}

impl Place {
    /// `dc01.contoso.test`, `dc01.contoso.test:88`, `[fe80::1]:88`, `tcp/dc01`
    fn parse(text: &str, port: u16, passwords: bool) -> Self {
        let text = text.split_once('/').map_or(text, |(_, rest)| rest);
        let bare = |host: &str| host.trim_matches(['[', ']']).to_owned();
        let split = text.rsplit_once(':').filter(|(host, _)| {
            // Colons outside of brackets are an address's own.
            !host.contains(':') || host.starts_with('[')
        });
        match split.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => Self { host: bare(host), port, passwords },
            None => Self { host: bare(text), port, passwords },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kdcs_stand_in_their_realm() {
        let mut conf = Conf::default();
        conf.read(
            "# none\n[libdefaults]\n  default_realm = CONTOSO.TEST\n[realms]\n CONTOSO.TEST = {\n  \
             kdc = dc01.contoso.test\n  kdc = [fe80::1]:8888\n  kdc = tcp/dc02:750\n }\n OTHER = {\n \
             kdc = 127.0.0.1:90\n kpasswd_server = 127.0.0.1:91\n }\n[domain_realm]\n .x = OTHER\n",
        );
        assert_eq!(conf.default_realm.as_deref(), Some("CONTOSO.TEST"));
        let of = |realm: &str| -> Vec<_> {
            let places = conf.places(realm);
            places.iter().map(|p| format!("{} {} {}", p.host, p.port, p.passwords)).collect()
        };
        assert_eq!(
            of("CONTOSO.TEST"),
            [
                "dc01.contoso.test 88 false",
                "fe80::1 8888 false",
                "dc02 750 false",
                "dc01.contoso.test 464 true"
            ]
        );
        assert_eq!(of("OTHER"), ["127.0.0.1 90 false", "127.0.0.1 91 true"]);
        assert!(of("NOBODY").is_empty());
    }
}
