//! Causes that keep a sender from proving itself.

use super::{Causes, Evidence, offers_any, told_source};
use crate::auth::Mechanism;
use crate::probe::answer::Answer;
use crate::probe::plan::{Credentials, Mechanism as Wanted};
use crate::probe::report::{Peer, Product};
use crate::probe::token::TokenErrorKind;

impl Causes {
    /// 451 5.7.3: the verbs are not there.
    pub(super) fn not_offered(&mut self, evidence: &Evidence<'_>) {
        let Evidence { seen, peer, .. } = evidence;
        let source = told_source(evidence);
        if peer.product.is_foreign() {
            return self.not_exchange(evidence);
        }
        if peer.product == Product::OldMicrosoft {
            return self.put(
                "exchange-2003",
                format!("it is {}: {}", peer.product.name(), peer.because.join("; ")),
                "between 2003 and later versions use a routing group connector; on the 2003 \
                 virtual server Integrated Windows Authentication must be ticked, which gives \
                 X-EXPS GSSAPI",
                "KB 979175",
            );
        }
        let passes = seen.last_hello().is_some_and(|heard| heard.verb == "EHLO");
        if !passes {
            return self.only_helo(evidence);
        }
        if seen.keywords().any(|k| k.masked) {
            // The cause stands there already; the server's own part cannot be seen.
            return;
        }
        if offers_any(seen, "X-EXPS") {
            return self.put(
                "x-anonymoustls-suppressed",
                "EHLO offers X-EXPS and no X-ANONYMOUSTLS",
                "Set-ReceiveConnector -SuppressXAnonymousTls $false; or, where a WAN optimiser \
                 needs it so, Set-TransportService -UseDowngradedExchangeServerAuth $true on the \
                 sender (then probe with --mechanism x-exps-gssapi)",
                "Set-ReceiveConnector; WAN optimisation (2013)",
            );
        }
        self.put(
            "exchange-server-not-offered",
            "EHLO offers neither X-ANONYMOUSTLS nor X-EXPS: the connector that took the session \
             has no Exchange Server authentication",
            "on the server: Get-ReceiveConnector | fl Identity, Bindings, RemoteIPRanges, \
             AuthMechanism; ExchangeServer belongs to AuthMechanism of the connector that this \
             peer is to meet, and ExchangeServers to PermissionGroups",
            "KB 979175",
        );
        self.put(
            "relay-connector-covers-us",
            format!(
                "a relay connector's RemoteIPRanges may hold {source}, as the most specific range \
                 wins; the default connectors do offer both verbs"
            ),
            format!(
                "take a dump of the connectors (Get-ReceiveConnector | Export-Clixml ex.clixml) and \
                 ask: expsd explain --import ex.clixml --remote {source}; expsd lint --import \
                 ex.clixml --peer sender={source}"
            ),
            "frankysweb.de, 451 5.7.3 Cannot achieve Exchange Server authentication",
        );
    }

    pub(super) fn not_exchange(&mut self, evidence: &Evidence<'_>) {
        let Peer { product, because, .. } = evidence.peer;
        let what = match product {
            Product::Other => "it is no Exchange server".to_owned(),
            product => format!("it is {}, not Exchange", product.name()),
        };
        self.put(
            "not-exchange",
            format!("{what}: {}", because.join("; ")),
            "mail to it takes an ordinary send connector (probe with --mechanism anonymous); if an \
             Exchange server should be there, see what the name or the balancer leads to",
            "KB 979175",
        );
    }

    /// 454 4.7.0 of the sender's own making.
    pub(super) fn own_proof(&mut self, evidence: &Evidence<'_>) {
        let error = evidence.seen.proof.as_ref().and_then(|tried| tried.error.as_ref());
        let Some(error) = error else {
            return self.mechanism(evidence, "in this state of the session EHLO does not offer it");
        };
        match error.kind {
            TokenErrorKind::NoCredentials => self.put(
                "kerberos-no-ticket",
                format!("there is nothing to prove it with: {error}"),
                "kinit as the sending server's account, or give --user and a password; klist \
                 shows what is there",
                "KB 979174",
            ),
            TokenErrorKind::TicketExpired => self.put(
                "kerberos-ticket-expired",
                error.to_string(),
                "kinit again; on a server: klist purge",
                "KB 979174",
            ),
            TokenErrorKind::UnknownClient => self.put(
                "wrong-password",
                error.to_string(),
                "mend the account's name or password; for a machine account: \
                 Test-ComputerSecureChannel -Repair",
                "KB 979174",
            ),
            TokenErrorKind::UnknownService => self.spn_unknown(evidence, &error.to_string()),
            TokenErrorKind::NoKdc | TokenErrorKind::TimedOut => {
                self.no_kdc(evidence, &error.to_string());
            }
            TokenErrorKind::ClockSkew => self.skew(evidence, &error.to_string()),
            TokenErrorKind::WrongKey => self.wrong_key(&error.to_string()),
            TokenErrorKind::Challenge | TokenErrorKind::Other => self.put(
                "proof-broken",
                error.to_string(),
                "look at the dialogue: what the server sent is no token of the mechanism, or was \
                 changed on the way",
                "KB 979174",
            ),
        }
        self.kerberos(evidence);
    }

