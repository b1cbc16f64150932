//! NTLM in front of the directory: behind AUTH and X-EXPS ([MS-SMTPNTLM]), and inside GSSAPI.

use std::sync::Arc;

use super::context::{Context, NtlmClient, Package, Proof};
use super::ntlm::{self, Acceptor, NtHash, SecurityLayer};
use super::spnego::{Inner, InnerStep};
use super::{Exchange, Failure, Ntlm, Protection, Step};
use crate::directory::{Account, Directory};

pub(super) struct NtlmContext {
    acceptor: Acceptor,
    directory: Arc<Directory>,
    protection: Protection,
    challenged: bool,
    established: Option<(Proof, SecurityLayer)>,
}

impl NtlmContext {
    pub(super) fn new(ntlm: &Ntlm, directory: Arc<Directory>, protection: Protection) -> Self {
        let fresh = (ntlm.source)();
        let target = Arc::clone(&ntlm.target);
        let acceptor = Acceptor::new(target, ntlm.policy, fresh.challenge, fresh.filetime);
        Self { acceptor, directory, protection, challenged: false, established: None }
    }

    fn authenticate(&mut self, token: &[u8]) -> Result<(Proof, SecurityLayer), Failure> {
        let mut found = None;
        let verified = self.acceptor.authenticate(token, |domain, user| {
            found = find(&self.directory, domain, user);
            found.and_then(nt_hash)
        });
        let verified = verified.map_err(|refusal| Failure::Ntlm(Box::new(refusal)))?;
        self.protection.check_ntlm(verified.channel_binding)?;
        // The acceptor verifies only what the closure found.
        let account = found.ok_or(Failure::UnexpectedToken)?;
        let package = Package::Ntlm(Box::new(NtlmClient::of(&verified)));
        Ok((Proof { account: Box::new(account.clone()), package }, verified.security))
    }

    fn security(&mut self) -> Result<&mut SecurityLayer, Failure> {
        self.established.as_mut().map(|(_, security)| security).ok_or(Failure::UnexpectedToken)
    }
}

impl Inner for NtlmContext {
    type Error = Failure;

    fn step(&mut self, token: &[u8]) -> Result<InnerStep, Failure> {
        if token.is_empty() {
            return Err(Failure::EmptyToken);
        }
        if self.challenged {
            self.established = Some(self.authenticate(token)?);
            return Ok(InnerStep { token: None, complete: true });
        }
        self.challenged = true;
        let challenge = self.acceptor.challenge(token);
        let token = challenge.map_err(|refusal| Failure::Ntlm(Box::new(refusal)))?;
        Ok(InnerStep { token: Some(token), complete: false })
    }

    fn has_integrity(&self) -> bool {
        self.established.as_ref().is_some_and(|(_, security)| security.signs())
    }

    fn mic(&mut self, mech_list: &[u8]) -> Result<Vec<u8>, Failure> {
        Ok(self.security()?.sign_mech_list(mech_list).to_vec())
    }

    fn verify_mic(&mut self, mech_list: &[u8], mic: &[u8]) -> Result<(), Failure> {
        Ok(self.security()?.verify_mech_list(mech_list, mic)?)
    }
}

impl Context for NtlmContext {
    fn proof(&self) -> Result<Proof, Failure> {
        self.established.as_ref().map(|(proof, _)| proof.clone()).ok_or(Failure::UnexpectedToken)
    }

    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let protection = self.layer_protection()?;
        Ok(self.security()?.wrap(message, protection)?)
    }

    fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, Failure> {
        let protection = self.layer_protection()?;
        Ok(self.security()?.unwrap(token, protection)?)
    }
}

impl NtlmContext {
    /// NTLM seals whatever it wraps once sealing was agreed on, asked for or not
    /// ([MS-NLMP] 3.4.6).
    fn layer_protection(&mut self) -> Result<ntlm::Protection, Failure> {
        let seals = self.security()?.seals();
        Ok(if seals { ntlm::Protection::Seal } else { ntlm::Protection::Sign })
    }
}

/// The mechanism NTLM: the same messages, without GSSAPI around them.
pub(super) struct NtlmExchange(pub(super) NtlmContext);

impl Exchange for NtlmExchange {
    /// As Exchange 2010 to 2019 send it; the specification's sample has it in lower case.
    fn prompt(&self) -> &'static str {
        "NTLM supported"
    }

    fn respond(&mut self, token: &[u8]) -> Step {
        match self.0.step(token) {
            Ok(InnerStep { token: Some(challenge), .. }) => Step::Challenge(challenge),
            Ok(_) => self.0.proof().map_or_else(Step::Failed, Step::Proved),
            Err(failure) => Step::Failed(failure),
        }
    }
}

/// Clients name the domain beside the user, or in a UPN, or leave it out.
fn find<'a>(directory: &'a Directory, domain: &str, user: &str) -> Option<&'a Account> {
    if domain.is_empty() || user.contains('@') {
        return directory.find(user);
    }
    let netbios = domain.split('.').next().unwrap_or(domain);
    directory.find(&format!("{netbios}\\{user}"))
}

fn nt_hash(account: &Account) -> Option<NtHash> {
    match account.nt_hash() {
        Some(hash) => Some(NtHash::from(*hash)),
        None => account.password().map(NtHash::of_password),
    }
}
