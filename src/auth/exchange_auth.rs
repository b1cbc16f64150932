//! EXCHANGEAUTH: the verb and its documented failure, nothing more.
//!
//! The mechanism binds a Kerberos exchange to the TLS session by a computation that is not
//! published and that a patent claims (US 8,417,949 B2). It is not computed here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Failure;

/// `X-EXPS EXCHANGEAUTH SHA256 <token>` is one command, with one answer. `args` is what
/// follows the mechanism.
pub fn refuse(args: Option<&str>) -> Failure {
    let args = args.unwrap_or_default();
    let (hash, token) = args.split_once(' ').unwrap_or((args, ""));
    let token = token.trim();
    if !hash.eq_ignore_ascii_case("SHA256") {
        Failure::ExchangeAuthHash
    } else if token.is_empty() || STANDARD.decode(token).is_err() {
        Failure::ExchangeAuthSyntax
    } else {
        Failure::ExchangeAuth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_attempt_is_told_apart() {
        assert_eq!(refuse(Some("SHA256 YWJj")), Failure::ExchangeAuth);
        for args in [None, Some(""), Some("YWJj"), Some("SHA1 YWJj")] {
            assert_eq!(refuse(args), Failure::ExchangeAuthHash, "{args:?}");
        }
        for args in ["SHA256", "SHA256 !", "SHA256 "] {
            assert_eq!(refuse(Some(args)), Failure::ExchangeAuthSyntax, "{args:?}");
        }
    }
}
