//! Checked reads, payload fields and strings, which all three messages share.

use super::flags::NegotiateFlags;
use super::refusal::ParseError;

/// Far above what any client sends, even one with a long list of AV pairs.
pub(super) const MAX_MESSAGE: usize = 16 * 1024;

const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";

/// A message whose signature and type have been seen to be right.
#[derive(Clone, Copy)]
pub(super) struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    pub(super) fn open(bytes: &'a [u8], expected: u32) -> Result<Self, ParseError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(ParseError::TooLong);
        }
        let message = Self(bytes);
        if message.array::<8>(0)? != SIGNATURE {
            return Err(ParseError::Signature);
        }
        match message.u32(8)? {
            found if found == expected => Ok(message),
            found => Err(ParseError::MessageType { expected, found }),
        }
    }

    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn array<const N: usize>(self, at: usize) -> Result<[u8; N], ParseError> {
        array(self.0, at).ok_or(ParseError::Truncated)
    }

    pub(super) fn u32(self, at: usize) -> Result<u32, ParseError> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// The flags at `at`, unknown ones included.
    pub(super) fn flags(self, at: usize) -> Result<NegotiateFlags, ParseError> {
        self.u32(at).map(NegotiateFlags::from_bits_retain)
    }

    /// The payload that the length and offset at `at` describe. It may not reach into
    /// the header. An empty field may point anywhere, and many do.
    pub(super) fn field(
        self,
        at: usize,
        header: usize,
        name: &'static str,
    ) -> Result<Field<'a>, ParseError> {
        let [low, high, _, _, offset @ ..] = self.array::<8>(at)?;
        let length = usize::from(u16::from_le_bytes([low, high]));
        if length == 0 {
            return Ok(Field::default());
        }
        usize::try_from(u32::from_le_bytes(offset))
            .ok()
            .filter(|&offset| offset >= header)
            .and_then(|offset| {
                let bytes = self.0.get(offset..)?.get(..length)?;
                Some(Field { bytes, offset: Some(offset) })
            })
            .ok_or(ParseError::OutOfBounds(name))
    }
}

/// A payload field, and where it starts unless it is empty.
#[derive(Clone, Copy, Default)]
pub(super) struct Field<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) offset: Option<usize>,
}

/// Begins a message of `kind` for the payload to follow.
pub(super) fn begin(kind: u32) -> Vec<u8> {
    let mut message = SIGNATURE.to_vec();
    message.extend(kind.to_le_bytes());
    message
}

/// Appends the length and offset of a payload field.
pub(super) fn put_field(out: &mut Vec<u8>, length: u16, offset: u32) {
    out.extend(length.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(offset.to_le_bytes());
}

pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// How a message's strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Unicode,
    /// The client's code page. The protocol does not say which one that is, so octets
    /// are taken for the first 256 characters of Unicode. That is what clients without
    /// Unicode support do when they compute NTOWFv2.
    Oem,
}

impl Charset {
    /// The character set the flags choose, Unicode where both are set.
    pub(super) fn of(flags: NegotiateFlags) -> Option<Self> {
        if flags.contains(NegotiateFlags::UNICODE) {
            Some(Self::Unicode)
        } else if flags.contains(NegotiateFlags::OEM) {
            Some(Self::Oem)
        } else {
            None
        }
    }

    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Unicode => utf16(text),
            Self::Oem => text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect(),
        }
    }

    pub(super) fn decode(self, bytes: &[u8], name: &'static str) -> Result<String, ParseError> {
        match self {
            Self::Unicode if bytes.len().is_multiple_of(2) => {
                String::from_utf16(&units(bytes)).map_err(|_| ParseError::Text(name))
            }
            Self::Unicode => Err(ParseError::Text(name)),
            Self::Oem => Ok(latin1(bytes)),
        }
    }

    /// Decodes a string nothing depends on, such as the workstation's name.
    pub(super) fn decode_lossy(self, bytes: &[u8]) -> String {
        match self {
            Self::Unicode => String::from_utf16_lossy(&units(bytes)),
            Self::Oem => latin1(bytes),
        }
    }
}

/// The text in UTF-16LE.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn units(bytes: &[u8]) -> Vec<u16> {
    let (pairs, _) = bytes.as_chunks();
    pairs.iter().copied().map(u16::from_le_bytes).collect()
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
