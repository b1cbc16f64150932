use std::process::Command;

use crate::server::{DEFAULT_FRONTEND, Server};
use crate::support::{run, tool};

const MESSAGE: &str = "Subject: by msmtp\r\n\r\nText.\r\n";

fn msmtp(server: &Server, host: &str) -> Option<Command> {
    let mut msmtp = Command::new(tool("msmtp")?);
    // With a host on the command line it reads no settings of whoever runs the test.
    msmtp
        .args([format!("--host={host}"), format!("--port={}", server.port())])
        .args(["--timeout=20", "--debug"]);
    Some(msmtp)
}

#[test]
fn a_stranger_delivers_to_the_domain_of_the_server() {
    let server = Server::start(DEFAULT_FRONTEND);
    let Some(mut msmtp) = msmtp(&server, "127.0.0.1") else { return };
    let sent =
        run(msmtp.args(["--from=bob@fabrikam.test", "alice@contoso.test"]), MESSAGE.as_bytes());
    assert!(sent.status.success(), "{sent:#?}");
    let message = server.message();
    assert!(message.text().ends_with(MESSAGE), "{}", message.text());
    assert_eq!(message.envelope(), "bob@fabrikam.test > alice@contoso.test");
}

#[cfg(feature = "gssapi")]
mod kerberos {
    use super::*;
    use crate::server::Domain;
    use crate::support::Finished;

    fn send_by_gssapi(domain: &Domain) -> Option<Finished> {
        // It asks for a ticket for the host it was given, and localhost needs no DNS.
        let mut msmtp = msmtp(&domain.server, "localhost")?;
        msmtp
            .envs(domain.environment())
            .args(["--tls=on", "--tls-starttls=on", "--tls-certcheck=off"])
            .args(["--auth=gssapi", "--user=alice"])
            .args(["--from=alice@contoso.test", "bob@fabrikam.test"]);
        Some(run(&mut msmtp, MESSAGE.as_bytes()))
    }

    /// It looks at no prompt, so that either will do.
    #[test]
    fn a_ticket_lets_a_user_in_after_starttls() {
        for prompt in ["exchange", "empty"] {
            let Some(domain) = Domain::start(&format!("prompt = \"{prompt}\"")) else { return };
            let Some(sent) = send_by_gssapi(&domain) else { return };
            assert!(sent.status.success(), "{sent:#?}");
            let message = domain.server.message();
            assert_eq!(message.tls(), Some(("STARTTLS", "TLSv1.3")));
            assert_eq!(message.identity(), Some((r"CONTOSO\alice", "Gssapi")));
        }
    }
}
