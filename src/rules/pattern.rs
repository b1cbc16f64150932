//! Texts with wildcards.

use memchr::memmem;

/// A text in which `*` stands for anything, or for nothing. ASCII letters match in any case.
///
/// Matching takes a time that grows with the text alone, whatever the text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// In lower case, cut at the wildcards.
    pieces: Box<[Box<str>]>,
}

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self { pieces: text.to_ascii_lowercase().split('*').map(Into::into).collect() }
    }

    pub fn matches(&self, text: &str) -> bool {
        // `split` gives one piece at least.
        let Some((first, rest)) = self.pieces.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else {
            return text.eq_ignore_ascii_case(first);
        };
        let text = text.to_ascii_lowercase();
        let Some(mut rest) = text.strip_prefix(&**first) else { return false };
        for piece in middle {
            let Some(at) = memmem::find(rest.as_bytes(), piece.as_bytes()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(&**last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text) in [
            ("a@x.test", "A@X.test"),
            ("*@x.test", "a@x.test"),
            ("*@x.test", "@x.test"),
            ("a*", "a"),
            ("*", ""),
            ("**b*", "abc"),
            ("a*b*c", "a-b-b-c"),
            ("*ö*", "Tönen"),
        ] {
            assert!(Pattern::new(pattern).matches(text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a", "ab"), ("*@x.test", "a@x.test.example"), ("ab*ba", "aba"), ("a*b*c", "acb")]
        {
            assert!(!Pattern::new(pattern).matches(text), "{pattern} {text}");
        }
    }

    /// What a pattern means, said as slowly as it can be.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            Some((c, rest)) => {
                text.split_first().is_some_and(|(t, text)| t == c && naive(rest, text))
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_its_meaning(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                Pattern::new(&pattern).matches(&text),
                naive(&chars(&pattern), &chars(&text))
            );
        }
    }
}
