use std::process::Command;

use crate::server::{DEFAULT_FRONTEND, Server};
use crate::support::{Finished, run, tool};

const DIALOGUE: &str = "\
EHLO client.fabrikam.test
MAIL FROM:<bob@fabrikam.test>
RCPT TO:<alice@contoso.test>
DATA
Subject: by openssl

Text.
.
QUIT
";

fn s_client(server: &Server, options: &[&str], input: &str) -> Option<Finished> {
    let mut openssl = Command::new(tool("openssl")?);
    openssl
        .args(["s_client", "-starttls", "smtp", "-crlf"])
        .args(["-connect", &server.address().to_string()])
        .args(options);
    Some(run(&mut openssl, input.as_bytes()))
}

#[test]
fn either_version_of_tls_carries_a_message() {
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let server = Server::start(DEFAULT_FRONTEND);
        let Some(done) = s_client(&server, &["-quiet", option], DIALOGUE) else { return };
        assert!(done.status.success(), "{done:#?}");
        assert!(done.stdout.contains("Queued mail for delivery"), "{done:#?}");
        let message = server.message();
        assert_eq!(message.text(), "Subject: by openssl\r\n\r\nText.\r\n");
        assert_eq!(message.tls(), Some(("STARTTLS", version)));
    }
}

#[test]
fn older_versions_of_tls_are_refused() {
    let server = Server::start(DEFAULT_FRONTEND);
    let options = ["-quiet", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
    let Some(done) = s_client(&server, &options, DIALOGUE) else { return };
    assert!(!done.status.success());
    assert!(done.stderr.contains(" alert "), "{done:#?}");
    assert!(server.messages().is_empty());
}

#[test]
fn the_certificate_has_the_names_of_the_server() {
    let server = Server::start(DEFAULT_FRONTEND);
    let certificate = server.certificate();
    for name in ["ex01.contoso.test", "EX01", "mail.contoso.test"] {
        let check = ["-CAfile", certificate.to_str().unwrap(), "-verify_hostname", name];
        let options = [&check[..], &["-verify_return_error", "-brief"]].concat();
        let Some(done) = s_client(&server, &options, "QUIT\n") else { return };
        let is_its_name = name != "mail.contoso.test";
        assert_eq!(done.status.success(), is_its_name, "{name}: {done:#?}");
        let mismatch = done.stderr.contains("hostname mismatch");
        assert_eq!(mismatch, !is_its_name, "{name}: {done:#?}");
    }
}
