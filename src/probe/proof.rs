//! The sender's side of a proof, a token at a time.

use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;

use super::gssapi::Initiator;
use super::plan::{Credentials, Plan};
use super::token::{TokenError, TokenErrorKind};
use crate::auth::{AuthCommand, Mechanism, ntlm};

/// A proof that is under way.
pub(super) enum Prover {
    Login { user: String, password: Option<String> },
    Ntlm { client: Box<ntlm::Client>, challenged: bool },
    Gssapi(Initiator),
}

/// A token to send, and what the dialogue calls it.
pub(super) struct Token {
    pub bytes: Vec<u8>,
    pub called: &'static str,
    /// It is the password, or made of it or of a ticket.
    pub secret: bool,
}

impl Prover {
    /// `service_host` is the server in the name of the service that a ticket is for.
    pub async fn begin(
        plan: &Plan,
        command: AuthCommand,
        mechanism: Mechanism,
        service_host: &str,
    ) -> Result<Self, TokenError> {
        let missing = || TokenError::new(TokenErrorKind::NoCredentials, "");
        let password = match &plan.credentials {
            Credentials::Password { user, password } => Some((user, password.reveal())),
            Credentials::None | Credentials::Cache(_) => None,
        };
        match mechanism {
            Mechanism::Login => {
                let (user, password) = password.ok_or_else(missing)?;
                Ok(Self::Login { user: user.clone(), password: Some(password.to_owned()) })
            }
            Mechanism::Ntlm => {
                let (user, password) = password.ok_or_else(missing)?;
                let (major, minor, build) = plan.version.windows();
                let version = ntlm::Version { major, minor, build };
                let client = ntlm::Client::new(user, password, version);
                Ok(Self::Ntlm { client: Box::new(client), challenged: false })
            }
            Mechanism::Gssapi => {
                let layer = command == AuthCommand::Auth;
                let begun =
                    Initiator::begin(&plan.credentials, service_host, layer, plan.timeout).await;
                begun.map(Self::Gssapi)
            }
            // The caller never chooses it.
            Mechanism::ExchangeAuth => Err(missing()),
        }
    }

    /// Who proves himself.
    pub fn identity(&self, plan: &Plan) -> Option<String> {
        match (self, &plan.credentials) {
            (Self::Gssapi(initiator), _) => Some(initiator.client().to_owned()),
            (_, Credentials::Password { user, .. }) => Some(user.clone()),
            _ => None,
        }
    }

    /// The answer to what the server sent, which is `None` for its prompt.
    pub async fn answer(&mut self, challenge: Option<&[u8]>) -> Result<Token, TokenError> {
        match self {
            Self::Login { user, password } => {
                let asked = challenge.unwrap_or_default().to_ascii_lowercase();
                match asked.starts_with(b"pass") {
                    false => Ok(Token::new(user.clone().into_bytes(), "user name", false)),
                    true => match password.take() {
                        Some(password) => Ok(Token::new(password.into_bytes(), "password", true)),
                        None => Err(out_of_turn()),
                    },
                }
            }
            Self::Ntlm { client, challenged } => match challenge {
                None if !*challenged => {
                    let bytes = client.negotiate().to_vec();
                    Ok(Token::new(bytes, "NTLM negotiate", false))
                }
                Some(challenge) if !std::mem::replace(challenged, true) => {
                    let mut own = [0; 8];
                    rand::fill(&mut own)
                        .map_err(|_| TokenError::new(TokenErrorKind::Other, "no random numbers"))?;
                    let answer = client.authenticate(challenge, own, filetime());
                    let bytes = answer.map_err(|error| {
                        TokenError::new(TokenErrorKind::Challenge, error.to_string())
                    })?;
                    Ok(Token::new(bytes, "NTLM authenticate", true))
                }
                _ => Err(out_of_turn()),
            },
            Self::Gssapi(initiator) => {
                let bytes = initiator.answer(challenge).await?;
                let secret = !bytes.is_empty();
                let called = if secret { "GSSAPI token" } else { "empty" };
                Ok(Token::new(bytes, called, secret))
            }
        }
    }
}

impl Token {
    fn new(bytes: Vec<u8>, called: &'static str, secret: bool) -> Self {
        Self { bytes, called, secret }
    }
}

fn out_of_turn() -> TokenError {
    TokenError::new(TokenErrorKind::Challenge, "it asks for more than the mechanism has")
}

/// Now, in 100 ns since 1601.
fn filetime() -> u64 {
    const FILETIME_OF_1970: u64 = 116_444_736_000_000_000;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    FILETIME_OF_1970 + (since.unwrap_or(Duration::ZERO).as_nanos() / 100) as u64
}
