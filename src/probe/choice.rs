//! What a sender does after a hello, free of I/O (the order is said of Exchange 2013, with no
//! public source; that X-ANONYMOUSTLS comes before X-EXPS is shown by a sender's log of
//! 2019-11-04).

use super::answer::{offers, offers_with};
use super::plan::{Credentials, Mechanism as Wanted, Plan};
use super::report::Keyword;
use super::seen::Own;
use crate::auth::{AuthCommand, Mechanism};
use crate::session::TlsKind;

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    StartTls(TlsKind),
    Prove(AuthCommand, Mechanism),
    Mail,
    Stop(Own),
}

/// What follows a hello that offered `keywords` in a session with or without TLS.
pub(super) fn next(plan: &Plan, keywords: &[Keyword], tls: Option<TlsKind>) -> Next {
    match plan.mechanism {
        Wanted::ExchangeServer | Wanted::DirectTrust => between_servers(plan, keywords, tls),
        Wanted::XExpsGssapi => downgraded(keywords, tls, Mechanism::Gssapi),
        Wanted::XExpsNtlm => downgraded(keywords, tls, Mechanism::Ntlm),
        Wanted::Gssapi => auth(plan, keywords, tls, Some(Mechanism::Gssapi)),
        Wanted::Ntlm => auth(plan, keywords, tls, Some(Mechanism::Ntlm)),
        Wanted::Login => auth(plan, keywords, tls, Some(Mechanism::Login)),
        Wanted::Anonymous => auth(plan, keywords, tls, None),
    }
}

fn between_servers(plan: &Plan, keywords: &[Keyword], tls: Option<TlsKind>) -> Next {
    let direct = plan.mechanism == Wanted::DirectTrust;
    match tls {
        None if !offers(keywords, "X-ANONYMOUSTLS") => Next::Stop(Own::CannotAchieve),
        None if direct && plan.certificate.is_none() => Next::Stop(Own::NoCertificate),
        None => Next::StartTls(TlsKind::XAnonymousTls),
        // TLS without X-EXPS is a session with an Edge, which direct trust has proved.
        Some(_) if direct || !offers(keywords, "X-EXPS") => Next::Mail,
        Some(_)
            if offers_with(keywords, "X-EXPS", "EXCHANGEAUTH")
                && !offers_with(keywords, "X-EXCHANGEAUTH", "SHA256") =>
        {
            Next::Stop(Own::UnknownHash)
        }
        Some(_) => {
            let mechanism = match plan.credentials {
                Credentials::Password { .. } => Mechanism::Ntlm,
                Credentials::None | Credentials::Cache(_) => Mechanism::Gssapi,
            };
            prove(keywords, AuthCommand::XExps, mechanism)
        }
    }
}

/// UseDowngradedExchangeServerAuth: X-EXPS GSSAPI, in clear where X-ANONYMOUSTLS is suppressed
/// (Set-TransportService; "WAN optimisation").
fn downgraded(keywords: &[Keyword], tls: Option<TlsKind>, mechanism: Mechanism) -> Next {
    if tls.is_none() && offers(keywords, "X-ANONYMOUSTLS") {
        return Next::StartTls(TlsKind::XAnonymousTls);
    }
    match offers(keywords, "X-EXPS") {
        true => prove(keywords, AuthCommand::XExps, mechanism),
        false => Next::Stop(Own::CannotAchieve),
    }
}

/// A send connector to a smart host, or to the Internet.
fn auth(
    plan: &Plan,
    keywords: &[Keyword],
    tls: Option<TlsKind>,
    mechanism: Option<Mechanism>,
) -> Next {
    match mechanism {
        _ if tls.is_none() && offers(keywords, "STARTTLS") => Next::StartTls(TlsKind::StartTls),
        _ if tls.is_none() && plan.require_tls => Next::Stop(Own::TlsRequired),
        Some(mechanism) => prove(keywords, AuthCommand::Auth, mechanism),
        None => Next::Mail,
    }
}

fn prove(keywords: &[Keyword], command: AuthCommand, mechanism: Mechanism) -> Next {
    match offers_with(keywords, command.verb(), mechanism.keyword()) {
        true => Next::Prove(command, mechanism),
        false => Next::Stop(Own::Temporary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keywords(lines: &str) -> Vec<Keyword> {
        let keyword = |text: &str| Keyword { text: text.to_owned(), masked: false };
        lines.split(", ").map(keyword).collect()
    }

    fn choose(mechanism: Wanted, offer: &str, tls: Option<TlsKind>) -> Next {
        next(&Plan { mechanism, ..Plan::new("x", 25) }, &keywords(offer), tls)
    }

    const CLEAR: &str = "STARTTLS, X-ANONYMOUSTLS, AUTH NTLM, X-EXPS GSSAPI NTLM";
    const TLS: &str =
        "AUTH NTLM LOGIN, X-EXPS EXCHANGEAUTH GSSAPI NTLM, X-EXCHANGEAUTH SHA256, XRDST";
    const ANONYMOUS: Option<TlsKind> = Some(TlsKind::XAnonymousTls);

    #[test]
    fn a_server_starts_tls_and_then_proves_itself() {
        let server = |offer, tls| choose(Wanted::ExchangeServer, offer, tls);
        assert_eq!(server(CLEAR, None), Next::StartTls(TlsKind::XAnonymousTls));
        assert_eq!(server(TLS, ANONYMOUS), Next::Prove(AuthCommand::XExps, Mechanism::Gssapi));
        // A relay connector; an Edge under direct trust; one that lost its hash.
        assert_eq!(server("STARTTLS, AUTH NTLM", None), Next::Stop(Own::CannotAchieve));
        assert_eq!(server("SIZE", ANONYMOUS), Next::Mail);
        assert_eq!(server("X-EXPS EXCHANGEAUTH GSSAPI", ANONYMOUS), Next::Stop(Own::UnknownHash));
    }

    #[test]
    fn suppressed_x_anonymoustls_is_for_downgraded_senders() {
        let offer = "STARTTLS, X-EXPS GSSAPI NTLM";
        let of = |mechanism| choose(mechanism, offer, None);
        assert_eq!(of(Wanted::ExchangeServer), Next::Stop(Own::CannotAchieve));
        assert_eq!(of(Wanted::XExpsGssapi), Next::Prove(AuthCommand::XExps, Mechanism::Gssapi));
    }

    #[test]
    fn an_edge_shows_its_certificate() {
        let direct = |offer, tls| choose(Wanted::DirectTrust, offer, tls);
        assert_eq!(direct(CLEAR, None), Next::Stop(Own::NoCertificate));
        assert_eq!(direct(TLS, ANONYMOUS), Next::Mail);
    }

    #[test]
    fn a_send_connector_takes_tls_where_it_can() {
        assert_eq!(choose(Wanted::Login, CLEAR, None), Next::StartTls(TlsKind::StartTls));
        let in_tls = |mechanism| choose(mechanism, "AUTH NTLM LOGIN", Some(TlsKind::StartTls));
        assert_eq!(in_tls(Wanted::Login), Next::Prove(AuthCommand::Auth, Mechanism::Login));
        assert_eq!(in_tls(Wanted::Gssapi), Next::Stop(Own::Temporary));
        assert_eq!(in_tls(Wanted::Anonymous), Next::Mail);
        let strict = Plan { mechanism: Wanted::Anonymous, require_tls: true, ..Plan::new("x", 25) };
        assert_eq!(next(&strict, &keywords("SIZE"), None), Next::Stop(Own::TlsRequired));
    }
}
