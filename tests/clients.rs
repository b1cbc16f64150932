//! Programs that people use deliver, and are refused, as at an Exchange server.
//!
//! | client | Debian package |
//! |---|---|
//! | curl | curl |
//! | swaks | swaks, libnet-ssleay-perl |
//! | msmtp | msmtp |
//! | gsasl | gsasl |
//! | openssl | openssl |
//! | Python's smtplib | python3 |
//! | nmap | nmap |
//!
//! Those that log on with Kerberos need krb5-kdc, krb5-admin-server and krb5-user too.

mod support;

#[path = "clients/server.rs"]
mod server;

#[path = "clients/curl.rs"]
mod curl;
#[cfg(feature = "gssapi")]
#[path = "clients/gsasl.rs"]
mod gsasl;
#[path = "clients/msmtp.rs"]
mod msmtp;
#[path = "clients/nmap.rs"]
mod nmap;
#[path = "clients/openssl.rs"]
mod openssl;
#[path = "clients/python.rs"]
mod python;
#[path = "clients/swaks.rs"]
mod swaks;
