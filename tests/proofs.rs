//! Programs that log on with NTLM, SPNEGO and Kerberos, with good proofs and bad ones.
//!
//! | client | Debian package |
//! |---|---|
//! | Python's pyspnego | python3, python3-pip; gcc, libkrb5-dev, python3-dev to build it |
//! | curl | curl |
//! | swaks | swaks, libnet-ssleay-perl, libauthen-ntlm-perl |
//! | msmtp | msmtp |
//! | nodemailer | nodejs (20 or later), npm |
//! | Postfix and Cyrus SASL | postfix, libsasl2-modules-gssapi-mit |
//! | Exim | exim4-daemon-heavy, libnss-wrapper |
//! | nmap | nmap |
//!
//! What comes from PyPI and npm is installed below `target/tools`, once.

mod support;

#[path = "proofs/lab.rs"]
mod lab;
#[allow(dead_code)] // What other tests want is there too.
#[path = "proofs/packages.rs"]
mod packages;

#[path = "proofs/exim.rs"]
mod exim;
#[path = "proofs/nmap.rs"]
mod nmap;
#[path = "proofs/postfix.rs"]
mod postfix;
#[path = "proofs/programs.rs"]
mod programs;
#[path = "proofs/pyspnego.rs"]
mod pyspnego;
