//! The token of `[http]`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

/// `token` of `[http]`: what a client has to show as `Authorization: Bearer …`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (16..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.into()))
            .ok_or("expected 16 to 256 printable characters without blanks")
    }
}

impl Token {
    /// Compares in constant time.
    pub fn is(&self, shown: &str) -> bool {
        shown.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// The token is kept out of every log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_and_never_shown() {
        let token: Token = "0123456789abcdef".parse().unwrap();
        assert!(token.is("0123456789abcdef"));
        assert!(!token.is("0123456789abcdeF") && !token.is(""));
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!("short".parse::<Token>().is_err());
        assert!("with blanks in between".parse::<Token>().is_err());
    }
}
