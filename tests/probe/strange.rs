//! Ports that are no mail servers, firewalls between, and servers that mean harm.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use expsd::middlebox::{Middlebox, Mode};
use expsd::probe::{Outcome, Stage, run};

use super::*;

/// A server on a thread, which ends with its one client.
pub(super) fn serve(with: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
        with(stream);
    });
    at
}

/// A banner, and a reply for each line that comes.
pub(super) fn script(
    banner: &'static str,
    reply: impl Fn(&str) -> String + Send + 'static,
) -> SocketAddr {
    serve(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).is_ok();
        let mut open = say(banner);
        while open && let Some(Ok(line)) = lines.next() {
            open = say(&reply(&line)) && line != "QUIT";
        }
    })
}

fn hurried(at: SocketAddr) -> Plan {
    Plan { timeout: Duration::from_millis(300), ..as_server(at) }
}

async fn probe(plan: &Plan) -> Report {
    let start = Instant::now();
    let report = run(plan).await;
    assert!(start.elapsed() < plan.timeout + support::PATIENCE / 3, "{report}");
    report
}

#[tokio::test]
async fn nothing_listens() {
    let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = probe(&as_server(at)).await;
    assert_eq!((report.outcome, ids(&report)), (Outcome::Unreachable, vec!["connection-refused"]));
    let older = Plan { version: expsd::connector::Version::E2010, ..as_server(at) };
    let error = probe(&older).await.last_error.unwrap();
    assert!(error.starts_with("441 4.4.1 Error encountered while communicating with primary target IP address: \"Failed to connect. Winsock error code: 10061"), "{error}");
}

#[tokio::test]
async fn a_name_that_leads_nowhere() {
    let report = probe(&Plan::new("nowhere.invalid", 25)).await;
    assert_eq!((report.outcome, ids(&report)), (Outcome::Unreachable, vec!["host-unknown"]));
    assert_eq!(last_error(&report), "451 4.4.0 DNS query failed");
}

#[tokio::test]
async fn an_address_that_is_not_ours() {
    let (_server, at) = server(USUAL).await;
    let report = probe(&Plan { from_address: Some([192, 0, 2, 1].into()), ..as_server(at) }).await;
    assert_eq!(ids(&report), ["source-address"], "{report}");
    let other = Plan { from_address: Some([127, 3, 2, 1].into()), ..as_server(at) };
    let report = probe(&other).await;
    assert_eq!(report.sender.address.unwrap().ip().to_string(), "127.3.2.1");
}

#[tokio::test]
async fn a_silent_port() {
    let at = serve(|mut stream| drop(stream.read(&mut [0])));
    let report = probe(&hurried(at)).await;
    assert_eq!((report.outcome, ids(&report)), (Outcome::Unreachable, vec!["silent-port"]));
}

#[tokio::test]
async fn a_closing_port() {
    let report = probe(&as_server(serve(drop))).await;
    assert_eq!((report.outcome, ids(&report)), (Outcome::Unreachable, vec!["closing-port"]));
}

