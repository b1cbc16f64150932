//! What cannot be handed to the Kerberos programs faithfully is refused before they see it.

use super::RealmError;

pub(super) fn realm(name: &str) -> Result<(), RealmError> {
    let reason = if name.is_empty() {
        "is empty"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) {
        "has a character other than letters, digits, `.` and `-`"
    } else if name.starts_with('-') {
        "starts like an option"
    } else {
        return Ok(());
    };
    Err(RealmError::Name { kind: "realm", name: name.to_owned(), reason })
}

/// The server's name becomes part of a file name.
pub(super) fn server(name: &str) -> Result<(), RealmError> {
    let reason = if name.is_empty() {
        "is empty"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        "has a character other than letters, digits and `-`"
    } else {
        return Ok(());
    };
    Err(RealmError::Name { kind: "server", name: name.to_owned(), reason })
}

pub(super) fn principal(name: &str) -> Result<(), RealmError> {
    let unusable = |c: char| c.is_control() || c.is_whitespace() || "\"\\@#".contains(c);
    let reason = if name.is_empty() {
        "is empty"
    } else if name.starts_with('-') {
        "starts like an option"
    } else if name.contains(unusable) {
        "has a space, a control character or one of `\" \\ @ #`"
    } else {
        return Ok(());
    };
    Err(RealmError::Name { kind: "principal", name: name.to_owned(), reason })
}

pub(super) fn password(password: &str) -> Result<(), RealmError> {
    let reason = if password.is_empty() {
        "is empty"
    } else if password.contains(char::is_control) {
        "has a control character, which ends the line it is given on"
    } else if password.len() > MAX_PASSWORD {
        "is longer than kinit can read"
    } else {
        return Ok(());
    };
    Err(RealmError::Password { reason })
}

/// `kinit` reads a password into a buffer of 1024 bytes and drops the rest.
pub(super) const MAX_PASSWORD: usize = 1000;
