//! Peers that lie: mutated proofs of every mechanism, and octets no parser hopes for. Nothing
//! panics, nobody is let in, and nobody makes the server hold more than it should.
//!
//! Each run tries the same inputs. `EXPSD_HOSTILE_INPUTS` sets how many.

#[path = "../benches/support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::{Buf as _, BytesMut};
use expsd::auth::Acceptor;
use expsd::auth::ntlm::{Minimum, Policy};
use expsd::scope::Met;
use expsd::session::{Host, Identity, Step};
use expsd::smtp::command::{Command, MailFrom, RcptTo, parse_auth, parse_bdat};
use expsd::smtp::data::{ChunkReader, Content, DotReader};
use expsd::smtp::line::{LineReader, Next};
use support::ntlm::{Answer, Shape};
use support::{ACCEPTED, DOMAIN, PASSWORD, Peer, USER, connector, host, met};

/// What an unoptimised build does in a few seconds.
const INPUTS: usize = 120_000;
/// The longest line that is read, and what was read behind it.
const MAX_HELD: usize = 65_536;
/// The longest reply to a line; most replies are far shorter.
const MAX_REPLY: usize = 1024;
/// What one dialogue may allocate, client and server taken together, at any one time.
const MAX_ALLOCATED: isize = 1 << 20;

fn inputs() -> usize {
    match std::env::var("EXPSD_HOSTILE_INPUTS") {
        Ok(count) => count.parse().expect("EXPSD_HOSTILE_INPUTS is a number"),
        Err(_) => INPUTS,
    }
}

/// Shares the inputs out to threads, each with a seed of its own.
fn in_parallel(inputs: usize, run: impl Fn(Random, usize) + Sync) {
    const PARTS: usize = 4;
    thread::scope(|scope| {
        for part in 1..=PARTS {
            let run = &run;
            scope.spawn(move || run(Random(0x9e37_79b9_7f4a_7c15 ^ part as u64), inputs / PARTS));
        }
    });
}

/// Marsaglia's xorshift, so that every run tries the same mutations.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn octets(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max)).map(|_| self.below(256) as u8).collect()
    }

    /// Changes a few octets of `range`, to interesting values at times.
    fn touch(&mut self, bytes: &mut [u8], range: Range<usize>) {
        for _ in 0..=self.below(4) {
            let at = range.start + self.below(range.len());
            bytes[at] = match self.below(4) {
                0 => 0,
                1 => 0xff,
                2 => bytes[at] ^ 1 << self.below(8),
                _ => self.below(256) as u8,
            };
        }
    }

    /// Changes `bytes` in whatever way, its length too.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => drop(bytes.splice(at..at, self.octets(8))),
                2 => {
                    let end = at + self.below(bytes.len() - at + 1);
                    bytes.extend_from_within(at..end);
                }
                3 => {
                    let end = at + self.below(bytes.len() - at + 1).min(8);
                    bytes.drain(at..end);
                }
                _ if bytes.is_empty() => bytes.extend(self.octets(16)),
                _ => {
                    let all = 0..bytes.len();
                    self.touch(bytes, all);
                }
            }
        }
    }

    /// Makes a length and an offset of an NTLM message lie.
    fn misdirect(&mut self, message: &mut [u8]) {
        const LENGTHS: [u16; 9] = [0, 1, 16, 24, 44, 511, 0x7fff, 0x8000, 0xffff];
        const OFFSETS: [u32; 10] =
            [0, 1, 51, 52, 64, 88, 0xffff, 0x7fff_ffff, 0xffff_fff0, u32::MAX];
        let field = 12 + 8 * self.below(6);
        if message.len() >= field + 8 {
            message[field..][..2].copy_from_slice(&self.pick(&LENGTHS).to_le_bytes());
            message[field + 4..][..4].copy_from_slice(&self.pick(&OFFSETS).to_le_bytes());
        }
    }
}

/// A client that goes from session to session, a new one wherever it is thrown out.
struct Liar<'a> {
    host: &'a Arc<Host>,
    met: &'a Met,
    peer: Peer,
    random: Random,
    heard: Heard,
    accepted: usize,
}

/// What the last line came to.
#[derive(PartialEq)]
enum Heard {
    Reply,
    /// A `334`, which leaves a proof open.
    Prompt,
    Close,
}

