//! The conversation: what [`choice`](super::choice) decides, carried out.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::answer::Answer;
use super::choice::{Next, next};
use super::connect;
use super::plan::{Credentials, Mechanism as Wanted, Plan};
use super::proof::Prover;
use super::record::{Record, Watcher, What};
use super::report::{ProofOutcome, Stage};
use super::seen::{Handshake, Heard, Own, Seen, Stop, Tried};
use super::token::{TokenError, TokenErrorKind};
use super::wire::{Fault, Wire};
use crate::auth::{AuthCommand, Mechanism};
use crate::journal::Ending;
use crate::session::{TlsKind, facts};
use crate::tls::Terms;

/// How a step ended the conversation.
type Stopped = (Stage, Stop);

/// Tokens that a proof may take; NTLM and Kerberos take four at most.
const TOKENS: usize = 8;

/// Visits the server.
pub(super) async fn visit(plan: &Plan, watcher: Watcher) -> Seen {
    let mut seen = Seen::default();
    let mut record = Record::begin(watcher);
    match reach(plan, &mut seen, &mut record).await {
        Err(stop) => seen.stop = Some((Stage::Connect, stop)),
        Ok(stream) => {
            let wire = Wire::new(stream, record, plan.timeout);
            let mut conversation = Conversation { plan, wire, seen };
            let stop = conversation.hold().await.err();
            let Conversation { mut wire, seen: had, .. } = conversation;
            seen = had;
            match &stop {
                Some((_, Stop::Fault(_) | Stop::HandshakeFailed(_))) => {}
                // It has closed by itself (RFC 5321 §3.8).
                Some((_, Stop::Refused(answer))) if answer.code == 421 => {
                    wire.record.push(What::Ended(Ending::Remote));
                }
                _ => wire.quit().await,
            }
            seen.stop = stop;
            record = wire.record;
            let is_over = |what: &What| matches!(what, What::Ended(_));
            if !record.moments.iter().any(|moment| is_over(&moment.what)) {
                record.push(What::Ended(Ending::Local));
            }
        }
    }
    seen.took = record.elapsed();
    seen.moments = record.moments;
    seen
}

/// Tries the addresses of the host in turn.
async fn reach(
    plan: &Plan,
    seen: &mut Seen,
    record: &mut Record,
) -> Result<tokio::net::TcpStream, Stop> {
    let addresses = connect::resolve(&plan.host, plan.port, plan.timeout).await;
    let addresses = addresses.map_err(Stop::NoConnection)?;
    let same_family =
        |from: &IpAddr| addresses.iter().any(|address| address.is_ipv4() == from.is_ipv4());
    let from = plan.from_address;
    let mut last = connect::unknown("no address is given for it");
    for &address in &addresses {
        if from.is_some_and(|from| from.is_ipv4() != address.is_ipv4() && same_family(&from)) {
            continue;
        }
        seen.address = Some(address);
        match connect::connect(address, from, plan.timeout).await {
            Ok(stream) => {
                let local = stream.local_addr().ok();
                seen.local = local;
                record.push(What::Connected { local: local.unwrap_or(address), remote: address });
                return Ok(stream);
            }
            Err(none) => last = none,
        }
    }
    Err(Stop::NoConnection(last))
}

struct Conversation<'a> {
    plan: &'a Plan,
    wire: Wire,
    seen: Seen,
}

