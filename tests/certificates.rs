//! What a client certificate makes of a session: direct trust behind X-ANONYMOUSTLS, Domain
//! Security behind STARTTLS. Over real sockets, with certificates made on the spot.

mod support;

use support::certificate::{Authority, Certificate, anybody, expired, ready, start};
use support::tls::handshake;
use support::{Client, Daemon, http};
use tokio_rustls::rustls::version::{TLS12, TLS13};

const SENDER_OK: &str = "250 2.1.0 Sender OK";
const RECIPIENT_OK: &str = "250 2.1.5 Recipient OK";
const TEMPORARY: &str = "454 4.7.0 Temporary authentication failure";
const NOT_AUTHENTICATED: &str = "530 5.7.1 Not authenticated";
const NOT_VALID: &str = "454 4.7.5 Certificate validation failure";
const NO_RELAY: &str = "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain";

mod direct_trust {
    use super::*;

    const TOML: &str = r#"
    [[ReceiveConnector]]
    Name = "Default EX01"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls, ExchangeServer"
    PermissionGroups = "ExchangeServers, AnonymousUsers"
    DomainSecureEnabled = true
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"

    # So that STARTTLS asks for a certificate as well.
    [TransportConfig]
    TLSReceiveDomainSecureList = ["fabrikam.test"]

    [[direct_trust]]
    certificate = "edge01.pem"
    role = "Edge Transport Servers"
    [[direct_trust]]
    certificate = "hub02.pem"
    role = "Hub Transport Servers"
    "#;
    const CONNECTOR: &str = "Default EX01";

    struct Lab {
        daemon: Daemon,
        edge: Certificate,
        hub: Certificate,
    }

    fn lab() -> Lab {
        let [edge, hub] =
            ["edge01.contoso.test", "hub02.contoso.test"].map(Certificate::self_signed);
        let daemon = start(TOML, &[("edge01.pem", &edge.pem), ("hub02.pem", &hub.pem)]);
        Lab { daemon, edge, hub }
    }

    /// May the session do what an Exchange server may?
    fn is_server<S: std::io::Read + std::io::Write>(client: &mut Client<S>) -> bool {
        client.ehlo();
        assert_eq!(client.command("MAIL FROM:<somebody@northwind.test>"), SENDER_OK);
        let reply = client.command("RCPT TO:<somebody@elsewhere.test>");
        assert!(reply == RECIPIENT_OK || reply == NO_RELAY, "{reply}");
        reply == RECIPIENT_OK
    }

    #[test]
    fn a_registered_key_has_the_rights_of_its_role_without_x_exps() {
        let Lab { daemon, edge, hub } = lab();
        for (certificate, name, role) in [
            (&edge, "edge01.contoso.test", "Edge Transport Servers"),
            (&hub, "hub02.contoso.test", "Hub Transport Servers"),
        ] {
            let mut client = certificate.shown(&daemon, CONNECTOR, "X-ANONYMOUSTLS", &TLS12);
            assert!(is_server(&mut client));
            assert!(client.command("DATA").starts_with("354 "));
            let kept = client.command("Subject: test\r\n\r\nText.\r\n.");
            assert!(kept.starts_with("250 2.6.0 "), "{kept}");
            let line = daemon.wait_for_log(&format!("CN={name}"));
            assert!(line.contains("trusted by its certificate") && line.contains(role), "{line}");
            assert!(line.contains("AcceptOrganizationHeaders"), "{line}");
        }
    }

    /// Chain, name and expiry do not decide; said of 2013.
    #[test]
    fn the_key_decides_and_nothing_else_in_the_certificate() {
        let Lab { daemon, edge, .. } = lab();
        let renewed = Certificate::renewed("another.name.test", edge.key, expired);
        let mut client = renewed.shown(&daemon, CONNECTOR, "X-ANONYMOUSTLS", &TLS12);
        assert!(is_server(&mut client));
    }

    #[test]
    fn an_unknown_key_is_event_1036_and_refused_at_the_next_hello() {
        let Lab { daemon, .. } = lab();
        let stranger = Certificate::self_signed("edge01.contoso.test");
        for hello in ["EHLO edge01.contoso.test", "HELO edge01.contoso.test"] {
            let mut client = stranger.shown(&daemon, CONNECTOR, "X-ANONYMOUSTLS", &TLS12);
            let event = daemon.wait_for_log("event=1036");
            assert!(
                event.contains(
                    "Inbound direct trust authentication failed for certificate \
                     CN=edge01.contoso.test. The source IP address of the server that tried to \
                     authenticate to Microsoft Exchange is [127.0.0.1]. Make sure EdgeSync is \
                     running properly."
                ),
                "{event}"
            );
            assert_eq!(client.command("MAIL FROM:<a@b.test>"), "503 5.5.2 Send hello first");
            assert_eq!(client.command(hello), TEMPORARY);
            assert!(client.is_closed());
        }
        let metrics = http(daemon.http(), "GET", "/metrics", &[], "").body;
        let counted = r#"{mechanism="DirectTrust",outcome="UnknownCertificate"} 2"#;
        assert!(metrics.contains(counted), "{metrics}");
    }