impl<'a> Liar<'a> {
    fn new(host: &'a Arc<Host>, met: &'a Met, random: Random) -> Self {
        let peer = Peer::new(host, met);
        Self { host, met, peer, random, heard: Heard::Close, accepted: 0 }
    }

    fn connect(&mut self) {
        self.peer = Peer::new(self.host, self.met);
        self.peer.send(b"EHLO client.contoso.test\r\n");
        self.peer.session.output().clear();
        self.heard = Heard::Reply;
    }

    /// Whatever the last proof left behind, the next begins in a session that hears it.
    fn settle(&mut self) {
        if self.heard == Heard::Prompt {
            self.say(b"*");
        }
        if self.heard == Heard::Close {
            self.connect();
        }
    }

    /// Sends a line, in pieces at times, and gives the reply.
    fn say(&mut self, line: &[u8]) -> Vec<u8> {
        let line = [line, b"\r\n"].concat();
        let cut = if self.random.one_in(4) { self.random.below(line.len()) } else { 0 };
        self.heard = Heard::Reply;
        for piece in [&line[..cut], &line[cut..]] {
            match self.peer.send(piece) {
                Step::Read => {}
                Step::Close => self.heard = Heard::Close,
                step => panic!("{step:?}"),
            }
            self.check_bounds();
        }
        let reply = self.peer.session.output().split().to_vec();
        if self.heard == Heard::Reply && reply.starts_with(b"334") {
            self.heard = Heard::Prompt;
        }
        reply
    }

    fn check_bounds(&mut self) {
        assert!(self.peer.input.len() <= MAX_HELD, "{} octets held", self.peer.input.len());
        let output = self.peer.session.output();
        assert!(output.len() <= MAX_REPLY, "{output:?}");
        assert!(self.peer.session.take_notes().len() <= 3);
    }

    /// Sends a token in base64, some of them without the padding.
    fn token(&mut self, before: &str, token: &[u8]) -> Vec<u8> {
        let engine = if self.random.one_in(8) { STANDARD_NO_PAD } else { STANDARD };
        self.say(format!("{before}{}", engine.encode(token)).as_bytes())
    }

    /// Opens a proof, with the first token on the line of the command or on the next.
    fn begin(&mut self, commands: &[&str], mechanism: &str, token: &[u8]) -> Vec<u8> {
        self.settle();
        let command = self.random.pick(commands);
        if !token.is_empty() && self.random.one_in(2) {
            return self.token(&format!("{command} {mechanism} "), token);
        }
        let reply = self.say(format!("{command} {mechanism}").as_bytes());
        assert!(reply.starts_with(b"334 "), "{}", reply.escape_ascii());
        self.token("", token)
    }

    /// Judges a reply to `sent`: acceptance needs a proof that `may_pass`.
    fn judge(&mut self, reply: &[u8], may_pass: bool, sent: &[u8]) -> bool {
        let accepted = reply.ends_with(ACCEPTED);
        let identified = matches!(self.peer.session.identity(), Identity::Account { .. });
        assert_eq!(accepted, identified, "{}", reply.escape_ascii());
        assert!(!accepted || may_pass, "accepted: {}", sent.escape_ascii());
        if accepted {
            self.accepted += 1;
            self.connect();
        }
        accepted
    }

