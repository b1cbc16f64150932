use std::process::Command;

use crate::server::{CLIENT_FRONTEND, DEFAULT_FRONTEND, Server};
use crate::support::{Finished, run, tool};

const MESSAGE: &str = "Subject: by smtplib\r\n\r\n.A dot, and text.\r\n";

/// Says what `script` says on a connection called `smtp`.
fn smtplib(server: &Server, script: &str) -> Option<Finished> {
    let script = format!(
        "import smtplib\n\
         with smtplib.SMTP('127.0.0.1', {}, 'client.fabrikam.test', timeout=20) as smtp:\n{}",
        server.port(),
        script.lines().map(|line| format!("    {}\n", line.trim())).collect::<String>()
    );
    Some(run(Command::new(tool("python3")?).args(["-I", "-c", &script]).arg(MESSAGE), b""))
}

#[test]
fn a_stranger_delivers_to_the_domain_of_the_server() {
    let server = Server::start(DEFAULT_FRONTEND);
    let script = "import sys
        smtp.sendmail('bob@fabrikam.test', ['alice@contoso.test'], sys.argv[1])";
    let Some(sent) = smtplib(&server, script) else { return };
    assert!(sent.status.success(), "{sent:#?}");
    assert_eq!(server.message().text(), MESSAGE);
}

#[test]
fn a_user_logs_on_after_starttls_and_may_relay() {
    let server = Server::start(CLIENT_FRONTEND);
    let script = r"import sys
        smtp.starttls()
        smtp.login('CONTOSO\\alice', 'Passw0rd!')
        smtp.sendmail('alice@contoso.test', ['bob@fabrikam.test'], sys.argv[1])";
    let Some(sent) = smtplib(&server, script) else { return };
    assert!(sent.status.success(), "{sent:#?}");
    let message = server.message();
    assert_eq!(message.text(), MESSAGE);
    assert_eq!(message.tls(), Some(("STARTTLS", "TLSv1.3")));
    assert_eq!(message.identity(), Some((r"CONTOSO\alice", "Login")));
}

#[test]
fn refusals_arrive_as_they_were_written() {
    let server = Server::start(CLIENT_FRONTEND);
    let script = "
        smtp.starttls()
        try: smtp.login('alice', 'wrong')
        except smtplib.SMTPAuthenticationError as error: print(error.smtp_code, error.smtp_error)
        try: smtp.sendmail('bob@fabrikam.test', ['alice@contoso.test'], '')
        except smtplib.SMTPSenderRefused as error: print(error.smtp_code, error.smtp_error)";
    let Some(done) = smtplib(&server, script) else { return };
    assert_eq!(
        done.stdout,
        "535 b'5.7.3 Authentication unsuccessful'\n\
         530 b'5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM'\n",
        "{done:#?}"
    );
}
