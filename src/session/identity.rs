//! Who a peer is, and in whose name it has rights.

use crate::auth::Mechanism;
use crate::connector::{AuthMechanism, ReceiveConnector, Token};
use crate::directory::{Account, Group};

/// Who the peer is.
#[derive(Clone, Debug)]
pub enum Identity {
    Anonymous,
    /// By the connector (ExternalAuthoritative).
    ExternallySecured,
    /// By the key of its certificate.
    DirectTrust {
        role: Group,
        subject: String,
    },
    /// By a certificate for the domain that it sends from.
    Partner {
        subject: String,
    },
    Account {
        account: Box<Account>,
        mechanism: Mechanism,
    },
}

impl Identity {
    /// Of a peer that has proved nothing.
    pub(super) fn initial(connector: &ReceiveConnector) -> Self {
        if connector.auth_mechanism.contains(AuthMechanism::ExternalAuthoritative) {
            Self::ExternallySecured
        } else {
            Self::Anonymous
        }
    }

    /// The name that a log shows; `None` for an anonymous peer.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Anonymous => None,
            Self::ExternallySecured => Some("MS Exchange\\Externally Secured Servers".to_owned()),
            Self::DirectTrust { role, .. } => Some(format!("MS Exchange\\{}", role.name())),
            Self::Partner { .. } => Some("MS Exchange\\Partner Servers".to_owned()),
            Self::Account { account, .. } => Some(account.name.to_string()),
        }
    }
    /// Whom a connector's entries name that count for it.
    pub(super) fn token(&self) -> Token {
        match self {
            Self::Anonymous => Token::anonymous(),
            Self::ExternallySecured => Token::of_group(Group::ExternallySecuredServers),
            Self::DirectTrust { role, .. } => Token::of_group(*role),
            Self::Partner { .. } => Token::of_group(Group::PartnerServers),
            Self::Account { account, .. } => Token::of(account),
        }
    }
}