    fn ntlm(&mut self) {
        let shape = self.random.pick(&[Shape::Windows, Shape::Curl]);
        let password = self.random.pick(&[PASSWORD, PASSWORD, "wrong", ""]);
        let user = self.random.pick(&[USER, USER, USER, "nobody", ""]);
        let mutation = self.random.below(8);
        let mut negotiate = shape.negotiate();
        match mutation {
            0 => self.random.mutate(&mut negotiate),
            1 => self.random.misdirect(&mut negotiate),
            _ => {}
        }
        let reply = self.begin(&["AUTH", "X-EXPS"], "NTLM", &negotiate);
        let Some(challenge) = challenge(&reply) else {
            self.judge(&reply, false, &negotiate);
            assert!(mutation < 2, "an honest NEGOTIATE gets its challenge");
            return;
        };
        let Answer { message: right, response } =
            shape.authenticate((DOMAIN, user, password), &negotiate, &challenge);
        let mut message = right.clone();
        match mutation {
            2 => self.random.mutate(&mut message),
            3 => self.random.misdirect(&mut message),
            4 => self.random.touch(&mut message, 0..right.len()),
            5 | 6 => self.random.touch(&mut message, response.clone()),
            _ => {}
        }
        if mutation == 6 {
            self.random.touch(&mut message, 12..64);
        }
        // Without an integrity code the response counts, wherever the message has it.
        let proof = &right[response];
        let intact = match shape {
            Shape::Windows => message == right,
            Shape::Curl => find(&message, proof).is_some(),
        };
        let known = user == USER && password == PASSWORD;
        let reply = self.token("", &message);
        let accepted = self.judge(&reply, known && intact, &message);
        assert!(accepted || mutation < 7 || !known, "an honest client is let in");
    }

    fn login(&mut self) {
        let users = [USER, "CONTOSO\\alice", "alice@contoso.test", "EX02$", "nobody"];
        let mut user = self.random.pick(&users).as_bytes().to_vec();
        let passwords = [PASSWORD, "passw0rd!", "Passw0rd!\0", ""];
        let mut password = self.random.pick(&passwords).as_bytes().to_vec();
        match self.random.below(4) {
            0 => self.random.mutate(&mut user),
            1 => self.random.mutate(&mut password),
            2 => (user, password) = (self.random.octets(700), self.random.octets(700)),
            _ => {}
        }
        let mut reply = self.begin(&["AUTH"], "LOGIN", &user);
        if challenge(&reply).is_some() {
            reply = self.token("", &password);
        }
        self.judge(&reply, password == PASSWORD.as_bytes(), &password);
    }

    /// SPNEGO, with NTLM in it or Kerberos, and both without. No ticket is good here.
    fn gssapi(&mut self) {
        let negotiate = Shape::Windows.negotiate();
        let mut token = match self.random.below(6) {
            0 | 1 => spnego::init(&[spnego::NTLMSSP], &negotiate),
            2 => spnego::init(&[spnego::MS_KRB5, spnego::KRB5, spnego::NTLMSSP], &spnego::ap_req()),
            3 => spnego::init(&[spnego::NTLMSSP, spnego::KRB5], &spnego::ap_req()),
            4 => spnego::ap_req(),
            _ => negotiate.clone(),
        };
        let mutated = self.random.below(3);
        if mutated == 0 {
            self.random.mutate(&mut token);
        }
        let password = self.random.pick(&[PASSWORD, "wrong"]);
        let (mut proof, mut proved) = (None::<Vec<u8>>, false);
        let mut reply = self.begin(&["AUTH", "X-EXPS"], "GSSAPI", &token);
        for _ in 0..3 {
            self.judge(&reply, proved, &token);
            let Some(challenge) = challenge(&reply) else { return };
            token = match find(&challenge, b"NTLMSSP\0\x02") {
                Some(at) => {
                    let user = (DOMAIN, USER, password);
                    let answer = Shape::Windows.authenticate(user, &negotiate, &challenge[at..]);
                    let message = proof.insert(answer.message).clone();
                    if at == 0 { message } else { spnego::response(&message) }
                }
                // The server has had all it needs; the client agrees with an empty line.
                None if proof.is_some() => Vec::new(),
                None => spnego::response(if mutated == 2 { &negotiate } else { b"?" }),
            };
            if mutated == 1 {
                self.random.mutate(&mut token);
            }
            // Wherever it stands: its integrity code covers all but what is around it.
            let intact = proof.as_ref().is_some_and(|proof| find(&token, proof).is_some());
            proved |= intact && password == PASSWORD;
            reply = self.token("", &token);
        }
        self.judge(&reply, proved, &token);
    }

