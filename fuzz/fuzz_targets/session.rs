//! A whole session, fed with octets in any pieces and at any time.
#![no_main]

#[path = "../../benches/support/mod.rs"]
mod support;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use expsd::auth::ntlm::Policy;
use expsd::auth::{ChannelBindings, Mechanism};
use expsd::connector::{
    AuthMechanism, ByteSize, PermissionGroups, ReceiveConnector, TimeSpan, TransportRole, Unlimited,
};
use expsd::session::{Host, Identity, PeerCertificate, Receipt, Secured, Step};
use libfuzzer_sys::fuzz_target;
use support::{KEY, Peer, connector, host, met};

static HOST: LazyLock<Arc<Host>> = LazyLock::new(|| host(Policy::default(), None));

/// The longest line, AUTH's.
const MAX_HELD: usize = 65_536;
/// EHLO answers a command of six octets with some four hundred.
const MAX_GAIN: usize = 100;

fuzz_target!(|data: &[u8]| {
    let [choice, script @ ..] = data else { return };
    let mut peer = Peer::new(&HOST, &met(chosen(*choice)));
    peer.session.greet("Fri, 5 Aug 2016 16:24:41 -0700");
    let mut reads = script.split(|octet| *octet == 0xff);
    let mut read = reads.next();
    while let Some(octets) = read {
        if !feed(&mut peer, *choice, octets) {
            return;
        }
        read = reads.next();
        if let Some([seconds, octets @ ..]) = read {
            peer.now += Duration::from_secs((*seconds).into());
            peer.session.expire(peer.now);
            read = Some(octets);
        }
    }
    peer.now = peer.session.deadline();
    peer.session.expire(peer.now);
    assert!(!feed(&mut peer, *choice, b""), "its deadline ends every session");
});

fn chosen(choice: u8) -> ReceiveConnector {
    let mut connector = connector();
    let is = |bit: u8| choice & 1 << bit != 0;
    if is(0) {
        connector.tarpit_interval = TimeSpan::from_secs(5);
        connector.auth_tarpit_interval = TimeSpan::from_secs(3);
    }
    if is(1) {
        connector.max_protocol_errors = Unlimited::Limited(5);
        connector.max_logon_failures = 3;
    }
    if is(2) {
        connector.max_message_size = ByteSize::kb(1);
        connector.max_recipients_per_message = 2;
    }
    if is(3) {
        connector.transport_role = TransportRole::FrontendTransport;
        connector.auth_mechanism |= AuthMechanism::BasicAuthRequireTLS;
    }
    if is(4) {
        connector.auth_mechanism = AuthMechanism::Tls | AuthMechanism::ExternalAuthoritative;
        connector.permission_groups |= PermissionGroups::ExchangeServers;
        connector.long_addresses_enabled = true;
    }
    if is(5) {
        connector.default_domain = Some("contoso.test".to_owned());
        connector.orar_enabled = true;
        connector.require_ehlo_domain = true;
        connector.domain_secure_enabled = true;
    }
    connector
}

/// Of an Edge server that is known, of a partner, or none.
fn certificate(choice: u8) -> Option<PeerCertificate> {
    let public_key = match choice >> 6 {
        0 => return None,
        1 => KEY.to_vec(),
        _ => Vec::new(),
    };
    Some(PeerCertificate {
        subject: "CN=peer".to_owned(),
        names: vec!["*.partner.test".to_owned()],
        public_key,
        is_vouched_for: choice >> 6 == 3,
    })
}

/// Feeds octets in one read, waits where the session does, and says whether it goes on.
fn feed(peer: &mut Peer, choice: u8, octets: &[u8]) -> bool {
    peer.input.extend_from_slice(octets);
    let before = peer.session.output().len() + peer.input.len() * MAX_GAIN + 1024;
    loop {
        let step = peer.session.step(&mut peer.input, peer.now);
        assert!(peer.session.output().len() <= before);
        match step {
            Step::Read => {
                assert!(peer.input.len() <= MAX_HELD);
                assert!(!peer.session.is_receiving() || peer.input.is_empty());
                check(peer);
                return true;
            }
            Step::Hold(until) => {
                assert!(until > peer.now);
                peer.now = until;
            }
            Step::StartTls(kind) => {
                assert!(peer.input.is_empty(), "octets in clear are not for the session in TLS");
                check(peer);
                let bindings = ChannelBindings::new(Some(b"end point"), None);
                let certificate = certificate(choice);
                peer.session.tls_started(Secured { kind, bindings, peer: certificate }, peer.now);
                assert!(peer.session.hello().is_none());
            }
            Step::Keep(received) => {
                let envelope = &received.envelope;
                assert!(!envelope.recipients.is_empty());
                let limit = peer.session.connector().max_message_size.0;
                assert!(received.content.len() as u64 <= limit || !anonymous(peer));
                let mut at = 0;
                for stripped in &received.stripped {
                    assert!(stripped.at >= at && received.content[stripped.at..].starts_with(&stripped.field));
                    at = stripped.at + stripped.field.len();
                }
                if received.content.len() % 5 == 4 {
                    peer.session.not_kept("the disk is full".to_owned(), peer.now);
                } else {
                    let receipt = Receipt { internal_id: 1, guid: "1".to_owned() };
                    peer.session.kept(&receipt, peer.now);
                }
            }
            Step::Close | Step::Break(_) => {
                check(peer);
                return false;
            }
        }
    }
}

fn anonymous(peer: &Peer) -> bool {
    matches!(peer.session.identity(), Identity::Anonymous)
}

/// Replies are lines of a code and printable text; a password alone proves anything here.
fn check(peer: &mut Peer) {
    if let Identity::Account { mechanism, .. } = peer.session.identity() {
        assert_eq!(*mechanism, Mechanism::Login);
    }
    for note in peer.session.take_notes() {
        assert!(!format!("{note:?}").is_empty());
    }
    let output = peer.session.output().split();
    let text = std::str::from_utf8(&output).expect("replies are text");
    let Some(text) = text.strip_suffix("\r\n") else { return assert!(text.is_empty(), "{text:?}") };
    for line in text.split("\r\n") {
        let (code, rest) = line.split_at(3);
        assert!(code.parse().is_ok_and(|code: u16| (200..600).contains(&code)), "{line:?}");
        assert!(rest.starts_with([' ', '-']), "{line:?}");
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.len() <= 510 || code == "334", "{line:?}");
    }
}
