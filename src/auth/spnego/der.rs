//! Just enough DER (X.690) for the two messages of SPNEGO: tags of one octet, definite
//! lengths in their shortest form.

use super::refusal::ParseError;

pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[APPLICATION 0]`, constructed.
pub(super) const APPLICATION: u8 = 0x60;

const MAX_OID: usize = 64;

/// `[number]`, constructed.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// An element, with its header and without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) whole: &'a [u8],
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element, which must have `tag`; errors call it `name`.
    pub(super) fn read(&mut self, tag: u8, name: &'static str) -> Result<&'a [u8], ParseError> {
        self.optional(tag)?.map(|element| element.content).ok_or(ParseError::Missing(name))
    }

    /// The next element if it has `tag`.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, ParseError> {
        if self.0.first() == Some(&tag) { self.any() } else { Ok(None) }
    }

    /// The next element, if there is another.
    pub(super) fn any(&mut self) -> Result<Option<Element<'a>>, ParseError> {
        let Some((&tag, rest)) = self.0.split_first() else { return Ok(None) };
        // All ones announce a tag of more octets.
        if tag & 0x1f == 0x1f {
            return Err(ParseError::Tag(tag));
        }
        let (length, rest) = length(rest)?;
        let (content, after) = rest.split_at_checked(length).ok_or(ParseError::Truncated)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Ok(Some(Element { tag, content, whole }))
    }

    /// The one element inside the optional field `[number]`.
    pub(super) fn field(
        &mut self,
        number: u8,
        tag: u8,
        name: &'static str,
    ) -> Result<Option<Element<'a>>, ParseError> {
        let Some(field) = self.optional(context(number))? else { return Ok(None) };
        let mut inside = Self(field.content);
        let element = inside.optional(tag)?.ok_or(ParseError::Missing(name))?;
        inside.finish(name)?;
        Ok(Some(element))
    }

    /// Nothing may be left after what errors call `name`.
    pub(super) fn finish(self, name: &'static str) -> Result<(), ParseError> {
        if self.0.is_empty() { Ok(()) } else { Err(ParseError::TrailingData(name)) }
    }

    /// Reads a header that nothing else depends on, whether or not the content is all there.
    pub(super) fn enter(self, tag: u8) -> Option<Self> {
        let rest = self.0.strip_prefix(&[tag])?;
        length(rest).ok().map(|(_, content)| Self(content))
    }
}

/// Whether these are the content octets of an object identifier: whole numbers, each in
/// its shortest form (X.690 §8.19.2).
pub(super) fn is_oid(content: &[u8]) -> bool {
    (1..=MAX_OID).contains(&content.len())
        && content.last().is_some_and(|last| last & 0x80 == 0)
        && content.split_inclusive(|octet| octet & 0x80 == 0).all(|arc| !arc.starts_with(&[0x80]))
}

/// An element with `tag` around `parts`.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let octets = length.to_be_bytes();
    let significant = octets.len() - octets.iter().take_while(|&&octet| octet == 0).count();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            // At most 8, so nothing is lost.
            out.push(0x80 | significant as u8);
            out.extend(&octets[octets.len() - significant..]);
        }
    }
    parts.iter().for_each(|part| out.extend(*part));
    out
}

/// A length, and what follows it (X.690 §8.1.3, §10.1).
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), ParseError> {
    let (&first, rest) = bytes.split_first().ok_or(ParseError::Truncated)?;
    if first < 0x80 {
        return Ok((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    let (octets, rest) = rest.split_at_checked(count).ok_or(ParseError::Truncated)?;
    match *octets {
        // Indefinite, padded, or fit for the short form.
        [] | [0, ..] | [..0x80] => Err(ParseError::Length),
        [low] => Ok((usize::from(low), rest)),
        [high, low] => Ok((usize::from(u16::from_be_bytes([high, low])), rest)),
        // No token is so long.
        _ => Err(ParseError::Truncated),
    }
}
