//! The documented failures, each against a server that has it.

use expsd::probe::{Fate, Outcome, ProofOutcome, Stage, run};

use super::*;

#[tokio::test]
async fn another_exchange_server_gets_through() {
    let (server, at) = server(USUAL).await;
    let message = Some(b"Subject: probe\r\n\r\n.dot\r\n".to_vec());
    let report = run(&Plan { message, ..as_server(at) }).await;
    assert_eq!(report.outcome, Outcome::Delivered, "{report}");
    assert_eq!(report.authentication.as_ref().unwrap().outcome, ProofOutcome::Accepted);
    assert!(report.causes.is_empty() && report.last_error.is_none(), "{report}");
    let messages = server.wait_for_messages(1, support::PATIENCE).await;
    assert!(messages[0].content.ends_with(b"\r\n.dot\r\n"));
    // The password is nowhere, nor what is made of it.
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("machine-secret") && !json.contains("TlRMTVNT"), "{json}");
}

#[tokio::test]
async fn nothing_is_delivered_unless_asked_for() {
    let (server, at) = server(USUAL).await;
    let report = run(&as_server(at)).await;
    assert_eq!(report.outcome, Outcome::Accepted);
    let sent: Vec<_> = report.dialogue.iter().map(|line| line.text.as_str()).collect();
    assert!(sent.contains(&"RSET") && !sent.contains(&"DATA"), "{report}");
    server.stop().await;
}

#[tokio::test]
async fn exchange_auth_unticked() {
    let (_server, at) =
        server("AuthMechanism = \"Tls\"\nPermissionGroups = \"AnonymousUsers\"").await;
    let report = run(&as_server(at)).await;
    assert_eq!(report.outcome, Outcome::Refused);
    assert_eq!(
        last_error(&report),
        format!("451 4.4.395 Target host responded with error. -> {CANNOT_ACHIEVE}")
    );
    assert_eq!(report.fate, Some(Fate::Queued));
    assert_eq!(ids(&report)[..2], ["exchange-server-not-offered", "relay-connector-covers-us"]);
    // It is the sender's own finding: nothing was asked of the server.
    assert!(!report.dialogue.iter().any(|line| line.text.contains("X-EXPS")), "{report}");
    let older = Plan { version: expsd::connector::Version::E2013, ..as_server(at) };
    assert_eq!(
        last_error(&run(&older).await),
        format!(
            "451 4.4.0 Primary target IP address responded with: \"{CANNOT_ACHIEVE}.\" Attempted \
             failover to alternate host, but that did not succeed. Either there are no alternate \
             hosts, or delivery failed to all alternate hosts. The last endpoint attempted was {at}"
        )
    );
}

#[tokio::test]
async fn exchange_servers_group_removed() {
    let auth = "AuthMechanism = \"Tls, ExchangeServer\"\nPermissionGroups = \"AnonymousUsers\"";
    let (_server, at) = server(auth).await;
    let report = run(&as_server(at)).await;
    assert!(last_error(&report).ends_with(CANNOT_ACHIEVE), "{report}");
    assert_eq!(ids(&report), ["no-submit-right"]);
    assert_eq!(report.event.as_ref().unwrap().id, 2003);
}

