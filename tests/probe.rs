//! `expsd probe`: what a sending Exchange server would make of a receiver.

mod support;

#[path = "probe/command.rs"]
mod command;
#[path = "probe/failures.rs"]
mod failures;
#[cfg(feature = "gssapi")]
#[path = "probe/kerberos.rs"]
mod kerberos;
#[path = "probe/likeness.rs"]
mod likeness;
#[path = "probe/others.rs"]
mod others;
#[path = "probe/replies.rs"]
mod replies;
#[path = "probe/strange.rs"]
mod strange;
#[path = "probe/tls.rs"]
mod tls;

use std::net::SocketAddr;

use expsd::ExchangeServer;
use expsd::probe::{Credentials, Mechanism, Plan, Report};

const DEFAULT: &str = "Default Frontend EX01";
const CANNOT_ACHIEVE: &str = "451 5.7.3 Cannot achieve Exchange Server authentication";
const TEMPORARY: &str = "454 4.7.0 Temporary authentication failure";

fn plan(at: SocketAddr) -> Plan {
    Plan { timeout: support::PATIENCE, ..Plan::new(at.ip().to_string(), at.port()) }
}

/// Another Exchange server, by NTLM.
fn as_server(at: SocketAddr) -> Plan {
    Plan {
        credentials: Credentials::password("CONTOSO\\EX02$", "machine-secret"),
        rcpt_to: Some("alice@contoso.test".to_owned()),
        ..plan(at)
    }
}

fn as_nobody(at: SocketAddr) -> Plan {
    let rcpt_to = Some("alice@contoso.test".to_owned());
    Plan { mechanism: Mechanism::Anonymous, rcpt_to, ..plan(at) }
}

/// A server with one connector, of which `parameters` are not as usual.
async fn server(parameters: &str) -> (ExchangeServer, SocketAddr) {
    let toml = format!(
        r#"
        [[ReceiveConnector]]
        Name = "{DEFAULT}"
        TransportRole = "FrontendTransport"
        Bindings = "0.0.0.0:25"
        TarpitInterval = "00:00:00"
        AuthTarpitInterval = "00:00:00"
        {parameters}

        [[AcceptedDomain]]
        DomainName = "contoso.test"
        [[account]]
        name = 'CONTOSO\alice'
        password = "Passw0rd!"
        addresses = ["alice@contoso.test"]
        [[account]]
        name = 'CONTOSO\EX02$'
        password = "machine-secret"
        member_of = ["Exchange Servers"]
        "#
    );
    let server = ExchangeServer::builder().configuration(&toml).unwrap().start().await.unwrap();
    let at = server.address(DEFAULT).unwrap();
    (server, at)
}

const USUAL: &str = r#"
    AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
    PermissionGroups = "AnonymousUsers, ExchangeServers, ExchangeLegacyServers""#;

fn ids(report: &Report) -> Vec<&'static str> {
    report.causes.iter().map(|cause| cause.id).collect()
}

fn last_error(report: &Report) -> &str {
    report.last_error.as_deref().unwrap_or_else(|| panic!("{report}"))
}
