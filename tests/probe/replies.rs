//! What the words of a server are taken for, and what not.

use expsd::probe::run;

use super::strange::script;
use super::*;

const BANNER: &str = "220 ex01.contoso.test Microsoft ESMTP MAIL Service ready";
const BYE: &str = "221 2.0.0 Service closing transmission channel";

/// A server that offers `keywords` in clear, and answers other commands by `reply`.
fn offering(keywords: &'static str, reply: fn(&str) -> &'static str) -> SocketAddr {
    script(BANNER, move |line| match line.split(' ').next() {
        Some("EHLO") => {
            let lines = format!("ex01.contoso.test Hello [127.0.0.1], {keywords}");
            let mut lines: Vec<_> = lines.split(", ").map(|line| format!("250-{line}")).collect();
            if let Some(last) = lines.last_mut() {
                last.replace_range(3..4, " ");
            }
            lines.join("\r\n")
        }
        Some("QUIT") => BYE.to_owned(),
        _ => reply(line).to_owned(),
    })
}

/// KB 320027 prints a greeting of two lines.
#[tokio::test]
async fn a_mask_that_cuts_the_greeting() {
    let banner = "220**********************************0*2******0*****\r\n2002*******2***0*00";
    let at = script(banner, |line| {
        match line.split(' ').next() {
            Some("EHLO") => "500 Command unrecognized",
            Some("HELO") => "250 mail.ab.test Hello [10.0.0.12]",
            _ => BYE,
        }
        .to_owned()
    });
    let report = run(&as_server(at)).await;
    assert_eq!(ids(&report), ["pix-mailguard", "firewall-inspection"], "{report}");
}

#[tokio::test]
async fn a_server_that_echoes_the_password() {
    let at = offering("AUTH LOGIN", |line| match line {
        "AUTH LOGIN" => "334 VXNlcm5hbWU6",
        "Q09OVE9TT1xFWDAyJA==" => "334 UGFzc3dvcmQ6",
        // In base64, as it came, in a line that is no reply.
        _ => "535-5.7.3 not bWFjaGluZS1zZWNyZXQ=\r\n535-machine-secret\r\nmachine-secret",
    });
    let report = run(&Plan { mechanism: Mechanism::Login, ..as_server(at) }).await;
    let shown = [report.to_string(), serde_json::to_string(&report).unwrap()];
    for shown in shown {
        assert!(!shown.contains("machine-secret") && !shown.contains("bWFjaGluZS1z"), "{shown}");
        assert!(shown.contains("<secret>"), "{shown}");
    }
    assert!(report.notes.iter().any(|note| note.contains("the password went in clear")));
}
