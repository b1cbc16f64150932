//! What each firewall knows of SMTP, as data.

use std::fmt;
use std::str::FromStr;

/// Which firewall stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// PIX mailguard, `fixup protocol smtp` (Cisco document 4733).
    Pix,
    /// ASA `inspect esmtp` with its default map, `_default_esmtp_map` (ASA configuration guide).
    Asa,
    /// The same with `allow-tls`.
    AsaAllowTls,
    /// No inspection, as after `no inspect esmtp`.
    None,
}

impl Mode {
    pub const ALL: [Self; 4] = [Self::Pix, Self::Asa, Self::AsaAllowTls, Self::None];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pix => "pix",
            Self::Asa => "asa",
            Self::AsaAllowTls => "asa-allow-tls",
            Self::None => "none",
        }
    }

    /// `None` where everything passes.
    pub(super) fn inspection(self) -> Option<&'static Inspection> {
        match self {
            Self::Pix => Some(&PIX),
            Self::Asa => Some(&ASA),
            Self::AsaAllowTls => Some(&ASA_ALLOW_TLS),
            Self::None => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("expected pix, asa, asa-allow-tls or none")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|mode| mode.name() == text).ok_or(UnknownMode)
    }
}

#[derive(Debug)]
pub(super) struct Inspection {
    /// As the ids of its log lines begin.
    pub product: &'static str,
    verbs: &'static [&'static str],
    /// EHLO keywords that pass; `None`: the reply is not looked at.
    keywords: Option<&'static [&'static str]>,
    allow_tls: bool,
    pub banner: Banner,
    /// The `match … length` and `count` classes of the default map.
    pub classes: bool,
}

/// What a greeting turns into behind its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Banner {
    /// `*`, but `2`, `0` and a blank behind a `0` stay: PIX 5.1 and later (Cisco document 4733).
    /// PIX 4.4 leaves nothing but `*`.
    TwosAndNoughts,
    /// `*` throughout (ASA, `mask-banner`).
    Stars,
}

const TLS: &str = "STARTTLS";

const PIX: Inspection = Inspection {
    product: "PIX",
    verbs: &["HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT"],
    keywords: None,
    allow_tls: false,
    banner: Banner::TwosAndNoughts,
    classes: false,
};

const ASA: Inspection = Inspection {
    product: "ASA",
    verbs: &[
        "HELO", "EHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "AUTH", "ETRN", "HELP",
        "SAML", "SEND", "SOML", "VRFY",
    ],
    // What is seen to pass. On VRFY sources disagree: it passes before a Postfix, and a
    // second-hand capture of an Exchange 2003 has it masked.
    keywords: Some(&[
        "8BITMIME",
        "AUTH",
        "BINARYMIME",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "ETRN",
        "PIPELINING",
        "SIZE",
        "VRFY",
    ]),
    allow_tls: false,
    banner: Banner::Stars,
    classes: true,
};

const ASA_ALLOW_TLS: Inspection = Inspection { allow_tls: true, ..ASA };

impl Inspection {
    /// The verb that `word` is, if it is understood.
    pub fn verb(&self, word: &[u8]) -> Option<&'static str> {
        find(self.verbs, word).or_else(|| self.tls(word))
    }

    pub fn masks_keywords(&self) -> bool {
        self.keywords.is_some()
    }

    pub fn passes_keyword(&self, word: &[u8]) -> bool {
        let passes = |keywords| find(keywords, word).or_else(|| self.tls(word)).is_some();
        self.keywords.is_none_or(passes)
    }

    fn tls(&self, word: &[u8]) -> Option<&'static str> {
        (self.allow_tls && word.eq_ignore_ascii_case(TLS.as_bytes())).then_some(TLS)
    }
}

fn find(words: &[&'static str], word: &[u8]) -> Option<&'static str> {
    words.iter().copied().find(|known| known.as_bytes().eq_ignore_ascii_case(word))
}
