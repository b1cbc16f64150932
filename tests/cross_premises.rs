//! TlsDomainCapabilities: what another organisation's server may say of a message, if it proves
//! by its certificate to be the one.

mod support;

use std::io::{Read, Write};

use support::certificate::{Authority, Certificate, anybody, expired, start};
use support::tls::handshake;
use support::{Client, Daemon};

const TOML: &str = r#"
    [[ReceiveConnector]]
    Name = "Hybrid"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls, ExchangeServer"
    PermissionGroups = "AnonymousUsers"
    TlsDomainCapabilities = "mail.cloud.test:AcceptCloudServicesMail"
    TarpitInterval = "00:00:00"

    [[ReceiveConnector]]
    Name = "In clear"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls"
    PermissionGroups = "AnonymousUsers"
    TlsDomainCapabilities = ["NO-TLS:AcceptCloudServicesMail"]
    TarpitInterval = "00:00:00"

    [[ReceiveConnector]]
    Name = "Other"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls"
    PermissionGroups = "AnonymousUsers"
    TarpitInterval = "00:00:00"

    [TransportConfig]
    client_roots = "roots.pem"
"#;

const CONTENT: &str = "X-OriginatorOrg: cloud.test\r\n\
    X-MS-Exchange-CrossTenant-AuthAs: Internal\r\n\
    X-MS-Exchange-CrossPremises-AuthAs: Internal\r\n\
    X-MS-Exchange-Organization-SCL: -1\r\n\
    \r\nText.\r\n";
const CROSS_PREMISES: [&str; 3] =
    ["X-OriginatorOrg", "X-MS-Exchange-CrossTenant-AuthAs", "X-MS-Exchange-CrossPremises-AuthAs"];
const UNKNOWN: &str = "501 5.5.4 Unrecognized parameter";

fn lab() -> (Daemon, Authority) {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("roots.pem"), &authority.pem).unwrap();
    let mail = folder.path().join("mail");
    let arguments = ["--capture", mail.to_str().unwrap()];
    (Daemon::start_in(folder, TOML, &arguments, &[]), authority)
}

/// Whether the peer is trusted: by its keyword, its parameter and its fields alike.
fn is_trusted<S: Read + Write>(daemon: &Daemon, client: &mut Client<S>) -> bool {
    let offered = client.ehlo().contains(&"XOORG".to_owned());
    let taken = client.command("MAIL FROM:<bob@cloud.test> XOORG=cloud.test");
    if offered {
        assert_eq!(taken, "250 2.1.0 Sender OK");
    } else {
        assert_eq!(taken, UNKNOWN);
        client.command("MAIL FROM:<bob@cloud.test>");
    }
    client.command("RCPT TO:<alice@contoso.test>");
    client.command("DATA");
    assert!(client.command(&format!("{CONTENT}.")).starts_with("250 2.6.0 "));

    let message = support::kept(&daemon.dir().join("mail")).pop().unwrap();
    assert_eq!(message.content, CONTENT.as_bytes());
    let xoorg = &message.facts["envelope"]["xoorg"];
    assert_eq!(xoorg.as_str(), offered.then_some("cloud.test"));
    let stripped = message.facts["stripped"].as_array().unwrap();
    let stripped: Vec<_> =
        stripped.iter().map(|s| s["field"].as_str().unwrap().split(':').next().unwrap()).collect();
    // This one is no business of another organisation's.
    let organization = "X-MS-Exchange-Organization-SCL";
    let all = [&CROSS_PREMISES[..], &[organization]].concat();
    assert_eq!(stripped, if offered { vec![organization] } else { all });
    offered
}

#[test]
fn a_certificate_for_the_domain_opens_the_door() {
    let (daemon, authority) = lab();
    for name in ["mail.cloud.test", "*.mail.cloud.test"] {
        let mut client = authority.sign(name, anybody).after_starttls(&daemon, "Hybrid");
        assert!(is_trusted(&daemon, &mut client), "{name}");
    }
}

#[test]
fn nothing_else_does() {
    let (daemon, authority) = lab();
    let mut clear = Client::connect(daemon.address("Hybrid"));
    assert!(!is_trusted(&daemon, &mut clear));
    assert_eq!(clear.command("STARTTLS"), "220 2.0.0 SMTP server ready");
    assert!(!is_trusted(&daemon, &mut handshake(clear)));
    for (certificate, connector) in [
        (authority.sign("cloud.test", anybody), "Hybrid"),
        (authority.sign("mail.cloud.test", expired), "Hybrid"),
        (Authority::new().sign("mail.cloud.test", anybody), "Hybrid"),
        (Certificate::self_signed("mail.cloud.test"), "Hybrid"),
        (authority.sign("mail.cloud.test", anybody), "Other"),
    ] {
        let mut client = certificate.after_starttls(&daemon, connector);
        assert!(!is_trusted(&daemon, &mut client));
    }
}

#[test]
fn no_tls_is_about_sessions_in_clear() {
    let (daemon, _) = lab();
    let mut client = Client::connect(daemon.address("In clear"));
    assert!(is_trusted(&daemon, &mut client));
    assert_eq!(client.command("STARTTLS"), "220 2.0.0 SMTP server ready");
    assert!(!is_trusted(&daemon, &mut handshake(client)));
}

#[test]
fn without_roots_the_log_warns_that_nobody_is_believed() {
    let toml = TOML.replace("client_roots = \"roots.pem\"", "");
    let daemon = start(&toml, &[]);
    daemon.wait_for_log("TlsDomainCapabilities believes no certificate without");
}
