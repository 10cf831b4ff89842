//! Paths, methods and conditions of an HttpRoute.

use std::sync::Arc;

use seaway_api::http_route::{Condition, ConditionSource, HttpRoute, Operator, PathSpec};
use seaway_api::{Pos, Spanned};
use seaway_model::{
    Code, Conditions, CookieMatch, HeaderMatch, PathMatch, Pattern, QueryMatch, StringMatch, ValueMatch,
};

use crate::findings::Reporter;

/// One set of conditions for each path that can be used, with the path's index.
pub(super) fn conditions(route: &HttpRoute, reporter: &mut Reporter<'_>) -> Vec<(usize, Conditions)> {
    let mut shared = Conditions {
        methods: methods(route),
        ..Conditions::default()
    };
    for (index, condition) in route.conditions.iter().enumerate() {
        add(
            &mut shared,
            condition,
            &format!("spec.conditions[{index}]"),
            reporter,
        );
    }
    let mut all: Vec<(usize, Conditions)> = Vec::with_capacity(route.paths.len());
    for (index, spec) in route.paths.iter().enumerate() {
        let Some(path) = path(spec, &format!("spec.paths[{index}]"), reporter) else {
            continue;
        };
        // A path that is written twice matches once.
        if all.iter().all(|(_, other)| other.path != path) {
            let conditions = Conditions {
                path,
                ..shared.clone()
            };
            all.push((index, conditions));
        }
    }
    all
}

fn methods(route: &HttpRoute) -> Vec<Arc<str>> {
    let mut methods: Vec<Arc<str>> = route.methods.iter().map(|method| method.value.clone()).collect();
    methods.sort();
    methods.dedup();
    methods
}

/// `/` by elements and by characters is the same: everything.
fn path(spec: &Spanned<PathSpec>, field: &str, reporter: &mut Reporter<'_>) -> Option<PathMatch> {
    Some(match &spec.value {
        PathSpec::Prefix(text) => elements(text),
        PathSpec::StringPrefix(text) if **text == *"/" => PathMatch::Any,
        PathSpec::StringPrefix(text) => PathMatch::Prefix(text.clone()),
        PathSpec::Exact(text) => PathMatch::Exact(text.clone()),
        PathSpec::Regex(text) => PathMatch::Regex(pattern(text, field, spec.pos, reporter)?),
    })
}

/// A prefix by path elements, whose trailing slash means nothing.
pub(crate) fn elements(text: &Arc<str>) -> PathMatch {
    let stripped = text.trim_end_matches('/');
    if stripped.is_empty() {
        PathMatch::Any
    } else if stripped.len() == text.len() {
        PathMatch::Elements(text.clone())
    } else {
        PathMatch::Elements(stripped.into())
    }
}

/// A regular expression, or a finding.
pub(super) fn pattern(
    text: &Arc<str>,
    field: &str,
    pos: Pos,
    reporter: &mut Reporter<'_>,
) -> Option<Pattern> {
    match Pattern::new(text.clone()) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            reporter.report(
                Code::InvalidRegex,
                field,
                pos,
                format!("\"{text}\" is not a usable regular expression: {error}"),
                "patterns match the whole value, without look-around and back-references",
            );
            None
        }
    }
}

fn add(conditions: &mut Conditions, condition: &Condition, field: &str, reporter: &mut Reporter<'_>) {
    let Some(value) = value_match(condition, field, reporter) else {
        return;
    };
    let name = condition.name.value.clone();
    match condition.source {
        ConditionSource::Header => conditions.headers.push(HeaderMatch {
            name: name.to_ascii_lowercase().into(),
            value,
        }),
        ConditionSource::Query => conditions.query.push(QueryMatch { name, value }),
        ConditionSource::Cookie => conditions.cookies.push(CookieMatch { name, value }),
    }
}

fn value_match(condition: &Condition, field: &str, reporter: &mut Reporter<'_>) -> Option<ValueMatch> {
    let (text, pos) = condition.value.as_ref().map_or_else(
        || ("".into(), condition.operator.pos),
        |text| (text.value.clone(), text.pos),
    );
    let mut regex = || pattern(&text, &format!("{field}.value"), pos, reporter).map(StringMatch::Regex);
    Some(match condition.operator.value {
        Operator::Exists => ValueMatch::Present,
        Operator::Absent => ValueMatch::Absent,
        Operator::Equal => ValueMatch::Is(StringMatch::Exact(text)),
        Operator::NotEqual => ValueMatch::IsNot(StringMatch::Exact(text)),
        Operator::WithPrefix => ValueMatch::Is(StringMatch::Prefix(text)),
        Operator::WithoutPrefix => ValueMatch::IsNot(StringMatch::Prefix(text)),
        Operator::MatchRegexp => ValueMatch::Is(regex()?),
        Operator::NotMatchRegexp => ValueMatch::IsNot(regex()?),
    })
}

/// What a CORS preflight for these conditions looks like; `None` when the route takes OPTIONS anyway. The other
/// conditions stay: a preflight has the same path and query, and the browser's own headers.
pub(super) fn preflight(conditions: &Conditions) -> Option<Conditions> {
    if conditions.methods.is_empty() || conditions.methods.iter().any(|method| **method == *"OPTIONS") {
        return None;
    }
    let mut preflight = Conditions {
        methods: vec!["OPTIONS".into()],
        ..conditions.clone()
    };
    preflight.headers.push(HeaderMatch {
        name: "origin".into(),
        value: ValueMatch::Present,
    });
    preflight.headers.push(HeaderMatch {
        name: "access-control-request-method".into(),
        value: ValueMatch::Is(one_of(&conditions.methods)?),
    });
    Some(preflight)
}

/// One of these texts.
fn one_of(texts: &[Arc<str>]) -> Option<StringMatch> {
    if let [only] = texts {
        return Some(StringMatch::Exact(only.clone()));
    }
    let alternatives: Vec<String> = texts.iter().map(|text| escaped(text)).collect();
    Pattern::new(alternatives.join("|")).ok().map(StringMatch::Regex)
}

/// A method is a token (RFC 9110, 5.6.2), and some characters of tokens mean something in a pattern.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_alphanumeric() {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
