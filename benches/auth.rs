//! Proofs per second of one core, from the first AUTH or X-EXPS to the 235.

mod support;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use expsd::auth::ntlm::Policy;
use expsd::scope::Met;
use expsd::session::Host;
use support::ntlm::Shape;
use support::{ACCEPTED, DOMAIN, PASSWORD, Peer, USER, connector, host, met};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    #[cfg(feature = "gssapi")]
    kerberos::in_a_realm(divan::main);
    #[cfg(not(feature = "gssapi"))]
    divan::main();
}

/// A session after its EHLO.
fn peer(host: &Arc<Host>, met: &Met) -> Peer {
    let mut peer = Peer::new(host, met);
    peer.send(b"EHLO client.contoso.test\r\n");
    peer.session.output().clear();
    peer
}

fn prove(mut peer: Peer, lines: &[u8]) -> Peer {
    peer.send(lines);
    assert!(peer.session.output().ends_with(ACCEPTED), "{:?}", peer.session.output());
    peer
}

/// NTLMv2. The challenge does not change, so that the client can answer it beforehand.
#[divan::bench(args = [Shape::Windows, Shape::Curl])]
fn ntlm(bencher: Bencher<'_, '_>, shape: &Shape) {
    let (host, met) = (host(Policy::default(), None), met(connector()));
    let negotiate = shape.negotiate();
    let begin = format!("AUTH NTLM {}\r\n", STANDARD.encode(&negotiate));
    let reply = peer(&host, &met).say(begin.as_bytes());
    let challenge = STANDARD.decode(reply["334 ".len()..].trim_end()).unwrap();
    let answer = shape.authenticate((DOMAIN, USER, PASSWORD), &negotiate, &challenge);
    let lines = format!("{begin}{}\r\n", STANDARD.encode(answer.message));
    bencher
        .counter(ItemsCount::new(1_u32))
        .with_inputs(|| peer(&host, &met))
        .bench_local_values(|peer| prove(peer, lines.as_bytes()));
}

#[divan::bench]
fn login(bencher: Bencher<'_, '_>) {
    let (host, met) = (host(Policy::default(), None), met(connector()));
    let lines =
        format!("AUTH LOGIN\r\n{}\r\n{}\r\n", STANDARD.encode(USER), STANDARD.encode(PASSWORD));
    bencher
        .counter(ItemsCount::new(1_u32))
        .with_inputs(|| peer(&host, &met))
        .bench_local_values(|peer| prove(peer, lines.as_bytes()));
}

#[cfg(feature = "gssapi")]
mod kerberos {
    use std::path::Path;
    use std::process::Command;

    use expsd::auth::Acceptor;
    use expsd::lab::realm::{Credential, Principal, Realm, RealmError};
    use libgssapi::context::{ClientCtx, CtxFlags};
    use libgssapi::name::Name;
    use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE};

    use super::*;

    const SERVICE: &str = "SMTPSVC/ex01.contoso.test";
    /// Where the realm is, for the process that measures.
    const REALM: &str = "EXPSD_BENCH_REALM";

    /// Runs `main` in a process of its own, to which a fresh realm is the system's: GSSAPI
    /// clients learn of theirs from the environment alone.
    pub fn in_a_realm(main: fn()) {
        if std::env::var_os(REALM).is_some() {
            return main();
        }
        let dir = tempfile::tempdir().unwrap();
        let (keytab, cache) = (dir.path().join("keytab"), dir.path().join("cache"));
        let principals =
            [Principal::with_password("EX02$", PASSWORD), Principal::with_random_key(SERVICE)];
        let realm = match Realm::start(&dir.path().join("realm"), "CONTOSO.TEST", &principals) {
            Ok(realm) => realm,
            Err(error @ RealmError::ToolsMissing { .. }) => {
                println!("skipped: kerberos ({error})");
                return main();
            }
            Err(error) => panic!("{error}"),
        };
        realm.keytab(&keytab, &[SERVICE]).unwrap();
        realm.login("EX02$", Credential::Password(PASSWORD), &cache).unwrap();
        realm.service_ticket(SERVICE, &cache).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(std::env::args_os().skip(1))
            .envs(realm.environment(&cache))
            .env(REALM, dir.path())
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
    }

    #[derive(Debug)]
    enum Form {
        Bare,
        Spnego,
    }

    impl Form {
        /// A ticket with an authenticator of its own: the acceptor takes none twice.
        fn token(&self) -> Vec<u8> {
            let target = Name::new(b"SMTPSVC@ex01.contoso.test", Some(GSS_NT_HOSTBASED_SERVICE));
            let mechanism = match self {
                Self::Bare => GSS_MECH_KRB5,
                Self::Spnego => GSS_MECH_SPNEGO,
            };
            let flags = CtxFlags::GSS_C_MUTUAL_FLAG;
            let mut context = ClientCtx::new(None, target.unwrap(), flags, Some(mechanism));
            context.step(None, None).unwrap().unwrap().to_vec()
        }
    }

    /// X-EXPS GSSAPI with mutual authentication. Tokens are made outside of the time taken.
    #[divan::bench(args = [Form::Bare, Form::Spnego])]
    fn accept(bencher: Bencher<'_, '_>, form: &Form) {
        let Some(dir) = std::env::var_os(REALM) else { return };
        let dir = Path::new(&dir);
        let acceptor = Acceptor::open(&dir.join("keytab"), Some(&dir.join("replays"))).unwrap();
        let (host, met) = (host(Policy::default(), Some(acceptor)), met(connector()));
        bencher
            .counter(ItemsCount::new(1_u32))
            .with_inputs(|| {
                let lines = format!("X-EXPS GSSAPI {}\r\n\r\n", STANDARD.encode(form.token()));
                (peer(&host, &met), lines)
            })
            .bench_local_values(|(peer, lines)| prove(peer, lines.as_bytes()));
    }
}
