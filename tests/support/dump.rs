//! Dumps of connectors, as the cmdlets write them: the shapes of Export-Clixml are those of an
//! exported 2019 set (CSS-Exchange test data), those of the others what PowerShell makes of
//! such objects. Names are contoso's.

use std::fmt::Write as _;

use expsd::connector::{PARAMETERS, ReceiveConnector, Server};
use serde_json::{Value, json};

/// A property of a connector, by how it is serialized.
enum Kind {
    Text,
    Blank,
    Bool,
    Integer,
    /// With the number of the value.
    Enum(i64),
    Size,
    Span,
    Unlimited,
    Bindings,
    Ranges,
    Capabilities,
    /// An object that prints as its text: a name, an identity.
    Object,
}

struct Property {
    name: &'static str,
    /// As Format-List prints it, but for braces.
    text: String,
    kind: Kind,
}

impl Property {
    fn items(&self) -> impl Iterator<Item = &str> {
        self.text.split(", ").filter(|item| !item.is_empty())
    }

    fn is_list(&self) -> bool {
        matches!(self.kind, Kind::Bindings | Kind::Ranges | Kind::Capabilities)
    }
}

fn properties(server: &Server, connector: &ReceiveConnector) -> Vec<Property> {
    let identity = server.identity(connector);
    let mut all: Vec<_> = PARAMETERS
        .iter()
        .filter(|parameter| parameter.exists_on(server))
        .map(|parameter| {
            let text = parameter.get(connector);
            let kind = kind(parameter.name, &text);
            Property { name: parameter.name, text, kind }
        })
        .collect();
    let domain = server.dns_domain().replace('.', ",DC=");
    let path = format!("CN=Protocols,CN={},CN=Servers,CN=Configuration,DC={domain}", server.name);
    for (name, text, kind) in [
        ("Server", server.name.clone(), Kind::Object),
        ("ExchangeVersion", "0.1 (8.0.535.0)".to_owned(), Kind::Object),
        (
            "DistinguishedName",
            format!("CN={},CN=SMTP Receive Connectors,{path}", connector.name),
            Kind::Text,
        ),
        ("Identity", identity, Kind::Object),
        ("Guid", "0b1f6c3e-5a64-4f4c-9d3c-6f0f6a9f1f10".to_owned(), Kind::Text),
        ("WhenChanged", "8/21/2026 10:43:54 AM".to_owned(), Kind::Text),
        ("OriginatingServer", format!("dc01.{}", server.dns_domain()), Kind::Text),
        ("IsValid", "True".to_owned(), Kind::Bool),
        ("ObjectState", "Unchanged".to_owned(), Kind::Enum(1)),
    ] {
        all.push(Property { name, text, kind });
    }
    all
}

fn kind(name: &str, text: &str) -> Kind {
    match name {
        "Bindings" => Kind::Bindings,
        "RemoteIPRanges" => Kind::Ranges,
        "TlsDomainCapabilities" => Kind::Capabilities,
        "MaxMessageSize" | "MaxHeaderSize" => Kind::Size,
        "MessageRateLimit" | "MaxProtocolErrors" => Kind::Unlimited,
        "MaxInboundConnection" | "MaxInboundConnectionPerSource" => Kind::Unlimited,
        "Name" | "Comment" | "Banner" if !text.is_empty() => Kind::Text,
        "AuthMechanism" | "PermissionGroups" => Kind::Enum(flags(text)),
        _ if name.ends_with("Interval") || name.ends_with("Timeout") => Kind::Span,
        "MaxAcknowledgementDelay" => Kind::Span,
        _ if text.is_empty() => Kind::Blank,
        "Fqdn" | "TlsCertificateName" | "DefaultDomain" => Kind::Object,
        _ => match (text, number(name, text)) {
            ("True" | "False", _) => Kind::Bool,
            (_, Some(number)) => Kind::Enum(number),
            _ if text.parse::<u32>().is_ok() => Kind::Integer,
            _ => Kind::Text,
        },
    }
}

/// The number of an enumeration's value.
fn number(name: &str, text: &str) -> Option<i64> {
    let numbers: &[(&str, i64)] = match name {
        "TransportRole" => &[("FrontendTransport", 16384), ("HubTransport", 32)],
        "SizeEnabled" => &[("Disabled", 0), ("Enabled", 1), ("EnabledWithoutValue", 2)],
        "ProtocolLoggingLevel" => &[("None", 0), ("Verbose", 1)],
        "MessageRateSource" => &[("None", 0), ("IPAddress", 1), ("User", 2), ("All", 3)],
        "ExtendedProtectionPolicy" => &[("None", 0), ("Allow", 1), ("Require", 2)],
        _ => &[],
    };
    numbers.iter().find(|(known, _)| *known == text).map(|(_, number)| *number)
}

