//! What the words of a server are taken for, and what not.

use expsd::probe::{Outcome, Product, run};

use super::strange::script;
use super::*;

const BANNER: &str = "220 ex01.contoso.test Microsoft ESMTP MAIL Service ready";
const BYE: &str = "221 2.0.0 Service closing transmission channel";

type Reply = fn(&str) -> &'static str;

/// A server that offers `keywords` in clear, and answers other commands by `reply`.
fn offering(keywords: &'static str, reply: Reply) -> SocketAddr {
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

/// What a refusal of MAIL is taken for.
async fn refused_mail(reply: Reply) -> Vec<&'static str> {
    ids(&run(&as_nobody(offering("SIZE", reply))).await)
}

#[tokio::test]
async fn a_refusal_of_the_name_in_ehlo() {
    for helo in ["250 ex01.contoso.test Hello [127.0.0.1]", "501 5.5.4 Invalid domain name"] {
        let at = script(BANNER, move |line| {
            match line.split(' ').next() {
                Some("EHLO") => "501 5.5.4 Invalid domain name",
                Some("HELO") => helo,
                _ => BYE,
            }
            .to_owned()
        });
        let report = run(&Plan { sender: "a_b".to_owned(), ..as_server(at) }).await;
        assert_eq!(ids(&report), ["hello-name"], "{report}");
    }
}

#[tokio::test]
async fn a_refusal_of_us_is_no_firewall() {
    let at = script(BANNER, |line| match line {
        "QUIT" => BYE.to_owned(),
        _ => "550 5.7.1 go away".to_owned(),
    });
    assert_eq!(ids(&run(&as_server(at)).await), ["turned-away"]);
}

#[tokio::test]
async fn only_helo_and_nothing_to_tell_whose() {
    for mechanism in [Mechanism::ExchangeServer, Mechanism::Login] {
        let at = script("220 old.fabrikam.test SMTP", |line| {
            match line.split(' ').next() {
                Some("EHLO") => "502 unimplemented",
                Some("HELO") => "250 old.fabrikam.test",
                _ => BYE,
            }
            .to_owned()
        });
        let report = run(&Plan { mechanism, ..as_server(at) }).await;
        assert_eq!(ids(&report), ["only-helo"], "{report}");
    }
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
async fn asterisks_of_an_administrator() {
    let at = script("220 ex01.contoso.test ***** AUTHORISED USE ONLY *****", |line| {
        match line.split(' ').next() {
            Some("EHLO") => "250-ex01.contoso.test Hello [127.0.0.1]\r\n250 XRDST",
            _ => BYE,
        }
        .to_owned()
    });
    let report = run(&as_server(at)).await;
    assert!(!report.banner.as_ref().unwrap().masked, "{report}");
    assert_eq!(ids(&report)[0], "exchange-server-not-offered", "{report}");
}

/// The code behind a code is not the name of a server.
#[tokio::test]
async fn nobody_is_called_by_a_code() {
    let at = script("554 5.7.1 Service unavailable", |_| BYE.to_owned());
    let report = run(&as_server(at)).await;
    assert_eq!((report.target.name, report.banner.unwrap().host), (None, None));
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

/// What is made of replies to AUTH LOGIN, one at each step.
#[tokio::test]
async fn a_password_is_blamed_only_where_one_was_sent() {
    let login = |reply: Reply| async move {
        let at = offering("AUTH LOGIN", reply);
        run(&Plan { mechanism: Mechanism::Login, ..as_server(at) }).await
    };
    let at_once: [(Reply, _); 4] = [
        (|_| "500 5.3.3 Unrecognized command", "mechanism-not-offered"),
        (|_| "504 5.7.4 Unrecognized authentication type", "mechanism-not-offered"),
        (|_| "535 5.7.3 Authentication unsuccessful", "refused"),
        (|_| "454 4.7.0 Temporary authentication failure", "temporary"),
    ];
    for (reply, cause) in at_once {
        let report = login(reply).await;
        assert_eq!(ids(&report), [cause], "{report}");
        assert!(report.notes.iter().all(|note| !note.contains("password")), "{report}");
    }
    let behind = login(|line| match line {
        "AUTH LOGIN" => "334 VXNlcm5hbWU6",
        "Q09OVE9TT1xFWDAyJA==" => "334 UGFzc3dvcmQ6",
        _ => {
            "451 4.7.3 Authentication unsuccessful due to temporary server error. Please try again later."
        }
    });
    assert_eq!(ids(&behind.await), ["proxy-target"]);
}

#[tokio::test]
async fn refusals_of_mail_have_causes_of_their_own() {
    assert_eq!(
        refused_mail(|_| "451 4.7.0 Temporary server error. Please try again later. PRX4").await,
        ["proxy-target"]
    );
    assert_eq!(
        refused_mail(|_| "450 4.2.0 Greylisted, see http://192.5.1.2/help.html").await,
        ["temporary"]
    );
    assert_eq!(refused_mail(|_| "554 5.7.1 listed by zen.example.org").await, ["refused"]);
}

/// A missing STARTTLS is no reason for a refusal that is about something else.
#[tokio::test]
async fn what_did_not_stop_it_stands_apart() {
    let at = offering("SIZE", |line| match line.split(' ').next() {
        Some("MAIL") => "250 2.1.0 Sender OK",
        _ => "550 5.1.1 User unknown",
    });
    let report = run(&as_nobody(at)).await;
    assert_eq!(ids(&report), ["recipient-refused"], "{report}");
    let besides: Vec<_> = report.besides.iter().map(|cause| cause.id).collect();
    assert_eq!(besides, ["starttls-missing"]);
    assert!(report.to_string().contains("Besides, and not what stopped it:\n\nstarttls-missing"));
    let taken = run(&as_nobody(offering("SIZE", |_| "250 2.1.0 OK"))).await;
    assert_eq!((ids(&taken), taken.besides.len()), (vec!["starttls-missing"], 0));
}

/// 2016 and later put nothing behind a reply, and cut nothing off it.
#[tokio::test]
async fn a_reply_keeps_its_full_stop() {
    let at = || offering("SIZE", |_| "451 4.7.1 Later.");
    let report = run(&as_nobody(at())).await;
    assert_eq!(
        last_error(&report),
        "451 4.4.395 Target host responded with error. -> 451 4.7.1 Later."
    );
    let older = Plan { version: expsd::connector::Version::E2010, ..as_nobody(at()) };
    assert!(last_error(&run(&older).await).contains("451 4.7.1 Later.\" Attempted"));
}

/// 2003 behind an ASA, from a rebuilt capture: what is left has small letters.
#[tokio::test]
async fn an_old_server_behind_a_mask() {
    let at = script("220 ************************************", |line| {
        match line.split(' ').next() {
            Some("EHLO") => {
                "250-MAIL.contoso.test Hello [127.0.0.1]\r\n250-XXXA\r\n250-SIZE\r\n250-ETRN\r\n\
                 250-PIPELINING\r\n250-8bitmime\r\n250-XXXXXXXB\r\n250 XC"
            }
            _ => BYE,
        }
        .to_owned()
    });
    let report = run(&as_server(at)).await;
    assert_eq!(report.peer.product, Product::OldMicrosoft, "{report}");
    assert_eq!(ids(&report), ["firewall-inspection", "exchange-2003"]);
    assert_eq!(report.outcome, Outcome::Refused);
}
