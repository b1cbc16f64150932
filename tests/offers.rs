//! What the default connectors of every version advertise, as nmap prints it.

use std::fmt::Write as _;

use expsd::connector::{Server, ServerRole, Version, default_set};
use expsd::session::{Offer, TlsKind};

#[test]
fn the_default_connectors_of_every_version() {
    let mut table = String::new();
    for role in [ServerRole::Mailbox, ServerRole::Edge] {
        for version in Version::ALL {
            let server = Server { version, role, ..Server::default() };
            for connector in default_set(&server) {
                let port = connector.bindings[0].port();
                writeln!(table, "{version} {}, port {port}", connector.name).unwrap();
                for (state, tls) in [
                    ("in clear", None),
                    ("STARTTLS", Some(TlsKind::StartTls)),
                    ("X-ANONYMOUSTLS", Some(TlsKind::XAnonymousTls)),
                ] {
                    let offer = Offer::of(&server, &connector, true, tls);
                    if tls.is_some_and(|kind| !offer.enables_tls(kind)) {
                        continue;
                    }
                    let mut keywords = Vec::new();
                    offer.keywords(|keyword| keywords.push(keyword.to_string()));
                    writeln!(table, "  {state}: {}", keywords.join(", ")).unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}
