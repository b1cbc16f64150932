//! Kerberos through the system's GSSAPI library.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use libgssapi::context::{CtxFlags, SecurityContext, ServerCtx};
use libgssapi::credential::Cred;
use libgssapi::error::{Error, MajorFlags};
use libgssapi::oid::GSS_MECH_KRB5;
use libgssapi_sys::{
    _GSS_C_INDEFINITE, GSS_C_ACCEPT, OM_uint32, gss_OID_desc, gss_OID_set_desc,
    gss_acquire_cred_from, gss_cred_id_t, gss_key_value_element_desc, gss_key_value_set_desc,
};

use super::context::{Context, Package, Proof};
use super::spnego::{Inner, InnerStep};
use super::{BindingFailure, Failure, KerberosFailure, Protection};
use crate::connector::ExtendedProtectionPolicy;
use crate::directory::Directory;

/// Credentials to accept Kerberos with: a keytab and a replay cache.
pub struct Acceptor {
    credentials: Cred,
    without_replay_cache: Cred,
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
        let refused = |refused: Error| error(refused.to_string());
        let path = |prefix: &[u8], path: &Path| {
            CString::new([prefix, path.as_os_str().as_bytes()].concat())
                .map_err(|_| error("a path holds a NUL".to_owned()))
        };
        let keytab = (c"keytab", path(b"FILE:", keytab)?);
        let cache = replay_cache.map(|cache| path(b"file2:", cache)).transpose()?;
        let cache = cache.map(|cache| (c"rcache", cache));
        let none = (c"rcache", c"none:".to_owned());
        let remembering: Vec<_> = [keytab.clone()].into_iter().chain(cache).collect();
        Ok(Self {
            credentials: acquire(GSS_C_ACCEPT, &remembering).map_err(refused)?,
            without_replay_cache: acquire(GSS_C_ACCEPT, &[keytab, none]).map_err(refused)?,
        })
    }

    pub(super) fn begin(
        &self,
        directory: Arc<Directory>,
        protection: Protection,
    ) -> Box<dyn Context> {
        Box::new(Kerberos {
            context: ServerCtx::new(Some(self.credentials.clone())),
            again: self.without_replay_cache.clone(),
            directory,
            protection,
        })
    }
}

/// Credentials for Kerberos alone, from where `store` says; only then is a missing keytab
/// reported. The error is to be put into words on the same thread.
pub(crate) fn acquire(usage: u32, store: &[(&CStr, CString)]) -> Result<Cred, Error> {
    let mut elements: Vec<_> = store
        .iter()
        .map(|(key, value)| gss_key_value_element_desc { key: key.as_ptr(), value: value.as_ptr() })
        .collect();
    let store = gss_key_value_set_desc {
        count: elements.len() as OM_uint32,
        elements: elements.as_mut_ptr(),
    };
    let mut kerberos = gss_OID_desc {
        length: GSS_MECH_KRB5.len() as OM_uint32,
        elements: GSS_MECH_KRB5.as_ptr().cast_mut().cast(),
    };
    let mut wanted = gss_OID_set_desc { count: 1, elements: &mut kerberos };
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
            usage as i32,
            &store,
            &mut credentials,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if major != 0 {
        return Err(Error { major: MajorFlags::from_bits_retain(major), minor });
    }
    // SAFETY: the call above succeeded, so the credentials are ours alone to release.
    Ok(unsafe { Cred::from_c(credentials) })
}

/// GSS_C_CHANNEL_BOUND_FLAG: the client's channel bindings were there and matched.
const CHANNEL_BOUND: u32 = 0x800;

struct Kerberos {
    context: ServerCtx,
    /// The same key, without a replay cache.
    again: Cred,
    directory: Arc<Directory>,
    protection: Protection,
}

