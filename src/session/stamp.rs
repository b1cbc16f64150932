//! What an Exchange server writes on top of a message that it takes.

use std::net::IpAddr;

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::{Identity, Received, Session};
use crate::auth::Mechanism;
use crate::connector::Role;

/// When and where a message came in.
#[derive(Clone, Debug)]
pub struct Arrival<'a> {
    pub at: &'a Zoned,
    /// The address that the client connected to.
    pub local: IpAddr,
    /// `TLSv1.3` and `TLS_AES_256_GCM_SHA384`.
    pub tls: Option<(&'a str, &'a str)>,
    /// Unique; see [`Receipt`](super::Receipt).
    pub guid: &'a str,
}

/// As Exchange writes it: `Fri, 5 Aug 2016 16:24:41 -0700`, without a leading zero.
pub fn date(at: &Zoned) -> String {
    at.strftime("%a, %-d %b %Y %H:%M:%S %z").to_string()
}

impl Session {
    /// The fields that go before `received`, each with its line end; an empty line behind them
    /// if the message has none of its own. Joined they are one block.
    pub fn stamp(&self, received: &Received, arrival: &Arrival<'_>) -> Vec<String> {
        let host = &self.host.server.fqdn;
        let header = &received.header;
        let organization =
            |name: &str, value: &str| format!("X-MS-Exchange-Organization-{name}: {value}\r\n");
        let mut stamped = vec![self.received_field(arrival)];
        if !header.has_arrival_time {
            // 21 Nov 2019 10:20:30.1234 (UTC)
            let at = arrival.at.with_time_zone(TimeZone::UTC);
            let at = at.strftime("%d %b %Y %H:%M:%S.%4f (UTC)").to_string();
            stamped.push(organization("OriginalArrivalTime", &at));
        }
        if !header.has_auth_as {
            stamped.push(organization("AuthSource", host));
            stamped.push(organization("AuthAs", self.auth_as()));
            if let Some(code) = self.auth_mechanism() {
                stamped.push(organization("AuthMechanism", code));
            }
        }
        if header.message_id.is_none() {
            stamped.push(format!("Message-ID: {}\r\n", self.message_id(None, arrival.guid)));
        }
        // Behind them a line that is no field would be read as a part of them.
        let is_apart = received.content.starts_with(b"\n") || received.content.starts_with(b"\r\n");
        if !header.begins && !is_apart {
            stamped.push("\r\n".to_owned());
        }
        stamped
    }

    /// RFC 5321 §4.4, in Exchange's words.
    fn received_field(&self, arrival: &Arrival<'_>) -> String {
        let (server, facts) = (&self.host.server, self.facts());
        let from = match &self.hello {
            Some(hello) if !hello.name.is_empty() => hello.name.to_string(),
            _ => format!("[{}]", self.remote),
        };
        let secured = match arrival.tls {
            None => String::new(),
            Some(_) if !facts.names_cipher => " (TLS)".to_owned(),
            Some((version, cipher)) => {
                let version = version.replace("TLSv", "TLS").replace('.', "_");
                format!(" (version={version}, cipher={cipher})")
            }
        };
        let via = match server.role_of(&self.connector) {
            Role::FrontEnd => " via Frontend Transport",
            Role::Hub | Role::Edge => "",
        };
        fold(&format!(
            "Received: from {from} ({}) by {} ({}) with Microsoft SMTP Server{secured} id {}{via}; {}",
            self.remote,
            server.fqdn_of(&self.connector),
            arrival.local,
            facts.build,
            date(arrival.at),
        ))
    }

    /// As what the sender counts.
    fn auth_as(&self) -> &'static str {
        match self.identity {
            Identity::Anonymous => "Anonymous",
            Identity::Partner { .. } => "Partner",
            Identity::ExternallySecured
            | Identity::DirectTrust { .. }
            | Identity::Account { .. } => "Internal",
        }
    }

    /// How the sender proved himself, in two hex digits. Which stands for what is our choice.
    fn auth_mechanism(&self) -> Option<&'static str> {
        Some(match &self.identity {
            Identity::Anonymous => return None,
            Identity::Account { mechanism: Mechanism::Login, .. } => "01",
            Identity::Account { mechanism: Mechanism::Ntlm, .. } => "02",
            Identity::Account { mechanism: Mechanism::Gssapi, .. } => "03",
            Identity::Account { mechanism: Mechanism::ExchangeAuth, .. } => "05",
            Identity::DirectTrust { .. } => "06",
            Identity::Partner { .. } => "07",
            Identity::ExternallySecured => "10",
        })
    }
}

/// One field over as many lines as it takes, broken at blanks.
fn fold(field: &str) -> String {
    const WIDTH: usize = 76;
    let mut folded = String::with_capacity(field.len() + 16);
    let mut column = 0;
    for word in field.split(' ') {
        if column > 0 {
            let breaks = column + 1 + word.len() > WIDTH;
            folded.push_str(if breaks { "\r\n " } else { " " });
            column = if breaks { 1 } else { column + 1 };
        }
        folded.push_str(word);
        column += word.len();
    }
    folded.push_str("\r\n");
    folded
}
