//! The MIT keytab file format, as far as it takes to reach the keys.

/// Replaces every key in `keytab` by another of the same length, and leaves the rest alone.
pub(super) fn spoil_keys(keytab: &mut [u8]) -> Result<(), &'static str> {
    let Some((&mut VERSION, mut rest)) = keytab.split_first_chunk_mut() else {
        return Err("it is not a version 2 keytab");
    };
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk_mut().ok_or(CUT_SHORT)?;
        let length = i32::from_be_bytes(*length);
        // A negative length marks the hole that a deleted entry left.
        let (record, tail) =
            tail.split_at_mut_checked(length.unsigned_abs() as usize).ok_or(CUT_SHORT)?;
        if length > 0 {
            for byte in key_of(record).ok_or(CUT_SHORT)? {
                *byte = !*byte;
            }
        }
        rest = tail;
    }
    Ok(())
}

/// The key in an entry: after the component count, the realm and the components follow the name
/// type, a timestamp and the short key version, then the key's type and the key.
fn key_of(entry: &mut [u8]) -> Option<&mut [u8]> {
    let (components, mut rest) = take_u16(entry)?;
    for _ in 0..=components {
        (_, rest) = take_counted(rest)?;
    }
    let rest = rest.get_mut(4 + 4 + 1 + 2..)?;
    take_counted(rest).map(|(key, _)| key)
}

fn take_counted(bytes: &mut [u8]) -> Option<(&mut [u8], &mut [u8])> {
    let (length, rest) = take_u16(bytes)?;
    rest.split_at_mut_checked(length.into())
}

fn take_u16(bytes: &mut [u8]) -> Option<(u16, &mut [u8])> {
    let (number, rest) = bytes.split_first_chunk_mut()?;
    Some((u16::from_be_bytes(*number), rest))
}

const VERSION: [u8; 2] = [5, 2];
const CUT_SHORT: &str = "an entry is cut short";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_changes() {
        let mut spoiled = sample();
        spoil_keys(&mut spoiled).unwrap();
        let expected: Vec<u8> =
            sample().into_iter().map(|byte| if byte == KEY { !KEY } else { byte }).collect();
        assert_eq!(spoiled, expected);
    }

    #[test]
    fn a_keytab_cut_anywhere_is_refused_or_ends_between_entries() {
        let whole = sample();
        for length in 0..whole.len() {
            let ends_between = [2, 2 + 4 + ENTRY, 2 + 4 + ENTRY + 4 + 3].contains(&length);
            assert_eq!(spoil_keys(&mut whole[..length].to_vec()).is_ok(), ends_between, "{length}");
        }
    }

    /// An entry, a hole and the entry again.
    fn sample() -> Vec<u8> {
        let mut entry = vec![0, 2, 0, 1, b'R', 0, 4, b's', b'm', b't', b'p', 0, 1, b'h'];
        entry.extend([0, 0, 0, 1, 0, 0, 0, 9, 3, 0, 17, 0, 16]);
        entry.extend([KEY; 16]);
        entry.extend([0, 0, 0, 3]);
        assert_eq!(entry.len(), ENTRY);
        let length = (ENTRY as u32).to_be_bytes();
        let mut keytab = VERSION.to_vec();
        keytab.extend(length.iter().chain(&entry));
        keytab.extend((-3_i32).to_be_bytes());
        keytab.extend([7; 3]);
        keytab.extend(length.iter().chain(&entry));
        keytab
    }

    const ENTRY: usize = 47;
    const KEY: u8 = 0xA5;
}