impl Kerberos {
    /// A client binds to one type of binding and does not say to which, so each is tried. The
    /// first try has put the token into the replay cache, and the next one must not find it
    /// there.
    fn accept(&mut self, token: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let step = |context: &mut ServerCtx, bindings: Option<&[u8]>| {
            let answer = context.step(token, bindings);
            answer.map(|answer| answer.map(|buffer| buffer.to_vec()))
        };
        let bindings = match (self.protection.policy, &self.protection.bindings) {
            (ExtendedProtectionPolicy::None, _) => {
                return step(&mut self.context, None).map_err(|error| classify(&error));
            }
            (ExtendedProtectionPolicy::Require, None) => return Err(BindingFailure::Clear.into()),
            // In clear there is nothing that a binding of the client's could match.
            (ExtendedProtectionPolicy::Allow, None) => vec![&[][..]],
            (_, Some(bindings)) => bindings.application_data().collect(),
        };
        for (i, data) in bindings.into_iter().enumerate() {
            if i > 0 {
                self.context = ServerCtx::new(Some(self.again.clone()));
            }
            match step(&mut self.context, Some(data)) {
                Err(error) if error.major.contains(MajorFlags::GSS_S_BAD_BINDINGS) => {}
                answer => return answer.map_err(|error| classify(&error)),
            }
        }
        Err(BindingFailure::Mismatch.into())
    }

    fn flags(&self) -> u32 {
        self.context.flags().map_or(0, |flags| flags.bits())
    }
}

impl Inner for Kerberos {
    type Error = Failure;

    fn step(&mut self, token: &[u8]) -> Result<InnerStep, Failure> {
        if token.is_empty() {
            return Err(Failure::EmptyToken);
        }
        let answer = self.accept(token)?.filter(|answer| !answer.is_empty());
        let complete = self.context.is_complete();
        if !complete && answer.is_none() {
            // MIT asks for more, and says nothing, when it meets a token of the wrong kind.
            return Err(KerberosFailure::Defective("it is out of place".to_owned()).into());
        }
        let unbound = self.flags() & CHANNEL_BOUND == 0;
        if complete && unbound && self.protection.policy == ExtendedProtectionPolicy::Require {
            return Err(BindingFailure::Missing.into());
        }
        Ok(InnerStep { token: answer, complete })
    }

    fn has_integrity(&self) -> bool {
        self.flags() & CtxFlags::GSS_C_INTEG_FLAG.bits() != 0
    }

    fn mic(&mut self, mech_list: &[u8]) -> Result<Vec<u8>, Failure> {
        self.context.get_mic(mech_list).map(|mic| mic.to_vec()).map_err(|error| classify(&error))
    }

    fn verify_mic(&mut self, mech_list: &[u8], mic: &[u8]) -> Result<(), Failure> {
        self.context.verify_mic(mech_list, mic).map_err(|error| classify(&error))
    }
}

impl Context for Kerberos {
    fn proof(&self) -> Result<Proof, Failure> {
        let name = self.context.source_name().and_then(|name| name.display_name());
        let name = name.map_err(|error| classify(&error))?;
        let principal = String::from_utf8_lossy(&name).into_owned();
        match self.directory.find_principal(&principal) {
            Some(account) => {
                Ok(Proof { account: Box::new(account.clone()), package: Package::Kerberos })
            }
            None => Err(KerberosFailure::UnknownPrincipal(principal).into()),
        }
    }

    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        self.context.wrap(false, message).map(|out| out.to_vec()).map_err(|error| classify(&error))
    }

    fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, Failure> {
        self.context.unwrap(token).map(|out| out.to_vec()).map_err(|error| classify(&error))
    }
}

/// MIT's error table "krb5" starts here (as an unsigned 32-bit number).
pub(crate) const KRB5_ERRORS: u32 = 0x96c7_3a00;

/// The error is put into words here, on the thread and in the call that it arose in: the
/// library forgets the particulars.
fn classify(error: &Error) -> Failure {
    let text = error.to_string();
    let kerberos = match error.minor.wrapping_sub(KRB5_ERRORS) {
        31 => KerberosFailure::WrongKey(text),
        32 => KerberosFailure::TicketExpired(text),
        33 | 37 => KerberosFailure::ClockSkew(text),
        34 => KerberosFailure::Replay(text),
        35 | 45 => KerberosFailure::NoSuchService(text),
        44 => KerberosFailure::OldKey(text),
        0..=255 => KerberosFailure::Other(text),
        // Tokens that do not parse give a number outside of the table, and no words worth
        // having.
        _ => KerberosFailure::Defective("it does not parse".to_owned()),
    };
    kerberos.into()
}
