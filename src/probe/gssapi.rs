//! The initiating side of Kerberos, through the system's GSSAPI library.
//!
//! The library asks the KDC over the network as it pleases, so each call has a thread of its own
//! and so much time; one that takes longer is left behind and ends by itself.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::{Error, MajorFlags};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_HOSTBASED_SERVICE, GSS_NT_USER_NAME, OidSet};
use libgssapi_sys::GSS_C_INITIATE;
use tokio::sync::oneshot;

use super::plan::Credentials;
use super::report::Service;
use super::token::{TokenError, TokenErrorKind as Kind};
use crate::auth::gssapi::{KRB5_ERRORS, acquire};

/// A context that is under way.
pub(super) struct Initiator {
    /// `None` while a thread has it, and after one was left behind.
    context: Option<ClientCtx>,
    client: String,
    first: Option<Vec<u8>>,
    /// AUTH negotiates a security layer behind the context (RFC 4752 §3.1); X-EXPS does not.
    layer: bool,
    timeout: Duration,
}

/// Exchange servers ask for a ticket for this (KB 979174; case note of 2019-11-04).
const SERVICE: &str = "SMTPSVC";
/// SASL clients ask for this (RFC 4954 §4).
const SASL_SERVICE: &str = "smtp";

impl Initiator {
    /// Gets a ticket for `host` and makes the first token, as a sender does before it says a
    /// word of it (sender's log of 2019-11-04).
    pub async fn begin(
        source: &Credentials,
        host: &str,
        layer: bool,
        timeout: Duration,
    ) -> Result<Self, TokenError> {
        let (source, host) = (source.clone(), host.to_owned());
        on_thread(timeout, move || {
            let credentials = credentials(&source)?;
            let client = name_of(&credentials)?;
            let mut context = context(credentials, SERVICE, &host)?;
            let first = context.step(None, None).map_err(|error| classify(&error))?;
            let first = first.map(|token| token.to_vec());
            Ok(Self { context: Some(context), client, first, layer, timeout })
        })
        .await
    }

    pub fn client(&self) -> &str {
        &self.client
    }

    pub async fn answer(&mut self, challenge: Option<&[u8]>) -> Result<Vec<u8>, TokenError> {
        let Some(challenge) = challenge else {
            return self.first.take().ok_or_else(|| out_of_turn("it asks for a token twice"));
        };
        let gone = || out_of_turn("the context is gone");
        let mut context = self.context.take().ok_or_else(gone)?;
        let (challenge, layer) = (challenge.to_vec(), self.layer);
        let (context, answer) = on_thread(self.timeout, move || {
            let answer = step(&mut context, &challenge, layer)?;
            Ok((context, answer))
        })
        .await?;
        self.context = Some(context);
        Ok(answer)
    }
}

fn step(context: &mut ClientCtx, challenge: &[u8], layer: bool) -> Result<Vec<u8>, TokenError> {
    if !context.is_complete() {
        let answer = context.step(Some(challenge), None).map_err(|error| classify(&error))?;
        return Ok(answer.map(|token| token.to_vec()).unwrap_or_default());
    }
    if !layer {
        return Err(out_of_turn("the proof is complete, and it asks for more"));
    }
    let offer = context.unwrap(challenge).map_err(|error| classify(&error))?;
    match offer.first() {
        Some(layers) if layers & 1 != 0 => {}
        _ => return Err(out_of_turn("it insists on a security layer")),
    }
    let none = context.wrap(false, &[1, 0, 0, 0]).map_err(|error| classify(&error))?;
    Ok(none.to_vec())
}

/// Who the tickets are for, and under which names there is one for `host`.
pub(super) async fn services(
    source: &Credentials,
    host: Option<&str>,
    timeout: Duration,
) -> Result<(String, Vec<Service>), TokenError> {
    let client = {
        let source = source.clone();
        on_thread(timeout, move || name_of(&credentials(&source)?)).await?
    };
    let Some(host) = host else { return Ok((client, Vec::new())) };
    let ask = |class| service(source, class, host, timeout);
    let (exchange, sasl) = tokio::join!(ask(SERVICE), ask(SASL_SERVICE));
    Ok((client, vec![exchange, sasl]))
}

async fn service(
    source: &Credentials,
    class: &'static str,
    host: &str,
    timeout: Duration,
) -> Service {
    let (source, name) = (source.clone(), host.to_owned());
    let tried = on_thread(timeout, move || {
        let mut context = context(credentials(&source)?, class, &name)?;
        context.step(None, None).map_err(|error| classify(&error)).map(drop)
    })
    .await;
    Service {
        name: format!("{class}/{host}"),
        ticket: tried.is_ok(),
        known: match &tried {
            Ok(()) => Some(true),
            Err(error) => (error.kind == Kind::UnknownService).then_some(false),
        },
        problem: tried.err().map(|error| error.to_string()),
    }
}

