//! No output of a daemon holds what it was configured to keep to itself.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use memchr::memmem;

/// Looks for each password, token and hash of `expsd.toml` in all that was written below
/// `folder`: the log, the ready file, the journal.
///
/// # Panics
///
/// If one is there, as it is or within something in base64.
pub fn check(folder: &Path) {
    let Ok(configuration) = fs::read_to_string(folder.join("expsd.toml")) else { return };
    let Ok(configuration) = toml::from_str::<toml::Table>(&configuration) else { return };
    let mut secrets = Vec::new();
    collect(&toml::Value::Table(configuration), &mut secrets);
    let forms: Vec<_> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    for file in written(folder) {
        let content = fs::read(&file).unwrap();
        for form in &forms {
            let found = memmem::find(&content, form.as_bytes());
            assert!(found.is_none(), "{form} stands in {}", file.display());
        }
    }
}

fn collect(value: &toml::Value, secrets: &mut Vec<String>) {
    const KEYS: [&str; 4] = ["password", "nt_hash", "token", "secret"];
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                match value.as_str().filter(|_| KEYS.contains(&key.as_str())) {
                    // Shorter ones are in every text.
                    Some(secret) if secret.len() > 4 => secrets.push(secret.to_owned()),
                    _ => collect(value, secrets),
                }
            }
        }
        toml::Value::Array(array) => array.iter().for_each(|value| collect(value, secrets)),
        _ => {}
    }
}

/// The secret, and what base64 makes of it wherever it begins in a text.
fn forms(secret: &str) -> Vec<String> {
    let encoded = (0..3).map(|before| {
        let text = BASE64_STANDARD_NO_PAD.encode([&vec![0; before], secret.as_bytes()].concat());
        // What depends on the neighbours is left off.
        let start = [0, 2, 3][before];
        let end = (before + secret.len()) / 3 * 4;
        text[start..end.max(start)].to_owned()
    });
    encoded.filter(|form| form.len() > 4).chain([secret.to_owned()]).collect()
}

fn written(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        // A test may have put a pipe in a file's place.
        let is_file = entry.file_type().unwrap().is_file();
        let path = entry.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_record = name.ends_with(".LOG") || name.ends_with(".jsonl");
        if path.is_dir() && name != "state" {
            files.extend(written(&path));
        } else if is_file && (is_record || name == "log" || name == "ready.json") {
            files.push(path);
        }
    }
    files
}
