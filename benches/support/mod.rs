//! What benches, hostile tests and fuzz targets share: a server to talk to, and an NTLM client.
#![allow(dead_code)] // Each of them uses a part of it.

pub mod ntlm;

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use expsd::auth::ntlm::{Policy, Target, Version as Windows};
use expsd::auth::{Acceptor, Authenticator, Freshness, Ntlm};
use expsd::connector::{
    AuthMechanism, PermissionGroups, ReceiveConnector, Server, TimeSpan, Unlimited, Version,
};
use expsd::directory::{AcceptedDomain, Account, Directory, DomainType, Group};
use expsd::scope::Met;
use expsd::session::{DirectTrust, Host, Memory, Rates, Receipt, Session, Step};

pub const USER: &str = "alice";
pub const DOMAIN: &str = "CONTOSO";
pub const PASSWORD: &str = "Passw0rd!";
/// The public key of an Edge server.
pub const KEY: &[u8] = b"key";
pub const ACCEPTED: &[u8] = b"235 2.7.0 Authentication successful\r\n";

/// `EX01`, which knows the user and a machine account, with challenges that never change.
pub fn host(policy: Policy, acceptor: Option<Acceptor>) -> Arc<Host> {
    let account = |name: &str| {
        Account::new(format!("{DOMAIN}\\{name}").parse().unwrap(), Some(PASSWORD.to_owned()))
    };
    let directory = Arc::new(Directory {
        accounts: vec![
            account(USER).with_addresses(["alice@contoso.test"]),
            account("EX02$").with_groups([Group::ExchangeServers]),
        ],
        accepted_domains: AcceptedDomain::new("contoso.test", DomainType::Authoritative)
            .into_iter()
            .collect(),
        default_domain: DOMAIN.to_owned(),
    });
    let target = Target {
        netbios_domain: DOMAIN.to_owned(),
        netbios_computer: "EX01".to_owned(),
        dns_domain: "contoso.test".to_owned(),
        dns_computer: "ex01.contoso.test".to_owned(),
        dns_tree: Some("contoso.test".to_owned()),
        version: Windows { major: 10, minor: 0, build: 17763 },
    };
    let authenticator = Authenticator {
        directory: Arc::clone(&directory),
        acceptor: acceptor.map(Arc::new),
        gssapi_prompt: "GSSAPI supported",
        ntlm: Ntlm {
            target: Arc::new(target),
            policy,
            source: || Freshness { challenge: *b"\x01\x23\x45\x67\x89\xab\xcd\xef", filetime: 1 },
        },
    };
    Arc::new(Host {
        server: Server::default(),
        directory,
        authenticator,
        memory: Arc::new(Memory::new(64 << 20)),
        tally: Arc::default(),
        rules: Arc::default(),
        direct_trust: vec![DirectTrust {
            public_key: KEY.to_vec(),
            role: Group::EdgeTransportServers,
        }],
        domain_secure: vec!["partner.test".to_owned()],
        shadow_redundancy: false,
        rates: Rates::default(),
    })
}

/// A connector that offers every mechanism in clear, delays nothing and closes for no errors.
pub fn connector() -> ReceiveConnector {
    let mut connector = ReceiveConnector::new("Default Frontend EX01", Version::E2019);
    connector.auth_mechanism = AuthMechanism::Tls
        | AuthMechanism::Integrated
        | AuthMechanism::BasicAuth
        | AuthMechanism::ExchangeServer;
    connector.permission_groups = PermissionGroups::AnonymousUsers
        | PermissionGroups::ExchangeUsers
        | PermissionGroups::ExchangeServers;
    connector.enable_auth_gssapi = true;
    connector.tarpit_interval = TimeSpan::from_secs(0);
    connector.auth_tarpit_interval = TimeSpan::from_secs(0);
    connector.max_protocol_errors = Unlimited::Unlimited;
    connector.max_logon_failures = 0;
    connector
}

pub fn met(connector: ReceiveConnector) -> Met {
    Met::new([connector].into(), 0).unwrap()
}

/// A session that is fed by hand.
pub struct Peer {
    pub session: Session,
    pub input: BytesMut,
    pub now: Instant,
}

impl Peer {
    pub fn new(host: &Arc<Host>, connector: &Met) -> Self {
        let now = Instant::now();
        let remote = "192.0.2.10".parse().unwrap();
        let session = Session::new(Arc::clone(host), connector.clone(), true, remote, now);
        Self { session, input: BytesMut::new(), now }
    }

    /// Sends octets, keeps what messages come of them, and stops where the session waits.
    pub fn send(&mut self, octets: &[u8]) -> Step {
        self.input.extend_from_slice(octets);
        loop {
            match self.session.step(&mut self.input, self.now) {
                Step::Keep(_) => {
                    let receipt = Receipt { internal_id: 1, guid: String::new() };
                    self.session.kept(&receipt, self.now);
                }
                step => return step,
            }
        }
    }

    /// Sends octets and takes the replies.
    pub fn say(&mut self, octets: &[u8]) -> String {
        self.send(octets);
        String::from_utf8(self.session.output().split().to_vec()).unwrap()
    }
}