#[tokio::test]
async fn an_octet_at_a_time() {
    let at = serve(|mut stream| {
        for octet in b"220 ex01.contoso.test Microsoft ESMTP".iter().cycle() {
            if stream.write_all(&[*octet]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let report = probe(&hurried(at)).await;
    assert_eq!(ids(&report), ["slow-server"], "{report}");
    // What came of it is shown.
    assert!(report.dialogue.iter().any(|line| line.text.starts_with("220 ex")), "{report}");
}

#[tokio::test]
async fn half_a_banner() {
    let at = serve(|mut stream| {
        stream.write_all(b"220-ex01.contoso.test\r\n").unwrap();
        drop(stream.read(&mut [0]));
    });
    let report = probe(&hurried(at)).await;
    assert_eq!(ids(&report), ["slow-server"], "{report}");
}

#[tokio::test]
async fn garbage() {
    for garbage in ["SSH-2.0-OpenSSH_9.2", "HTTP/1.1 400 Bad Request", "", "22", "220_x"] {
        let report = probe(&as_server(script(garbage, |_| String::new()))).await;
        assert_eq!(ids(&report), ["not-smtp"], "{garbage:?}");
        assert_eq!(report.outcome, Outcome::Unreachable);
    }
}

#[tokio::test]
async fn an_endless_banner() {
    for part in [&b"220-more\r\n"[..], b"220 and on and on "] {
        let at = serve(move |mut stream| while stream.write_all(part).is_ok() {});
        let report = probe(&as_server(at)).await;
        assert_eq!(ids(&report), ["endless-reply"], "{report}");
        assert!(serde_json::to_string(&report).unwrap().len() < 20_000);
    }
}

#[tokio::test]
async fn a_reply_whose_codes_differ() {
    let report = probe(&as_server(script("220-a\r\n250 b", |_| String::new()))).await;
    assert_eq!(ids(&report), ["not-smtp"]);
}

#[tokio::test]
async fn octets_that_steer_a_terminal_are_escaped() {
    let banner = "220 ex01.contoso.test \x1b[2J\x1b]0;owned\x07 \u{9b}31m";
    let at = script(banner, |line| match line {
        "QUIT" => "221 bye".to_owned(),
        _ => "250-ex01\u{202e} Hello [1]\r\n250 \x1b[31mSIZE\0\x08".to_owned(),
    });
    let report = probe(&as_server(at)).await;
    let [text, json] = [report.to_string(), serde_json::to_string(&report).unwrap()];
    for shown in [&text, &json, &report.likeness().unwrap_or_default()] {
        let wild = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(wild), "{shown:?}");
    }
    assert!(text.contains("\\u{1b}[2J"), "{text}");
}

#[tokio::test]
async fn a_server_that_closes_in_the_midst() {
    let at = serve(|mut stream| {
        stream.write_all(b"220 ex01.contoso.test Microsoft ESMTP MAIL Service ready\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
    });
    let report = probe(&as_server(at)).await;
    assert_eq!(ids(&report), ["connection-dropped"]);
    assert_eq!(report.stopped.as_ref().unwrap().stage, Stage::Hello);
    assert_eq!(report.outcome, Outcome::Refused);
}

/// Cisco ASA in a public transcript, and what its rule makes of Exchange's verbs.
#[tokio::test]
async fn a_firewall_that_masks() {
    let at = script("220 ************************************", |line| {
        match line.split(' ').next() {
            Some("QUIT") => "221 2.0.0 Service closing transmission channel",
            _ => {
                "250-ex01.contoso.test Hello [10.0.0.12]\r\n250-SIZE 37748736\r\n250-XXXXXXXA\r\n\
                 250-XXXXXXXXXXXXXB\r\n250-AUTH NTLM\r\n250-XXXXXXXXXXXXXXXXXC\r\n250 8BITMIME"
            }
        }
        .to_owned()
    });
    let report = probe(&as_server(at)).await;
    assert!(last_error(&report).ends_with(CANNOT_ACHIEVE));
    assert_eq!(ids(&report), ["firewall-inspection"]);
    assert!(report.banner.as_ref().unwrap().masked && report.hellos[0].keywords[1].masked);
    assert!(report.causes[0].fits.contains("XXXXXXXXXXXXXB"));
}

/// PIX mailguard: EHLO never arrives.
#[tokio::test]
async fn a_firewall_that_knows_no_ehlo() {
    let at = script("220 *********0****************2*************", |line| {
        match line.split(' ').next() {
            Some("EHLO") => "500 5.3.3 Unrecognized command",
            Some("HELO") => "250 ex01.contoso.test Hello [10.0.0.12]",
            _ => "221 2.0.0 Service closing transmission channel",
        }
        .to_owned()
    });
    let report = probe(&as_server(at)).await;
    assert!(last_error(&report).ends_with(CANNOT_ACHIEVE), "{report}");
    assert_eq!(ids(&report)[0], "pix-mailguard");
}

/// As an Exchange server would: the header is a command to it.
#[tokio::test]
async fn a_proxy_header_taken_for_a_command() {
    let at = script("220 ex01.contoso.test Microsoft ESMTP MAIL Service ready", |line| {
        match line.split(' ').next() {
            Some("EHLO") => "250-ex01.contoso.test Hello [127.0.0.1]\r\n250 X-ANONYMOUSTLS",
            _ => "500 5.3.3 Unrecognized command",
        }
        .to_owned()
    });
    let report = probe(&Plan { proxy_from: Some([10, 0, 0, 12].into()), ..as_server(at) }).await;
    assert_eq!(ids(&report), ["proxy-refused"], "{report}");
}

/// A masked banner alone does not hide the verbs.
#[tokio::test]
async fn a_mask_on_the_banner_only() {
    let at = script("220 ************************************", |line| match line {
        "QUIT" => "221 bye".to_owned(),
        _ => "250-ex01.contoso.test Hello [10.0.0.12]\r\n250-STARTTLS\r\n250 XRDST".to_owned(),
    });
    let found = probe(&as_server(at)).await;
    let found = ids(&found);
    assert!(found.contains(&"firewall-inspection"), "{found:?}");
    assert!(found.contains(&"exchange-server-not-offered"), "{found:?}");
}

/// The firewalls of the posts between the two, and what is left of the proof.
#[tokio::test]
async fn through_a_firewall() {
    let (_server, at) = server(USUAL).await;
    let here = "127.0.0.1:0".parse().unwrap();
    let firewall = Middlebox::start(here, at, Mode::None).await.unwrap();
    for (mode, cause) in [
        (Mode::None, None),
        (Mode::Pix, Some("pix-mailguard")),
        (Mode::Asa, Some("firewall-inspection")),
        (Mode::AsaAllowTls, Some("firewall-inspection")),
    ] {
        firewall.set_mode(mode);
        let report = probe(&as_server(firewall.address())).await;
        assert_eq!(ids(&report).first().copied(), cause, "{mode:?} {report}");
        match cause {
            None => assert_eq!(report.outcome, Outcome::Accepted),
            Some(_) => assert!(last_error(&report).ends_with(CANNOT_ACHIEVE)),
        }
    }
    firewall.stop().await;
}

#[tokio::test]
async fn a_handshake_that_fails() {
    let at = script("220 ex01.contoso.test Microsoft ESMTP MAIL Service ready", |line| {
        match line.split(' ').next() {
            Some("EHLO") => "250-ex01.contoso.test Hello [1.2.3.4]\r\n250 X-ANONYMOUSTLS",
            _ => "220 2.0.0 SMTP server ready\r\n500 5.3.3 Unrecognized command",
        }
        .to_owned()
    });
    let report = probe(&as_server(at)).await;
    assert_eq!(ids(&report)[0], "tls-failed", "{report}");
    assert!(report.tls.unwrap().failed.is_some());
    assert!(report.notes.iter().any(|note| note.contains("in clear behind the reply")));
}

/// A server that asks on and on for more of a proof.
#[tokio::test]
async fn a_proof_has_an_end() {
    let at = script("220 ex01.contoso.test Microsoft ESMTP MAIL Service ready", |line| {
        match line.split(' ').next() {
            Some("EHLO") => "250-ex01.contoso.test Hello [1.2.3.4]\r\n250 AUTH LOGIN NTLM",
            _ => "334 UGFzc3dvcmQ6",
        }
        .to_owned()
    });
    let report = probe(&Plan { mechanism: Mechanism::Login, ..as_server(at) }).await;
    assert_eq!(ids(&report)[0], "proof-broken", "{report}");
    let said = report.dialogue.iter().filter(|line| line.text.starts_with("<password")).count();
    assert_eq!(said, 1, "{report}");
}
