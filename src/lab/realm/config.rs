//! The configuration files of a realm.

use std::net::SocketAddr;
use std::path::Path;

/// Client and acceptor configuration.
///
/// Names are taken as they are given, since the hosts of a test realm exist in no DNS, and an
/// acceptor takes whichever of its keys the client chose a ticket for.
pub(super) fn krb5_conf(realm: &str, dir: &Path, kdc: Option<SocketAddr>) -> String {
    let dir = dir.display();
    let domain = realm.to_ascii_lowercase();
    let kdc = kdc.map_or_else(String::new, |address| format!("kdc = {address}"));
    format!(
        "\
[libdefaults]
    default_realm = {realm}
    dns_lookup_realm = false
    dns_lookup_kdc = false
    dns_canonicalize_hostname = false
    rdns = false
    ignore_acceptor_hostname = true
    qualify_shortname = \"\"
    udp_preference_limit = 1
    permitted_enctypes = {ENCTYPES}
    default_ccache_name = FILE:{dir}/{CCACHE}
    default_keytab_name = FILE:{dir}/default.keytab
    default_client_keytab_name = FILE:{dir}/client.keytab
    default_rcache_name = file2:{dir}/rcache

[realms]
    {realm} = {{
        {kdc}
    }}

[domain_realm]
    .{domain} = {realm}
    {domain} = {realm}

[logging]
    default = FILE:{dir}/krb5.log
    kdc = FILE:{dir}/{KDC_LOG}
    admin_server = FILE:{dir}/krb5.log
"
    )
}

pub(super) fn kdc_conf(realm: &str, dir: &Path) -> String {
    let dir = dir.display();
    let keysalts = ENCTYPES.replace(' ', ":normal ") + ":normal";
    format!(
        "\
[realms]
    {realm} = {{
        database_module = throwaway
        key_stash_file = {dir}/stash
        master_key_type = aes256-cts-hmac-sha1-96
        supported_enctypes = {keysalts}
    }}

[dbmodules]
    throwaway = {{
        db_library = db2
        database_name = {dir}/{DATABASE}
    }}
"
    )
}

/// The part of `kdc.conf` that only the KDC needs; an empty `kdc_listen` turns UDP off.
pub(super) fn kdc_listen_conf(address: SocketAddr) -> String {
    format!("\n[kdcdefaults]\n    kdc_listen = \"\"\n    kdc_tcp_listen = {address}\n")
}

/// The files that a realm leaves in its directory, keytabs and tickets that a caller asks for
/// apart.
pub(super) const FILES: [&str; 12] = [
    DATABASE,
    "principal.ok",
    "principal.kadm5",
    "principal.kadm5.lock",
    "stash",
    "kdc.conf",
    "krb5.conf",
    KDC_LOG,
    "kdc.out",
    "krb5.log",
    "rcache",
    CCACHE,
];

/// The credential cache of clients that name no other.
pub(super) const CCACHE: &str = "ccache";

/// The file name of the principal database.
pub(super) const DATABASE: &str = "principal";

/// The KDC's log, which also tells when it is ready.
pub(super) const KDC_LOG: &str = "kdc.log";

const ENCTYPES: &str = "aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96";
