//! Who comes, from where and as whom, and what each should see.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// One that sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cast {
    /// `EX02`
    pub name: String,
    /// Who that is, and what he wants, in a few words.
    pub what: String,
    pub act: Act,
    /// The source address. One of 127/8 is bound; any other is stated by PROXY protocol.
    pub from: IpAddr,
    /// Where to, as the configuration has it.
    #[serde(default = "port_25")]
    pub to: SocketAddr,
    /// What the sender calls itself.
    pub helo: String,
    #[serde(default)]
    pub login: Option<Login>,
    /// As a send connector with RequireTLS.
    #[serde(default)]
    pub require_tls: bool,
    pub mail_from: String,
    pub rcpt_to: String,
    /// How often it sends; what it sees is of the last time.
    #[serde(default = "once")]
    pub times: u32,
    /// Connections that it has open already.
    #[serde(default)]
    pub open: u32,
    pub broken: Sees,
    pub fixed: Sees,
}

/// How a sender goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// As one Exchange server does with another.
    ExchangeServer,
    /// By X-EXPS alone, also in clear.
    Downgraded,
    /// As between an Edge and its Hub.
    DirectTrust,
    /// With AUTH, as a user's program does.
    User,
    /// Without a proof.
    Anonymous,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// `CONTOSO\EX02$`
    pub account: String,
    pub proof: Proof,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// By its password, which the configuration has.
    Ntlm,
    /// By a ticket of the lab's realm.
    Kerberos,
}

/// What is stated of one sender: what it sees, and what the receiver shows. What is left out is
/// not looked at, but for `outcome`, `last-error` and `causes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sees {
    /// As the probe has it: delivered, refused, unreachable.
    pub outcome: String,
    /// The last reply of the server.
    pub reply: Option<String>,
    /// What the sender's queue shows.
    pub last_error: Option<String>,
    /// The sender's event, by id.
    pub event: Option<u32>,
    /// The causes that the probe names, by id, the likeliest first.
    #[serde(default)]
    pub causes: Vec<String>,
    /// The connector that was met, by its name.
    pub met: Option<String>,
    /// Lines of the receiver's trace.
    #[serde(default)]
    pub trace: Vec<String>,
    /// A row of the receiver's protocol log, from the event on.
    pub row: Option<String>,
    /// The receiver's events, by id.
    #[serde(default)]
    pub events: Vec<u32>,
}

fn port_25() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, 25))
}

fn once() -> u32 {
    1
}
