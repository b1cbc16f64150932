//! Rows of who somebody is, and what he may do.

use super::rows::Rows;
use crate::auth::{Failure, Mechanism};
use crate::connector::Rights;

impl Rows {
    pub fn permissions(&mut self, rights: Rights) {
        self.note(rights, "Set Session Permissions");
    }

    pub fn authenticated(&mut self, account: &str) {
        self.note(account, "authenticated");
    }

    /// A proof failed.
    pub fn authentication_failed(&mut self, mechanism: Mechanism, failure: &Failure) {
        let what = match mechanism {
            Mechanism::Login => "AUTH LOGIN",
            Mechanism::Gssapi | Mechanism::Ntlm => "Negotiate",
            Mechanism::ExchangeAuth => "ExchangeAuth negotiation",
        };
        match failure {
            Failure::ExchangeAuthHash => self.remark(format_args!(
                "Inbound {what} failed because client did not specify hash algorithm"
            )),
            _ => self.remark(format_args!("Inbound {what} failed because of {}", failure.status())),
        }
        self.remark(format_args!("User Name: {}", failure.user().unwrap_or("NULL")));
    }

    /// EXCHANGEAUTH was tried in clear.
    pub fn exchange_auth_in_clear(&mut self) {
        self.remark("Inbound ExchangeAuth negotiation failed because connection is not TLS");
        self.remark("User Name: NULL");
    }

    pub fn no_submit_permission(&mut self, account: &str) {
        self.remark(format_args!(
            "Inbound authentication failed because the client {account} doesn't have submit \
             permission."
        ));
    }

    pub fn well_known_account(&mut self, account: &str) {
        self.remark(format_args!(
            "Inbound authentication failed as we reject well-known account authentication for \
             {account}"
        ));
    }

    pub fn direct_trust_failed(&mut self, subject: &str) {
        self.remark(format_args!("DirectTrust certificate failed to authenticate for {subject}"));
    }
}
