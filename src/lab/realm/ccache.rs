//! The header of MIT's FILE credential cache, which records how the KDC's clock differs.

/// Returns `cache` with its record of the KDC's clock set to `seconds` ahead of the client's.
pub(super) fn with_time_offset(cache: &[u8], seconds: i32) -> Result<Vec<u8>, &'static str> {
    let rest = cache.strip_prefix(&VERSION).ok_or("it is not a version 4 FILE cache")?;
    let (mut fields, credentials) = take_counted(rest).ok_or(CUT_SHORT)?;

    let mut header = Vec::new();
    header.extend(DELTA_TIME);
    header.extend(8_u16.to_be_bytes());
    header.extend(seconds.to_be_bytes());
    header.extend(0_i32.to_be_bytes());
    while !fields.is_empty() {
        let (tag, value) = fields.split_first_chunk::<2>().ok_or(CUT_SHORT)?;
        let (value, tail) = take_counted(value).ok_or(CUT_SHORT)?;
        if *tag != DELTA_TIME {
            header.extend(tag);
            // As long as it was in a header whose own length fits.
            header.extend((value.len() as u16).to_be_bytes());
            header.extend(value);
        }
        fields = tail;
    }

    let length = u16::try_from(header.len()).map_err(|_| "its header is full")?;
    let mut skewed = VERSION.to_vec();
    skewed.extend(length.to_be_bytes());
    skewed.extend(header);
    skewed.extend(credentials);
    Ok(skewed)
}

fn take_counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

const VERSION: [u8; 2] = [5, 4];

/// The tag of the header field that holds the offset, as seconds and microseconds.
const DELTA_TIME: [u8; 2] = [0, 1];

const CUT_SHORT: &str = "its header is cut short";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_replaced() {
        let cache = [5, 4, 0, 12, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3];
        let skewed = with_time_offset(&cache, -2).unwrap();
        let expected = [5, 4, 0, 12, 0, 1, 0, 8, 0xFF, 0xFF, 0xFF, 0xFE, 0, 0, 0, 0, 1, 2, 3];
        assert_eq!(skewed, expected);
    }

    #[test]
    fn an_offset_is_added_and_other_fields_stay() {
        let cache = [5, 4, 0, 5, 0, 9, 0, 1, 7, 1, 2, 3];
        let skewed = with_time_offset(&cache, 1).unwrap();
        let expected = [5, 4, 0, 17, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 7, 1, 2, 3];
        assert_eq!(skewed, expected);
    }

    #[test]
    fn other_versions_and_short_headers_are_refused() {
        assert!(with_time_offset(&[5, 3, 0, 0], 1).is_err());
        for length in 0..9 {
            assert!(
                with_time_offset(&[5, 4, 0, 5, 0, 9, 0, 1, 7][..length], 1).is_err(),
                "{length}"
            );
        }
    }
}
