use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, thread};

use tempfile::TempDir;

use super::check::MAX_PASSWORD;
use super::*;

const SERVICE: &str = "SMTPSVC/ex01.contoso.test";

#[test]
fn people_and_machines_log_in_and_get_tickets() {
    let (dir, realm) = contoso();
    let cache = dir.path().join("alice.cc");
    realm.login("alice", Credential::Password("Passw0rd"), &cache).unwrap();
    assert_eq!(realm.service_ticket(SERVICE, &cache).unwrap(), 1);

    let keytab = dir.path().join("ex02.keytab");
    realm.keytab(&keytab, &["EX02$"]).unwrap();
    let cache = dir.path().join("ex02.cc");
    realm.login("EX02$", Credential::Keytab(&keytab), &cache).unwrap();
    assert_eq!(realm.service_ticket(SERVICE, &cache).unwrap(), 1);
}

#[test]
fn any_password_that_kinit_can_read_works() {
    let long = "x".repeat(MAX_PASSWORD);
    let passwords = [r#"pa ss"x\y $z"#, "\"", " ", "-x", "#", "päß", "'", "a b\\", &long];
    let principals: Vec<_> = passwords
        .iter()
        .enumerate()
        .map(|(number, password)| Principal::with_password(format!("user{number}"), *password))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let realm = Realm::start(dir.path(), "CONTOSO.TEST", &principals).unwrap();
    for (principal, password) in principals.iter().zip(passwords) {
        let cache = dir.path().join("cc");
        realm
            .login(&principal.name, Credential::Password(password), &cache)
            .unwrap_or_else(|error| panic!("{password}: {error}"));
    }
}

#[test]
fn a_wrong_password_is_refused_in_the_words_of_kinit() {
    let (dir, realm) = contoso();
    let error =
        realm.login("alice", Credential::Password("wrong"), &dir.path().join("cc")).unwrap_err();
    let RealmError::ToolFailed { tool, stderr, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(tool, "kinit");
    assert!(stderr.contains("Password incorrect"), "{stderr}");
}

#[test]
fn a_keytab_is_private_and_does_not_change_the_keys() {
    let (dir, realm) = contoso();
    let [first, second] = ["1.keytab", "2.keytab"].map(|name| dir.path().join(name));
    realm.keytab(&first, &[SERVICE, "EX02$"]).unwrap();
    realm.keytab(&second, &[SERVICE, "EX02$"]).unwrap();
    assert_eq!(first.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(keys(&realm, &first), keys(&realm, &second));
    assert_eq!(keys(&realm, &first).len(), 4);

    // An existing keytab is replaced, not added to.
    realm.keytab(&second, &["EX02$"]).unwrap();
    assert_eq!(keys(&realm, &second).len(), 2);
}

#[test]
fn a_wrong_keytab_differs_in_the_keys_alone() {
    let (dir, realm) = contoso();
    let [right, wrong] = ["right.keytab", "wrong.keytab"].map(|name| dir.path().join(name));
    realm.keytab(&right, &["EX02$", SERVICE]).unwrap();
    realm.wrong_keytab(&wrong, &["EX02$", SERVICE]).unwrap();
    let (right, wrong_keys) = (keys(&realm, &right), keys(&realm, &wrong));
    assert_eq!(right.len(), wrong_keys.len());
    for ((right, right_key), (wrong, wrong_key)) in right.iter().zip(&wrong_keys) {
        assert_eq!(right, wrong);
        assert_ne!(right_key, wrong_key);
    }
    let error =
        realm.login("EX02$", Credential::Keytab(&wrong), &dir.path().join("cc")).unwrap_err();
    assert!(error.to_string().contains("Password incorrect"), "{error}");
}

#[test]
fn a_rotated_key_has_another_version() {
    let (dir, realm) = contoso();
    let [old, new] = ["old.keytab", "new.keytab"].map(|name| dir.path().join(name));
    let cache = dir.path().join("cc");
    realm.keytab(&old, &[SERVICE]).unwrap();
    realm.rotate_key(SERVICE).unwrap();
    realm.keytab(&new, &[SERVICE]).unwrap();
    realm.login("alice", Credential::Password("Passw0rd"), &cache).unwrap();
    assert_eq!(realm.service_ticket(SERVICE, &cache).unwrap(), 2);
    let (old, new) = (keys(&realm, &old), keys(&realm, &new));
    assert!(old.iter().all(|(entry, _)| entry.starts_with("1 ")), "{old:?}");
    assert!(new.iter().all(|(entry, _)| entry.starts_with("2 ")), "{new:?}");
}

#[test]
fn a_skewed_client_is_refused_by_the_kdc_until_it_logs_in_again() {
    let (dir, realm) = contoso();
    let cache = dir.path().join("cc");
    let login = || realm.login("alice", Credential::Password("Passw0rd"), &cache);
    for seconds in [-3600, 3600] {
        login().unwrap();
        Realm::skew_cache(&cache, seconds).unwrap();
        let error = realm.service_ticket(SERVICE, &cache).unwrap_err();
        assert!(error.to_string().contains("Clock skew too great"), "{error}");
    }
    login().unwrap();
    realm.service_ticket(SERVICE, &cache).unwrap();
    Realm::skew_cache(&cache, 30).unwrap();
    realm.service_ticket(SERVICE, &cache).unwrap();
}

#[test]
fn realms_run_side_by_side() {
    let realms: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(contoso)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    // Each has keys of its own, so a keytab works with the KDC that it came from only.
    for (dir, realm) in &realms {
        let keytab = dir.path().join("ex02.keytab");
        realm.keytab(&keytab, &["EX02$"]).unwrap();
        for (other_dir, other) in &realms {
            let cache = other_dir.path().join("cc");
            let login = other.login("EX02$", Credential::Keytab(&keytab), &cache);
            assert_eq!(login.is_ok(), other.kdc_address() == realm.kdc_address());
        }
    }
}

#[test]
fn a_kdc_that_loses_its_port_tries_others() {
    let (dir, realm) = contoso();
    let taken = Mutex::new(Vec::new());
    let kdc = Kdc::start(&realm.tools, realm.name(), dir.path(), |address| {
        let mut taken = taken.lock().unwrap();
        if taken.len() < 2 {
            taken.push(TcpListener::bind(address).unwrap());
        }
        let conf = config::kdc_conf(realm.name(), dir.path());
        write_private(
            &dir.path().join("kdc.conf"),
            (conf + &config::kdc_listen_conf(address)).as_bytes(),
        )
    })
    .unwrap();
    let taken = taken.into_inner().unwrap();
    assert_eq!(taken.len(), 2);
    for listener in taken {
        assert_ne!(listener.local_addr().unwrap(), kdc.address());
    }
}

#[test]
fn a_kdc_that_cannot_start_says_why() {
    let (dir, realm) = contoso();
    let error = Kdc::start(&realm.tools, "FABRIKAM.TEST", dir.path(), |_| Ok(())).unwrap_err();
    let RealmError::KdcEnded { log, .. } = error else {
        panic!("{error:?}");
    };
    assert!(log.contains("FABRIKAM.TEST"), "{log}");
}

#[test]
fn a_dropped_realm_takes_its_kdc_along() {
    let (_dir, realm) = contoso();
    let (address, process) = (realm.kdc_address(), realm.kdc_process());
    assert!(is_running(process));
    drop(realm);
    assert!(!is_running(process));
    assert!(TcpStream::connect(address).is_err());
}

/// Runs itself once more, as the process that aborts.
#[test]
fn the_kdc_dies_with_a_process_that_aborts() {
    if let Some(dir) = env::var_os(ABORT_DIR).map(PathBuf::from) {
        let realm = Realm::start(&dir, "CONTOSO.TEST", &[]).unwrap();
        fs::write(dir.join("pid"), realm.kdc_process().to_string()).unwrap();
        std::process::abort();
    }
    let dir = tempfile::tempdir().unwrap();
    let (_, path) = module_path!().split_once("::").unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg(format!("{path}::the_kdc_dies_with_a_process_that_aborts"))
        .env(ABORT_DIR, dir.path())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert!(!child.status.success());
    let process = fs::read_to_string(dir.path().join("pid")).unwrap();
    let process = process.parse().unwrap();
    let started = Instant::now();
    while is_running(process) {
        assert!(started.elapsed() < Duration::from_secs(5));
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_directory_with_spaces_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("two words; #1 $x");
    let realm = Realm::start(&dir, "CONTOSO.TEST", &people()).unwrap();
    let cache = dir.join("a cache");
    realm.login("alice", Credential::Password("Passw0rd"), &cache).unwrap();
    realm.keytab(&dir.join("a keytab"), &["EX02$"]).unwrap();
}

#[test]
fn what_the_tools_cannot_be_told_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let start = |dir: &Path, realm, principal: Principal| {
        Realm::start(dir, realm, &[principal]).unwrap_err().to_string()
    };
    let alice = Principal::with_password("alice", "x");
    assert_eq!(
        start(&dir.path().join("a:b"), "CONTOSO.TEST", alice.clone()).rsplit(": ").next(),
        Some("it has a control character, `:` or `\"`")
    );
    assert_eq!(start(dir.path(), "", alice), "cannot use the realm name \"\": it is empty");
    for name in ["", "-x", "a b", "a\nb", "a\"b", "a@B"] {
        let error = start(dir.path(), "CONTOSO.TEST", Principal::with_random_key(name));
        assert!(error.starts_with("cannot use the principal name"), "{error}");
    }
    for password in ["", "a\nb", "a\0b", &"x".repeat(MAX_PASSWORD + 1)] {
        let principal = Principal::with_password("alice", password);
        let error = start(dir.path(), "CONTOSO.TEST", principal);
        assert!(error.starts_with("cannot use the password"), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_principal_given_twice_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let alice = Principal::with_password("alice", "x");
    let error = Realm::start(dir.path(), "CONTOSO.TEST", &[alice.clone(), alice]).unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
}

#[test]
fn a_directory_holds_one_realm() {
    let (dir, realm) = contoso();
    let error = Realm::start(dir.path(), "FABRIKAM.TEST", &[]).unwrap_err();
    assert!(error.to_string().ends_with("it holds a realm already"), "{error}");
    // The first one is none the worse for it.
    let cache = dir.path().join("cc");
    realm.login("alice", Credential::Password("Passw0rd"), &cache).unwrap();
}

#[test]
fn unknown_principals_are_errors() {
    let (dir, realm) = contoso();
    let file = dir.path().join("keytab");
    let errors = [
        realm.rotate_key("nobody").unwrap_err(),
        realm.keytab(&file, &["EX02$", "nobody"]).unwrap_err(),
        realm.wrong_keytab(&file, &["nobody"]).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("does not exist"), "{error}");
    }
    assert!(!file.exists());
}

fn contoso() -> (TempDir, Realm) {
    let dir = tempfile::tempdir().unwrap();
    let realm = Realm::start(dir.path(), "CONTOSO.TEST", &people()).unwrap();
    (dir, realm)
}

fn people() -> [Principal; 3] {
    [
        Principal::with_password("alice", "Passw0rd"),
        Principal::with_random_key("EX02$"),
        Principal::with_random_key(SERVICE),
    ]
}

/// The entries of a keytab, as key version and principal, each with its key.
fn keys(realm: &Realm, keytab: &Path) -> Vec<(String, String)> {
    let output = Command::new("klist")
        .args(["-k", "-K"])
        .arg(keytab)
        .envs(realm.environment(Path::new("/nonexistent")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .skip(3)
        .map(|line| {
            let (entry, key) = line.trim().rsplit_once(' ').unwrap();
            (entry.to_owned(), key.to_owned())
        })
        .collect()
}

/// Whether a process exists and is not merely waiting to be reaped.
fn is_running(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

const ABORT_DIR: &str = "REALM_TEST_ABORT_DIR";
