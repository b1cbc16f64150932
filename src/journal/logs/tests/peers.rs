//! Who is on the wrong connector.

use super::*;

/// What is told of the one peer, named as in `peer`, after `sessions`.
fn peer_told(peer: &str, sessions: &[Vec<String>]) -> Value {
    let peers: Vec<Peer> = [peer.parse().unwrap()].into();
    let mut survey = survey(&file(sessions));
    let mut report = serde_json::to_value(survey.report(&peers, None)).unwrap();
    report["peers"][0].take()
}

const LOST: [&str; 4] =
    ["+,,", "<,EHLO ex02.contoso.test,", ">,250  ex01 Hello [a] SIZE STARTTLS,", "-,,Local"];

#[test]
fn peers_on_a_connector_without_exchange_authentication_are_found() {
    let hello =
        ["+,,", "<,EHLO ex02.contoso.test,", ">,250  ex01 Hello [a] SIZE STARTTLS,", "-,,Local"];
    let lost = session("EX01\\App relay", "2", "10.0.0.12:2", &hello);
    let mut survey = survey(&file(&[server("1", "10.0.0.12:1"), lost]));
    let peers = ["EX02=10.0.0.12,10.0.0.13".parse().unwrap()];
    let found = |survey: &mut Survey, peers: &[Peer]| -> Vec<String> {
        let report = survey.report(peers, None);
        let line = |peer: &PeerReport<'_>| {
            let connector = peer.connector.as_deref().unwrap_or("none");
            let of = format!("{} of {}", peer.ehlo_without_exchange, peer.ehlo);
            format!("{:?} {} {connector} {of}", peer.name, peer.address)
        };
        report.peers.iter().map(line).collect()
    };
    assert_eq!(
        found(&mut survey, &peers),
        [
            "Some(\"EX02\") 10.0.0.12 EX01\\App relay 1 of 1",
            "Some(\"EX02\") 10.0.0.12 EX01\\Default Frontend EX01 0 of 1",
            "Some(\"EX02\") 10.0.0.13 none 0 of 0",
        ]
    );
    assert_eq!(
        found(&mut survey, &[]),
        ["None 10.0.0.12 EX01\\App relay 1 of 1"],
        "a server gives itself away by what it did elsewhere"
    );
}

#[test]
fn sessions_of_clients_and_of_the_server_itself_are_on_no_wrong_connector() {
    let auth = [
        &LOST[..3],
        &["<,AUTH LOGIN,", "*,CONTOSO\\health,authenticated", ">,235 2.7.0 OK,", "-,,Local"],
    ]
    .concat();
    let lost = |remote: &str| session("EX01\\a", "2", remote, &LOST);
    let at_587: Vec<_> =
        lost("10.0.0.12:2").iter().map(|row| row.replace(":25,", ":587,")).collect();
    for (peer, rows) in [
        ("EX02=10.0.0.12", at_587),
        ("EX02=10.0.0.12", session("EX01\\a", "2", "10.0.0.12:2", &auth)),
        ("EX01=10.0.0.5", lost("10.0.0.5:2")),
    ] {
        let told = peer_told(peer, &[rows]);
        assert_eq!((&told["clients"], &told["ehlo"]), (&json!(1), &json!(0)), "{peer}");
    }
    let told = peer_told("EX02=10.0.0.12", &[lost("10.0.0.12:2")]);
    assert_eq!((&told["clients"], &told["ehlo_without_exchange"]), (&json!(0), &json!(1)));
    assert_eq!(peer_told("gateway:GW=10.0.0.12", &[lost("10.0.0.12:2")])["kind"], "gateway");
}

/// Behind X-ANONYMOUSTLS an Edge server is known by its certificate, and is offered no X-EXPS.
#[test]
fn the_first_ehlo_in_clear_decides() {
    let direct_trust = [
        "+,,",
        "<,EHLO edge,",
        ">,250  ex01 Hello [a] X-ANONYMOUSTLS X-EXPS NTLM,",
        "<,X-ANONYMOUSTLS,",
        ">,220 2.0.0 SMTP server ready,",
        HANDSHAKE,
        "<,EHLO edge,",
        ">,250  ex01 Hello [a] SIZE,",
        "<,QUIT,",
        "-,,Local",
    ];
    let told = peer_told("E=10.0.0.12", &[session("EX01\\a", "1", "10.0.0.12:2", &direct_trust)]);
    assert_eq!((&told["ehlo"], &told["ehlo_without_exchange"]), (&json!(1), &json!(0)));
    let helo = ["+,,", "<,HELO ex02,", ">,250 ex01 Hello [a],", "-,,Local"];
    let told = peer_told("E=10.0.0.12", &[session("EX01\\a", "1", "10.0.0.12:2", &helo)]);
    assert_eq!((&told["ehlo"], &told["helo"]), (&json!(0), &json!(1)));
}

#[test]
fn a_peer_without_a_zone_may_be_on_any_link() {
    let rows = || session("EX01\\a", "1", "[fe80::1%12]:5000", &LOST);
    assert_eq!(peer_told("EX04=fe80::1", &[rows()])["sessions"], 1);
    assert_eq!(peer_told("EX04=fe80::1%12", &[rows()])["sessions"], 1);
    assert_eq!(peer_told("EX04=fe80::1%11", &[rows()])["connector"], Value::Null);
}