    /// No base64, or no token.
    fn junk(&mut self) {
        let mut text = match self.random.below(4) {
            0 => self.random.octets(100),
            1 if self.random.one_in(8) => vec![b'A'; self.random.below(90_000)],
            1 => vec![self.random.pick(b"=A*+/ \0"); self.random.below(500)],
            2 => STANDARD.encode(self.random.octets(400)).into_bytes(),
            _ => STANDARD.encode(Shape::Curl.negotiate()).into_bytes(),
        };
        self.random.mutate(&mut text);
        text.retain(|octet| *octet != b'\n');
        self.settle();
        let command = self.random.pick(&["AUTH ", "X-EXPS ", "X-EXPS", "auth  "]);
        let mechanism =
            self.random.pick(&["NTLM ", "GSSAPI ", "LOGIN ", "EXCHANGEAUTH SHA256 ", ""]);
        for line in [[command.as_bytes(), mechanism.as_bytes(), &text].concat(), text] {
            let reply = self.say(&line);
            self.judge(&reply, false, &line);
        }
    }
}

/// The token of a `334`.
fn challenge(reply: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(reply.strip_prefix(b"334 ")?.trim_ascii_end()).ok()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

/// Tokens in the shape that SPNEGO (RFC 4178) and Kerberos (RFC 4120, RFC 4121) give them.
mod spnego {
    pub const NTLMSSP: &[u8] = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
    pub const KRB5: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
    pub const MS_KRB5: &[u8] = b"\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02";
    const SPNEGO: &[u8] = b"\x06\x06\x2b\x06\x01\x05\x05\x02";

    const INTEGER: u8 = 0x02;
    const BIT_STRING: u8 = 0x03;
    const OCTET_STRING: u8 = 0x04;
    const ENUMERATED: u8 = 0x0a;
    const GENERAL_STRING: u8 = 0x1b;
    const SEQUENCE: u8 = 0x30;
    const APPLICATION: u8 = 0x60;
    const CONTEXT: u8 = 0xa0;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = match content.len() {
            short @ 0..0x80 => vec![short as u8],
            long => [&[0x82], &(long as u16).to_be_bytes()[..]].concat(),
        };
        [&[tag], &length[..], &content].concat()
    }

    /// The members of a SEQUENCE, each under the tag of its number.
    fn sequence(members: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let members: Vec<_> = members.iter().map(|(n, m)| der(CONTEXT | n, &[m])).collect();
        der(SEQUENCE, &[&members.concat()])
    }

    pub fn init(mechanisms: &[&[u8]], token: &[u8]) -> Vec<u8> {
        let mechanisms = der(SEQUENCE, mechanisms);
        let init = sequence(&[(0, mechanisms), (2, der(OCTET_STRING, &[token]))]);
        der(APPLICATION, &[SPNEGO, &der(CONTEXT, &[&init])])
    }

    pub fn response(token: &[u8]) -> Vec<u8> {
        let members = [(0, der(ENUMERATED, &[&[1]])), (2, der(OCTET_STRING, &[token]))];
        der(CONTEXT | 1, &[&sequence(&members)])
    }

    /// A ticket for the server, and an authenticator, that no key ever made.
    pub fn ap_req() -> Vec<u8> {
        let integer = |n: u8| der(INTEGER, &[&[n]]);
        let string = |text: &str| der(GENERAL_STRING, &[text.as_bytes()]);
        let cipher = || der(OCTET_STRING, &[&[0x5a; 160]]);
        let service = der(SEQUENCE, &[&string("SMTPSVC"), &string("ex01.contoso.test")]);
        let ticket = sequence(&[
            (0, integer(5)),
            (1, string("CONTOSO.TEST")),
            (2, sequence(&[(0, integer(2)), (1, service)])),
            (3, sequence(&[(0, integer(18)), (1, integer(1)), (2, cipher())])),
        ]);
        let request = sequence(&[
            (0, integer(5)),
            (1, integer(14)),
            (2, der(BIT_STRING, &[&[0, 0x20, 0, 0, 0]])),
            (3, der(APPLICATION | 1, &[&ticket])),
            (4, sequence(&[(0, integer(18)), (2, cipher())])),
        ]);
        der(APPLICATION, &[KRB5, &[1, 0], &der(APPLICATION | 14, &[&request])])
    }
}

/// An acceptor with a key for the service that the tickets name; `None` where GSSAPI is not
/// built in.
fn acceptor(dir: &Path) -> Option<Acceptor> {
    let (path, replays) = (dir.join("keytab"), dir.join("replays"));
    std::fs::write(&path, keytab()).unwrap();
    match Acceptor::open(&path, Some(&replays)) {
        Ok(acceptor) => Some(acceptor),
        Err(error) if cfg!(feature = "gssapi") => panic!("{error}"),
        Err(_) => None,
    }
}