    #[test]
    fn without_a_certificate_the_session_stays_anonymous() {
        let Lab { daemon, .. } = lab();
        let mut client = handshake(ready(&daemon, CONNECTOR, "X-ANONYMOUSTLS"));
        assert!(!is_server(&mut client));
        assert!(!daemon.log().contains("trusted by its certificate"));
        assert!(!daemon.log().contains("event=1036"));
    }

    #[test]
    fn starttls_leads_to_no_direct_trust_and_no_mistrust() {
        let Lab { daemon, edge, .. } = lab();
        for certificate in [edge, Certificate::self_signed("stranger.test")] {
            let mut client = certificate.shown(&daemon, CONNECTOR, "STARTTLS", &TLS13);
            assert!(!is_server(&mut client));
        }
        assert!(!daemon.log().contains("trusted by its certificate"));
        assert!(!daemon.log().contains("event=1036"));
    }
}

mod domain_security {
    use super::*;

    /// Tarpits off; what differs is in the names.
    const TOML: &str = r#"
    [[ReceiveConnector]]
    Name = "Partners"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls"
    PermissionGroups = "Partners"
    DomainSecureEnabled = true
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"

    [[ReceiveConnector]]
    Name = "Internet"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls, ExchangeServer"
    PermissionGroups = "AnonymousUsers, Partners"
    DomainSecureEnabled = true
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"

    [[ReceiveConnector]]
    Name = "Not enabled"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls"
    PermissionGroups = "AnonymousUsers, Partners"
    TarpitInterval = "00:00:00"

    [[ReceiveConnector]]
    Name = "No certificate"
    Fqdn = "mail.contoso.test"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls"
    PermissionGroups = "AnonymousUsers, Partners"
    DomainSecureEnabled = true
    TarpitInterval = "00:00:00"

    [TransportConfig]
    TLSReceiveDomainSecureList = ["fabrikam.test", "woodgrove.test"]
    client_roots = "roots.pem"
    "#;

    const FROM: &str = "MAIL FROM:<anna@fabrikam.test>";

    fn lab() -> (Daemon, Authority) {
        let authority = Authority::new();
        (start(TOML, &[("roots.pem", &authority.pem)]), authority)
    }

    /// The one Domain Security event in the log, and what it says was wrong.
    fn logged(daemon: &Daemon, id: u32, problem: &str) {
        let event = daemon.wait_for_log(&format!("event={id}"));
        assert!(event.contains("fabrikam.test") && event.contains(problem), "{event}");
        assert_eq!(daemon.log().matches("event=110").count(), 1);
    }

    #[test]
    fn a_partner_submits_to_accepted_domains_and_relays_nowhere() {
        let (daemon, authority) = lab();
        let partner = authority.sign("fabrikam.test", anybody);
        let mut client = partner.after_starttls(&daemon, "Partners");
        for _ in 0..2 {
            let delivered = client.deliver("anna@fabrikam.test", "alice@contoso.test");
            assert!(delivered.starts_with("250 2.6.0 "), "{delivered}");
        }
        assert_eq!(client.command(FROM), SENDER_OK);
        assert_eq!(client.command("RCPT TO:<somebody@elsewhere.test>"), NO_RELAY);
    }

    #[test]
    fn beside_anonymous_users_a_partner_sends_as_often_as_he_likes() {
        let (daemon, authority) = lab();
        let partner = authority.sign("fabrikam.test", anybody);
        let mut client = partner.after_starttls(&daemon, "Internet");
        for _ in 0..2 {
            let delivered = client.deliver("anna@fabrikam.test", "alice@contoso.test");
            assert!(delivered.starts_with("250 2.6.0 "), "{delivered}");
        }
    }

    #[test]
    fn one_partner_is_not_another() {
        let (daemon, authority) = lab();
        let partner = authority.sign("fabrikam.test", anybody);
        let mut client = partner.after_starttls(&daemon, "Internet");
        let delivered = client.deliver("anna@fabrikam.test", "alice@contoso.test");
        assert!(delivered.starts_with("250 2.6.0 "), "{delivered}");
        assert_eq!(client.command("MAIL FROM:<bob@woodgrove.test>"), NOT_VALID);
    }