fn credentials(source: &Credentials) -> Result<Cred, TokenError> {
    let found = match source {
        Credentials::None => return Err(TokenError::new(Kind::NoCredentials, "")),
        Credentials::Cache(None) => acquire(GSS_C_INITIATE, &[]),
        Credentials::Cache(Some(cache)) => acquire(GSS_C_INITIATE, &[(c"ccache", file(cache)?)]),
        Credentials::Password { user, password } => {
            let password = password.reveal();
            let name = Name::new(principal(user).as_bytes(), Some(GSS_NT_USER_NAME));
            name.and_then(|name| {
                let mut mechanisms = OidSet::new();
                mechanisms.add(GSS_MECH_KRB5)?;
                let (name, mechanisms) = (Some(&name), Some(&mechanisms));
                Cred::acquire_with_password(name, password, None, CredUsage::Initiate, mechanisms)
            })
        }
    };
    found.map_err(|error| {
        let error = classify(&error);
        match (source, error.kind) {
            // The answer to a login does not decrypt: the password is another.
            (Credentials::Password { .. }, Kind::WrongKey) => {
                TokenError { kind: Kind::UnknownClient, ..error }
            }
            _ => error,
        }
    })
}

/// `CONTOSO\EX02$` logs in as `EX02$` of the default realm.
fn principal(user: &str) -> &str {
    user.split_once('\\').map_or(user, |(_, user)| user)
}

fn file(cache: &Path) -> Result<CString, TokenError> {
    CString::new([b"FILE:", cache.as_os_str().as_bytes()].concat())
        .map_err(|_| TokenError::new(Kind::NoCredentials, "the cache's name holds a NUL"))
}

fn name_of(credentials: &Cred) -> Result<String, TokenError> {
    let name = credentials.name().and_then(|name| name.display_name());
    let name = name.map_err(|error| classify(&error))?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

fn context(credentials: Cred, class: &str, host: &str) -> Result<ClientCtx, TokenError> {
    let name = format!("{class}@{host}");
    let name = Name::new(name.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE));
    let name = name.map_err(|error| classify(&error))?;
    let flags = CtxFlags::GSS_C_MUTUAL_FLAG;
    Ok(ClientCtx::new(Some(credentials), name, flags, Some(GSS_MECH_KRB5)))
}

fn out_of_turn(why: &str) -> TokenError {
    TokenError::new(Kind::Challenge, why)
}

async fn on_thread<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce() -> Result<T, TokenError> + Send + 'static,
) -> Result<T, TokenError> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("gssapi".to_owned()).spawn(move || {
        // Nobody waits for it any more.
        let _ = done.send(work());
    });
    let failed = |error: std::io::Error| TokenError::new(Kind::Other, error.to_string());
    thread.map_err(failed)?;
    match tokio::time::timeout(timeout, result).await {
        Err(_) => Err(TokenError::new(Kind::TimedOut, format!("{timeout:?} were not enough"))),
        Ok(Err(_)) => Err(TokenError::new(Kind::Other, "the library failed")),
        Ok(Ok(result)) => result,
    }
}

/// The mechanism's words, which stand in brackets behind general ones.
fn words(text: &str) -> String {
    let inner = text.split_once(" (").and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.filter(|inner| !inner.is_empty()).unwrap_or(text).to_owned()
}

/// By MIT's error numbers: those of the protocol (RFC 4120 §7.5.9) first, then the library's.
fn classify(error: &Error) -> TokenError {
    let kind = match error.minor.wrapping_sub(KRB5_ERRORS) {
        6 | 18 | 23 | 24 => Kind::UnknownClient,
        7 => Kind::UnknownService,
        31 => Kind::WrongKey,
        32 => Kind::TicketExpired,
        33 | 37 => Kind::ClockSkew,
        // KRB5_REALM_UNKNOWN, KRB5_KDC_UNREACH, KRB5_REALM_CANT_RESOLVE
        154 | 156 | 220 => Kind::NoKdc,
        // KRB5_CC_NOTFOUND, KRB5_FCC_NOFILE
        141 | 195 => Kind::NoCredentials,
        _ if error.major.contains(MajorFlags::GSS_S_CREDENTIALS_EXPIRED) => Kind::TicketExpired,
        _ if error.major.contains(MajorFlags::GSS_S_NO_CRED) => Kind::NoCredentials,
        _ if error.major.contains(MajorFlags::GSS_S_DEFECTIVE_TOKEN) => Kind::Challenge,
        _ => Kind::Other,
    };
    TokenError::new(kind, words(&error.to_string()))
}
