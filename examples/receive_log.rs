//! Writes a SmtpReceive protocol log as an Exchange 2019 server would, to the standard output:
//! the same rows every time, sessions interleaved. For trying out and measuring `expsd logs`.
//!
//! ```sh
//! cargo run --release --example receive_log -- 1000 > RECV2026112200-1.LOG    # about 1000 MB
//! ```
//!
//! Without a number it writes the first sessions only.

use std::io::{self, BufWriter, Write};

const HEADER: &str = "\u{feff}#Software: Microsoft Exchange Server\r\n\
#Version: 15.0.0.0\r\n\
#Log-type: SMTP Receive Protocol Log\r\n\
#Date: 2026-11-22T00:00:00.000Z\r\n\
#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n";

/// Sessions under way at one time.
const INTERLEAVED: usize = 40;

fn main() -> io::Result<()> {
    let megabytes: Option<u64> = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let limit = megabytes.map_or(10_000, |megabytes| megabytes * 1_000_000);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let mut random = Random(2026);
    let mut clock = Clock::default();
    let mut serial = 0;
    let mut begin = |random: &mut Random| {
        serial += 1;
        Session::new(serial, random)
    };
    let mut sessions: Vec<Session> = (0..INTERLEAVED).map(|_| begin(&mut random)).collect();
    out.write_all(HEADER.as_bytes())?;
    let mut written = 0;
    while written < limit {
        let at = random.below(INTERLEAVED);
        clock.advance(random.below(9) as u64);
        let line = match sessions[at].row(&clock) {
            Some(line) => line,
            None => {
                sessions[at] = begin(&mut random);
                continue;
            }
        };
        written += line.len() as u64;
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}

/// A session: its rows from `event` on, and how far it is.
struct Session {
    connector: &'static str,
    id: u64,
    local: &'static str,
    remote: String,
    rows: Vec<String>,
    next: usize,
}

impl Session {
    fn new(serial: u64, random: &mut Random) -> Self {
        let port = 49152 + random.below(16000);
        let (connector, host, rows) = match random.below(100) {
            0..50 => {
                let rows = relay(random);
                ("EX01\\App relay", format!("10.0.0.{}", 15 + random.below(6)), rows)
            }
            50..85 => {
                let host = format!("198.51.{}.{}", random.below(64), random.below(250));
                ("EX01\\Default Frontend EX01", host, internet(random))
            }
            85..92 => ("EX01\\Default Frontend EX01", "10.0.0.13".to_owned(), server()),
            92..95 => ("EX01\\App relay", "10.0.0.12".to_owned(), lost_server()),
            _ => {
                let host = format!("203.0.113.{}", random.below(250));
                ("EX01\\Client Frontend EX01", host, guesser())
            }
        };
        let local = if connector.ends_with("Client Frontend EX01") {
            "10.0.0.5:587"
        } else {
            "10.0.0.5:25"
        };
        let id = 0x08DE_2A00_0000_0000 + serial;
        Self { connector, id, local, remote: format!("{host}:{port}"), rows, next: 0 }
    }

    fn row(&mut self, clock: &Clock) -> Option<String> {
        let rest = self.rows.get(self.next)?;
        let line = format!(
            "{clock},{},{:016X},{},{},{},{rest}\r\n",
            self.connector, self.id, self.next, self.local, self.remote
        );
        self.next += 1;
        Some(line)
    }
}

const OFFER: &str = "SIZE 37748736 PIPELINING DSN ENHANCEDSTATUSCODES STARTTLS";
const TAIL: &str = "8BITMIME BINARYMIME CHUNKING SMTPUTF8";
const HANDSHAKE: &str = "*,,\"TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk \
encryption algorithm CALG_AES_256 with strength 256 bits, MAC hash algorithm CALG_SHA_384 with \
strength 0 bits and key exchange algorithm CALG_ECDH_EPHEM with strength 384 bits\"";
const CERTIFICATE: &str = "*, CN=EX01 CN=EX01 12ABCDEF1234567890ABCDEF12345678 \
1234567890ABCDEF1234567890ABCDEF12345678 2026-01-17T15:15:33.000Z 2031-01-17T15:15:33.000Z \
EX01;ex01.contoso.test,Sending certificate Subject Issuer name Serial number Thumbprint Not \
before Not after Subject alternate names";

fn greeting() -> Vec<String> {
    let banner = "\"220 ex01.contoso.test Microsoft ESMTP MAIL Service ready at Sun, 22 Nov 2026 \
                  00:00:00 +0000\"";
    vec!["+,,".to_owned(), format!(">,{banner},")]
}

fn hello(rows: &mut Vec<String>, name: &str, keywords: &str) {
    rows.push(format!("<,EHLO {name},"));
    rows.push(format!(">,250  ex01.contoso.test Hello [192.0.2.1] {keywords},"));
}

fn start_tls(rows: &mut Vec<String>, verb: &str) {
    rows.extend([
        format!("<,{verb},"),
        ">,220 2.0.0 SMTP server ready,".to_owned(),
        CERTIFICATE.to_owned(),
        HANDSHAKE.to_owned(),
    ]);
}

fn message(rows: &mut Vec<String>, from: &str, to: &[String], random: &mut Random) {
    rows.push(format!("<,MAIL FROM:<{from}>,"));
    rows.push("*,08DE2A0000000001;2026-11-22T00:00:00.000Z;1,receiving message".to_owned());
    rows.push(">,250 2.1.0 Sender OK,".to_owned());
    for to in to {
        rows.push(format!("<,RCPT TO:<{to}>,"));
        rows.push(">,250 2.1.5 Recipient OK,".to_owned());
    }
    rows.push("<,DATA,".to_owned());
    rows.push(">,354 Start mail input; end with <CRLF>.<CRLF>,".to_owned());
    rows.push("*,,Proxy destination(s) obtained from OnProxyInboundMessage event. Correlation Id:00000000-0000-0000-0000-000000000001".to_owned());
    let id = random.next();
    rows.push(format!(
        ">,\"250 2.6.0 <{id:x}@contoso.test> [InternalId={id}, Hostname=ex01.contoso.test] 11511 bytes in 0.102, 109,173 KB/sec Queued mail for delivery\","
    ));
}

fn quit(rows: &mut Vec<String>) {
    rows.push("<,QUIT,".to_owned());
    rows.push(">,221 2.0.0 Service closing transmission channel,".to_owned());
    rows.push("-,,Local".to_owned());
}

/// An application: half of what it sends goes outside.
fn relay(random: &mut Random) -> Vec<String> {
    let mut rows = greeting();
    hello(&mut rows, "app01.contoso.test", &format!("{OFFER} {TAIL}"));
    let domain = ["contoso.test", "fabrikam.test"][random.below(2)];
    let to: Vec<_> = (0..=random.below(3)).map(|i| format!("user{i}@{domain}")).collect();
    message(&mut rows, "app@contoso.test", &to, random);
    quit(&mut rows);
    rows
}

/// The Internet: mail in TLS, and now and then somebody who would relay.
fn internet(random: &mut Random) -> Vec<String> {
    let mut rows = greeting();
    let exchange = "X-ANONYMOUSTLS AUTH NTLM X-EXPS GSSAPI NTLM";
    hello(&mut rows, "mail.fabrikam.test", &format!("{OFFER} {exchange} {TAIL} XRDST"));
    start_tls(&mut rows, "STARTTLS");
    hello(&mut rows, "mail.fabrikam.test", &format!("X-EXPS GSSAPI NTLM {TAIL} XRDST"));
    if random.below(10) > 0 {
        message(&mut rows, "ann@fabrikam.test", &["alice@contoso.test".to_owned()], random);
    } else {
        rows.push("<,MAIL FROM:<ann@fabrikam.test>,".to_owned());
        rows.push("<,RCPT TO:<bob@northwind.test>,".to_owned());
        rows.push("*,Tarpit for '0.00:00:05',".to_owned());
        rows.push(">,250 2.1.0 Sender OK,".to_owned());
        rows.push(
            ">,550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain,".to_owned(),
        );
    }
    quit(&mut rows);
    rows
}

/// Another Exchange server on the right connector.
fn server() -> Vec<String> {
    let mut rows = greeting();
    let before = "X-ANONYMOUSTLS AUTH NTLM X-EXPS GSSAPI NTLM";
    hello(&mut rows, "ex03.contoso.test", &format!("{OFFER} {before} {TAIL} XRDST"));
    start_tls(&mut rows, "X-ANONYMOUSTLS");
    let after = "AUTH NTLM LOGIN X-EXPS EXCHANGEAUTH GSSAPI NTLM X-EXCHANGEAUTH SHA256";
    hello(&mut rows, "ex03.contoso.test", &format!("{after} {TAIL} XRDST"));
    rows.push("<,X-EXPS EXCHANGEAUTH,".to_owned());
    rows.push("*,CONTOSO\\EX03$,authenticated".to_owned());
    rows.push(">,235 <authentication response>,".to_owned());
    quit(&mut rows);
    rows
}

/// Another Exchange server that fell into the relay's range: it looks for X-EXPS, and leaves.
fn lost_server() -> Vec<String> {
    let mut rows = greeting();
    hello(&mut rows, "ex02.contoso.test", &format!("{OFFER} {TAIL}"));
    quit(&mut rows);
    rows
}

/// Somebody who tries passwords.
fn guesser() -> Vec<String> {
    let mut rows = greeting();
    hello(&mut rows, "[203.0.113.1]", &format!("{OFFER} AUTH GSSAPI NTLM {TAIL}"));
    start_tls(&mut rows, "STARTTLS");
    hello(&mut rows, "[203.0.113.1]", &format!("AUTH GSSAPI NTLM LOGIN {TAIL}"));
    rows.push("<,AUTH LOGIN,".to_owned());
    rows.push(">,334 <authentication response>,".to_owned());
    rows.push(">,334 <authentication response>,".to_owned());
    rows.push("*,,Inbound AUTH LOGIN failed because of LogonDenied".to_owned());
    rows.push("*,,User Name: admin".to_owned());
    rows.push("*,Tarpit for '0.00:00:05',".to_owned());
    rows.push(">,535 5.7.3 Authentication unsuccessful,".to_owned());
    rows.push("-,,Remote(ConnectionReset)".to_owned());
    rows
}

/// 22 November 2026, and the days after it.
#[derive(Default)]
struct Clock {
    milliseconds: u64,
}

impl Clock {
    fn advance(&mut self, milliseconds: u64) {
        self.milliseconds += milliseconds;
    }
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |unit: u64, modulus: u64| self.milliseconds / unit % modulus;
        let (day, hour) = (22 + of(86_400_000, 9), of(3_600_000, 24));
        let (minute, second) = (of(60_000, 60), of(1_000, 60));
        write!(f, "2026-11-{day}T{hour:02}:{minute:02}:{second:02}.{:03}Z", of(1, 1_000))
    }
}

/// xorshift64*: the same numbers everywhere and always.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }
}
