//! The mechanism GSSAPI of AUTH and X-EXPS, which is Windows' Negotiate: SPNEGO, or a bare
//! Kerberos or NTLM token.
//!
//! `AUTH GSSAPI` ends with the security-layer round of RFC 4752 §3.1
//! (github.com/jborean93/pyspnego issue 88, github.com/gssapi/gss-ntlmssp issue 77). That
//! `X-EXPS GSSAPI` does without is said of 2013; no public transcript shows it.

use std::sync::Arc;

use super::context::{Context, Proof};
use super::ntlm_exchange::NtlmContext;
use super::spnego::{self, Inner as _, Kind, RefusalKind, sniff};
use super::{Acceptor, AuthCommand, Exchange, Failure, KerberosFailure, Ntlm, Protection, Step};
use crate::directory::{Account, Directory};

/// What contexts are made from.
#[derive(Clone)]
pub(super) struct Maker {
    pub directory: Arc<Directory>,
    pub acceptor: Option<Arc<Acceptor>>,
    pub ntlm: Ntlm,
    pub protection: Protection,
}

impl Maker {
    fn kerberos(&self) -> Option<Box<dyn Context>> {
        let acceptor = self.acceptor.as_ref()?;
        Some(acceptor.begin(Arc::clone(&self.directory), self.protection.clone()))
    }

    pub(super) fn ntlm(&self) -> NtlmContext {
        NtlmContext::new(&self.ntlm, Arc::clone(&self.directory), self.protection.clone())
    }
}

pub(super) struct Negotiate {
    maker: Maker,
    command: AuthCommand,
    prompt: &'static str,
    form: Form,
    phase: Phase,
}

/// How the client speaks.
enum Form {
    Unknown,
    Bare(Box<dyn Context>),
    Spnego(Box<spnego::Acceptor<Box<dyn Context>>>),
}

enum Phase {
    Negotiating,
    /// Our last token is out; the client answers it with an empty line.
    Acknowledge,
    /// The offer of "no security layer" is out.
    SecurityLayer,
    Over,
}

/// RFC 4752 §3.1: bit 0 of the first octet is "no security layer"; three octets of size.
const NO_LAYER: u8 = 1;
const LAYER_OFFER: [u8; 4] = [NO_LAYER, 0, 0x10, 0];

impl Exchange for Negotiate {
    fn prompt(&self) -> &'static str {
        self.prompt
    }

    fn respond(&mut self, token: &[u8]) -> Step {
        let step = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Negotiating => self.negotiate(token),
            Phase::Acknowledge if token.is_empty() => self.established(),
            Phase::Acknowledge | Phase::Over => Err(Failure::UnexpectedToken),
            Phase::SecurityLayer => self.security_layer(token),
        };
        step.unwrap_or_else(Step::Failed)
    }
}

impl Negotiate {
    pub(super) fn new(maker: Maker, command: AuthCommand, prompt: &'static str) -> Self {
        Self { maker, command, prompt, form: Form::Unknown, phase: Phase::Negotiating }
    }

    fn negotiate(&mut self, token: &[u8]) -> Result<Step, Failure> {
        if token.is_empty() {
            return Err(Failure::EmptyToken);
        }
        if let Form::Unknown = self.form {
            self.form = self.begin(token)?;
        }
        let (answer, complete) = match &mut self.form {
            Form::Unknown => return Err(Failure::UnexpectedToken),
            Form::Bare(context) => {
                let step = context.step(token)?;
                (step.token, step.complete)
            }
            Form::Spnego(acceptor) => match acceptor.step(token) {
                Ok(spnego::Step::Continue(token)) => (Some(token), false),
                Ok(spnego::Step::Done { token }) => (token, true),
                Err(refusal) => return Err(self.spnego_failure(refusal.kind)),
            },
        };
        match (answer.filter(|token| !token.is_empty()), complete) {
            (None, true) => self.established(),
            (Some(answer), true) => {
                self.phase = Phase::Acknowledge;
                Ok(Step::Challenge(answer))
            }
            (answer, false) => {
                self.phase = Phase::Negotiating;
                Ok(Step::Challenge(answer.unwrap_or_default()))
            }
        }
    }

    fn begin(&self, token: &[u8]) -> Result<Form, Failure> {
        Ok(match sniff(token) {
            Kind::Kerberos => Form::Bare(self.maker.kerberos().ok_or(KerberosFailure::NoKeytab)?),
            Kind::Ntlm => Form::Bare(Box::new(self.maker.ntlm())),
            Kind::Spnego => {
                let maker = self.maker.clone();
                let choose = move |mechanism| match mechanism {
                    spnego::Mechanism::Kerberos => maker.kerberos(),
                    spnego::Mechanism::Ntlm => Some(Box::new(maker.ntlm()) as Box<dyn Context>),
                };
                Form::Spnego(Box::new(spnego::Acceptor::new(choose)))
            }
            Kind::Other => {
                let what = "it is neither SPNEGO nor Kerberos nor NTLM".to_owned();
                return Err(KerberosFailure::Defective(what).into());
            }
        })
    }

    fn spnego_failure(&self, kind: RefusalKind<Failure>) -> Failure {
        match kind {
            RefusalKind::Mechanism(failure) => failure,
            RefusalKind::NoCommonMechanism(offered)
                if self.maker.acceptor.is_none()
                    && offered
                        .iter()
                        .any(|t| t.mechanism() == Some(spnego::Mechanism::Kerberos)) =>
            {
                KerberosFailure::NoKeytab.into()
            }
            kind => Failure::Spnego(Box::new(kind)),
        }
    }

    fn context(&mut self) -> Result<&mut Box<dyn Context>, Failure> {
        match &mut self.form {
            Form::Bare(context) => Ok(context),
            Form::Spnego(acceptor) => acceptor.established().ok_or(Failure::UnexpectedToken),
            Form::Unknown => Err(Failure::UnexpectedToken),
        }
    }

    fn established(&mut self) -> Result<Step, Failure> {
        match self.command {
            AuthCommand::XExps => Ok(Step::Proved(self.context()?.proof()?)),
            AuthCommand::Auth => {
                let offer = self.context()?.wrap(&LAYER_OFFER)?;
                self.phase = Phase::SecurityLayer;
                Ok(Step::Challenge(offer))
            }
        }
    }

    fn security_layer(&mut self, token: &[u8]) -> Result<Step, Failure> {
        if token.is_empty() {
            return Err(Failure::EmptyToken);
        }
        let context = self.context()?;
        let choice = context.unwrap(token)?;
        let proof = context.proof()?;
        let Some((&[layer, ..], identity)) = choice.split_first_chunk::<4>() else {
            return Err(Failure::SecurityLayer);
        };
        if layer & NO_LAYER == 0 {
            return Err(Failure::SecurityLayer);
        }
        if !identity.is_empty() && !self.may_act_as(&proof, identity) {
            return Err(Failure::AuthorizationIdentity {
                account: proof.account.name.to_string(),
                wanted: String::from_utf8_lossy(identity).into_owned(),
            });
        }
        Ok(Step::Proved(proof))
    }

    /// An account may act as itself only.
    fn may_act_as(&self, proof: &Proof, identity: &[u8]) -> bool {
        let name = std::str::from_utf8(identity).ok();
        let wanted: Option<&Account> = name.and_then(|name| self.maker.directory.find(name));
        wanted.is_some_and(|wanted| wanted.name == proof.account.name)
    }
}
