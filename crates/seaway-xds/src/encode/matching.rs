//! The conditions of a route.
//!
//! Most have a word of Envoy's own. Those that have none are said in another way, so that they mean the same:
//! - the first query parameter of a name is compared decoded by us and as sent by Envoy, so each character may also be its
//!   escape; that a parameter is *not* so is said of `:path`, since only headers can be inverted;
//! - an inverted header condition takes a missing header for an empty one; where its pattern takes the empty text too, a
//!   second route takes the requests without the header;
//! - what never matches takes 0 % of the requests;
//! - a header that says where a request came from is taken from clients before a route is chosen, and Envoy has by then
//!   written its own, so a condition on one is decided here.

use std::fmt::Write as _;

use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::{
    CookieMatcher, HeaderMatcher, QueryParameterMatcher, RouteMatch,
};
use envoy_types::pb::envoy::r#type::matcher::v3::StringMatcher;
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use seaway_model::{
    Conditions, CookieMatch, Fraction, HeaderMatch, Match, PathMatch, QueryMatch, StringMatch, ValueMatch,
};

use super::expression::{may_be_empty, re2};
use super::hcm;
use crate::words::{expression, runtime_share, text, yes_or_no};

/// More conditions that double a route are not written out.
const MOST_DOUBLED: usize = 3;

/// What a route takes, in Envoy's words.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// What the route itself takes.
    pub(crate) first: RouteMatch,
    /// What copies of it take.
    pub(crate) others: Vec<RouteMatch>,
    /// What is not quite so in Envoy: what, and why.
    pub(crate) losses: Vec<(&'static str, String)>,
}

/// Says the conditions. A route whose conditions cannot be said takes nothing, and the loss says so.
pub(crate) fn matches(matches: &Match) -> Matches {
    let mut losses = Vec::new();
    let conditions = match matches {
        Match::When(conditions) => conditions,
        Match::Never { .. } => {
            return Matches {
                first: never(),
                ..Matches::default()
            };
        }
    };
    match said(conditions, &mut losses) {
        Ok((first, others)) => Matches {
            first,
            others,
            losses,
        },
        Err(loss) => {
            losses.push(loss);
            Matches {
                first: never(),
                others: Vec::new(),
                losses,
            }
        }
    }
}

/// Whether a header says where a request came from: what [`super::hcm`] takes from clients.
fn is_claim(name: &str) -> bool {
    name.starts_with(hcm::CLAIMS) || hcm::CLAIMED.contains(&name)
}

/// Takes nothing.
fn never() -> RouteMatch {
    RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix("/".into())),
        runtime_fraction: runtime_share(Fraction::ZERO),
        ..RouteMatch::default()
    }
}