    fn mechanism(&mut self, evidence: &Evidence<'_>, fits: &str) {
        self.only_helo(evidence);
        if !self.0.is_empty() {
            return;
        }
        if evidence.peer.product.is_foreign() {
            self.not_exchange(evidence);
        }
        let by_password = matches!(evidence.plan.credentials, Credentials::Password { .. });
        let (verb, ticks) = match evidence.plan.mechanism {
            Wanted::Login => ("AUTH LOGIN", "BasicAuth (with BasicAuthRequireTLS in TLS only)"),
            Wanted::Ntlm => ("AUTH NTLM", "Integrated"),
            Wanted::Gssapi => ("AUTH GSSAPI", "Integrated, with EnableAuthGSSAPI"),
            Wanted::XExpsNtlm => ("X-EXPS NTLM", "ExchangeServer"),
            Wanted::ExchangeServer if by_password => {
                ("X-EXPS NTLM", "ExchangeServer; an Edge never offers it")
            }
            _ => ("X-EXPS GSSAPI", "ExchangeServer; an Edge never offers it"),
        };
        self.put(
            "mechanism-not-offered",
            format!("{verb} is not there for this peer: {fits}"),
            format!("AuthMechanism of the connector needs {ticks}"),
            "Set-ReceiveConnector",
        );
    }

    /// The proof, or the verb before it, gets the receiver's own 451 5.7.3.
    pub(super) fn no_submit(&mut self, evidence: &Evidence<'_>, answer: &Answer) {
        let proved = evidence.seen.proof.as_ref().is_some_and(|tried| tried.begun);
        if !proved {
            return self.not_offered(evidence);
        }
        self.put(
            "no-submit-right",
            format!("\"{answer}\" after the proof: no permission group of the connector lets this account submit"),
            "tick ExchangeServers in PermissionGroups, and see that the sender's computer account \
             is in the group Exchange Servers: Get-ADPermission on the connector shows the rights; \
             event 1018 on the server names the account",
            "technet ff985427",
        );
    }

    /// A proof that the server does not take.
    pub(super) fn proof_refused(&mut self, evidence: &Evidence<'_>, answer: &Answer) {
        let Some(tried) = &evidence.seen.proof else { return };
        let said = format!("\"{answer}\"");
        match answer.code {
            500..=504 if !tried.begun || answer.code == 504 => {
                self.mechanism(evidence, &format!("it got {said}"));
            }
            // With the same codes a proof is refused that has not been made yet.
            454 | 535 if tried.told => match tried.mechanism {
                Mechanism::Gssapi => self.ticket_refused(evidence, &said),
                Mechanism::Ntlm | Mechanism::Login | Mechanism::ExchangeAuth => {
                    self.password_refused(&said);
                }
            },
            _ => self.otherwise(evidence, answer),
        }
    }

    fn ticket_refused(&mut self, evidence: &Evidence<'_>, said: &str) {
        self.kerberos(evidence);
        self.wrong_key(&format!("{said} to a ticket that the KDC has given"));
        self.put(
            "kerberos-spn-elsewhere",
            "the SPN may stand at another account, so that the ticket is made with that one's key",
            "setspn -X finds names that stand twice; setspn -Q SMTPSVC/… who has it",
            "KB 979174",
        );
        self.connector_fqdn(evidence);
    }

    fn password_refused(&mut self, said: &str) {
        self.put(
            "wrong-password",
            format!("{said} to the name and the password"),
            "mend name or password; on the server event 1035 (LogonDenied) or, where the account \
             may not submit there, 1018 tells which; NTLMv1 and a missing channel binding \
             (ExtendedProtectionPolicy) are refused with the same words",
            "technet ff981907",
        );
        self.put(
            "no-submit-right",
            "the same reply is given to a good proof whose account may not submit on this connector",
            "PermissionGroups: ExchangeUsers for users, ExchangeServers for servers",
            "technet ff985427",
        );
    }
}
