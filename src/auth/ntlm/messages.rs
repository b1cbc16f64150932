//! The three messages, [MS-NLMP] 2.2.1.

use super::av_pair;
use super::flags::NegotiateFlags;
use super::refusal::ParseError;
use super::target::{Target, Version};
use super::wire::{Charset, Field, Message, begin, put_field};

const NEGOTIATE: u32 = 1;
const CHALLENGE: u32 = 2;
const AUTHENTICATE: u32 = 3;

/// Where the message integrity code of an AUTHENTICATE message lies.
pub(super) const MIC: std::ops::Range<usize> = 72..88;

/// NEGOTIATE_MESSAGE, [MS-NLMP] 2.2.1.1.
///
/// Only the flags are always there. The names and the version came later, in that order.
#[derive(Debug)]
pub(super) struct Negotiate {
    pub(super) flags: NegotiateFlags,
    pub(super) domain: Option<String>,
    pub(super) workstation: Option<String>,
    pub(super) version: Option<Version>,
}

impl Negotiate {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let message = Message::open(bytes, NEGOTIATE)?;
        let flags = message.flags(12)?;
        // Without the flag the field is to be ignored, whatever it says.
        let name = |flag, at: usize, what| {
            if !flags.contains(flag) || message.len() < at + 8 {
                return Ok(None);
            }
            let Field { bytes, .. } = message.field(at, 32, what)?;
            Ok((!bytes.is_empty()).then(|| Charset::Oem.decode_lossy(bytes)))
        };
        Ok(Self {
            flags,
            domain: name(NegotiateFlags::OEM_DOMAIN_SUPPLIED, 16, "domain")?,
            workstation: name(NegotiateFlags::OEM_WORKSTATION_SUPPLIED, 24, "workstation")?,
            version: version(message, flags, 32),
        })
    }
}

/// CHALLENGE_MESSAGE, [MS-NLMP] 2.2.1.2.
pub(super) struct Challenge<'a> {
    pub(super) flags: NegotiateFlags,
    pub(super) server_challenge: [u8; 8],
    pub(super) filetime: u64,
    pub(super) target: &'a Target,
}

impl Challenge<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        const HEADER: u32 = 56;
        let name = if self.flags.contains(NegotiateFlags::REQUEST_TARGET) {
            Charset::of(self.flags).unwrap_or(Charset::Unicode).encode(&self.target.netbios_domain)
        } else {
            Vec::new()
        };
        let name = av_pair::clamp(&name);
        let info = av_pair::target_info(self.target, self.filetime);
        // A name has at most 510 octets and the target information five of them.
        let (name_length, info_length) = (name.len() as u16, info.len() as u16);

        let mut message = begin(CHALLENGE);
        put_field(&mut message, name_length, HEADER);
        message.extend(self.flags.bits().to_le_bytes());
        message.extend(self.server_challenge);
        message.extend([0; 8]);
        put_field(&mut message, info_length, HEADER + u32::from(name_length));
        message.extend(self.target.version.encode());
        message.extend(name);
        message.extend(info);
        message
    }
}

/// AUTHENTICATE_MESSAGE, [MS-NLMP] 2.2.1.3.
///
/// Its header has grown over time: 52 octets at first, 64 with the session key and the
/// flags, 72 with the version, 88 with the message integrity code. Nothing in it says
/// which one it is, so what the payload leaves room for decides.
#[derive(Debug)]
pub(super) struct Authenticate<'a> {
    pub(super) lm_response: &'a [u8],
    pub(super) nt_response: &'a [u8],
    pub(super) domain: String,
    pub(super) user: String,
    pub(super) workstation: Option<String>,
    /// EncryptedRandomSessionKey. Clients without one send a field of no particular
    /// length.
    pub(super) session_key: Option<[u8; 16]>,
    pub(super) flags: Option<NegotiateFlags>,
    pub(super) version: Option<Version>,
    pub(super) mic: Option<[u8; 16]>,
}

impl<'a> Authenticate<'a> {
    /// Parses a message that answers a CHALLENGE in `charset`, which holds unless the
    /// message's own flags choose another.
    pub(super) fn parse(bytes: &'a [u8], charset: Charset) -> Result<Self, ParseError> {
        let message = Message::open(bytes, AUTHENTICATE)?;
        let field = |at, name| message.field(at, 52, name);
        let lm_response = field(12, "LM response")?;
        let nt_response = field(20, "NT response")?;
        let domain = field(28, "domain")?;
        let user = field(36, "user")?;
        let workstation = field(44, "workstation")?;
        let fields = [lm_response, nt_response, domain, user, workstation];
        let header = header(message, &fields);

        let (session_key, flags) = if header >= 64 {
            (field(52, "session key")?, Some(message.flags(60)?))
        } else {
            (Field::default(), None)
        };
        let header = header.min(session_key.offset.unwrap_or(header));
        let charset = flags.and_then(Charset::of).unwrap_or(charset);
        let version =
            flags.filter(|_| header >= MIC.start).and_then(|flags| version(message, flags, 64));
        // Clients that know of the code but compute none leave it zero.
        let mic = (header >= MIC.end)
            .then(|| message.array(MIC.start))
            .transpose()?
            .filter(|mic| *mic != [0; 16]);

        Ok(Self {
            lm_response: lm_response.bytes,
            nt_response: nt_response.bytes,
            domain: charset.decode(domain.bytes, "domain")?,
            user: charset.decode(user.bytes, "user")?,
            workstation: (!workstation.bytes.is_empty())
                .then(|| charset.decode_lossy(workstation.bytes)),
            session_key: session_key.bytes.try_into().ok(),
            flags,
            version,
            mic,
        })
    }
}

/// How many octets of the message precede its payload.
fn header(message: Message<'_>, fields: &[Field<'_>]) -> usize {
    fields.iter().filter_map(|field| field.offset).fold(message.len(), usize::min)
}

/// The VERSION structure at `at`, where the flags say that it is filled in. Clients that
/// copy the server's flags say so of an empty one too.
fn version(message: Message<'_>, flags: NegotiateFlags, at: usize) -> Option<Version> {
    flags
        .contains(NegotiateFlags::VERSION)
        .then(|| message.array(at).ok())
        .flatten()
        .filter(|version| *version != [0; 8])
        .map(Version::parse)
}
