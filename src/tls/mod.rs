//! Certificates and what TLS makes of them.
//!
//! Two kinds, as on an Exchange server: the *internal transport certificate* behind
//! X-ANONYMOUSTLS, and *SMTP certificates* behind STARTTLS, of which a connector takes the
//! one that holds its FQDN (learn.microsoft.com, "Selection of inbound STARTTLS certificates",
//! "Selection of inbound anonymous TLS certificates").

mod certificate;
mod client;
mod config;
mod facts;
mod store;

pub use certificate::{Certificate, CertificateError, Details, KeyKind, one_certificate};
pub use client::{HandshakeFailure, ServerFacts, Terms, client, server_facts};
pub use config::{Endpoint, TlsError, internal_transport, starttls};
pub use facts::{ClientCertificate, ClientRoots, Facts, Negotiated, RootsError, facts, public_key};
pub use store::{Choice, Store, StoreError};