#[tokio::test]
async fn suppressed_x_anonymoustls() {
    let (_server, at) = server(&format!("{USUAL}\nSuppressXAnonymousTls = true")).await;
    let report = run(&as_server(at)).await;
    assert_eq!(ids(&report), ["x-anonymoustls-suppressed"]);
    let downgraded = Plan { mechanism: Mechanism::XExpsNtlm, ..as_server(at) };
    assert_eq!(run(&downgraded).await.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn a_wrong_password() {
    let (_server, at) = server(USUAL).await;
    let credentials = Credentials::password("CONTOSO\\EX02$", "wrong");
    let report = run(&Plan { credentials: credentials.clone(), ..as_server(at) }).await;
    assert!(last_error(&report).ends_with(TEMPORARY), "{report}");
    assert_eq!(ids(&report)[0], "wrong-password");
    assert_eq!(report.stopped.as_ref().unwrap().stage, Stage::Authentication);
    for mechanism in [Mechanism::Ntlm, Mechanism::Login] {
        let report =
            run(&Plan { mechanism, credentials: credentials.clone(), ..as_server(at) }).await;
        assert_eq!(
            report.authentication.as_ref().unwrap().reply.as_deref(),
            Some("535 5.7.3 Authentication unsuccessful")
        );
        assert_eq!(ids(&report)[0], "wrong-password");
    }
}

#[tokio::test]
async fn a_mechanism_that_is_not_there() {
    let (_server, at) = server(USUAL).await;
    let report = run(&Plan { mechanism: Mechanism::Gssapi, ..as_server(at) }).await;
    assert_eq!(ids(&report)[0], "mechanism-not-offered");
    assert_eq!(report.event.as_ref().unwrap().id, 2017);
    assert!(last_error(&report).ends_with(TEMPORARY));
}

#[tokio::test]
async fn per_source_limit() {
    let (_server, at) = server(&format!("{USUAL}\nMaxInboundConnectionPerSource = 1")).await;
    let mut first = tokio::net::TcpStream::connect(at).await.unwrap();
    // It counts once it is greeted.
    tokio::io::AsyncReadExt::read_u8(&mut first).await.unwrap();
    let report = run(&as_server(at)).await;
    assert_eq!(ids(&report), ["per-source-limit"], "{report}");
    assert_eq!(report.stopped.as_ref().unwrap().stage, Stage::Banner);
    assert_eq!(report.outcome, Outcome::Refused);
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let (_server, at) = server(USUAL).await;
    let other = Plan { server_name: Some("mail.contoso.test".to_owned()), ..as_nobody(at) };
    let report = run(&other).await;
    assert_eq!(report.outcome, Outcome::Accepted);
    assert_eq!(ids(&report), ["certificate-name"]);
    let own = run(&as_nobody(at)).await;
    let certificate = own.tls.unwrap().certificate.unwrap();
    assert_eq!((certificate.names_host, certificate.expired), (Some(true), false));
}

#[tokio::test]
async fn no_starttls() {
    // No certificate holds the name, as event 12014 tells.
    let fqdn = "Fqdn = \"mail.contoso.test\"\nAuthMechanism = \"Tls\"\nPermissionGroups = \"AnonymousUsers\"";
    let (_server, at) = server(fqdn).await;
    let report = run(&Plan { require_tls: true, ..as_nobody(at) }).await;
    assert!(last_error(&report).ends_with("451 5.7.3 STARTTLS is required to send mail"));
    assert_eq!(report.event.as_ref().unwrap().id, 2015);
    assert_eq!(ids(&report), ["starttls-missing"]);
}

#[tokio::test]
async fn nobody_relays_and_nobody_submits() {
    let (_server, at) = server(USUAL).await;
    let abroad = Some("bob@fabrikam.test".to_owned());
    let report = run(&Plan { rcpt_to: abroad.clone(), ..as_nobody(at) }).await;
    assert_eq!(ids(&report), ["relay-denied"]);
    assert_eq!(report.fate, Some(Fate::Returned));
    assert_eq!(
        last_error(&report),
        "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"
    );
    let closed = "AuthMechanism = \"Tls\"\nPermissionGroups = \"ExchangeUsers\"";
    let (_closed, at) = super::server(closed).await;
    assert_eq!(ids(&run(&as_nobody(at)).await), ["not-authenticated"]);
    let open = r#"AuthMechanism = "Tls, ExternalAuthoritative"
        PermissionGroups = "ExchangeServers""#;
    let (_open, at) = super::server(open).await;
    let report = run(&Plan { rcpt_to: abroad, ..as_nobody(at) }).await;
    assert_eq!(ids(&report), ["relays-anonymously"], "{report}");
}

#[tokio::test]
async fn the_source_address_chooses_the_connector() {
    let toml = format!(
        r#"
        {USUAL}
        [[ReceiveConnector]]
        Name = "App relay"
        TransportRole = "FrontendTransport"
        Bindings = "0.0.0.0:25"
        RemoteIPRanges = "10.0.0.10-10.0.0.20"
        AuthMechanism = "Tls"
        PermissionGroups = "AnonymousUsers"
        [proxy_protocol]
        trust = ["127.0.0.0/8"]"#
    );
    let (_server, at) = server(&toml).await;
    let from = |last: u8| Plan { proxy_from: Some([10, 0, 0, last].into()), ..as_server(at) };
    let shadowed = run(&from(12)).await;
    assert!(last_error(&shadowed).ends_with(CANNOT_ACHIEVE));
    let cause = shadowed.causes.iter().find(|cause| cause.id == "relay-connector-covers-us");
    assert!(cause.unwrap().next.contains("--remote 10.0.0.12"), "{shadowed}");
    assert_eq!(run(&from(30)).await.outcome, Outcome::Accepted);
}

/// A server that trusts no PROXY header, or knows none, says so in one way or another.
#[tokio::test]
async fn a_proxy_header_that_nobody_trusts() {
    let (_server, at) = server(USUAL).await;
    let report = run(&Plan { proxy_from: Some([10, 0, 0, 12].into()), ..as_server(at) }).await;
    assert_eq!(ids(&report)[0], "proxy-refused", "{report}");
}

#[tokio::test]
async fn direct_trust() {
    use expsd::tls::{Certificate, KeyKind};
    let (_server, at) = server(USUAL).await;
    let now = std::time::SystemTime::now();
    let pem =
        Certificate::generate(&["edge01.contoso.test".to_owned()], 30, KeyKind::Ec, now).unwrap();
    let certificate = Some(std::sync::Arc::new(Certificate::from_pem(&pem).unwrap()));
    let mechanism = Mechanism::DirectTrust;
    let without = run(&Plan { mechanism, ..as_server(at) }).await;
    assert_eq!(ids(&without), ["no-own-certificate"]);
    let edge = Plan { mechanism, certificate, ..as_server(at) };
    let report = run(&edge).await;
    assert_eq!(ids(&report), ["direct-trust-unknown"], "{report}");
    assert_eq!(report.stopped.as_ref().unwrap().stage, Stage::HelloInTls);
    // The other way round: the receiver's certificate is not the published one.
    let report = run(&Plan { expected_certificate: Some(vec![1]), ..edge }).await;
    assert!(last_error(&report).ends_with("454 4.7.5 Certificate validation failure"));
    assert_eq!(report.event.as_ref().unwrap().id, 2018);
}

#[tokio::test]
async fn without_credentials_the_offer_is_what_counts() {
    let (_server, at) = server(USUAL).await;
    let report = run(&plan(at)).await;
    assert_eq!(report.outcome, Outcome::Accepted);
    assert_eq!(report.authentication.as_ref().unwrap().outcome, ProofOutcome::NotTried);
}

/// In the layout of each version (case note of 2019-11-04 for the sender's side).
#[tokio::test]
async fn the_send_log_has_the_rows_of_a_sender() {
    let (_server, at) = server(USUAL).await;
    let report = run(&as_server(at)).await;
    let log = &report.send_log;
    assert_eq!(log[2], "#Log-type: SMTP Send Protocol Log");
    let rows: Vec<Vec<&str>> = log[5..].iter().map(|row| row.splitn(8, ',').collect()).collect();
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row[3], i.to_string());
        assert_eq!(
            (row[4], row[5]),
            (&*report.sender.address.unwrap().to_string(), &*at.to_string())
        );
    }
    let holds = |event: &str, start: &str| {
        rows.iter().any(|row| row[6] == event && row[7].starts_with(start))
    };
    assert!(holds("+", ",") && holds("-", ",Local") && holds(">", "X-ANONYMOUSTLS,"), "{log:#?}");
    assert!(holds("<", "250  ex01.contoso.test Hello [127.0.0.1] SIZE 37748736 PIPELINING "));
    assert!(holds("*", " CN=EX01 ") && holds("<", "334 <authentication information>,"));
    assert!(holds("*", ",\"TLS protocol SP_PROT_TLS1_2_CLIENT negotiation succeeded using "));
    let older = Plan { version: expsd::connector::Version::E2010, ..as_server(at) };
    let log = run(&older).await.send_log;
    assert_eq!(log[1], "#Version: 14.0.0.0");
    assert!(log.iter().any(|row| row.contains(",<,250-PIPELINING,")), "{log:#?}");
    assert!(log.iter().any(|row| row.contains(",*,,Received certificate")), "{log:#?}");
}
