//! The command parser: a verb, and what stands behind it.

mod arguments;

pub use arguments::{Body, MailFrom, RcptTo, Ret, parse_auth, parse_bdat};

/// A command line, split into verb and arguments. Borrows the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    pub verb: Verb,
    /// What follows the verb, without the blanks around it.
    pub args: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Helo,
    Ehlo,
    StartTls,
    XAnonymousTls,
    Auth,
    XExps,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    Quit,
    /// A verb that Exchange servers use among themselves.
    Internal(Internal),
}

/// The verbs behind the EHLO keywords of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Internal {
    XExch50,
    XProxy,
    XProxyFrom,
    XProxyTo,
    XRsetProxyTo,
    XShadow,
    XShadowRequest,
    XSessionParams,
    XMessageContext,
}

pub(super) const VERBS: [(&str, Verb); 25] = [
    ("MAIL", Verb::Mail),
    ("RCPT", Verb::Rcpt),
    ("DATA", Verb::Data),
    ("EHLO", Verb::Ehlo),
    ("HELO", Verb::Helo),
    ("QUIT", Verb::Quit),
    ("RSET", Verb::Rset),
    ("BDAT", Verb::Bdat),
    ("NOOP", Verb::Noop),
    ("AUTH", Verb::Auth),
    ("STARTTLS", Verb::StartTls),
    ("X-ANONYMOUSTLS", Verb::XAnonymousTls),
    ("X-EXPS", Verb::XExps),
    ("HELP", Verb::Help),
    ("VRFY", Verb::Vrfy),
    ("EXPN", Verb::Expn),
    ("XEXCH50", Verb::Internal(Internal::XExch50)),
    ("XPROXY", Verb::Internal(Internal::XProxy)),
    ("XPROXYFROM", Verb::Internal(Internal::XProxyFrom)),
    ("XPROXYTO", Verb::Internal(Internal::XProxyTo)),
    ("XRSETPROXYTO", Verb::Internal(Internal::XRsetProxyTo)),
    ("XSHADOW", Verb::Internal(Internal::XShadow)),
    ("XSHADOWREQUEST", Verb::Internal(Internal::XShadowRequest)),
    ("XSESSIONPARAMS", Verb::Internal(Internal::XSessionParams)),
    ("X-MESSAGECONTEXT", Verb::Internal(Internal::XMessageContext)),
];

impl Verb {
    fn find(word: &[u8]) -> Option<Self> {
        VERBS
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word))
            .map(|&(_, verb)| verb)
    }

    pub fn name(self) -> &'static str {
        VERBS.iter().find(|(_, verb)| *verb == self).map_or("", |(name, _)| name)
    }
}

/// What is wrong with a command, so that the session can choose its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Syntax {
    #[error("the verb is not known")]
    UnknownVerb,
    #[error("what follows {} is no UTF-8", .0.name())]
    NotText(Verb),
    #[error("the arguments do not fit the command")]
    Arguments,
    #[error("the address is malformed")]
    Address,
    #[error("a parameter is not known")]
    UnknownParameter,
    #[error("the BODY type is not known")]
    Body,
}

impl<'a> Command<'a> {
    /// Parses one line, without its line end.
    pub fn parse(line: &'a [u8]) -> Result<Self, Syntax> {
        let (verb, end) = Self::verb_of(line).ok_or(Syntax::UnknownVerb)?;
        let args = std::str::from_utf8(&line[end..]).map_err(|_| Syntax::NotText(verb))?;
        Ok(Self { verb, args: args.trim_matches(' ') })
    }

    /// The verb of a line, and where it ends.
    pub fn verb_of(line: &[u8]) -> Option<(Verb, usize)> {
        let end = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        Some((Verb::find(&line[..end])?, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(line: &str) -> (Verb, &str) {
        let command = Command::parse(line.as_bytes()).unwrap();
        (command.verb, command.args)
    }

    #[test]
    fn verbs_are_known_in_any_case() {
        assert_eq!(parse("ehlo  a.test "), (Verb::Ehlo, "a.test"));
        assert_eq!(parse("x-Exps gssapi"), (Verb::XExps, "gssapi"));
        assert_eq!(parse("X-ANONYMOUSTLS"), (Verb::XAnonymousTls, ""));
        for (name, verb) in VERBS {
            assert_eq!(parse(name).0, verb);
            assert_eq!(verb.name(), name);
        }
    }

    #[test]
    fn other_words_are_no_verbs() {
        for line in ["", " EHLO", "EHLO\ta", "MAILFROM:<a@b>", "TURN", "\u{ff}"] {
            assert_eq!(Command::parse(line.as_bytes()), Err(Syntax::UnknownVerb), "{line:?}");
        }
        assert_eq!(Command::parse(b"MAIL FROM:<\xff@x>"), Err(Syntax::NotText(Verb::Mail)));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::parse(&line);
        }
    }
}
