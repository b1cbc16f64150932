//! A configuration's text as it may be shown: errors come with the lines around them, and a
//! password may stand there.

/// What is secret, by its key.
const KEYS: [&str; 4] = ["password", "nt_hash", "token", "secret"];

/// `text` with every value of such a key as asterisks, octet for octet, so that places in it
/// stay where they are. It need not be TOML: what is wrong with it may be just that.
pub(super) fn hidden(text: &str) -> String {
    text.split_inclusive('\n').map(hidden_line).collect()
}

fn hidden_line(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = value_of_a_key(rest) {
        let (before, value) = rest.split_at(at);
        shown.push_str(before);
        let end = end_of(value);
        let (value, behind) = value.split_at(end);
        let stars = |c: char| match c {
            '"' | '\'' | '\r' | '\n' | ' ' => c.to_string(),
            c => "*".repeat(c.len_utf8()),
        };
        shown.extend(value.chars().map(stars));
        rest = behind;
    }
    shown + rest
}

/// Where the first value of a secret key begins.
fn value_of_a_key(line: &str) -> Option<usize> {
    let values = KEYS.iter().flat_map(|key| {
        line.match_indices(key).filter_map(|(at, _)| {
            let behind = at + key.len();
            let mark = line[behind..].find(|c: char| !matches!(c, ' ' | '\t' | '"' | '\''))?;
            line[behind + mark..].starts_with('=').then_some(behind + mark + 1)
        })
    });
    values.min()
}

/// The end of a value: of its quotes, or of the line if there are none that end.
fn end_of(value: &str) -> usize {
    let open = value.len() - value.trim_start_matches([' ', '\t']).len();
    let Some(quote @ (b'"' | b'\'')) = value.as_bytes().get(open).copied() else {
        return value.len();
    };
    let mut escaped = false;
    for (at, &octet) in value.as_bytes().iter().enumerate().skip(open + 1) {
        if octet == quote && !escaped {
            return at + 1;
        }
        escaped = quote == b'"' && octet == b'\\' && !escaped;
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::hidden;

    #[test]
    fn values_of_secret_keys_become_asterisks_and_nothing_moves() {
        for (text, shown) in [
            ("password = \"geheim\" x\n", "password = \"******\" x\n"),
            ("\"token\"='a\\'\nlisten = 1", "\"token\"='**'\nlisten = 1"),
            ("password = \"a\\\"b\" # c", "password = \"**\"*\" # c"),
            ("a = { password = \"ü\", nt_hash = 12 }", "a = { password = \"**\", nt_hash = ** *"),
            ("password = \"never ends\r\n", "password = \"***** ****\r\n"),
            (
                "# the password is elsewhere\nname = \"token\"",
                "# the password is elsewhere\nname = \"token\"",
            ),
        ] {
            assert_eq!(hidden(text), shown);
            assert_eq!(hidden(text).len(), text.len());
        }
    }
}
