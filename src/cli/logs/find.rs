//! Which files the arguments stand for, and in which order.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::input::Unread;

/// The files of `paths`: those named, and in folders those called RECV*.LOG. Each once, and in
/// the order in which a server wrote them.
pub fn find(paths: &[PathBuf], unread: &mut Vec<Unread>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => {
                let before = files.len();
                search(path, &mut files, unread);
                if files.len() == before {
                    let problem = "the folder holds no RECV*.LOG".to_owned();
                    unread.push(Unread { name: path.display().to_string(), problem });
                }
            }
            false => files.push(path.clone()),
        }
    }
    files.sort_by_cached_key(|path| in_order(&path.to_string_lossy()));
    // A file may be named in many ways; one that cannot be found is told under each.
    let mut known = HashSet::new();
    files.retain(|path| match is_stdin(path) {
        true => known.insert(path.clone()),
        false => known.insert(path.canonicalize().unwrap_or_else(|_| path.clone())),
    });
    files
}

pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn search(folder: &Path, files: &mut Vec<PathBuf>, unread: &mut Vec<Unread>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let name = folder.display().to_string();
            unread.push(Unread { name, problem: error.to_string() });
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        // Links to folders are not followed: they may lead in a circle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&path, files, unread);
        } else if is_log(&entry.file_name().to_string_lossy()) && path.is_file() {
            files.push(path);
        }
    }
}

/// `RECV2026112209-1.LOG`, in any case, with or without `.gz` or `.zip` behind.
fn is_log(name: &str) -> bool {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_uppercase();
    name.starts_with("RECV") && name.contains(".LOG")
}

/// The logs among the entries of an archive: RECV*.LOG; or, where whoever packed it has renamed
/// them, every *.LOG; or the only entry there is.
pub fn logs_among(mut entries: Vec<String>) -> Vec<String> {
    entries.retain(|name| !name.ends_with(['/', '\\']));
    let renamed = |name: &String| name.to_ascii_uppercase().ends_with(".LOG");
    let wanted: [&dyn Fn(&String) -> bool; 2] = [&|name| is_log(name), &renamed];
    for wanted in wanted {
        let logs: Vec<_> = entries.iter().filter(|name| wanted(name)).cloned().collect();
        if !logs.is_empty() {
            return logs;
        }
    }
    if entries.len() == 1 { entries } else { Vec::new() }
}

/// A key by which `-10.LOG` comes after `-9.log`: every number goes by its length, then by its
/// digits, and case does not count.
pub fn in_order(name: &str) -> Vec<(usize, String)> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut in_number = false;
    for c in name.chars() {
        let digit = c.is_ascii_digit();
        if parts.is_empty() || digit != in_number {
            parts.push((0, String::new()));
            in_number = digit;
        }
        if let Some((length, part)) = parts.last_mut() {
            part.push(c.to_ascii_lowercase());
            *length += usize::from(digit);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_in_which_they_were_written() {
        let mut names = [
            "b/RECV20261122-10.LOG",
            "a/RECV20261122-1.LOG",
            "b/recv20261122-9.log",
            "b/RECV2026112209-1.LOG",
        ];
        names.sort_by_cached_key(|name| in_order(name));
        assert_eq!(
            names,
            [
                "a/RECV20261122-1.LOG",
                "b/recv20261122-9.log",
                "b/RECV20261122-10.LOG",
                "b/RECV2026112209-1.LOG"
            ]
        );
    }

    #[test]
    fn an_archive_may_have_renamed_its_logs() {
        let among =
            |names: &[&str]| logs_among(names.iter().map(|name| name.to_string()).collect());
        assert_eq!(among(&["a/", "a/RECV1-1.LOG", "a/x.log"]), ["a/RECV1-1.LOG"]);
        assert_eq!(among(&["x.log", "y.LOG", "notes.txt"]), ["x.log", "y.LOG"]);
        assert_eq!(among(&["a/", "a/whatever"]), ["a/whatever"]);
        assert!(among(&["notes.txt", "more.txt"]).is_empty());
    }

    #[test]
    fn logs_are_known_by_their_names() {
        for name in
            ["RECV20261122-1.LOG", "recv2026112209-1.log.gz", "x/y/RECV1-1.LOG", "x\\RECV1.LOG"]
        {
            assert!(is_log(name), "{name}");
        }
        for name in ["SEND20261122-1.LOG", "RECV.txt", "old.RECV.LOG"] {
            assert!(!is_log(name), "{name}");
        }
    }
}
