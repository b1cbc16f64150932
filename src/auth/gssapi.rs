//! GSSAPI through the system's Kerberos library: bare Kerberos tokens and SPNEGO.
//!
//! `AUTH GSSAPI` ends with the security-layer round of RFC 4752 §3.1
//! (github.com/jborean93/pyspnego issue 88, github.com/gssapi/gss-ntlmssp issue 77). That
//! `X-EXPS GSSAPI` does without is said of 2013; no public transcript shows it.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use libgssapi::context::{SecurityContext, ServerCtx};
use libgssapi::credential::Cred;
use libgssapi::error::{Error, MajorFlags};
use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, Oid};
use libgssapi_sys::{
    _GSS_C_INDEFINITE, GSS_C_ACCEPT, OM_uint32, gss_OID_desc, gss_OID_set_desc,
    gss_acquire_cred_from, gss_cred_id_t, gss_key_value_element_desc, gss_key_value_set_desc,
};

use super::{AuthCommand, Exchange, Failure, KerberosFailure, Step};
use crate::directory::{Account, Directory};

/// Credentials to accept Kerberos with: a keytab and a replay cache.
pub struct Acceptor {
    credentials: Cred,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

/// The keytab cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot accept Kerberos with the keytab {keytab}: {reason}")]
pub struct AcceptorError {
    keytab: String,
    reason: String,
}

impl Acceptor {
    /// Opens `keytab`. Any principal in it may be the service that a ticket is for. Replays
    /// are remembered in the file `replay_cache`, or in the system's default place.
    pub fn open(keytab: &Path, replay_cache: Option<&Path>) -> Result<Self, AcceptorError> {
        let error = |reason: String| AcceptorError { keytab: keytab.display().to_string(), reason };
        let path = |prefix: &[u8], path: &Path| {
            CString::new([prefix, path.as_os_str().as_bytes()].concat())
                .map_err(|_| error("a path holds a NUL".to_owned()))
        };
        let mut store = vec![(c"keytab", path(b"FILE:", keytab)?)];
        if let Some(cache) = replay_cache {
            store.push((c"rcache", path(b"file2:", cache)?));
        }
        // A missing keytab is reported only when Kerberos is asked for alone.
        acquire(&store, &[GSS_MECH_KRB5]).map_err(error)?;
        let credentials = acquire(&store, &[GSS_MECH_KRB5, GSS_MECH_SPNEGO]).map_err(error)?;
        Ok(Self { credentials })
    }

