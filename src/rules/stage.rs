//! Where in a conversation a rule waits.

use std::fmt;

/// A point in the conversation. A rule is asked there before the server looks at the command
/// itself, so also where the server would have refused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Before the banner, on the connector that the address met.
    Connect,
    /// EHLO or HELO.
    Ehlo,
    StartTls,
    XAnonymousTls,
    /// The command, or its good proof where the rule names an identity.
    Auth,
    /// As [`Stage::Auth`].
    XExps,
    Mail,
    Rcpt,
    /// DATA, or the first BDAT of a message once its octets are in.
    Data,
    /// The message is whole.
    EndOfData,
    Quit,
}

impl Stage {
    pub const ALL: [Self; 11] = [
        Self::Connect,
        Self::Ehlo,
        Self::StartTls,
        Self::XAnonymousTls,
        Self::Auth,
        Self::XExps,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::EndOfData,
        Self::Quit,
    ];
    /// Where the sender is known, and the size if it was announced or has come.
    pub(super) const WITH_SENDER: &[Self] = &[Self::Mail, Self::Rcpt, Self::Data, Self::EndOfData];
    pub(super) const WITH_RECIPIENT: &[Self] = &[Self::Rcpt, Self::Data, Self::EndOfData];
    pub(super) const WITH_CONTENT: &[Self] = &[Self::EndOfData];
    pub(super) const PROOFS: &[Self] = &[Self::Auth, Self::XExps];
    pub(super) const HANDSHAKES: &[Self] = &[Self::StartTls, Self::XAnonymousTls];
    pub(super) const WITH_KEYWORDS: &[Self] = &[Self::Ehlo];

    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::XAnonymousTls => "x-anonymoustls",
            Self::Auth => "auth",
            Self::XExps => "x-exps",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::EndOfData => "end-of-data",
            Self::Quit => "quit",
        }
    }

    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// Its own bit in a mask of stages.
    pub(super) fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
