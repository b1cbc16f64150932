//! `--write-config`: a server of ours that looks like the one that was probed.

use expsd::connector::{
    AuthMechanism, Binding, ByteSize, ReceiveConnector, Server, ServerRole, SizeMode, Version,
    default_set,
};
use expsd::probe::{Hello, NoLikeness, Product, run};

use super::*;

/// What a server offers in each state of a session.
fn offers(hellos: &[Hello]) -> Vec<String> {
    let of = |hello: &Hello| {
        let lines: Vec<_> = hello.keywords.iter().map(|keyword| keyword.text.as_str()).collect();
        format!("{:?} {}: {}", hello.tls, hello.greeting, lines.join(", "))
    };
    hellos.iter().map(of).collect()
}

/// Probes, serves what that writes, and probes again.
async fn looks_the_same(server: &Server, mut connector: ReceiveConnector) {
    // Beside the default set, which is there as well.
    connector.bindings = vec![Binding("0.0.0.0:2626".parse().unwrap())];
    let name = connector.name.clone();
    let about = format!("{} {:?} {name}", server.version, server.role);
    let original = ExchangeServer::builder().server(server.clone()).connector(connector);
    let original = original.start().await.unwrap();
    let at = original.address(&name).unwrap();
    for mechanism in [Mechanism::ExchangeServer, Mechanism::Anonymous] {
        let report = run(&Plan { mechanism, ..plan(at) }).await;
        assert_eq!(report.peer.product, Product::Exchange, "{about}: {report}");
        let toml = report.likeness().unwrap();
        assert!(!toml.contains("Not the same"), "{about}: {toml}");
        let copy = ExchangeServer::builder().configuration(&toml).unwrap().start().await.unwrap();
        let at = copy.address(&format!("Like {}", server.fqdn)).unwrap();
        let again = run(&Plan { mechanism, ..plan(at) }).await;
        assert_eq!(offers(&report.hellos), offers(&again.hellos), "{about}: {toml}");
        let versions = report.peer.version.unwrap();
        assert!(versions.contains(&server.version.to_string()), "{about}: {versions}");
    }
}

#[tokio::test]
async fn default_connectors_of_every_version() {
    for role in [ServerRole::Mailbox, ServerRole::Edge] {
        for version in Version::ALL {
            let server = Server { version, role, ..Server::default() };
            for mut connector in default_set(&server) {
                connector.name += " again";
                looks_the_same(&server, connector).await;
            }
        }
    }
}

#[tokio::test]
async fn connectors_with_switches_set() {
    let server = Server { fqdn: "mail7.fabrikam.test".to_owned(), ..Server::default() };
    let with = |change: fn(&mut ReceiveConnector)| {
        let mut connector = default_set(&server).remove(0);
        connector.name = "Changed".to_owned();
        connector.fqdn = None;
        connector.domain_secure_enabled = false;
        change(&mut connector);
        connector
    };
    for connector in [
        with(|c| c.suppress_x_anonymous_tls = true),
        with(|c| (c.chunking_enabled, c.binary_mime_enabled) = (false, false)),
        with(|c| c.pipelining_enabled = false),
        with(|c| c.max_message_size = ByteSize(12_345_678)),
        with(|c| c.size_enabled = SizeMode::Disabled),
        with(|c| c.enable_auth_gssapi = true),
        with(|c| (c.orar_enabled, c.delivery_status_notification_enabled) = (true, false)),
        with(|c| c.auth_mechanism = AuthMechanism::BasicAuth),
        with(|c| c.auth_mechanism = AuthMechanism::empty()),
    ] {
        looks_the_same(&server, connector).await;
    }
}

#[tokio::test]
async fn a_banner_of_its_own() {
    let (_server, at) = server(&format!("{USUAL}\nBanner = \"220 go away\"")).await;
    let toml = run(&plan(at)).await.likeness().unwrap();
    assert!(toml.contains("Banner = \"220 go away\""), "{toml}");
}

/// Whatever a server calls itself, what is written loads, and shows the name if it can.
#[tokio::test]
async fn names_of_every_kind() {
    let label = "m".repeat(63);
    let long = format!("{label}.{label}.{label}.contoso.test");
    for (name, fqdn) in [
        ("MAIL", "Fqdn = \"MAIL\""),
        ("mail.contoso.test.", "Fqdn = \"mail.contoso.test\""),
        (&long, &format!("Fqdn = \"{long}\"")),
        ("[10.0.0.5]", "Fqdn = \"ex01.contoso.test\""),
        ("10.0.0.5", "Fqdn = \"ex01.contoso.test\""),
        ("", "Fqdn = \"ex01.contoso.test\""),
    ] {
        let greeting = format!("250-{name} Hello [127.0.0.1]\r\n250-SIZE\r\n250 XRDST");
        let at = super::strange::script("220 Microsoft ESMTP MAIL Service ready", move |line| {
            if line == "QUIT" { "221 bye".to_owned() } else { greeting.clone() }
        });
        let toml = run(&plan(at)).await.likeness().unwrap();
        assert!(toml.contains(fqdn), "{name}: {toml}");
        ExchangeServer::builder().configuration(&toml).unwrap().start().await.unwrap();
    }
}

#[tokio::test]
async fn there_is_nothing_to_be_like() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(run(&plan(nobody)).await.likeness(), Err(NoLikeness::NoOffer));
}
