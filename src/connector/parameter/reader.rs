//! Readers of values that are narrower than their types, with the ranges that
//! `Set-ReceiveConnector` documents.

use super::FromValue;
use crate::connector::value::{ByteSize, TimeSpan, Unlimited, Value, ValueError};

pub(super) fn name(value: &Value<'_>) -> Result<String, ValueError> {
    let text = value.text()?;
    let fits = !text.is_empty() && text.chars().count() <= 64 && !text.contains(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(ValueError::new("a name of 1 to 64 characters")) }
}

/// A host or a domain name; blank where there is none.
pub(super) fn domain(value: &Value<'_>) -> Result<Option<String>, ValueError> {
    let text = Option::<String>::from_value(value)?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(plain);
    match &text {
        Some(text) if text.len() > 255 || !text.split('.').all(is_label) => {
            Err(ValueError::new("a name such as mail.contoso.test, or \"\" for none"))
        }
        _ => Ok(text),
    }
}

/// learn.microsoft.com, "Modify the default SMTP banner": it must start with 220.
pub(super) fn banner(value: &Value<'_>) -> Result<Option<String>, ValueError> {
    let text = Option::<String>::from_value(value)?;
    match &text {
        Some(text) if !text.starts_with("220 ") || text.contains(['\r', '\n']) => {
            Err(ValueError::new("one line that starts with \"220 \", or \"\" for the usual one"))
        }
        _ => Ok(text),
    }
}

pub(super) fn number(value: &Value<'_>, low: u32, high: u32) -> Result<u32, ValueError> {
    u32::from_value(value)
        .ok()
        .filter(|n| (low..=high).contains(n))
        .ok_or_else(|| ValueError::new(format!("a number from {low} to {high}")))
}

pub(super) fn limit(value: &Value<'_>, high: u32) -> Result<Unlimited<u32>, ValueError> {
    Unlimited::<u32>::from_value(value)
        .ok()
        .filter(|limit| !matches!(limit, Unlimited::Limited(n) if *n == 0 || *n > high))
        .ok_or_else(|| ValueError::new(format!("a number from 1 to {high}, or \"unlimited\"")))
}

/// Bounds in bytes.
pub(super) fn size(value: &Value<'_>, low: u64, high: u64) -> Result<ByteSize, ValueError> {
    ByteSize::from_value(value).ok().filter(|size| (low..=high).contains(&size.0)).ok_or_else(
        || ValueError::new(format!("a size such as \"256 KB\", from {low} to {high} bytes")),
    )
}

/// Bounds in seconds.
pub(super) fn span(value: &Value<'_>, low: u64, high: u64) -> Result<TimeSpan, ValueError> {
    let (low, high) = (TimeSpan::from_secs(low), TimeSpan::from_secs(high));
    TimeSpan::from_value(value)
        .ok()
        .filter(|span| (low..=high).contains(span))
        .ok_or_else(|| ValueError::new(format!("a time span from {low} to {high}")))
}