    #[test]
    fn other_domains_need_nothing_of_this() {
        let (daemon, _) = lab();
        let mut client = Client::connect(daemon.address("Internet"));
        client.ehlo();
        assert_eq!(client.command("MAIL FROM:<a@northwind.test>"), SENDER_OK);
        client.command("RSET");
        assert_eq!(client.command("MAIL FROM:<>"), SENDER_OK);
    }

    #[test]
    fn for_partners_alone_other_domains_have_no_right_to_submit() {
        const REFUSED: &str =
            "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM";
        let (daemon, authority) = lab();
        let partner = authority.sign("fabrikam.test", anybody);
        let mut client = partner.after_starttls(&daemon, "Partners");
        assert_eq!(client.command("MAIL FROM:<a@northwind.test>"), REFUSED);
        assert_eq!(client.command(FROM), SENDER_OK);
    }

    #[test]
    fn a_connector_without_domain_secure_enabled_disallows_the_domain() {
        let (daemon, authority) = lab();
        let partner = authority.sign("fabrikam.test", anybody);
        let mut client = partner.after_starttls(&daemon, "Not enabled");
        assert_eq!(
            client.command(FROM),
            "451 4.7.3 The admin has temporarily disallowed this secure domain"
        );
        daemon.wait_for_log("the connector has not DomainSecureEnabled");
        assert!(!daemon.log().contains("event=110"));
    }

    #[test]
    fn mail_in_clear_is_event_11012() {
        for connector in ["Internet", "Partners"] {
            let (daemon, _) = lab();
            let mut client = Client::connect(daemon.address(connector));
            client.ehlo();
            assert_eq!(client.command(FROM), NOT_AUTHENTICATED, "{connector}");
            logged(&daemon, 11012, "the session is in clear");
        }
    }

    #[test]
    fn tls_without_a_client_certificate_is_event_11017() {
        for (connector, verb) in
            [("Internet", "STARTTLS"), ("Internet", "X-ANONYMOUSTLS"), ("Partners", "STARTTLS")]
        {
            let (daemon, _) = lab();
            let mut client = handshake(ready(&daemon, connector, verb));
            client.ehlo();
            assert_eq!(client.command(FROM), NOT_AUTHENTICATED, "{verb}");
            logged(&daemon, 11017, "the client showed no certificate");
        }
    }

    #[test]
    fn where_starttls_is_not_offered_it_is_event_11018() {
        let (daemon, _) = lab();
        let mut client = Client::connect(daemon.address("No certificate"));
        assert!(!client.ehlo().contains(&"STARTTLS".to_owned()));
        assert_eq!(client.command(FROM), TEMPORARY);
        logged(&daemon, 11018, "STARTTLS is not offered here");
    }

    #[test]
    fn a_certificate_that_leads_to_no_trusted_root_is_event_11015() {
        let forms: [fn(&Authority) -> Certificate; 3] = [
            |_| Certificate::self_signed("fabrikam.test"),
            |_| Authority::new().sign("fabrikam.test", anybody),
            |trusted| trusted.sign("fabrikam.test", expired),
        ];
        for (form, have_expired) in forms.into_iter().zip([0, 0, 1]) {
            let (daemon, authority) = lab();
            let certificate = form(&authority);
            let mut client = certificate.after_starttls(&daemon, "Internet");
            assert_eq!(client.command(FROM), NOT_VALID);
            logged(&daemon, 11015, "does not lead to a trusted root");
            assert_eq!(daemon.log().matches("event=12020").count(), have_expired);
        }
    }

    #[test]
    fn a_certificate_for_another_name_is_event_11011() {
        for name in ["northwind.test", "notfabrikam.test", "fabrikam.test.northwind.test"] {
            let (daemon, authority) = lab();
            let mut client = authority.sign(name, anybody).after_starttls(&daemon, "Internet");
            assert_eq!(client.command(FROM), NOT_VALID, "{name}");
            logged(&daemon, 11011, "does not name the domain");
        }
    }

    /// A failed check leaves the session what it was.
    #[test]
    fn after_a_refusal_the_session_is_still_anonymous() {
        let (daemon, _) = lab();
        let mut client =
            Certificate::self_signed("fabrikam.test").after_starttls(&daemon, "Internet");
        assert_eq!(client.command(FROM), NOT_VALID);
        let delivered = client.deliver("a@northwind.test", "alice@contoso.test");
        assert!(delivered.starts_with("250 2.6.0 "), "{delivered}");
    }
}
