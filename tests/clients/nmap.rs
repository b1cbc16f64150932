use std::process::Command;

use crate::server::{DEFAULT_FRONTEND, Server};
use crate::support::{run, tool};

/// Scans of real servers show this line; so must one of ours.
#[test]
fn a_scan_shows_the_keywords_of_a_2019_server_in_their_order() {
    let server = Server::start(DEFAULT_FRONTEND);
    let Some(nmap) = tool("nmap") else { return };
    // The plus runs the script on any port.
    let scan = run(
        Command::new(nmap)
            .args(["-Pn", "-n", "-sT", "--script", "+smtp-commands", "--host-timeout", "20s"])
            .args(["-p", &server.port(), "127.0.0.1"]),
        b"",
    );
    let mut lines = scan.stdout.lines().skip_while(|line| !line.contains("smtp-commands:"));
    let (_, commands) = lines.next().expect(&scan.stdout).split_once(": ").unwrap();
    let keywords: Vec<_> = commands.split(", ").map(|c| c.split(' ').next().unwrap()).collect();
    assert_eq!(
        keywords.join(" "),
        "ex01.contoso.test SIZE PIPELINING DSN ENHANCEDSTATUSCODES STARTTLS X-ANONYMOUSTLS AUTH \
         X-EXPS 8BITMIME BINARYMIME CHUNKING SMTPUTF8 XRDST"
    );
    assert!(commands.starts_with("ex01.contoso.test Hello [127.0.0.1], SIZE 37748736,"));
    assert_eq!(
        lines.next().unwrap().trim_start_matches("|_").trim(),
        "This server supports the following commands: \
         HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH BDAT"
    );
}