/// MIT's keytab of version 2: one AES-256 key of `SMTPSVC/ex01.contoso.test`.
fn keytab() -> Vec<u8> {
    let counted = |text: &[u8]| [&(text.len() as u16).to_be_bytes()[..], text].concat();
    let entry = [
        &[0, 2][..],
        &counted(b"CONTOSO.TEST"),
        &counted(b"SMTPSVC"),
        &counted(b"ex01.contoso.test"),
        // Name type, time, version of the key, type of the key.
        &[0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 18],
        &counted(&[0x42; 32]),
    ]
    .concat();
    [&[5, 2][..], &(entry.len() as u32).to_be_bytes(), &entry].concat()
}

#[test]
fn mutated_proofs_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let lax = Policy { minimum: Minimum::V1, ..Policy::default() };
    let hosts = [host(Policy::default(), acceptor(dir.path())), host(lax, None)];
    let met = met(connector());
    in_parallel(inputs(), |mut random, count| {
        let other = Random(random.below(usize::MAX) as u64 | 1);
        let mut liars = [Liar::new(&hosts[0], &met, random), Liar::new(&hosts[1], &met, other)];
        for i in 0..count {
            let liar = &mut liars[usize::from(i % 4 == 3)];
            let before = Memory::mark();
            match liar.random.below(8) {
                0..4 => liar.ntlm(),
                4 | 5 => liar.gssapi(),
                6 => liar.login(),
                _ => liar.junk(),
            }
            let allocated = Memory::peak() - before;
            assert!(allocated < MAX_ALLOCATED, "{allocated} octets allocated");
        }
        let accepted: usize = liars.iter().map(|liar| liar.accepted).sum();
        assert!(accepted > count / 100, "the honest ones are let in");
    });
}

/// Commands that the mutations start from.
const COMMANDS: [&str; 14] = [
    "EHLO [IPv6:2001:db8::1%11]",
    "MAIL FROM:<bob@fabrikam.test> SIZE=1024 BODY=8BITMIME RET=HDRS ENVID=Q+31 AUTH=<> SMTPUTF8",
    "MAIL FROM:<>",
    "MAIL FROM: bob@fabrikam.test SIZE=99999999999999999999",
    r#"MAIL FROM:<@a.test,@b.test:"b\"o>b"@[192.0.2.1]>"#,
    "RCPT TO:<alice@contoso.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@contoso.test",
    "RCPT TO:<jörg@bücher.test> XORAR XRDST",
    "RCPT TO:postmaster",
    "BDAT 18446744073709551615 LAST",
    "AUTH NTLM TlRMTVNTUAABAAAA",
    "X-EXPS EXCHANGEAUTH SHA256 YWJj",
    "X-MESSAGECONTEXT ADRC-2.1.0.0",
    "STARTTLS",
    "DATA",
];

#[test]
fn mutated_commands_do_the_parsers_no_harm() {
    in_parallel(inputs(), |mut random, count| {
        for _ in 0..count {
            let mut line = random.pick(&COMMANDS).as_bytes().to_vec();
            random.mutate(&mut line);
            let Ok(Command { args, .. }) = Command::parse(&line) else { continue };
            assert_eq!(args.trim_matches(' '), args);
            assert!(find(&line, args.as_bytes()).is_some());
            if let Ok(mail) = MailFrom::parse(args) {
                assert!(mail.path.to_string().len() <= args.len());
            }
            if let Ok(rcpt) = RcptTo::parse(args) {
                assert!(rcpt.path.mailbox().is_some());
            }
            let _ = (parse_bdat(args), parse_auth(args));
        }
    });
}

/// Octets that matter to framing, more often than others.
fn framing(random: &mut Random) -> Vec<u8> {
    const PIECES: [&[u8]; 9] =
        [b"\r\n", b"\r\n", b".", b".", b"\r", b"\n", b"\r\n.\r\n", b"abc", b"\0\xff"];
    let count = random.below(24);
    (0..count).flat_map(|_| random.pick(&PIECES)).copied().collect()
}

