//! The two messages, RFC 4178 §4.2, and the framing of the first, RFC 2743 §3.1.

use super::der::{
    APPLICATION, BIT_STRING, ENUMERATED, Element, OCTET_STRING, OID, Reader, SEQUENCE, context,
    element, is_oid,
};
use super::mechanism::SPNEGO;
use super::refusal::ParseError;

/// Above what any client sends: the longest are Kerberos tickets of accounts in very many
/// groups, which Windows limits to 48 kB.
const MAX_TOKEN: usize = 64 * 1024;
const MAX_MECHANISMS: usize = 32;

/// NegotiationToken, as clients send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Init(NegTokenInit<'a>),
    Resp(NegTokenResp<'a>),
}

/// The fields that matter of NegTokenInit and of NegTokenInit2 ([MS-SPNG] 2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NegTokenInit<'a> {
    /// Content octets, never empty.
    pub(super) mech_types: Vec<&'a [u8]>,
    /// The element MechTypeList as received, which is what mechListMIC is computed over.
    pub(super) mech_list: &'a [u8],
    pub(super) mech_token: Option<&'a [u8]>,
    pub(super) mech_list_mic: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NegTokenResp<'a> {
    pub(super) state: Option<NegState>,
    pub(super) supported_mech: Option<&'a [u8]>,
    pub(super) response_token: Option<&'a [u8]>,
    pub(super) mech_list_mic: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NegState {
    AcceptCompleted = 0,
    AcceptIncomplete = 1,
    Reject = 2,
    RequestMic = 3,
}

impl<'a> Token<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.len() > MAX_TOKEN {
            return Err(ParseError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        let token = match reader.any()? {
            Some(Element { tag: APPLICATION, content, .. }) => initial(content).map(Self::Init),
            Some(Element { tag, content, .. }) if tag == context(1) => {
                NegTokenResp::parse(content).map(Self::Resp)
            }
            _ => Err(ParseError::Unknown),
        }?;
        reader.finish("NegotiationToken")?;
        Ok(token)
    }
}

/// The inside of an InitialContextToken.
fn initial(content: &[u8]) -> Result<NegTokenInit<'_>, ParseError> {
    let mut reader = Reader::new(content);
    if reader.read(OID, "mechanism")? != SPNEGO {
        return Err(ParseError::OtherMechanism);
    }
    let init = reader.field(0, SEQUENCE, "NegTokenInit")?;
    reader.finish("NegTokenInit")?;
    NegTokenInit::parse(init.ok_or(ParseError::Missing("NegTokenInit"))?.content)
}

impl<'a> NegTokenInit<'a> {
    fn parse(sequence: &'a [u8]) -> Result<Self, ParseError> {
        let mut fields = Reader::new(sequence);
        let list = fields.field(0, SEQUENCE, "mechTypes")?;
        let list = list.ok_or(ParseError::Missing("mechTypes"))?;
        // Nothing protects the flags, so that nobody may rely on them (RFC 4178 §4.2.1).
        fields.field(1, BIT_STRING, "reqFlags")?;
        let mech_token = octets(&mut fields, 2, "mechToken")?;
        // Microsoft put its hints where RFC 4178 has the MIC, and the MIC after them.
        let mut ahead = fields;
        let mic_number = if ahead.field(3, SEQUENCE, "negHints").is_ok() {
            fields = ahead;
            4
        } else {
            3
        };
        let mech_list_mic = octets(&mut fields, mic_number, "mechListMIC")?;
        extensions(fields, context(mic_number))?;
        let mech_types = mechanisms(list.content)?;
        Ok(Self { mech_types, mech_list: list.whole, mech_token, mech_list_mic })
    }
}

impl<'a> NegTokenResp<'a> {
    fn parse(content: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(content);
        let mut fields = Reader::new(reader.read(SEQUENCE, "NegTokenResp")?);
        reader.finish("NegTokenResp")?;
        let state = fields.field(0, ENUMERATED, "negState")?;
        let supported = fields.field(1, OID, "supportedMech")?;
        let response_token = octets(&mut fields, 2, "responseToken")?;
        let mech_list_mic = octets(&mut fields, 3, "mechListMIC")?;
        extensions(fields, context(3))?;
        Ok(Self {
            state: state.map(|state| NegState::parse(state.content)).transpose()?,
            supported_mech: supported.map(|element| oid(element.content)).transpose()?,
            response_token,
            mech_list_mic,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let field = |number, tag, content: Option<&[u8]>| match content {
            Some(content) => element(context(number), &[&element(tag, &[content])]),
            None => Vec::new(),
        };
        let state = self.state.map(|state| [state as u8]);
        let fields = [
            field(0, ENUMERATED, state.as_ref().map(|state| &state[..])),
            field(1, OID, self.supported_mech),
            field(2, OCTET_STRING, self.response_token),
            field(3, OCTET_STRING, self.mech_list_mic),
        ];
        element(context(1), &[&element(SEQUENCE, &[&fields.concat()])])
    }
}

impl NegState {
    fn parse(content: &[u8]) -> Result<Self, ParseError> {
        match content {
            [0] => Ok(Self::AcceptCompleted),
            [1] => Ok(Self::AcceptIncomplete),
            [2] => Ok(Self::Reject),
            [3] => Ok(Self::RequestMic),
            _ => Err(ParseError::NegState),
        }
    }
}

fn octets<'a>(
    fields: &mut Reader<'a>,
    number: u8,
    name: &'static str,
) -> Result<Option<&'a [u8]>, ParseError> {
    Ok(fields.field(number, OCTET_STRING, name)?.map(|element| element.content))
}

/// Both messages may grow at their ends. What is added must have tags of its own.
fn extensions(mut fields: Reader<'_>, mut last: u8) -> Result<(), ParseError> {
    while let Some(Element { tag, .. }) = fields.any()? {
        if tag <= last || tag & 0xe0 != context(0) {
            return Err(ParseError::Field(tag));
        }
        last = tag;
    }
    Ok(())
}

fn mechanisms(list: &[u8]) -> Result<Vec<&[u8]>, ParseError> {
    let mut reader = Reader::new(list);
    let mut found = Vec::new();
    while let Some(Element { tag, content, .. }) = reader.any()? {
        if tag != OID {
            return Err(ParseError::Missing("MechType"));
        }
        if found.len() == MAX_MECHANISMS {
            return Err(ParseError::TooManyMechanisms);
        }
        found.push(oid(content)?);
    }
    if found.is_empty() { Err(ParseError::NoMechanisms) } else { Ok(found) }
}

fn oid(content: &[u8]) -> Result<&[u8], ParseError> {
    if is_oid(content) { Ok(content) } else { Err(ParseError::ObjectIdentifier) }
}