impl Conversation<'_> {
    async fn hold(&mut self) -> Result<(), Stopped> {
        self.greet().await?;
        let mut tls = None;
        loop {
            self.hello(tls).await?;
            let keywords = self.seen.last_hello().map(|h| &h.keywords[..]).unwrap_or_default();
            match next(self.plan, keywords, tls) {
                Next::StartTls(verb) => {
                    self.start_tls(verb).await?;
                    tls = Some(verb);
                }
                Next::Prove(command, mechanism) => {
                    if !self.prove(command, mechanism).await? {
                        return Ok(());
                    }
                    break;
                }
                Next::Mail => break,
                Next::Stop(own) => {
                    let stage = match own {
                        Own::TlsRequired | Own::NoCertificate => Stage::Tls,
                        _ => Stage::Authentication,
                    };
                    if own == Own::Temporary {
                        self.wire.record.push(What::ProofFailed("Unsupported"));
                    }
                    return Err((stage, Stop::Own(own)));
                }
            }
        }
        self.mail().await
    }

    async fn greet(&mut self) -> Result<(), Stopped> {
        if let Some(source) = self.plan.proxy_from
            && let Some(to) = self.seen.address
        {
            let header = connect::proxy_header(source, to);
            let sent = self.wire.send_raw(header.as_bytes()).await;
            sent.map_err(|fault| (Stage::Banner, Stop::Fault(fault)))?;
        }
        let before = self.wire.record.elapsed();
        let banner = self.wire.answer().await.map_err(at(Stage::Banner))?;
        self.seen.banner = Some((banner.clone(), self.wire.record.elapsed() - before));
        expect(banner, 220, Stage::Banner).map(drop)
    }

    /// EHLO, or HELO where that is not known (RFC 5321 §3.2).
    async fn hello(&mut self, tls: Option<TlsKind>) -> Result<(), Stopped> {
        let stage = if tls.is_some() { Stage::HelloInTls } else { Stage::Hello };
        for verb in ["EHLO", "HELO"] {
            let line = format!("{verb} {}", self.plan.sender);
            let answer = self.wire.command(&line).await.map_err(at(stage))?;
            let keywords = if verb == "EHLO" { answer.keywords() } else { Vec::new() };
            let code = answer.code;
            // The answer to a PROXY header that was taken for a command.
            let stray = self.plan.proxy_from.is_some() && self.seen.hellos.is_empty();
            self.seen.hellos.push(Heard { verb, tls, answer: answer.clone(), keywords });
            match code {
                250 => return Ok(()),
                500..=504 if verb == "EHLO" && !stray => {}
                _ => return Err((stage, Stop::Refused(answer))),
            }
        }
        let refused = self.seen.last_hello().map(|heard| heard.answer.clone());
        // An invariant of the loop above, which heard two.
        refused.map_or(Ok(()), |answer| Err((stage, Stop::Refused(answer))))
    }

    async fn start_tls(&mut self, verb: TlsKind) -> Result<(), Stopped> {
        let answer = self.wire.command(&verb.to_string()).await.map_err(at(Stage::Tls))?;
        expect(answer, 220, Stage::Tls)?;
        self.seen.early_words |= self.wire.drop_early_words();
        // Only direct trust shows a certificate behind X-ANONYMOUSTLS ("Selection of outbound
        // anonymous TLS certificates").
        let direct = self.plan.mechanism == Wanted::DirectTrust;
        let shows = verb == TlsKind::StartTls || direct;
        let own = self.plan.certificate.as_deref().filter(|_| shows);
        let name = self.name().unwrap_or_else(|| self.plan.host.clone());
        let terms = Terms {
            tls13: verb == TlsKind::StartTls && facts(self.plan.version).tls13,
            // A certificate that is known by its key must prove that it holds it.
            any_form: !direct,
        };
        let outcome = self.wire.start_tls(&name, own, terms).await;
        let shown = outcome.clone();
        self.seen.tls = Some(Handshake { verb, outcome });
        let shown = shown.map_err(|why| (Stage::Tls, Stop::HandshakeFailed(why)))?;
        match &self.plan.expected_certificate {
            Some(expected) if direct && *expected != shown.certificate => {
                Err((Stage::Tls, Stop::Own(Own::CertificateUnknown)))
            }
            _ => Ok(()),
        }
    }

    /// The server's name, by which tickets are asked for.
    fn name(&self) -> Option<String> {
        name(self.plan, &self.seen)
    }

    /// Whether the proof was made; an error if it failed.
    async fn prove(&mut self, command: AuthCommand, mechanism: Mechanism) -> Result<bool, Stopped> {
        self.seen.proof = Some(Tried {
            command,
            mechanism,
            identity: None,
            outcome: ProofOutcome::NotTried,
            begun: false,
            told: false,
            reply: None,
            error: None,
        });
        let host = self.name().unwrap_or_default();
        let prover = Prover::begin(self.plan, command, mechanism, &host).await;
        let mut prover = match prover {
            Ok(prover) => prover,
            // Nobody asked for a proof in particular, and there is nothing to make one with.
            Err(error)
                if self.plan.mechanism == Wanted::ExchangeServer
                    && matches!(
                        self.plan.credentials,
                        Credentials::None | Credentials::Cache(None)
                    )
                    && error.kind == TokenErrorKind::NoCredentials =>
            {
                self.tried(|tried| tried.error = Some(error));
                return Ok(false);
            }
            Err(error) => return Err(self.failed(error)),
        };
        let identity = prover.identity(self.plan);
        self.tried(|tried| tried.identity = identity);
        let line = format!("{} {}", command.verb(), mechanism.keyword());
        let stage = at(Stage::Authentication);
        let mut answer = self.wire.command(&line).await.map_err(&stage)?;
        for i in 0..TOKENS {
            if answer.code != 334 {
                break;
            }
            let challenge = match challenge(&answer) {
                Ok(challenge) => challenge,
                // The first 334 carries a prompt for people.
                Err(_) if i == 0 => None,
                Err(error) => return Err(self.give_up(error).await),
            };
            let token = match prover.answer(challenge.as_deref()).await {
                Ok(token) => token,
                Err(error) => return Err(self.give_up(error).await),
            };
            let line = BASE64_STANDARD.encode(&token.bytes);
            let shown = format!("<{}, {} octets>", token.called, token.bytes.len());
            if token.secret {
                self.wire.hide(&token.bytes, &line);
            }
            self.tried(|tried| (tried.begun, tried.told) = (true, tried.told | token.secret));
            self.wire.send_secret(&line, shown).await.map_err(&stage)?;
            answer = self.wire.answer().await.map_err(&stage)?;
        }
        let accepted = answer.code == 235;
        let outcome = if accepted { ProofOutcome::Accepted } else { ProofOutcome::Refused };
        self.tried(|tried| (tried.outcome, tried.reply) = (outcome, Some(answer.clone())));
        expect(answer, 235, Stage::Authentication).map(|_| true)
    }

    fn tried(&mut self, with: impl FnOnce(&mut Tried)) {
        if let Some(tried) = &mut self.seen.proof {
            with(tried);
        }
    }

    /// The sender's own part fails.
    fn failed(&mut self, error: TokenError) -> Stopped {
        self.wire.record.push(What::ProofFailed(error.kind.status()));
        self.tried(|tried| (tried.outcome, tried.error) = (ProofOutcome::Failed, Some(error)));
        (Stage::Authentication, Stop::Own(Own::Temporary))
    }

    /// The same in the midst of a dialogue, which is taken back (RFC 4954 §4).
    async fn give_up(&mut self, error: TokenError) -> Stopped {
        let _ = self.wire.command("*").await;
        self.failed(error)
    }

    async fn mail(&mut self) -> Result<(), Stopped> {
        let Some(to) = &self.plan.rcpt_to else { return Ok(()) };
        let line = format!("MAIL FROM:<{}>", self.plan.mail_from);
        let answer = self.wire.command(&line).await.map_err(at(Stage::Mail))?;
        self.seen.mail = Some(answer.clone());
        expect(answer, 250, Stage::Mail)?;
        let answer = self.wire.command(&format!("RCPT TO:<{to}>")).await;
        let answer = answer.map_err(at(Stage::Rcpt))?;
        self.seen.rcpt = Some(answer.clone());
        // 251: RFC 5321 §3.4
        if !matches!(answer.code, 250 | 251) {
            return Err((Stage::Rcpt, Stop::Refused(answer)));
        }
        let Some(message) = &self.plan.message else {
            let _ = self.wire.command("RSET").await.map_err(at(Stage::Rcpt))?;
            return Ok(());
        };
        let answer = self.wire.command("DATA").await.map_err(at(Stage::Data))?;
        expect(answer, 354, Stage::Data)?;
        let sent = self.wire.send_raw(&stuffed(message)).await;
        sent.map_err(at(Stage::EndOfData))?;
        let answer = self.wire.answer().await.map_err(at(Stage::EndOfData))?;
        let answer = expect(answer, 250, Stage::EndOfData)?;
        self.seen.delivered = Some(answer);
        Ok(())
    }
}

