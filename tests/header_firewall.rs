//! Which header fields pass, for whom; and how a folder shows what was taken out. Over real
//! sockets.

mod support;

use std::io::{Read, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use expsd::ExchangeServer;
use support::{Client, Daemon, Kept, kept};

const TOML: &str = r#"
    [[account]]
    name = 'CONTOSO\alice'
    password = "Passw0rd!"
    addresses = ["alice@contoso.test"]
    [[account]]
    name = 'CONTOSO\EX02$'
    password = "machine-secret"
    member_of = ["Exchange Servers"]

    [[ReceiveConnector]]
    Name = "Relay"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "BasicAuth"
    PermissionGroups = "AnonymousUsers, ExchangeUsers, ExchangeServers"

    [[ReceiveConnector]]
    Name = "Secured"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "ExternalAuthoritative"
    PermissionGroups = "ExchangeServers"

    [[ReceiveConnector]]
    Name = "No trace"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "AnonymousUsers"
    [[ReceiveConnector.ADPermission]]
    User = 'NT AUTHORITY\ANONYMOUS LOGON'
    ExtendedRights = ["ms-Exch-Accept-Headers-Routing"]
    Deny = true

    [[ReceiveConnector]]
    Name = "Organization"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "AnonymousUsers"
    [[ReceiveConnector.ADPermission]]
    User = 'NT AUTHORITY\ANONYMOUS LOGON'
    ExtendedRights = ["ms-Exch-Accept-Headers-Organization"]
"#;

const CONTENT: &[u8] = b"Received: from a.test\r\n by b.test; Sun, 22 Nov 2026 10:14:05 +0000\r\n\
    X-MS-Exchange-Organization-AuthAs: Internal\r\n\
    From: alice@contoso.test\r\n\
    X-MS-EXCHANGE-ORGANIZATION-SCL:\r\n\t-1\r\n\
    X-MS-Exchange-Forest-RulesExecuted: EX02\r\n\
    X-MS-Exchange-CrossTenant-AuthAs: \xe9\r\n\
    Resent-To: alice@contoso.test\r\n\
    Message-ID: <1@contoso.test>\r\n\
    \r\n\
    X-MS-Exchange-Organization-SCL: in the body\r\n\
    .A line with a dot\0and \xfc.\r\n";

/// A daemon that keeps in a folder.
struct Lab {
    daemon: Daemon,
    folder: tempfile::TempDir,
}

impl Lab {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let daemon = Daemon::start(TOML, &["--capture", folder.path().to_str().unwrap()]);
        Self { daemon, folder }
    }

    fn client(&self, connector: &str, account: Option<(&str, &str)>) -> Client {
        let mut client = Client::connect(self.daemon.address(connector));
        client.ehlo();
        if let Some((name, password)) = account {
            let [name, password] = [name, password].map(|text| BASE64_STANDARD.encode(text));
            client.command(&format!("AUTH LOGIN {name}"));
            assert_eq!(client.command(&password), "235 2.7.0 Authentication successful");
        }
        client
    }

    /// Sends the message by DATA and by BDAT; gives the one that was kept of both.
    fn keep(&self, connector: &str, account: Option<(&str, &str)>) -> Kept {
        let mut client = self.client(connector, account);
        by_data(&mut client, CONTENT);
        by_bdat(&mut client, CONTENT);
        let mut kept = kept(self.folder.path());
        let [by_data, by_bdat] = [(); 2].map(|()| kept.remove(kept.len() - 1));
        for message in [&by_data, &by_bdat] {
            assert!(message.content == CONTENT, "{}", message.content.escape_ascii());
            assert_eq!(message.facts["octets"], CONTENT.len());
        }
        assert_eq!(by_data.facts["stripped"], by_bdat.facts["stripped"]);
        by_data
    }
}

fn envelope<S: Read + Write>(client: &mut Client<S>) {
    assert_eq!(client.command("MAIL FROM:<alice@contoso.test>"), "250 2.1.0 Sender OK");
    assert_eq!(client.command("RCPT TO:<alice@contoso.test>"), "250 2.1.5 Recipient OK");
}

