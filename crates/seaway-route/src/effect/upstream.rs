//! Path and host of the request that goes to the upstream.

use std::borrow::Cow;

use regex_automata::util::captures::Captures;
use seaway_model::{HostRewrite, PathRewrite};

use super::{absolute, replace_prefix, with_query};
use crate::Matched;
use crate::expression::Expression;
use crate::normalize::ASTERISK;

/// Where the upstream is told that the request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTarget<'a> {
    /// Always starts with a slash, but for `OPTIONS *`. Borrowed where there is no query and nothing changed.
    pub path_and_query: Cow<'a, str>,
    /// The rewritten host, or what was given.
    pub host: &'a str,
}

/// Applies a route's rewrite. `path` is normalised, `host` is the Host header as it shall be sent without a rewrite.
#[must_use]
pub fn upstream_target<'a>(
    matched: &Matched<'a>,
    path: &'a str,
    query: Option<&str>,
    host: &'a str,
) -> UpstreamTarget<'a> {
    let rewrite = matched.route.rewrite();
    let rewritten = match rewrite.and_then(|rewrite| rewrite.path.as_ref()) {
        _ if path == ASTERISK => Cow::Borrowed(path),
        None => Cow::Borrowed(path),
        Some(PathRewrite::Full(full)) => absolute(full),
        Some(PathRewrite::Prefix(prefix)) => Cow::Owned(replace_prefix(path, matched.matched_path, prefix)),
        Some(PathRewrite::Regex { substitution, .. }) => match &matched.route.rewrite {
            Some(expression) => replace_all(expression, path, substitution),
            None => Cow::Borrowed(path),
        },
    };
    UpstreamTarget {
        path_and_query: with_query(rewritten, query),
        host: match rewrite.and_then(|rewrite| rewrite.host.as_ref()) {
            Some(HostRewrite::Literal(literal)) => literal,
            None => host,
        },
    }
}

/// Replaces every match that does not overlap one before it.
fn replace_all<'a>(expression: &Expression, path: &'a str, substitution: &str) -> Cow<'a, str> {
    let Some(regex) = expression.regex() else {
        return Cow::Borrowed(path);
    };
    let mut out = String::new();
    let mut copied = 0;
    for captures in regex.captures_iter(path) {
        let Some(span) = captures.get_group(0) else {
            continue;
        };
        out.push_str(path.get(copied..span.start).unwrap_or_default());
        substitute(&captures, path, substitution, &mut out);
        copied = span.end;
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(path);
    }
    out.push_str(path.get(copied..).unwrap_or_default());
    Cow::Owned(absolute(&out).into_owned())
}

/// `\0` to `\9` are groups, empty where they took no part; `\\` is a backslash; any other backslash is itself.
fn substitute(captures: &Captures, path: &str, substitution: &str, out: &mut String) {
    let mut characters = substitution.chars().peekable();
    while let Some(character) = characters.next() {
        let group = match (character, characters.peek()) {
            ('\\', Some('\\')) => {
                characters.next();
                None
            }
            ('\\', Some(digit)) => digit.to_digit(10),
            _ => None,
        };
        match group {
            Some(group) => {
                characters.next();
                let span = captures.get_group(group as usize);
                out.push_str(span.and_then(|s| path.get(s.range())).unwrap_or_default());
            }
            None => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests;
