//! The files of every scenario, as part of the program.

pub(super) struct Files {
    pub name: &'static str,
    pub scenario: &'static str,
    pub broken: &'static str,
    pub fixed: &'static str,
    pub lesson: &'static str,
}

macro_rules! files {
    ($($name:literal)*) => { &[$(Files {
        name: $name,
        scenario: include_str!(concat!("../../../examples/scenarios/", $name, "/scenario.toml")),
        broken: include_str!(concat!("../../../examples/scenarios/", $name, "/broken.toml")),
        fixed: include_str!(concat!("../../../examples/scenarios/", $name, "/fixed.toml")),
        lesson: include_str!(concat!("../../../examples/scenarios/", $name, "/lesson.md")),
    }),*] };
}

/// In the order of the course.
pub(super) static FILES: &[Files] = files! {
    "exchange-auth-unticked"
    "exchange-servers-group-removed"
    "relay-range-shadows-default"
    "overlapping-ranges"
    "relay-covers-subnet"
    "anonymous-on-default-is-open-relay"
    "externally-secured-open-relay"
    "balancer-hides-source"
    "ipv6-source-misses-range"
    "right-on-frontend-only"
    "default-narrowed"
    "hub-role-on-port-25"
    "per-source-limit"
    "rate-limit-application"
    "certificate-name-missing"
    "certificate-expired"
    "tls-certificate-name-stale"
    "edge-direct-trust-unknown"
    "pix-mailguard"
    "asa-inspection"
    "spn-missing"
    "fqdn-changed"
    "wrong-key-after-reset"
    "clock-skew"
    "kerberos-port-blocked"
    "exchange-2003-integrated-auth"
};
