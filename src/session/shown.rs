//! Commands as a record may show them.

use std::fmt;

use bytes::Bytes;

use super::{Note, Session, State};
use crate::smtp::command::Command;
use crate::smtp::command::Verb;

/// A command with nothing in it that could be a secret. `Display` shows it in one line.
///
/// AUTH and X-EXPS are cut behind the mechanism, as Exchange does. What is no command may be
/// anything: a response that follows a refused AUTH, or a password in the words of another
/// protocol. Of such a line the first word is shown if it looks like a verb and no proof was
/// tried before, and nothing else. That is our choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    text: Bytes,
    withheld: bool,
}

/// Stands for what is not shown.
const WITHHELD: &str = "<not logged>";

/// Mechanisms by their names (IANA, "SASL Mechanisms"; Exchange's own). Another word may be the
/// response itself.
const MECHANISMS: [&str; 17] = [
    "ANONYMOUS",
    "CRAM-MD5",
    "DIGEST-MD5",
    "EXCHANGEAUTH",
    "EXTERNAL",
    "GSS-SPNEGO",
    "GSSAPI",
    "KERBEROS_V4",
    "KERBEROS_V5",
    "LOGIN",
    "NTLM",
    "OAUTHBEARER",
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "XOAUTH",
    "XOAUTH2",
];

/// Whether `word` is the name of a mechanism, offered or not.
pub(super) fn is_mechanism(word: &str) -> bool {
    MECHANISMS.iter().any(|name| name.eq_ignore_ascii_case(word))
}

impl Shown {
    /// `tried` tells whether a proof was tried before, and then whether by now.
    fn of(line: &Bytes, tried: &mut bool) -> Self {
        match Command::verb_of(line) {
            Some((Verb::Auth | Verb::XExps, args)) => {
                *tried = true;
                Self::proof(line, args)
            }
            Some(_) => Self { text: line.clone(), withheld: false },
            None => Self::no_command(line, tried),
        }
    }

    fn proof(line: &Bytes, args: usize) -> Self {
        let blanks = line[args..].iter().take_while(|byte| **byte == b' ').count();
        let start = args + blanks;
        let word = line[start..].split(|byte| *byte == b' ').next().unwrap_or_default();
        let known = std::str::from_utf8(word).is_ok_and(is_mechanism);
        let end = if known { start + word.len() } else { args };
        Self { text: line.slice(..end), withheld: !known && !word.is_empty() }
    }

    fn no_command(line: &Bytes, tried: &mut bool) -> Self {
        const LONGEST: usize = 20;
        let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let is_verb = word.len() <= LONGEST
            && word.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
        // A slip of the pen, whose responses come all the same.
        *tried |= line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"AUTH");
        let shown = if is_verb && !*tried { word.len() } else { 0 };
        Self { text: line.slice(..shown), withheld: shown < line.len() }
    }

    /// A line of which nothing is known.
    fn nothing() -> Self {
        Self { text: Bytes::new(), withheld: true }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))?;
        match self.withheld {
            true if self.text.is_empty() => f.write_str(WITHHELD),
            true => write!(f, " {WITHHELD}"),
            false => Ok(()),
        }
    }
}

impl Session {
    /// From now on also tells what only a complete record needs: every command, each delay.
    pub fn tell_all(&mut self) {
        self.tells_all = true;
    }

    /// Responses are no commands, and nothing of them is told.
    pub(super) fn tell_command(&mut self, line: &Bytes) {
        self.notes.push(match self.state {
            State::Authenticating(_) => Note::Response,
            _ => Note::Received(Shown::of(line, &mut self.proof_tried)),
        });
    }

    /// A line that was too long to be kept.
    pub(super) fn tell_long_line(&mut self) {
        if self.tells_all {
            self.notes.push(Note::Received(Shown::nothing()));
        }
    }

    pub(super) fn tell(&mut self, note: Note) {
        if self.tells_all {
            self.notes.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown_after(tried: bool, line: &str) -> String {
        let mut tried = tried;
        Shown::of(&Bytes::copy_from_slice(line.as_bytes()), &mut tried).to_string()
    }

    fn shown(line: &str) -> String {
        shown_after(false, line)
    }

    #[test]
    fn a_command_is_shown_as_it_came() {
        for line in ["EHLO ylmf-pc", "mail from:<a@b.test> size=1", "QUIT", "X-ANONYMOUSTLS"] {
            assert_eq!(shown(line), line);
            assert_eq!(shown_after(true, line), line);
        }
    }

    #[test]
    fn a_proof_is_cut_behind_the_mechanism() {
        assert_eq!(shown("AUTH LOGIN"), "AUTH LOGIN");
        assert_eq!(shown("auth plain AGFsaWNlAFBhc3N3MHJkIQ=="), "auth plain");
        assert_eq!(shown("X-EXPS  GSSAPI  YIIC"), "X-EXPS  GSSAPI");
        assert_eq!(shown("X-EXPS EXCHANGEAUTH SHA256 YIIC"), "X-EXPS EXCHANGEAUTH");
        assert_eq!(shown("AUTH"), "AUTH");
    }

    #[test]
    fn a_word_that_is_no_mechanism_may_be_a_response() {
        assert_eq!(shown("AUTH AGFsaWNlAFBhc3N3MHJkIQ=="), "AUTH <not logged>");
        assert_eq!(shown("AUTH PLAIN\tAGFsaWNl"), "AUTH <not logged>");
    }

    #[test]
    fn of_what_is_no_command_a_verb_is_shown_at_most() {
        assert_eq!(shown("XXXX"), "XXXX");
        assert_eq!(shown("GET / HTTP/1.1"), "GET <not logged>");
        assert_eq!(shown("PASS Passw0rd!"), "PASS <not logged>");
        for line in ["Authorization: Basic QWxhZGRpbg==", "Passw0rd!", "cGFzcw=="] {
            assert_eq!(shown(line), "<not logged>");
        }
        assert_eq!(shown(""), "");
    }

    #[test]
    fn after_a_proof_was_tried_not_even_that() {
        let mut tried = false;
        let mut shown = |line: &str| {
            Shown::of(&Bytes::copy_from_slice(line.as_bytes()), &mut tried).to_string()
        };
        shown("AUTHLOGIN");
        assert_eq!(shown("YWxpY"), "<not logged>");
        assert_eq!(shown("secret"), "<not logged>");
        assert_eq!(shown("NOOP"), "NOOP");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_the_beginning_of_the_line(
            line in prop::collection::vec(any::<u8>(), 0..60),
            tried in any::<bool>(),
        ) {
            let mut tried = tried;
            let line = Bytes::from(line);
            let shown = Shown::of(&line, &mut tried);
            prop_assert!(line.starts_with(&shown.text));
            prop_assert!(shown.withheld || shown.text.len() == line.len() || tried);
        }
    }
}
