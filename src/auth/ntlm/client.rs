//! The client's side: NTLMv2 with a message integrity code, as Windows sends it
//! ([MS-NLMP] 3.1.5).

use super::av_pair;
use super::crypto::{NtHash, hmac_md5};
use super::flags::NegotiateFlags;
use super::messages::MIC;
use super::refusal::ParseError;
use super::target::Version;
use super::wire::{Charset, Message, begin, put_field};

const FLAGS: NegotiateFlags = NegotiateFlags::UNICODE
    .union(NegotiateFlags::REQUEST_TARGET)
    .union(NegotiateFlags::SIGN)
    .union(NegotiateFlags::NTLM)
    .union(NegotiateFlags::ALWAYS_SIGN)
    .union(NegotiateFlags::EXTENDED_SESSIONSECURITY)
    .union(NegotiateFlags::TARGET_INFO)
    .union(NegotiateFlags::VERSION)
    .union(NegotiateFlags::KEY_128);

/// AUTHENTICATE_MESSAGE with its message integrity code.
const HEADER: usize = MIC.end;

/// One proof to a server.
#[derive(Debug)]
pub struct Client {
    domain: String,
    user: String,
    hash: NtHash,
    negotiate: Vec<u8>,
}

impl Client {
    /// `user` is `DOMAIN\user`; in any other form it is sent without a domain, as a UPN is.
    pub fn new(user: &str, password: &str, version: Version) -> Self {
        let (domain, user) = user.split_once('\\').unwrap_or(("", user));
        let mut negotiate = begin(1);
        negotiate.extend(FLAGS.bits().to_le_bytes());
        // Neither domain nor workstation.
        negotiate.extend([0; 16]);
        negotiate.extend(version.encode());
        Self {
            domain: domain.to_owned(),
            user: user.to_owned(),
            hash: NtHash::of_password(password),
            negotiate,
        }
    }

    /// NEGOTIATE_MESSAGE.
    pub fn negotiate(&self) -> &[u8] {
        &self.negotiate
    }

    /// AUTHENTICATE_MESSAGE. `own` is the client's challenge, which nobody may foresee;
    /// `filetime` stands in for the server's if that tells none.
    pub fn authenticate(
        &self,
        challenge: &[u8],
        own: [u8; 8],
        filetime: u64,
    ) -> Result<Vec<u8>, ParseError> {
        let message = Message::open(challenge, 2)?;
        let flags = message.flags(20)? & FLAGS;
        let server: [u8; 8] = message.array(24)?;
        let info = message.field(40, 48, "target information")?.bytes;
        let (pairs, time) = av_pair::answer(info)?;
        let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
        blob.extend(time.unwrap_or(filetime).to_le_bytes());
        blob.extend(own);
        blob.extend([0; 4]);
        blob.extend(pairs);
        blob.extend([0; 4]);
        let key = self.hash.v2(&self.user, &self.domain);
        let proof = hmac_md5(&key, &[&server, &blob]);
        let session_key = hmac_md5(&key, &[&proof]);

        let fields = [
            vec![0; 24],
            [&proof[..], &blob].concat(),
            Charset::Unicode.encode(&self.domain),
            Charset::Unicode.encode(&self.user),
            Vec::new(),
            Vec::new(),
        ];
        let mut out = begin(3);
        let mut at = HEADER;
        for field in &fields {
            let length = u16::try_from(field.len()).map_err(|_| ParseError::TooLong)?;
            put_field(&mut out, length, at as u32);
            at += field.len();
        }
        out.extend(flags.bits().to_le_bytes());
        // The version again, as it was in NEGOTIATE, and room for the code.
        out.extend_from_slice(&self.negotiate[32..40]);
        out.extend([0; 16]);
        out.extend(fields.concat());
        let mic = hmac_md5(&session_key, &[&self.negotiate, challenge, &out]);
        out[MIC].copy_from_slice(&mic);
        Ok(out)
    }
}
