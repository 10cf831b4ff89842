//! Paths that change on the way.
//!
//! Two laws of the model are not Envoy's: a path starts with exactly one slash, and joining never makes two. Where a
//! plain prefix rewrite would break one, it is said as an expression.

use envoy_types::pb::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;
use seaway_model::{PathMatch, PathRewrite};

use super::expression::{groups, re2};
use crate::words::expression;

/// A rewrite in Envoy's words.
#[derive(Debug, PartialEq)]
pub(crate) enum Rewritten {
    /// The matched part becomes this.
    Prefix(String),
    /// What the expression finds becomes this.
    Regex(RegexMatchAndSubstitute),
}

/// Takes the whole path.
pub(crate) const WHOLE: &str = "^.*$";

/// Says a rewrite of the path of a request.
pub(crate) fn path(rewrite: &PathRewrite, matched: &PathMatch) -> Result<Rewritten, String> {
    match rewrite {
        PathRewrite::Full(full) => Ok(Rewritten::Regex(substitute(
            WHOLE.into(),
            literal(&absolute(full)),
        ))),
        PathRewrite::Prefix(prefix) => Ok(replaced(prefix, matched)),
        PathRewrite::Regex {
            pattern,
            substitution,
        } => Ok(Rewritten::Regex(substitute(
            re2(pattern)?,
            portable(substitution, groups(pattern)),
        ))),
    }
}

/// The matched part of a path becomes another text.
pub(crate) fn replaced(replacement: &str, matched: &PathMatch) -> Rewritten {
    let target = absolute(replacement);
    match matched {
        // Nothing of the path was matched, and the rest begins with a slash.
        PathMatch::Any => Rewritten::Prefix(format!("{}/", target.trim_end_matches('/'))),
        PathMatch::Exact(_) | PathMatch::ExactIgnoringCase(_) | PathMatch::Regex(_) => {
            Rewritten::Regex(substitute(WHOLE.into(), literal(&target)))
        }
        PathMatch::Elements(prefix) => joined(prefix.trim_end_matches('/'), "", &target),
        PathMatch::Prefix(prefix) => joined(prefix, "", &target),
        PathMatch::PrefixIgnoringCase(prefix) => joined(prefix, "i", &target),
    }
}

fn joined(prefix: &str, flags: &str, target: &str) -> Rewritten {
    if !target.ends_with('/') {
        return Rewritten::Prefix(target.to_owned());
    }
    let pattern = format!("^(?{flags}:{})/?(.*)$", regex_syntax::escape(prefix));
    Rewritten::Regex(substitute(pattern, format!(r"{}\1", literal(target))))
}

fn substitute(pattern: String, substitution: String) -> RegexMatchAndSubstitute {
    RegexMatchAndSubstitute {
        pattern: Some(expression(pattern)),
        substitution,
    }
}

/// A text that is taken as it is.
fn literal(text: &str) -> String {
    text.replace('\\', r"\\")
}

/// What `literal` wrote; `None` where there are groups in it.
pub(crate) fn unliteral(substitution: &str) -> Option<String> {
    let mut out = String::new();
    let mut characters = substitution.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next() == Some('\\') => out.push('\\'),
            '\\' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

/// Our substitutions allow what RE2 refuses: a backslash before any character, and groups that there are not.
fn portable(substitution: &str, groups: usize) -> String {
    let mut out = String::new();
    let mut characters = substitution.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek().copied()) {
            ('\\', Some('\\')) => {
                characters.next();
                out.push_str(r"\\");
            }
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                characters.next();
                if digit.to_digit(10).is_some_and(|group| group as usize <= groups) {
                    out.push('\\');
                    out.push(digit);
                }
            }
            ('\\', _) => out.push_str(r"\\"),
            (other, _) => out.push(other),
        }
    }
    out
}

/// With exactly one slash at the beginning, and nothing that a request line could not carry.
pub(crate) fn absolute(path: &str) -> String {
    let mut out = String::from("/");
    for character in path.trim_start_matches('/').chars() {
        let mut bytes = [0; 4];
        if character.is_ascii_graphic() {
            out.push(character);
        } else {
            for byte in character.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_ends_with_a_slash_never_makes_two() {
        let Rewritten::Regex(rewrite) = replaced("/", &PathMatch::Elements("/a.b".into())) else {
            panic!("not an expression");
        };
        assert_eq!(rewrite.pattern.unwrap().regex, r"^(?:/a\.b)/?(.*)$");
        assert_eq!(rewrite.substitution, r"/\1");
    }

    #[test]
    fn a_plain_prefix_stays_plain() {
        let matched = PathMatch::Elements("/a".into());
        assert_eq!(replaced("b", &matched), Rewritten::Prefix("/b".into()));
        assert_eq!(replaced("/b", &PathMatch::Any), Rewritten::Prefix("/b/".into()));
    }

    #[test]
    fn a_substitution_is_made_portable() {
        assert_eq!(portable(r"\1\2\x\\", 1), r"\1\\x\\");
        assert_eq!(unliteral(&literal(r"/a\b")).as_deref(), Some(r"/a\b"));
    }

    #[test]
    fn a_path_is_made_sendable() {
        assert_eq!(absolute("//a b\u{e9}"), "/a%20b%C3%A9");
    }
}
