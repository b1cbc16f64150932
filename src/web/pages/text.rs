//! How pages put things.

use jiff::Timestamp;

pub(super) use crate::web::api::escaped as encoded;

/// `2026-11-22 14:05:06`, UTC.
pub(super) fn time(at: &Timestamp) -> String {
    at.strftime("%F %T").to_string()
}

/// `1.2 MB`
pub(super) fn size(octets: &u64) -> String {
    match *octets {
        0..1_000 => format!("{octets} B"),
        1_000..1_000_000 => format!("{:.1} kB", *octets as f64 / 1e3),
        _ => format!("{:.1} MB", *octets as f64 / 1e6),
    }
}

/// `1 message`, `2 messages`
pub(super) fn count(number: &u64, one: &str) -> String {
    format!("{number} {one}{}", if *number == 1 { "" } else { "s" })
}

/// A connector's name out of `SERVER\name`.
pub(super) fn connector(identity: &str) -> &str {
    identity.split_once('\\').map_or(identity, |(_, name)| name)
}

/// The keyword of an EHLO line.
pub(super) fn word(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

/// A text cut at its backticks; what stands between two of them is code.
pub(super) fn marked(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`').enumerate().map(|(place, piece)| (place % 2 == 1, piece))
}
