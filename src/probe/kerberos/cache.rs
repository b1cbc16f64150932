//! What a ticket cache in a file tells of the KDC's clock (MIT's "Credential cache file format",
//! version 4).

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file that the environment names, or the default one.
pub(super) fn default_file() -> Option<PathBuf> {
    match std::env::var("KRB5CCNAME") {
        Ok(name) => match name.split_once(':') {
            Some(("FILE", path)) => Some(path.into()),
            Some(_) => None,
            None => Some(name.into()),
        },
        Err(_) => {
            let own = fs::metadata("/proc/self").ok()?;
            Some(format!("/tmp/krb5cc_{}", own.uid()).into())
        }
    }
}

/// How far the KDC's clock was ahead of ours at login, in seconds.
pub(super) fn ahead(path: &Path) -> Option<i64> {
    let mut head = Vec::new();
    fs::File::open(path).ok()?.take(512).read_to_end(&mut head).ok()?;
    offset(&head)
}

fn offset(file: &[u8]) -> Option<i64> {
    const DELTA_TIME: u16 = 1;
    let (version, rest) = file.split_first_chunk()?;
    if *version != [5, 4] {
        return None;
    }
    let (length, rest) = rest.split_first_chunk()?;
    let mut fields = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    while let Some((tag, rest)) = fields.split_first_chunk() {
        let (length, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if u16::from_be_bytes(*tag) == DELTA_TIME {
            let seconds = value.first_chunk().map(|seconds| i32::from_be_bytes(*seconds))?;
            return Some(seconds.into());
        }
        fields = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_a_field_of_the_header() {
        let head = |fields: &[u8]| [&[5, 4, 0, fields.len() as u8], fields].concat();
        let field = [&[0, 1, 0, 8][..], &(-3600i32).to_be_bytes(), &[0; 4]].concat();
        assert_eq!(offset(&head(&field)), Some(-3600));
        assert_eq!(offset(&head(&[&[0, 9, 0, 1, 7][..], &field].concat())), Some(-3600));
        for other in [&head(&[])[..], &head(&field)[..9], &[5, 3, 0, 0], b""] {
            assert_eq!(offset(other), None);
        }
    }
}
