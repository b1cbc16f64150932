//! NTLM behind AUTH and X-EXPS ([MS-SMTPNTLM]): three messages, against the directory.

use std::sync::Arc;

use super::ntlm::{Acceptor, NtHash};
use super::{Exchange, Failure, Ntlm, Protection, Step};
use crate::directory::{Account, Directory};

pub(super) struct NtlmExchange {
    acceptor: Acceptor,
    directory: Arc<Directory>,
    protection: Protection,
    challenged: bool,
}

impl NtlmExchange {
    pub(super) fn new(ntlm: &Ntlm, directory: Arc<Directory>, protection: Protection) -> Self {
        let fresh = (ntlm.source)();
        let target = Arc::clone(&ntlm.target);
        let acceptor = Acceptor::new(target, ntlm.policy, fresh.challenge, fresh.filetime);
        Self { acceptor, directory, protection, challenged: false }
    }

    fn authenticate(&mut self, token: &[u8]) -> Result<Box<Account>, Failure> {
        let mut found = None;
        let verified = self.acceptor.authenticate(token, |domain, user| {
            found = find(&self.directory, domain, user);
            found.and_then(nt_hash)
        });
        let verified = verified.map_err(|refusal| Failure::Ntlm(Box::new(refusal)))?;
        self.protection.check_ntlm(verified.channel_binding)?;
        // The acceptor verifies only what the closure found.
        found.map(|account| Box::new(account.clone())).ok_or(Failure::EmptyToken)
    }
}

impl Exchange for NtlmExchange {
    /// As Exchange 2010 to 2019 send it; the specification's sample has it in lower case.
    fn prompt(&self) -> &str {
        "NTLM supported"
    }

    fn respond(&mut self, token: &[u8]) -> Step {
        if token.is_empty() {
            return Step::Failed(Failure::EmptyToken);
        }
        if self.challenged {
            return match self.authenticate(token) {
                Ok(account) => Step::Proved(account),
                Err(failure) => Step::Failed(failure),
            };
        }
        self.challenged = true;
        match self.acceptor.challenge(token) {
            Ok(challenge) => Step::Challenge(challenge),
            Err(refusal) => Step::Failed(Failure::Ntlm(Box::new(refusal))),
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