    pub(super) fn begin(
        &self,
        command: AuthCommand,
        directory: Arc<Directory>,
        prompt: &'static str,
    ) -> Box<dyn Exchange> {
        Box::new(Gssapi {
            context: ServerCtx::new(Some(self.credentials.clone())),
            command,
            directory,
            prompt,
            phase: Phase::Negotiating,
        })
    }
}

fn acquire(
    store: &[(&std::ffi::CStr, CString)],
    mechanisms: &[Oid<'static>],
) -> Result<Cred, String> {
    let mut elements: Vec<_> = store
        .iter()
        .map(|(key, value)| gss_key_value_element_desc { key: key.as_ptr(), value: value.as_ptr() })
        .collect();
    let store = gss_key_value_set_desc {
        count: elements.len() as OM_uint32,
        elements: elements.as_mut_ptr(),
    };
    let mut oids: Vec<_> = mechanisms
        .iter()
        .map(|oid| gss_OID_desc {
            length: oid.len() as OM_uint32,
            elements: oid.as_ptr().cast_mut().cast(),
        })
        .collect();
    let mut wanted = gss_OID_set_desc { count: oids.len(), elements: oids.as_mut_ptr() };
    let mut minor: OM_uint32 = 0;
    let mut credentials: gss_cred_id_t = ptr::null_mut();
    // SAFETY: every pointer is to a live local or null where the API allows it (no name, no
    // report of the mechanisms or the lifetime). The library copies what it keeps.
    let major = unsafe {
        gss_acquire_cred_from(
            &mut minor,
            ptr::null_mut(),
            _GSS_C_INDEFINITE,
            &mut wanted,
            GSS_C_ACCEPT as i32,
            &store,
            &mut credentials,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if major != 0 {
        return Err(Error { major: MajorFlags::from_bits_retain(major), minor }.to_string());
    }
    // SAFETY: the call above succeeded, so the credentials are ours alone to release.
    Ok(unsafe { Cred::from_c(credentials) })
}

struct Gssapi {
    context: ServerCtx,
    command: AuthCommand,
    directory: Arc<Directory>,
    prompt: &'static str,
    phase: Phase,
}

enum Phase {
    Negotiating,
    /// Our last token is out; the client answers it with an empty line.
    Acknowledge,
    /// The offer of "no security layer" is out.
    SecurityLayer,
    Over,
}

impl Exchange for Gssapi {
    fn prompt(&self) -> &str {
        self.prompt
    }

    fn respond(&mut self, token: &[u8]) -> Step {
        let step = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Negotiating => self.negotiate(token),
            Phase::Acknowledge if token.is_empty() => self.established(),
            Phase::Acknowledge | Phase::Over => Err(Failure::UnexpectedToken),
            Phase::SecurityLayer => self.security_layer(token),
        };
        step.unwrap_or_else(Step::Failed)
    }
}

/// RFC 4752 §3.1: bit 0 of the first octet is "no security layer"; three octets of size.
const NO_LAYER: u8 = 1;
const LAYER_OFFER: [u8; 4] = [NO_LAYER, 0, 0x10, 0];

impl Gssapi {
    fn negotiate(&mut self, token: &[u8]) -> Result<Step, Failure> {
        if token.is_empty() {
            return Err(Failure::EmptyToken);
        }
        // The error is put into words here, on the thread and in the call that it arose in.
        let answer = self.context.step(token, None).map_err(|error| classify(&error))?;
        let answer = answer.map(|buffer| buffer.to_vec()).unwrap_or_default();
        match (self.context.is_complete(), answer.is_empty()) {
            (true, true) => self.established(),
            (true, false) => {
                self.phase = Phase::Acknowledge;
                Ok(Step::Challenge(answer))
            }
            // MIT asks for more, and says nothing, when it meets a token of the wrong kind.
            (false, true) => {
                Err(KerberosFailure::Defective("it is out of place".to_owned()).into())
            }
            (false, false) => {
                self.phase = Phase::Negotiating;
                Ok(Step::Challenge(answer))
            }
        }
    }

    fn established(&mut self) -> Result<Step, Failure> {
        match self.command {
            AuthCommand::XExps => self.account().map(Step::Proved),
            AuthCommand::Auth => {
                let offer = self.context.wrap(false, &LAYER_OFFER).map_err(|e| classify(&e))?;
                self.phase = Phase::SecurityLayer;
                Ok(Step::Challenge(offer.to_vec()))
            }
        }
    }

    fn security_layer(&mut self, token: &[u8]) -> Result<Step, Failure> {
        if token.is_empty() {
            return Err(Failure::EmptyToken);
        }
        let choice = self.context.unwrap(token).map_err(|error| classify(&error))?;
        let account = self.account()?;
        let Some((&[layer, ..], identity)) = choice.split_first_chunk::<4>() else {
            return Err(Failure::SecurityLayer);
        };
        if layer & NO_LAYER == 0 {
            return Err(Failure::SecurityLayer);
        }
        if !identity.is_empty() && !self.may_act_as(&account, identity) {
            return Err(Failure::AuthorizationIdentity {
                account: account.name.to_string(),
                wanted: String::from_utf8_lossy(identity).into_owned(),
            });
        }
        Ok(Step::Proved(account))
    }

    /// An account may act as itself only.
    fn may_act_as(&self, account: &Account, identity: &[u8]) -> bool {
        let wanted = std::str::from_utf8(identity).ok().and_then(|name| self.directory.find(name));
        wanted.is_some_and(|wanted| wanted.name == account.name)
    }

    fn account(&self) -> Result<Box<Account>, Failure> {
        let name = self.context.source_name().and_then(|name| name.display_name());
        let name = name.map_err(|error| classify(&error))?;
        let principal = String::from_utf8_lossy(&name).into_owned();
        let account = self.directory.find_principal(&principal).cloned().map(Box::new);
        account.ok_or_else(|| KerberosFailure::UnknownPrincipal(principal).into())
    }
}

/// MIT's error table "krb5" starts here (as an unsigned 32-bit number).
const KRB5_ERRORS: u32 = 0x96c7_3a00;

type Krb5Failure = (&'static [u32], &'static str, fn(String) -> KerberosFailure);

/// Errors of the table, and what their texts say. Under SPNEGO the number is one handed out
/// in order of appearance, so that there the text has to do; it is English as long as the
/// process sets no locale, which this one does not.
const KRB5_FAILURES: [Krb5Failure; 8] = [
    (&[32], "Ticket expired", KerberosFailure::TicketExpired),
    (&[33, 37], "Clock skew too great", KerberosFailure::ClockSkew),
    (&[33], "Ticket not yet valid", KerberosFailure::ClockSkew),
    (&[34], "Request is a replay", KerberosFailure::Replay),
    (&[44], "is likely out of date", KerberosFailure::OldKey),
    (&[35, 45], "not found in keytab (ticket kvno", KerberosFailure::NoSuchService),
    (&[31], "cannot decrypt ticket", KerberosFailure::WrongKey),
    (&[31], "Decrypt integrity check failed", KerberosFailure::WrongKey),
];

fn classify(error: &Error) -> Failure {
    let text = error.to_string();
    let number = error.minor.wrapping_sub(KRB5_ERRORS);
    let known = KRB5_FAILURES
        .iter()
        .find(|(numbers, words, _)| numbers.contains(&number) || text.contains(words));
    let defective = MajorFlags::GSS_S_DEFECTIVE_TOKEN | MajorFlags::GSS_S_BAD_MECH;
    // Tokens that do not parse give a number outside of the table, and no words worth having.
    let outside = number > 256;
    match known {
        Some((_, _, failure)) => failure(text).into(),
        None if error.major.intersects(defective) || outside => {
            KerberosFailure::Defective("it does not parse".to_owned()).into()
        }
        None => KerberosFailure::Other(text).into(),
    }
}
