//! AV pairs, [MS-NLMP] 2.2.2.1: what the server says of itself in the CHALLENGE, and
//! what the client sends back under the protection of its NTLMv2 response.

use super::refusal::ParseError;
use super::target::Target;
use super::wire::{Charset, array, utf16};

const EOL: u16 = 0;
const NB_COMPUTER_NAME: u16 = 1;
const NB_DOMAIN_NAME: u16 = 2;
const DNS_COMPUTER_NAME: u16 = 3;
const DNS_DOMAIN_NAME: u16 = 4;
const DNS_TREE_NAME: u16 = 5;
const FLAGS: u16 = 6;
const TIMESTAMP: u16 = 7;
const TARGET_NAME: u16 = 9;
const CHANNEL_BINDINGS: u16 = 10;

/// The bit of MsvAvFlags that announces a message integrity code.
const FLAG_MIC: u32 = 0x2;

/// The target information of a CHALLENGE, its pairs in the order Windows sends them.
pub(super) fn target_info(target: &Target, filetime: u64) -> Vec<u8> {
    let names = [
        (NB_DOMAIN_NAME, Some(&target.netbios_domain)),
        (NB_COMPUTER_NAME, Some(&target.netbios_computer)),
        (DNS_DOMAIN_NAME, Some(&target.dns_domain)),
        (DNS_COMPUTER_NAME, Some(&target.dns_computer)),
        (DNS_TREE_NAME, target.dns_tree.as_ref()),
    ];
    let mut info = Vec::with_capacity(256);
    for (id, name) in names {
        if let Some(name) = name {
            put(&mut info, id, clamp(&utf16(name)));
        }
    }
    put(&mut info, TIMESTAMP, &filetime.to_le_bytes());
    put(&mut info, EOL, &[]);
    info
}

/// What a client answers to the server's `info`: the same pairs, with the flag that announces a
/// message integrity code; and the server's time.
pub(super) fn answer(info: &[u8]) -> Result<(Vec<u8>, Option<u64>), ParseError> {
    let mut out = Vec::with_capacity(info.len() + 12);
    let (mut rest, mut time) = (info, None);
    while let Some((id, value, tail)) = split(rest)? {
        rest = tail;
        match id {
            EOL => break,
            FLAGS => continue,
            TIMESTAMP => time = value.try_into().map(u64::from_le_bytes).ok(),
            _ => {}
        }
        put(&mut out, id, value);
    }
    put(&mut out, FLAGS, &FLAG_MIC.to_le_bytes());
    put(&mut out, EOL, &[]);
    Ok((out, time))
}

/// Cuts a name to 255 characters, so that no length overflows its field.
pub(super) fn clamp(name: &[u8]) -> &[u8] {
    name.get(..510).unwrap_or(name)
}

/// Appends one pair. Names are at most 510 octets long, and what came in a pair fits one.
fn put(info: &mut Vec<u8>, id: u16, value: &[u8]) {
    info.extend(id.to_le_bytes());
    info.extend((value.len() as u16).to_le_bytes());
    info.extend(value);
}

/// Those of the client's pairs that matter to a server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClientPairs {
    /// The AUTHENTICATE message carries a message integrity code.
    pub(super) mic: bool,
    /// The MD5 hash of the channel bindings; `None` where the client knew of no channel,
    /// which it says with sixteen zeros.
    pub(super) channel_binding: Option<[u8; 16]>,
    /// The SPN the client believes it is talking to.
    pub(super) target_name: Option<String>,
}

impl ClientPairs {
    /// Reads pairs up to MsvAvEOL, or to the end, which some clients take for one.
    pub(super) fn parse(mut rest: &[u8]) -> Result<Self, ParseError> {
        let mut pairs = Self::default();
        while let Some((id, value, tail)) = split(rest)? {
            rest = tail;
            match id {
                EOL => break,
                FLAGS => {
                    let flags = value.try_into().map_err(|_| ParseError::AvPairs)?;
                    pairs.mic |= u32::from_le_bytes(flags) & FLAG_MIC != 0;
                }
                CHANNEL_BINDINGS => {
                    let hash = value.try_into().map_err(|_| ParseError::AvPairs)?;
                    pairs.channel_binding = Some(hash).filter(|hash| *hash != [0; 16]);
                }
                TARGET_NAME if !value.is_empty() => {
                    let name = Charset::Unicode.decode(value, "target name")?;
                    pairs.target_name = Some(name);
                }
                _ => {}
            }
        }
        Ok(pairs)
    }
}

/// An id, its value, and what follows them.
type Split<'a> = (u16, &'a [u8], &'a [u8]);

fn split(bytes: &[u8]) -> Result<Option<Split<'_>>, ParseError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let [id_low, id_high, low, high] = array(bytes, 0).ok_or(ParseError::AvPairs)?;
    let length = usize::from(u16::from_le_bytes([low, high]));
    let (value, tail) =
        bytes.get(4..).and_then(|rest| rest.split_at_checked(length)).ok_or(ParseError::AvPairs)?;
    Ok(Some((u16::from_le_bytes([id_low, id_high]), value, tail)))
}