/// Feeds `wire` in pieces to `read` until that has enough, or all. Gives what is left.
fn in_pieces(
    random: &mut Random,
    wire: &[u8],
    mut read: impl FnMut(&mut BytesMut) -> bool,
) -> Vec<u8> {
    let (mut input, mut rest) = (BytesMut::new(), wire);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(1 + random.below(rest.len()));
        input.extend_from_slice(piece);
        rest = later;
        if read(&mut input) {
            break;
        }
    }
    [&input, rest].concat()
}

#[test]
fn lines_are_the_same_however_they_arrive() {
    const LIMIT: usize = 8;
    in_parallel(inputs(), |mut random, count| {
        for _ in 0..count {
            let wire = framing(&mut random);
            let mut lines = Vec::new();
            let mut reader = LineReader::default();
            in_pieces(&mut random, &wire, |input| {
                loop {
                    match reader.next(input, LIMIT) {
                        Next::Line { text, len } => {
                            lines.push(Some(input[..text].to_vec()));
                            input.advance(len);
                        }
                        Next::TooLong => lines.push(None),
                        Next::Incomplete => break,
                    }
                }
                assert!(input.len() <= LIMIT);
                false
            });
            let naive = wire.split_inclusive(|octet| *octet == b'\n').filter_map(|line| {
                if line.len() > LIMIT {
                    return Some(None);
                }
                let text = line.strip_suffix(b"\n")?;
                Some(Some(text.strip_suffix(b"\r").unwrap_or(text).to_vec()))
            });
            assert_eq!(lines, naive.collect::<Vec<_>>(), "{}", wire.escape_ascii());
        }
    });
}

/// Data without its dots, and where it ends; line by line.
fn undot(wire: &[u8]) -> (Vec<u8>, usize) {
    let (mut content, mut at) = (Vec::new(), 0);
    while !wire[at..].starts_with(b".\r\n") {
        at += usize::from(wire[at..].starts_with(b"."));
        let end = at + find(&wire[at..], b"\r\n").unwrap() + 2;
        content.extend_from_slice(&wire[at..end]);
        at = end;
    }
    (content, at + 3)
}

#[test]
fn content_is_the_same_however_it_arrives() {
    in_parallel(inputs(), |mut random, count| {
        for _ in 0..count {
            let wire = [&framing(&mut random)[..], b"\r\n.\r\n", &framing(&mut random)].concat();
            let (content, end) = undot(&wire);
            let limit = random.one_in(4).then(|| random.below(20) as u64);
            let mut read = Content::new(limit, random.one_in(2).then_some(100));
            let mut dots = DotReader::default();
            let rest = in_pieces(&mut random, &wire, |input| dots.read(input, &mut read));
            assert_eq!(rest, &wire[end..], "{}", wire.escape_ascii());
            assert_eq!(read.received(), content.len() as u64);
            match read.exceeded() {
                true => assert_eq!(read.held(), 0),
                false => assert_eq!(read.into_bytes(), content, "{}", wire.escape_ascii()),
            }

            let size = 1 + random.below(wire.len());
            let mut read = Content::new(None, None);
            let mut chunk = ChunkReader::new(size as u64, true);
            let rest = in_pieces(&mut random, &wire, |input| chunk.read(input, &mut read));
            assert_eq!((&read.into_bytes()[..], &rest[..]), wire.split_at(size));
        }
    });
}

/// Counts what each thread holds.
struct Memory;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

impl Memory {
    /// Starts a new peak, and gives what is held.
    fn mark() -> isize {
        PEAK.set(HELD.get());
        HELD.get()
    }

    fn peak() -> isize {
        PEAK.get()
    }

    fn count(octets: isize) {
        HELD.set(HELD.get() + octets);
        PEAK.set(PEAK.get().max(HELD.get()));
    }
}

#[global_allocator]
static MEMORY: Memory = Memory;

// SAFETY: the system's allocator does all of it. Counting allocates nothing, since the cells
// need neither initialisation nor a destructor.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, here and below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        Self::count(-(layout.size() as isize));
        // SAFETY: see above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count(size as isize - layout.size() as isize);
        // SAFETY: see above.
        unsafe { System.realloc(at, layout, size) }
    }
}
