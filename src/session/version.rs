//! What differs between versions, as data.

use std::time::Duration;

use crate::connector::Version;
use crate::scope::lint::Words;
use crate::smtp::Reply;
use crate::smtp::reply;

/// How one version answers.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// RCPT to a foreign domain without Accept-Any-Recipient.
    pub relay_refused: &'static Reply,
    /// MAIL without Submit.
    pub not_authenticated: &'static Reply,
    /// A sender that is not one of the client's addresses.
    pub cannot_send_as: &'static Reply,
    pub queued: Queued,
    /// How a sending server of this version words an error of its peer in LastError.
    pub last_error: LastError,
    /// The EHLO keyword of shadow redundancy on a Hub.
    pub shadow: Option<&'static str>,
    /// On an Edge; seen on one Edge server of 2016, not told apart by version.
    pub edge_shadow: Option<&'static str>,
    /// XEXCH50 also where ExchangeServer is not ticked.
    pub xexch50_always: bool,
    pub smtputf8: bool,
    /// STARTTLS may come to TLS 1.3, whoever of the two it is.
    pub tls13: bool,
    /// XPROXY and its family after X-ANONYMOUSTLS.
    pub proxy_verbs: bool,
    /// TarpitInterval also delays the reply to a BDAT that is not the last.
    pub chunk_tarpit: bool,
    /// AuthTarpitInterval is a parameter of its own.
    pub auth_tarpit: bool,
    /// MaxAcknowledgementDelay holds back the reply to the end of data.
    pub delayed_acknowledgement: bool,
    /// The build that Received fields name.
    pub build: &'static str,
    /// They name the version of TLS and the cipher.
    pub names_cipher: bool,
}

/// What stands between the message id and "Queued mail for delivery".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    Nothing,
    InternalId,
    InternalIdAndHost,
    /// With size, time and rate.
    Rate,
}

/// The two wordings (KB 979175; frankysweb.de on 451 5.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastError {
    /// 2007 (inferred) to 2013
    PrimaryTarget,
    /// 2016 and later
    TargetHost,
}

impl Facts {
    /// What a queue shows of `reply`.
    pub fn last_error(&self, reply: &str) -> String {
        match self.last_error {
            LastError::PrimaryTarget => format!(
                "451 4.4.0 Primary target IP address responded with: \"{reply}.\" Attempted \
                 failover to alternate host, but that did not succeed. Either there are no \
                 alternate hosts, or delivery failed to all alternate hosts."
            ),
            LastError::TargetHost => {
                format!("451 4.4.395 Target host responded with error. -> {reply}")
            }
        }
    }
}

impl Words for Facts {
    fn relay_refused(&self) -> Reply {
        self.relay_refused.clone()
    }

    fn not_authenticated(&self) -> Reply {
        self.not_authenticated.clone()
    }

    fn cannot_send_as(&self) -> Reply {
        self.cannot_send_as.clone()
    }

    fn in_queue(&self, reply: &str) -> String {
        self.last_error(reply)
    }
}

const E2007: Facts = Facts {
    relay_refused: &reply::UNABLE_TO_RELAY,
    not_authenticated: &reply::NOT_AUTHENTICATED,
    cannot_send_as: &reply::CANNOT_SEND_AS,
    queued: Queued::Nothing,
    last_error: LastError::PrimaryTarget,
    shadow: None,
    edge_shadow: None,
    xexch50_always: true,
    smtputf8: false,
    tls13: false,
    proxy_verbs: false,
    chunk_tarpit: true,
    auth_tarpit: false,
    delayed_acknowledgement: false,
    build: "8.3.83.6",
    names_cipher: false,
};
const E2010: Facts = Facts {
    queued: Queued::InternalId,
    shadow: Some("XSHADOW"),
    edge_shadow: Some("XSHADOW"),
    xexch50_always: false,
    delayed_acknowledgement: true,
    build: "14.3.123.4",
    ..E2007
};
const E2013: Facts = Facts {
    queued: Queued::InternalIdAndHost,
    shadow: Some("XSHADOWREQUEST"),
    proxy_verbs: true,
    chunk_tarpit: false,
    delayed_acknowledgement: false,
    build: "15.0.847.32",
    ..E2010
};
const E2016: Facts = Facts {
    relay_refused: &reply::UNABLE_TO_RELAY_2016,
    queued: Queued::Rate,
    last_error: LastError::TargetHost,
    auth_tarpit: true,
    build: "15.1.2507.6",
    names_cipher: true,
    ..E2013
};
const E2019: Facts = Facts {
    not_authenticated: &reply::NOT_AUTHENTICATED_2019,
    cannot_send_as: &reply::CANNOT_SEND_AS_2019,
    smtputf8: true,
    tls13: true,
    build: "15.2.1118.7",
    ..E2016
};

static FACTS: [Facts; 5] = [E2007, E2010, E2013, E2016, E2019];

/// The facts of `version`.
pub fn facts(version: Version) -> &'static Facts {
    &FACTS[version as usize]
}

impl Queued {
    /// The reply to the end of data. `elapsed` is the time that the data took.
    pub fn reply(
        self,
        message_id: &str,
        internal_id: u64,
        host: &str,
        octets: u64,
        elapsed: Duration,
    ) -> Reply {
        let detail = match self {
            Self::Nothing => String::new(),
            Self::InternalId => format!(" [InternalId={internal_id}]"),
            Self::InternalIdAndHost => format!(" [InternalId={internal_id}, Hostname={host}]"),
            Self::Rate => {
                let millis = elapsed.as_millis();
                let rate = octets as f64 / 1024.0 / elapsed.as_secs_f64().max(0.001);
                format!(
                    " [InternalId={internal_id}, Hostname={host}] {octets} bytes in {}.{:03}, {rate:.3} KB/sec",
                    millis / 1000,
                    millis % 1000
                )
            }
        };
        reply::queued(message_id, &detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms of RFC-free text that transcripts of each version show.
    #[test]
    fn the_end_of_data_reply_tells_the_version() {
        let reply = |version| {
            let took = Duration::from_micros(225_750);
            facts(version).queued.reply("<1@x>", 7, "ex01.contoso.test", 1464, took).to_string()
        };
        assert_eq!(reply(Version::E2007), "250 2.6.0 <1@x> Queued mail for delivery");
        assert_eq!(
            reply(Version::E2010),
            "250 2.6.0 <1@x> [InternalId=7] Queued mail for delivery"
        );
        assert_eq!(
            reply(Version::E2013),
            "250 2.6.0 <1@x> [InternalId=7, Hostname=ex01.contoso.test] Queued mail for delivery"
        );
        assert_eq!(
            reply(Version::E2019),
            "250 2.6.0 <1@x> [InternalId=7, Hostname=ex01.contoso.test] 1464 bytes in 0.225, 6.333 KB/sec Queued mail for delivery"
        );
    }
}