fn flags(text: &str) -> i64 {
    const ALL: [&[&str]; 2] = [
        &[
            "Tls",
            "Integrated",
            "BasicAuth",
            "BasicAuthRequireTLS",
            "ExchangeServer",
            "ExternalAuthoritative",
        ],
        &[
            "AnonymousUsers",
            "ExchangeUsers",
            "ExchangeServers",
            "ExchangeLegacyServers",
            "Partners",
            "Custom",
        ],
    ];
    let bit = |flag: &str| ALL.iter().find_map(|names| names.iter().position(|n| *n == flag));
    text.split(", ").filter_map(bit).map(|bit| 1 << bit).sum()
}

/// `Get-ReceiveConnector | Format-List`
pub fn list(server: &Server, connectors: &[ReceiveConnector]) -> String {
    let mut out = String::from("\n\n");
    for connector in connectors {
        for property in properties(server, connector) {
            let (open, close) = if property.is_list() { ("{", "}") } else { ("", "") };
            let _ = writeln!(out, "{:<41} : {open}{}{close}", property.name, property.text);
        }
        out += "\n";
    }
    out + "\n\n"
}

/// `Get-ReceiveConnector | Export-Csv`, with lists joined by `join`.
pub fn csv(
    server: &Server,
    connectors: &[ReceiveConnector],
    delimiter: &str,
    join: &str,
) -> String {
    let mut out = String::from("#TYPE Selected.ReceiveConnector\r\n");
    let row = |fields: Vec<String>| {
        let quoted: Vec<_> =
            fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
        quoted.join(delimiter) + "\r\n"
    };
    for (i, connector) in connectors.iter().enumerate() {
        let properties = properties(server, connector);
        if i == 0 {
            out += &row(properties.iter().map(|p| p.name.to_owned()).collect());
        }
        let field = |property: &Property| match property.is_list() {
            true => property.items().collect::<Vec<_>>().join(join),
            false => property.text.clone(),
        };
        out += &row(properties.iter().map(field).collect());
    }
    out
}

/// `Get-ReceiveConnector | ConvertTo-Json` in a remote shell, where most values are texts.
pub fn json(server: &Server, connectors: &[ReceiveConnector]) -> String {
    to_json(server, connectors, |property| match property.kind {
        Kind::Blank => Value::Null,
        Kind::Bool => json!(property.text == "True"),
        Kind::Integer => json!(property.text.parse::<i64>().unwrap()),
        _ if property.is_list() => property.items().collect(),
        _ => json!(property.text),
    })
}

/// The same on the server, where values have types.
pub fn typed_json(server: &Server, connectors: &[ReceiveConnector]) -> String {
    to_json(server, connectors, |property| {
        let text = &property.text;
        match property.kind {
            Kind::Blank => Value::Null,
            Kind::Text | Kind::Size => json!(text),
            Kind::Bool => json!(text == "True"),
            Kind::Integer => json!(text.parse::<i64>().unwrap()),
            Kind::Enum(number) => json!(number),
            Kind::Span => json!({ "Ticks": ticks(text), "Days": 0, "TotalDays": 0.5 }),
            Kind::Unlimited if text == "Unlimited" => json!({ "IsUnlimited": true }),
            Kind::Unlimited => {
                json!({ "IsUnlimited": false, "Value": text.parse::<i64>().unwrap() })
            }
            Kind::Bindings => property.items().map(binding).collect(),
            Kind::Ranges => property
                .items()
                .map(|item| json!({ "LowerBound": {}, "UpperBound": {}, "Expression": item }))
                .collect(),
            Kind::Capabilities => property
                .items()
                .map(|item| {
                    let (domain, capabilities) = item.split_once(':').unwrap();
                    json!({ "Domain": domain, "Capabilities": capabilities.replace(',', ", ") })
                })
                .collect(),
            Kind::Object => json!({ "RawIdentity": text }),
        }
    })
}

fn to_json(
    server: &Server,
    connectors: &[ReceiveConnector],
    value: impl Fn(&Property) -> Value,
) -> String {
    let objects = connectors.iter().map(|connector| {
        let fields = properties(server, connector).into_iter();
        Value::Object(fields.map(|p| (p.name.to_owned(), value(&p))).collect())
    });
    let objects: Vec<_> = objects.collect();
    match &objects[..] {
        [one] => serde_json::to_string_pretty(one),
        all => serde_json::to_string_pretty(all),
    }
    .unwrap()
}