fn by_data<S: Read + Write>(client: &mut Client<S>, content: &[u8]) {
    envelope(client);
    assert!(client.command("DATA").starts_with("354 "));
    let mut wire = Vec::new();
    for line in content.split_inclusive(|octet| *octet == b'\n') {
        wire.extend_from_slice(if line.starts_with(b".") { b"." } else { b"" });
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    client.send_raw(&wire);
    assert!(client.reply().starts_with("250 2.6.0 "));
}

/// In chunks of seven octets, whatever stands in them.
fn by_bdat<S: Read + Write>(client: &mut Client<S>, content: &[u8]) {
    envelope(client);
    let chunk = |chunk: &[u8]| [format!("BDAT {}\r\n", chunk.len()).as_bytes(), chunk].concat();
    let mut wire: Vec<u8> = content.chunks(7).flat_map(chunk).collect();
    wire.extend_from_slice(b"BDAT 0 LAST\r\n");
    client.send_raw(&wire);
    for chunk in content.chunks(7) {
        let reply = format!("250 2.6.0 CHUNK received OK, {} octets", chunk.len());
        assert_eq!(client.reply(), reply);
    }
    assert!(client.reply().starts_with("250 2.6.0 "));
}

/// What was taken out and put on, by the names of the fields, in lower case.
fn changes(message: &Kept) -> (Vec<String>, Vec<String>) {
    let name = |field: &str| field.split(':').next().unwrap().to_lowercase();
    let stripped = message.facts["stripped"].as_array().unwrap().iter().map(|stripped| {
        let field = stripped["field"].as_str().map(str::as_bytes).map(<[u8]>::to_vec);
        let decode = || BASE64_STANDARD.decode(stripped["base64"].as_str().unwrap()).unwrap();
        name(&String::from_utf8_lossy(&field.unwrap_or_else(decode)))
    });
    let stamped = message.facts["stamped"].as_array().unwrap();
    let stamped = stamped.iter().map(|field| name(field.as_str().unwrap()));
    (stripped.collect(), stamped.collect())
}

#[test]
fn each_peer_keeps_the_families_that_its_rights_allow() {
    const AUTH_AS: &str = "x-ms-exchange-organization-authas";
    const SCL: &str = "x-ms-exchange-organization-scl";
    const RULES: &str = "x-ms-exchange-forest-rulesexecuted";
    const TENANT: &str = "x-ms-exchange-crosstenant-authas";
    const ARRIVAL: &str = "x-ms-exchange-organization-originalarrivaltime";
    const SOURCE: &str = "x-ms-exchange-organization-authsource";
    const MECHANISM: &str = "x-ms-exchange-organization-authmechanism";
    const FIREWALL: [&str; 4] = [AUTH_AS, SCL, RULES, TENANT];
    const STAMPS: [&str; 4] = ["received", ARRIVAL, SOURCE, AUTH_AS];
    const PROVED: [&str; 5] = ["received", ARRIVAL, SOURCE, AUTH_AS, MECHANISM];

    let alice = Some(("alice", "Passw0rd!"));
    let server = Some(("EX02$", "machine-secret"));
    let lab = Lab::start();
    for (connector, account, stripped, stamped) in [
        ("Relay", None, &FIREWALL[..], &STAMPS[..]),
        ("Relay", alice, &FIREWALL, &PROVED),
        ("Relay", server, &[TENANT], &["received", ARRIVAL]),
        ("Secured", None, &FIREWALL, &PROVED),
        ("No trace", None, &["received", AUTH_AS, SCL, RULES, TENANT, "resent-to"], &STAMPS),
        ("Organization", None, &[RULES, TENANT], &["received", ARRIVAL]),
    ] {
        let message = lab.keep(connector, account);
        let (out, on) = changes(&message);
        assert_eq!(out, stripped, "{connector} {account:?}");
        assert_eq!(on, stamped, "{connector} {account:?}");
    }
}

#[test]
fn the_eml_is_the_message_as_it_would_be_passed_on() {
    let message = Lab::start().keep("Relay", None);
    let delivered = String::from_utf8_lossy(&message.delivered);
    let (stamped, rest) =
        delivered.split_once("X-MS-Exchange-Organization-AuthAs: Anonymous\r\n").unwrap();
    assert!(stamped.starts_with("Received: from client.test (127.0.0.1) by "), "{stamped}");
    assert_eq!(
        rest,
        "Received: from a.test\r\n by b.test; Sun, 22 Nov 2026 10:14:05 +0000\r\n\
         From: alice@contoso.test\r\n\
         Resent-To: alice@contoso.test\r\n\
         Message-ID: <1@contoso.test>\r\n\
         \r\n\
         X-MS-Exchange-Organization-SCL: in the body\r\n\
         .A line with a dot\0and \u{fffd}.\r\n"
    );
}

#[test]
fn the_json_tells_what_was_stripped_where_and_why() {
    let message = Lab::start().keep("Relay", None);
    let at = |text: &str| {
        let found = CONTENT.windows(text.len()).position(|window| window == text.as_bytes());
        found.unwrap()
    };
    assert_eq!(
        message.facts["stripped"],
        serde_json::json!([
            {
                "at": at("X-MS-Exchange-Organization-AuthAs"),
                "field": "X-MS-Exchange-Organization-AuthAs: Internal\r\n",
                "needs": "ms-Exch-Accept-Headers-Organization",
            },
            {
                "at": at("X-MS-EXCHANGE"),
                "field": "X-MS-EXCHANGE-ORGANIZATION-SCL:\r\n\t-1\r\n",
                "needs": "ms-Exch-Accept-Headers-Organization",
            },
            {
                "at": at("X-MS-Exchange-Forest"),
                "field": "X-MS-Exchange-Forest-RulesExecuted: EX02\r\n",
                "needs": "ms-Exch-Accept-Headers-Forest",
            },
            {
                "at": at("X-MS-Exchange-CrossTenant"),
                // It is not UTF-8.
                "base64": BASE64_STANDARD.encode(b"X-MS-Exchange-CrossTenant-AuthAs: \xe9\r\n"),
                "needs": "TlsDomainCapabilities",
            },
        ])
    );
}

#[tokio::test]
async fn a_test_sees_both_the_message_that_came_and_the_one_passed_on() {
    let server = ExchangeServer::start().await.unwrap();
    let address = server.address("Default Frontend EX01").unwrap();
    let sent = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(address);
        client.ehlo();
        assert_eq!(client.command("MAIL FROM:<bob@fabrikam.test>"), "250 2.1.0 Sender OK");
        client.command("RCPT TO:<alice@contoso.test>");
        client.command("DATA");
        client.command("X-MS-Exchange-Organization-SCL: -1\r\nSubject: hi\r\n\r\nText.\r\n.")
    });
    let reply = sent.await.unwrap();
    let messages = server.messages();
    let message = &messages[0];
    assert!(reply.contains(&message.message_id), "{reply}");
    assert_eq!(
        message.content,
        "X-MS-Exchange-Organization-SCL: -1\r\nSubject: hi\r\n\r\nText.\r\n"
    );
    let trace = message.stamped[0].replace("\r\n ", " ");
    assert!(
        trace.starts_with(
            "Received: from client.test (127.0.0.1) by ex01.contoso.test (127.0.0.1) with \
             Microsoft SMTP Server id 15.2.1118.7 via Frontend Transport; "
        ),
        "{trace}"
    );
    assert_eq!(message.stripped[0].field, "X-MS-Exchange-Organization-SCL: -1\r\n");
    let delivered = message.delivered().collect::<Vec<_>>().concat();
    assert_eq!(
        String::from_utf8(delivered).unwrap(),
        message.stamped.concat() + "Subject: hi\r\n\r\nText.\r\n"
    );
}
