//! The text of a dump. Export-Clixml writes UTF-16 in Windows PowerShell 5.1 and UTF-8
//! elsewhere, `>` and Out-File UTF-16, Export-Csv ASCII or what it was told.

use super::error::ImportError;
use super::limits::MAX_DUMP;

/// A text, and whether its last character is cut.
pub(super) struct Text {
    pub text: String,
    pub cut: bool,
}

pub(super) fn decode(dump: Vec<u8>) -> Result<Text, ImportError> {
    if dump.len() > MAX_DUMP {
        return Err(ImportError::TooLarge);
    }
    // UTF-16 without a mark shows by the zeros of its first ASCII characters.
    let mut decoded = match *dump {
        [0xFF, 0xFE, 0, 0, ..] => return Err(ImportError::Encoding { at: 0 }),
        [0xFF, 0xFE, ..] => utf_16(&dump, u16::from_le_bytes)?,
        [0xFE, 0xFF, ..] => utf_16(&dump, u16::from_be_bytes)?,
        [a, 0, b, 0, ..] if a != 0 && b != 0 => utf_16(&dump, u16::from_le_bytes)?,
        [0, a, 0, b, ..] if a != 0 && b != 0 => utf_16(&dump, u16::from_be_bytes)?,
        _ => utf_8(dump)?,
    };
    // A text that was converted may have its mark still, and a second one.
    let marks = decoded.text.len() - decoded.text.trim_start_matches('\u{feff}').len();
    decoded.text.drain(..marks);
    Ok(decoded)
}

fn utf_8(dump: Vec<u8>) -> Result<Text, ImportError> {
    match String::from_utf8(dump) {
        Ok(text) => Ok(Text { text, cut: false }),
        Err(error) => {
            let invalid = error.utf8_error();
            let at = invalid.valid_up_to();
            if invalid.error_len().is_some() || at == 0 {
                return Err(ImportError::Encoding { at });
            }
            let mut dump = error.into_bytes();
            dump.truncate(at);
            // Just found to be valid.
            let text = String::from_utf8(dump).map_err(|_| ImportError::Encoding { at })?;
            Ok(Text { text, cut: true })
        }
    }
}

fn utf_16(dump: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Text, ImportError> {
    let (units, rest) = dump.as_chunks::<2>();
    let mut text = String::with_capacity(units.len());
    let mut at = 0;
    let mut decoded = char::decode_utf16(units.iter().map(|pair| unit(*pair))).peekable();
    while let Some(next) = decoded.next() {
        match next {
            Ok(c) => {
                text.push(c);
                at += 2 * c.len_utf16();
            }
            Err(_) if decoded.peek().is_none() => return Ok(Text { text, cut: true }),
            Err(_) => return Err(ImportError::Encoding { at }),
        }
        if text.len() > MAX_DUMP {
            return Err(ImportError::TooLarge);
        }
    }
    Ok(Text { text, cut: !rest.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str, mark: &[u8], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let units = text.encode_utf16().flat_map(bytes);
        mark.iter().copied().chain(units).collect()
    }

    #[test]
    fn five_encodings_are_told_apart() {
        let text = "Name : Zürich 🏔";
        for dump in [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            units(text, &[0xFF, 0xFE], u16::to_le_bytes),
            units(text, &[0xFE, 0xFF], u16::to_be_bytes),
            units(&format!("\u{feff}{text}"), &[0xFF, 0xFE], u16::to_le_bytes),
            units(text, &[], u16::to_le_bytes),
            units(text, &[], u16::to_be_bytes),
        ] {
            let whole = decode(dump.clone()).unwrap();
            assert_eq!((whole.text.as_str(), whole.cut), (text, false));
            let cut = decode(dump[..dump.len() - 1].to_vec()).unwrap();
            assert_eq!((cut.text.as_str(), cut.cut), ("Name : Zürich ", true));
        }
    }

    #[test]
    fn others_are_refused_with_the_place() {
        let at = |dump: &[u8]| match decode(dump.to_vec()) {
            Err(ImportError::Encoding { at }) => at,
            other => panic!("{:?}", other.map(|text| text.text)),
        };
        assert_eq!(at(b"Name : Z\xFCrich"), 8); // Windows-1252
        assert_eq!(at(&[0xFF, 0xFE, 0, 0, b'N', 0, 0, 0]), 0); // UTF-32
        assert_eq!(at(&units("ab", &[0xFF, 0xFE, 0x00, 0xD8], u16::to_le_bytes)), 2);
        assert_eq!(at(&[0xFF]), 0);
    }
}
