//! The form of a row.

use std::fmt;
use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::Offset;

/// The columns of a row, as `#Fields` names them.
pub const FIELDS: &str = "date-time,connector-id,session-id,sequence-number,\
                                 local-endpoint,remote-endpoint,event,data,context";

/// `2023-01-11T15:59:56.232Z`
pub(in crate::journal) struct Time(pub Timestamp);

impl Time {
    /// By hand, as every row has one: `write!` with widths takes several times as long.
    pub(super) fn text(&self) -> [u8; 24] {
        let time = Offset::UTC.to_datetime(self.0);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |end: usize, mut number: i32| {
            for digit in text[..end].iter_mut().rev().take_while(|digit| **digit == b'0') {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(4, time.year().into());
        put(7, time.month().into());
        put(10, time.day().into());
        put(13, time.hour().into());
        put(16, time.minute().into());
        put(19, time.second().into());
        put(23, time.subsec_nanosecond() / 1_000_000);
        text
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// Appends what `write` writes as one field: text in one line, in quotes where it holds a comma
/// or a quote. A field that needs neither is not copied.
pub(in crate::journal) fn write_field(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let plain = |byte: &u8| (b' '..0x7f).contains(byte) && *byte != b',' && *byte != b'"';
    if out[start..].iter().all(plain) {
        return;
    }
    let raw = out.split_off(start);
    let quoted = raw.contains(&b',') || raw.contains(&b'"');
    if quoted {
        out.push(b'"');
    }
    for letter in String::from_utf8_lossy(&raw).chars() {
        // Writing into a growing buffer cannot fail.
        let _ = match letter {
            '"' => write!(out, "\"\""),
            '\r' => write!(out, "\\r"),
            '\n' => write!(out, "\\n"),
            control if control.is_control() => write!(out, "\\x{:02x}", u32::from(control)),
            letter => write!(out, "{letter}"),
        };
    }
    if quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(text: &str) -> String {
        let mut out = b"before,".to_vec();
        write_field(&mut out, |out| out.extend_from_slice(text.as_bytes()));
        String::from_utf8(out).unwrap().strip_prefix("before,").unwrap().to_owned()
    }

    #[test]
    fn a_comma_or_a_quote_puts_a_field_in_quotes() {
        assert_eq!(field("250 2.1.0 Sender OK"), "250 2.1.0 Sender OK");
        assert_eq!(field("Tue, 13 Dec"), "\"Tue, 13 Dec\"");
        assert_eq!(field("a \"b\""), "\"a \"\"b\"\"\"");
        assert_eq!(field("Grüße"), "Grüße");
    }

    #[test]
    fn a_time_has_milliseconds() {
        for time in ["2023-01-11T15:59:56.232Z", "2024-02-29T00:00:00.000Z"] {
            assert_eq!(Time(time.parse().unwrap()).to_string(), time);
        }
    }

    proptest! {
        /// Whatever a client says stays within its field and its line.
        #[test]
        fn no_octets_leave_their_field(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut out = Vec::new();
            write_field(&mut out, |out| out.extend_from_slice(&octets));
            let text = String::from_utf8(out).unwrap();
            prop_assert!(!text.contains(char::is_control));
            let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            let rest = inner.unwrap_or(&text).replace("\"\"", "");
            prop_assert!(!rest.contains('"'));
            prop_assert_eq!(rest.contains(','), octets.contains(&b','));
            prop_assert!(inner.is_some() || !rest.contains(','));
        }
    }
}