type Losses = Vec<(&'static str, String)>;

fn said(
    conditions: &Conditions,
    losses: &mut Losses,
) -> Result<(RouteMatch, Vec<RouteMatch>), (&'static str, String)> {
    if conditions.sources.is_some() {
        let why = "Envoy's routes cannot ask for the client's address, so the route takes nothing";
        return Err(("sources", why.to_owned()));
    }
    let regex = |error| ("regular expression", format!("{error}; the route takes nothing"));
    let mut first = RouteMatch::default();
    path(&conditions.path, &mut first).map_err(regex)?;
    first.headers.extend(methods(&conditions.methods));
    let mut doubled = Vec::new();
    for condition in &conditions.headers {
        if is_claim(&condition.name) {
            let why = "Envoy believes no client, so it is as if the header were never there";
            losses.push(("condition on what clients claim of themselves", why.to_owned()));
            match condition.value {
                ValueMatch::Present | ValueMatch::Is(_) => return Ok((never(), Vec::new())),
                ValueMatch::Absent | ValueMatch::IsNot(_) => continue,
            }
        }
        if is_true_of_nothing(condition) {
            doubled.push(first.headers.len());
        }
        first.headers.push(header(condition).map_err(regex)?);
    }
    for condition in &conditions.query {
        query(condition, &mut first, losses).map_err(regex)?;
    }
    for condition in &conditions.cookies {
        first.cookies.push(cookie(condition).map_err(regex)?);
    }
    if doubled.len() > MOST_DOUBLED {
        let why = "too many negated conditions that hold for an empty value as well as for none";
        losses.push(("header conditions", why.to_owned()));
        doubled.truncate(MOST_DOUBLED);
    }
    let others = alternatives(&first, &doubled);
    Ok((first, others))
}

fn path(path: &PathMatch, into: &mut RouteMatch) -> Result<(), String> {
    let insensitive = matches!(
        path,
        PathMatch::ExactIgnoringCase(_) | PathMatch::PrefixIgnoringCase(_)
    );
    into.case_sensitive = if insensitive { yes_or_no(false) } else { None };
    into.path_specifier = Some(match path {
        PathMatch::Any => PathSpecifier::Prefix("/".into()),
        PathMatch::Exact(exact) | PathMatch::ExactIgnoringCase(exact) => {
            PathSpecifier::Path(exact.to_string())
        }
        PathMatch::Elements(prefix) => match prefix.trim_end_matches('/') {
            "" => PathSpecifier::Prefix("/".into()),
            prefix => PathSpecifier::PathSeparatedPrefix(prefix.to_owned()),
        },
        PathMatch::Prefix(prefix) | PathMatch::PrefixIgnoringCase(prefix) if prefix.is_empty() => {
            PathSpecifier::Prefix("/".into())
        }
        PathMatch::Prefix(prefix) | PathMatch::PrefixIgnoringCase(prefix) => {
            PathSpecifier::Prefix(prefix.to_string())
        }
        PathMatch::Regex(pattern) => PathSpecifier::SafeRegex(expression(re2(pattern)?)),
    });
    Ok(())
}

fn methods(methods: &[std::sync::Arc<str>]) -> Option<HeaderMatcher> {
    let pattern = match methods {
        [] => return None,
        [only] => MatchPattern::Exact(only.to_string()),
        several => {
            let names: Vec<String> = several.iter().map(|name| regex_syntax::escape(name)).collect();
            MatchPattern::SafeRegex(expression(names.join("|")))
        }
    };
    Some(HeaderMatcher {
        name: ":method".into(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(text(pattern))),
        ..HeaderMatcher::default()
    })
}

pub(crate) fn string(condition: &StringMatch) -> Result<StringMatcher, String> {
    Ok(text(match condition {
        StringMatch::Exact(exact) => MatchPattern::Exact(exact.to_string()),
        // Envoy allows no empty one.
        StringMatch::Prefix(part) | StringMatch::Suffix(part) if part.is_empty() => {
            MatchPattern::SafeRegex(expression("(?s).*"))
        }
        StringMatch::Prefix(prefix) => MatchPattern::Prefix(prefix.to_string()),
        StringMatch::Suffix(suffix) => MatchPattern::Suffix(suffix.to_string()),
        StringMatch::Regex(pattern) => MatchPattern::SafeRegex(expression(re2(pattern)?)),
    }))
}

fn header(condition: &HeaderMatch) -> Result<HeaderMatcher, String> {
    let (specifier, invert) = match &condition.value {
        ValueMatch::Present => (HeaderMatchSpecifier::PresentMatch(true), false),
        ValueMatch::Absent => (HeaderMatchSpecifier::PresentMatch(true), true),
        ValueMatch::Is(text) => (HeaderMatchSpecifier::StringMatch(string(text)?), false),
        ValueMatch::IsNot(text) => (HeaderMatchSpecifier::StringMatch(string(text)?), true),
    };
    Ok(HeaderMatcher {
        name: condition.name.to_string(),
        invert_match: invert,
        treat_missing_header_as_empty: matches!(condition.value, ValueMatch::IsNot(_)),
        header_match_specifier: Some(specifier),
    })
}

/// Whether a negated condition takes the empty text, and so must be told apart from a missing header.
fn is_true_of_nothing(condition: &HeaderMatch) -> bool {
    match &condition.value {
        ValueMatch::IsNot(StringMatch::Regex(pattern)) => may_be_empty(pattern),
        ValueMatch::IsNot(
            StringMatch::Exact(text) | StringMatch::Prefix(text) | StringMatch::Suffix(text),
        ) => text.is_empty(),
        _ => false,
    }
}

/// Every way in which some of these headers are missing.
fn alternatives(first: &RouteMatch, doubled: &[usize]) -> Vec<RouteMatch> {
    let ways = 1_usize << doubled.len();
    (1..ways)
        .map(|way| {
            let mut other = first.clone();
            for (bit, index) in doubled.iter().enumerate() {
                if way & (1 << bit) != 0
                    && let Some(matcher) = other.headers.get_mut(*index)
                {
                    matcher.header_match_specifier = Some(HeaderMatchSpecifier::PresentMatch(true));
                    matcher.treat_missing_header_as_empty = false;
                }
            }
            other
        })
        .collect()
}

fn cookie(condition: &CookieMatch) -> Result<CookieMatcher, String> {
    let any = || text(MatchPattern::SafeRegex(expression("(?s).*")));
    let (matcher, invert) = match &condition.value {
        ValueMatch::Present => (any(), false),
        ValueMatch::Absent => (any(), true),
        ValueMatch::Is(text) => (string(text)?, false),
        ValueMatch::IsNot(text) => (string(text)?, true),
    };
    Ok(CookieMatcher {
        name: condition.name.to_string(),
        string_match: Some(matcher),
        invert_match: invert,
    })
}

fn query(condition: &QueryMatch, into: &mut RouteMatch, losses: &mut Losses) -> Result<(), String> {
    if let ValueMatch::Is(StringMatch::Regex(_)) | ValueMatch::IsNot(StringMatch::Regex(_)) = &condition.value
    {
        let why = "Envoy compares the value as it was sent, with its percent-encoding";
        losses.push(("regular expression on a query parameter", why.to_owned()));
    }
    match &condition.value {
        ValueMatch::Present => into.query_parameters.push(QueryParameterMatcher {
            name: condition.name.to_string(),
            query_parameter_match_specifier: Some(QueryParameterMatchSpecifier::PresentMatch(true)),
        }),
        ValueMatch::Is(is) => into.query_parameters.push(QueryParameterMatcher {
            name: condition.name.to_string(),
            query_parameter_match_specifier: Some(QueryParameterMatchSpecifier::StringMatch(text(
                MatchPattern::SafeRegex(expression(value(is, "(?s:.*)")?)),
            ))),
        }),
        ValueMatch::Absent => into.headers.push(no_such_query(&condition.name, "(?:=[^&]*)?")),
        ValueMatch::IsNot(is) => {
            let expected = value(is, "[^&]*")?;
            // A parameter without an equals sign has the empty value.
            let optional = if is_true_of_empty(is) { "?" } else { "" };
            into.headers.push(no_such_query(
                &condition.name,
                &format!("(?:={expected}){optional}"),
            ));
        }
    }
    Ok(())
}

fn is_true_of_empty(is: &StringMatch) -> bool {
    match is {
        StringMatch::Exact(text) | StringMatch::Prefix(text) | StringMatch::Suffix(text) => text.is_empty(),
        StringMatch::Regex(pattern) => may_be_empty(pattern),
    }
}

/// An expression for a value that may be percent-encoded; `rest` is for what else it may hold.
fn value(is: &StringMatch, rest: &str) -> Result<String, String> {
    Ok(match is {
        StringMatch::Exact(exact) => escaped_or_not(exact),
        StringMatch::Prefix(prefix) => format!("{}{rest}", escaped_or_not(prefix)),
        StringMatch::Suffix(suffix) => format!("{rest}{}", escaped_or_not(suffix)),
        StringMatch::Regex(pattern) => format!("(?:{})", re2(pattern)?),
    })
}

/// Each byte as it is, where it can stand in a query, or percent-encoded.
fn escaped_or_not(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let hex: String = format!("{byte:02x}")
            .chars()
            .map(|digit| {
                let upper = digit.to_ascii_uppercase();
                if upper == digit {
                    digit.to_string()
                } else {
                    format!("[{digit}{upper}]")
                }
            })
            .collect();
        // Writing to a String cannot fail.
        let _ = match byte {
            b'!'..=b'~' if !matches!(byte, b'#' | b'&' | b'%') => {
                let plain = regex_syntax::escape(&char::from(byte).to_string());
                write!(out, "(?:{plain}|%{hex})")
            }
            _ => write!(out, "%{hex}"),
        };
    }
    out
}

/// Holds unless the first parameter of that name goes on like this.
fn no_such_query(name: &str, rest: &str) -> HeaderMatcher {
    let regex = format!(
        r"[^?]*\?(?:{}&)*{}{rest}(?:&.*)?",
        other_parameter(name),
        regex_syntax::escape(name)
    );
    HeaderMatcher {
        name: ":path".into(),
        invert_match: true,
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(text(MatchPattern::SafeRegex(
            expression(regex),
        )))),
        ..HeaderMatcher::default()
    }
}

/// A parameter of any other name: one that ends or goes another way after some of its characters, or goes on after all.
fn other_parameter(name: &str) -> String {
    let mut ways = Vec::new();
    for (at, next) in name.char_indices() {
        let begun = regex_syntax::escape(name.get(..at).unwrap_or_default());
        let next = regex_syntax::escape(&next.to_string());
        ways.push(format!("{begun}(?:[^{next}&=][^&=]*)?"));
    }
    ways.push(format!("{}[^&=]+", regex_syntax::escape(name)));
    format!("(?:{})(?:=[^&]*)?", ways.join("|"))
}
