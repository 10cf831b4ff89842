//! Why a route did not take a request, in one sentence.

use std::borrow::Cow;

use seaway_model::{Match, PathMatch};

use crate::conditions::{Check, Expected, Miss, Text};
use crate::values::Source;
use crate::{CompiledRoute, RequestHead};

/// Longer values are cut: a sentence is for people.
const LONGEST: usize = 200;

/// Names the first condition that does not hold.
pub(super) fn because(
    route: &CompiledRoute,
    miss: Option<Miss>,
    request: &RequestHead<'_>,
) -> Cow<'static, str> {
    match (miss, &route.route.matches) {
        (None, _) => Cow::Borrowed("every condition holds"),
        (Some(Miss::Never), Match::Never { because }) => Cow::Owned(format!("it can never match: {because}")),
        (Some(Miss::Path), Match::When(conditions)) => Cow::Owned(path(&conditions.path, request.path)),
        (Some(Miss::Method), _) => Cow::Owned(format!(
            "method is {}, not {}",
            request.method,
            route.conditions.methods().join(" or ")
        )),
        (Some(Miss::Source), _) => Cow::Owned(match request.source {
            Some(source) => format!("client {source} is none of the pods that it is for"),
            None => "it is for certain pods, and the client's address is not given".to_owned(),
        }),
        (Some(Miss::Check(number)), _) => match route.conditions.checks().get(number) {
            Some(failed) => Cow::Owned(check(failed, request)),
            None => Cow::Borrowed("a condition does not hold"),
        },
        (Some(Miss::Never | Miss::Path), _) => Cow::Borrowed("it can never match"),
    }
}

fn path(expected: &PathMatch, path: &str) -> String {
    match expected {
        PathMatch::Any => format!("path is {path:?}"),
        PathMatch::Exact(exact) => format!("path is {path:?}, not {exact:?}"),
        PathMatch::Elements(prefix) => format!("path is {path:?}, not {prefix:?} nor below it"),
        PathMatch::Prefix(prefix) => format!("path is {path:?}, which does not start with {prefix:?}"),
        PathMatch::ExactIgnoringCase(exact) => format!("path is {path:?}, not {exact:?} in any case"),
        PathMatch::PrefixIgnoringCase(prefix) => {
            format!("path is {path:?}, which does not start with {prefix:?} in any case")
        }
        PathMatch::Regex(pattern) => format!("path is {path:?}, not like \"{pattern}\""),
    }
}

fn check(check: &Check, request: &RequestHead<'_>) -> String {
    let kind = match check.source {
        Source::Header(_) | Source::Method | Source::Host | Source::Nowhere => "header",
        Source::Query(_) => "query parameter",
        Source::Cookie(_) => "cookie",
    };
    let name = &check.name;
    let value = check.source.value(request);
    let Some(value) = value.as_deref() else {
        return match &check.expected {
            Expected::Is(text) => format!("{kind} {name} is absent, {}", not(text)),
            _ => format!("{kind} {name} is absent"),
        };
    };
    let value = shown(value);
    match &check.expected {
        Expected::Present => format!("{kind} {name} is absent"),
        Expected::Absent => format!("{kind} {name} is there, with {value}"),
        Expected::Is(text) => format!("{kind} {name} is {value}, {}", not(text)),
        Expected::IsNot(text) => format!("{kind} {name} is {value}, {}", excluded(text)),
    }
}

fn not(text: &Text) -> String {
    match text {
        Text::Exact(exact) => format!("not \"{exact}\""),
        Text::Prefix(prefix) => format!("not starting with \"{prefix}\""),
        Text::Suffix(suffix) => format!("not ending with \"{suffix}\""),
        Text::Regex(expression) => format!("not like \"{}\"", expression.source()),
    }
}

fn excluded(text: &Text) -> String {
    match text {
        Text::Exact(_) => "which is excluded".to_owned(),
        Text::Prefix(prefix) => format!("and starting with \"{prefix}\" is excluded"),
        Text::Suffix(suffix) => format!("and ending with \"{suffix}\" is excluded"),
        Text::Regex(expression) => format!("and being like \"{}\" is excluded", expression.source()),
    }
}

fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("\"{}…\"", text.get(..end).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}