/// The name that certificate and ticket are held against: the plan's; else the host's; else, where
/// that is an address, the one in the banner or in the hello reply.
pub(super) fn name(plan: &Plan, seen: &Seen) -> Option<String> {
    if plan.server_name.is_some() {
        return plan.server_name.clone();
    }
    // `fe80::1%eth0`
    let bare = plan.host.split('%').next().unwrap_or_default();
    if bare.parse::<IpAddr>().is_err() && plan.host.contains('.') {
        return Some(plan.host.clone());
    }
    let banner = seen.banner.iter().map(|(banner, _)| banner);
    let mut told = banner.chain(seen.hellos.iter().map(|heard| &heard.answer));
    let said = told.find_map(|answer| answer.host().filter(|host| host.contains('.')));
    said.map(str::to_owned)
}

fn at(stage: Stage) -> impl Fn(Fault) -> Stopped {
    move |fault| (stage, Stop::Fault(fault))
}

fn expect(answer: Answer, code: u16, stage: Stage) -> Result<Answer, Stopped> {
    match answer.code == code {
        true => Ok(answer),
        false => Err((stage, Stop::Refused(answer))),
    }
}

/// The token of a 334; none where it carries nothing.
fn challenge(answer: &Answer) -> Result<Option<Vec<u8>>, TokenError> {
    let text = answer.text();
    if text.is_empty() {
        return Ok(None);
    }
    let token = BASE64_STANDARD.decode(&text);
    token.map(Some).map_err(|_| {
        TokenError::new(TokenErrorKind::Challenge, format!("\"{text:.40}\" is not base64"))
    })
}

/// The message in lines of CRLF, with dots doubled, and the end (RFC 5321 §4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_once() {
        assert_eq!(stuffed(b"a\n.\r\n..b"), b"a\r\n..\r\n...b\r\n.\r\n");
        assert_eq!(stuffed(b""), b".\r\n");
    }
}