fn binding(text: &str) -> Value {
    let address: std::net::SocketAddr = text.parse().unwrap();
    json!({
        "AddressFamily": if address.is_ipv4() { 2 } else { 23 },
        "Address": { "Address": null, "IPAddressToString": address.ip().to_string() },
        "Port": address.port(),
    })
}

/// .NET's ticks of a time span as it prints it.
fn ticks(text: &str) -> i64 {
    let (whole, fraction) = match text.rsplit_once('.').filter(|(head, _)| head.contains(':')) {
        Some((whole, fraction)) => (whole, format!("{fraction:0<7}").parse().unwrap()),
        None => (text, 0),
    };
    let (days, clock) = whole.split_once('.').unwrap_or(("0", whole));
    let seconds = clock.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap());
    (days.parse::<i64>().unwrap() * 86_400 + seconds) * 10_000_000 + fraction
}

/// `Get-ReceiveConnector | Export-Clixml`
pub fn clixml(server: &Server, connectors: &[ReceiveConnector]) -> String {
    let mut xml = Clixml {
        out: "\u{feff}<Objs Version=\"1.1.0.1\" \
              xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\n"
            .to_owned(),
        next: 0,
    };
    for connector in connectors {
        xml.connector(server, connector);
    }
    xml.out + "</Objs>"
}

struct Clixml {
    out: String,
    /// The next RefId.
    next: usize,
}

const BLOB: &str = "<MS>\n<BA N=\"SerializationData\">AAEAAAD/////AQAAAAAAAAAMAgAAAFtNaWNyb3NvZnQu\
                    RXhjaGFuZ2UuRGF0YQ==</BA>\n</MS>\n";

impl Clixml {
    fn object(&mut self, name: Option<&str>, inside: impl FnOnce(&mut Self)) {
        let id = self.next;
        self.next += 1;
        let name = name.map(|name| format!("N=\"{name}\" ")).unwrap_or_default();
        let _ = writeln!(self.out, "<Obj {name}RefId=\"{id}\">\n<TNRef RefId=\"0\" />");
        inside(self);
        self.out += "</Obj>\n";
    }

    fn element(&mut self, tag: &str, name: &str, text: &str) {
        let name = if name.is_empty() { String::new() } else { format!(" N=\"{name}\"") };
        let _ = writeln!(self.out, "<{tag}{name}>{}</{tag}>", escaped(text));
    }

    fn connector(&mut self, server: &Server, connector: &ReceiveConnector) {
        self.object(None, |xml| {
            xml.element("ToString", "", &server.identity(connector));
            xml.out += "<Props>\n";
            let mut identity = 0;
            for property in properties(server, connector) {
                if property.name == "Identity" {
                    identity = xml.next;
                }
                xml.property(&property);
            }
            let _ = writeln!(xml.out, "<Ref N=\"Id\" RefId=\"{identity}\" />\n</Props>\n<MS>");
            xml.element("S", "PSComputerName", &server.fqdn);
            xml.element("G", "RunspaceId", "ae7ffd61-d227-4f30-b04a-97a1178934ed");
            xml.out += "</MS>\n";
        });
    }

    fn property(&mut self, property: &Property) {
        let Property { name, text, kind } = property;
        match kind {
            Kind::Blank => {
                let _ = writeln!(self.out, "<Nil N=\"{name}\" />");
            }
            Kind::Text => self.element("S", name, text),
            Kind::Bool => self.element("B", name, &text.to_ascii_lowercase()),
            Kind::Integer => self.element("I32", name, text),
            Kind::Enum(number) => self.object(Some(name), |xml| {
                xml.element("ToString", "", text);
                xml.element("I32", "", &number.to_string());
            }),
            Kind::Bindings | Kind::Ranges | Kind::Capabilities => {
                self.object(Some(name), |xml| {
                    xml.out += "<LST>\n";
                    for item in property.items() {
                        xml.object(None, |xml| {
                            xml.element("ToString", "", item);
                            xml.out += "<Props>\n<I32 N=\"Port\">0</I32>\n";
                            xml.element("S", "Expression", item);
                            xml.out += "</Props>\n";
                            xml.out += BLOB;
                        });
                    }
                    xml.out += "</LST>\n";
                });
            }
            Kind::Size | Kind::Span | Kind::Unlimited | Kind::Object => {
                self.object(Some(name), |xml| {
                    xml.element("ToString", "", text);
                    xml.out += BLOB;
                });
            }
        }
    }
}

/// As Clixml escapes: what XML cannot hold as `_xHHHH_`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.replace("_x", "_x005F_x").chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            c if c.is_control() => {
                let _ = write!(out, "_x{:04X}_", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}
