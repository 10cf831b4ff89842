//! Makes text from a request safe inside a line.
//!
//! One way of escaping for all formats, JSON's: quotes and backslashes, every control character (C0, DEL and C1, which
//! terminals obey), line separators, and the marks that turn the direction of text so that a line reads as another.

use std::fmt::Write as _;

/// Appends `text`, escaped.
pub(super) fn escape(text: &str, out: &mut String) {
    if text
        .bytes()
        .all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
    {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

/// All of these are in the first plane, so four digits are enough.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape(text, &mut out);
        out
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(escaped("/a?b=ü&c"), "/a?b=ü&c");
    }

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(escaped("a\u{1b}[2J\u{9b}b\u{202e}"), "a\\u001b[2J\\u009bb\\u202e");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_json(text in any::<String>()) {
            let json = format!("\"{}\"", escaped(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn no_text_ends_a_line_or_a_quotation(text in any::<String>()) {
            let out = escaped(&text);
            prop_assert!(!out.contains(char::is_control));
            let mut chars = out.chars();
            while let Some(c) = chars.next() {
                prop_assert_ne!(c, '"');
                if c == '\\' {
                    prop_assert!(chars.next().is_some());
                }
            }
        }
    }
}
