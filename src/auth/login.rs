//! LOGIN: user name and password, each after its prompt.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{Exchange, Failure, Package, Proof, Step};
use crate::directory::Directory;

/// "Username:" and "Password:" in base64, as Exchange sends them.
const USERNAME: &str = "VXNlcm5hbWU6";
const PASSWORD: &[u8] = b"Password:";

/// Stands for a name that is somebody's password: the answers came in the wrong order.
const NOT_LOGGED: &str = "<not logged>";

/// Decoded octets in one response; more is no user name or password.
const MAX_RESPONSE: usize = 512;

pub(super) struct Login {
    directory: Arc<Directory>,
    user: Option<String>,
}

impl Login {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, user: None }
    }

    fn check(&self, user: &str, password: &[u8]) -> Step {
        let account = self.directory.find(user);
        let expected = account.and_then(|account| account.password());
        let right =
            verify_slices_are_equal(expected.unwrap_or_default().as_bytes(), password).is_ok();
        match account {
            Some(account) if expected.is_some() && right => {
                Step::Proved(Proof { account: Box::new(account.clone()), package: Package::Login })
            }
            Some(_) => Step::Failed(Failure::WrongPassword(user.to_owned())),
            None if self.directory.is_password(user.as_bytes()) => {
                Step::Failed(Failure::UnknownUser(NOT_LOGGED.to_owned()))
            }
            None => Step::Failed(Failure::UnknownUser(user.to_owned())),
        }
    }
}

impl Exchange for Login {
    fn prompt(&self) -> &'static str {
        USERNAME
    }

    fn respond(&mut self, token: &[u8]) -> Step {
        match self.user.take() {
            None => match user_name(token) {
                Ok(user) => {
                    self.user = Some(user);
                    Step::Challenge(PASSWORD.to_vec())
                }
                Err(_) if self.directory.is_password(token) => {
                    Step::Failed(Failure::UserName(NOT_LOGGED.to_owned()))
                }
                Err(failure) => Step::Failed(failure),
            },
            Some(user) if token.len() > MAX_RESPONSE => Step::Failed(Failure::WrongPassword(user)),
            Some(user) => self.check(&user, token),
        }
    }
}

/// A name may hold one `\`, `/` or `@` between its parts, and not at either end.
fn user_name(token: &[u8]) -> Result<String, Failure> {
    // Behind a NUL stands what a response of PLAIN has there: a password.
    let illegal = || {
        let shown = token.split(|byte| *byte == 0).next().unwrap_or_default();
        Failure::UserName(format!("{:?}", String::from_utf8_lossy(&shown[..shown.len().min(64)])))
    };
    let name = std::str::from_utf8(token).map_err(|_| illegal())?;
    let delimiters = ['\\', '/', '@'];
    let fits = !name.is_empty()
        && name.len() <= MAX_RESPONSE
        && !name.contains(char::is_control)
        && !name.starts_with(delimiters)
        && !name.ends_with(delimiters);
    if fits { Ok(name.to_owned()) } else { Err(illegal()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Account;

    fn run(user: &[u8], password: &[u8]) -> Step {
        let account = Account::new("CONTOSO\\alice".parse().unwrap(), Some("Passw0rd!".into()));
        let keyless = Account::new("CONTOSO\\bob".parse().unwrap(), None);
        let directory = Directory {
            accounts: vec![account, keyless],
            default_domain: "CONTOSO".into(),
            ..Directory::default()
        };
        let mut login = Login::new(Arc::new(directory));
        match login.respond(user) {
            Step::Challenge(prompt) => {
                assert_eq!(prompt, PASSWORD);
                login.respond(password)
            }
            other => other,
        }
    }

    fn failure(user: &[u8], password: &[u8]) -> Failure {
        match run(user, password) {
            Step::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_right_password_proves_the_account() {
        for user in ["alice", "CONTOSO\\alice", "contoso/alice", "alice@contoso.test"] {
            assert!(matches!(run(user.as_bytes(), b"Passw0rd!"), Step::Proved(_)), "{user}");
        }
    }

    #[test]
    fn everything_else_fails_with_its_reason() {
        assert_eq!(failure(b"alice", b"passw0rd!"), Failure::WrongPassword("alice".into()));
        assert_eq!(
            failure(b"alice@contoso.test", b""),
            Failure::WrongPassword("alice@contoso.test".into())
        );
        assert_eq!(failure(b"bob", b""), Failure::WrongPassword("bob".into()));
        assert_eq!(failure(b"eve", b"x"), Failure::UnknownUser("eve".into()));
        for user in [&b""[..], b"\\alice", b"alice@", b"al\0ice", b"\xff", &[b'a'; 513]] {
            assert!(matches!(failure(user, b"x"), Failure::UserName(_)), "{user:?}");
        }
    }

    /// The swapped answers, and the response that is PLAIN's.
    #[test]
    fn no_failure_tells_a_password() {
        for user in ["Passw0rd!", "\0alice\0Passw0rd!", "\0Passw0rd!"] {
            let told = failure(user.as_bytes(), b"alice").to_string();
            assert!(!told.contains("Passw0rd!"), "{told}");
        }
    }
}
