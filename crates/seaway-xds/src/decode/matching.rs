//! The conditions of a route, from Envoy's words.

use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::{
    CookieMatcher, HeaderMatcher, QueryParameterMatcher, RouteMatch,
};
use envoy_types::pb::envoy::r#type::matcher::v3::StringMatcher;
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use seaway_model::{
    Conditions, CookieMatch, HeaderMatch, Match, PathMatch, Pattern, QueryMatch, StringMatch, ValueMatch,
};

use crate::words::fraction;

/// Reads the conditions.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn matches(said: &RouteMatch) -> Result<Match, String> {
    if let Some(share) = &said.runtime_fraction {
        return match fraction(share.default_value.as_ref()) {
            none if none.is_zero() => Ok(Match::Never {
                because: "it takes 0 % of the requests".into(),
            }),
            _ => Err("a route for a share of the requests".into()),
        };
    }
    if said.grpc.is_some() || said.tls_context.is_some() {
        return Err("a condition on gRPC or on the client's certificate".into());
    }
    if !said.dynamic_metadata.is_empty() || !said.filter_state.is_empty() {
        return Err("a condition on metadata or filter state".into());
    }
    let mut conditions = Conditions {
        path: path(said)?,
        ..Conditions::default()
    };
    for matcher in &said.headers {
        match methods(matcher).filter(|_| conditions.methods.is_empty()) {
            Some(methods) => conditions.methods = methods,
            None => conditions.headers.push(header(matcher)?),
        }
    }
    conditions.query = said
        .query_parameters
        .iter()
        .map(query)
        .collect::<Result<_, _>>()?;
    conditions.cookies = said.cookies.iter().map(cookie).collect::<Result<_, _>>()?;
    Ok(Match::When(conditions))
}

fn path(said: &RouteMatch) -> Result<PathMatch, String> {
    let insensitive = said.case_sensitive.as_ref().is_some_and(|v| !v.value);
    Ok(match (&said.path_specifier, insensitive) {
        (Some(PathSpecifier::Prefix(prefix)), _) if prefix == "/" || prefix.is_empty() => PathMatch::Any,
        (Some(PathSpecifier::Prefix(prefix)), false) => PathMatch::Prefix(prefix.as_str().into()),
        (Some(PathSpecifier::Prefix(prefix)), true) => {
            PathMatch::PrefixIgnoringCase(prefix.to_ascii_lowercase().into())
        }
        (Some(PathSpecifier::Path(path)), false) => PathMatch::Exact(path.as_str().into()),
        (Some(PathSpecifier::Path(path)), true) => {
            PathMatch::ExactIgnoringCase(path.to_ascii_lowercase().into())
        }
        (Some(PathSpecifier::PathSeparatedPrefix(prefix)), false) => {
            PathMatch::Elements(prefix.as_str().into())
        }
        (Some(PathSpecifier::SafeRegex(regex)), _) => PathMatch::Regex(pattern(&regex.regex)?),
        (Some(PathSpecifier::PathSeparatedPrefix(_)), true) => {
            return Err("a prefix of path elements in either case".into());
        }
        (Some(PathSpecifier::ConnectMatcher(_) | PathSpecifier::PathMatchPolicy(_)) | None, _) => {
            return Err("a condition on the path that is neither exact, a prefix nor an expression".into());
        }
    })
}

pub(crate) fn pattern(regex: &str) -> Result<Pattern, String> {
    Pattern::new(regex).map_err(|error| error.to_string())
}

/// Methods as they are written, one or several between bars.
fn methods(matcher: &HeaderMatcher) -> Option<Vec<std::sync::Arc<str>>> {
    if matcher.name != ":method" || matcher.invert_match {
        return None;
    }
    let Some(HeaderMatchSpecifier::StringMatch(text)) = &matcher.header_match_specifier else {
        return None;
    };
    match &text.match_pattern {
        Some(MatchPattern::Exact(method)) => Some(vec![method.as_str().into()]),
        Some(MatchPattern::SafeRegex(regex))
            if regex.regex.bytes().all(|b| b.is_ascii_uppercase() || b == b'|') =>
        {
            Some(regex.regex.split('|').map(Into::into).collect())
        }
        _ => None,
    }
}

pub(crate) fn string(said: &StringMatcher) -> Result<StringMatch, String> {
    let literal = |text: &str, before: &str, after: &str| -> Result<StringMatch, String> {
        let escaped = regex_syntax::escape(text);
        Ok(StringMatch::Regex(pattern(&format!(
            "(?is){before}{escaped}{after}"
        ))?))
    };
    Ok(match (&said.match_pattern, said.ignore_case) {
        (Some(MatchPattern::Exact(text)), false) => StringMatch::Exact(text.as_str().into()),
        (Some(MatchPattern::Prefix(text)), false) => StringMatch::Prefix(text.as_str().into()),
        (Some(MatchPattern::Suffix(text)), false) => StringMatch::Suffix(text.as_str().into()),
        (Some(MatchPattern::SafeRegex(regex)), _) => StringMatch::Regex(pattern(&regex.regex)?),
        (Some(MatchPattern::Contains(text)), false) => {
            StringMatch::Regex(pattern(&format!("(?s).*{}.*", regex_syntax::escape(text)))?)
        }
        (Some(MatchPattern::Exact(text)), true) => literal(text, "", "")?,
        (Some(MatchPattern::Prefix(text)), true) => literal(text, "", ".*")?,
        (Some(MatchPattern::Suffix(text)), true) => literal(text, ".*", "")?,
        (Some(MatchPattern::Contains(text)), true) => literal(text, ".*", ".*")?,
        (Some(MatchPattern::Custom(_)) | None, _) => return Err("a text matcher of an extension".into()),
    })
}

fn header(said: &HeaderMatcher) -> Result<HeaderMatch, String> {
    #[expect(deprecated, reason = "other control planes still send them")]
    let is = match &said.header_match_specifier {
        None => None,
        Some(HeaderMatchSpecifier::PresentMatch(present)) => {
            return Ok(HeaderMatch {
                name: said.name.to_ascii_lowercase().into(),
                value: if *present == said.invert_match {
                    ValueMatch::Absent
                } else {
                    ValueMatch::Present
                },
            });
        }
        Some(HeaderMatchSpecifier::StringMatch(matcher)) => Some(string(matcher)?),
        Some(HeaderMatchSpecifier::ExactMatch(text)) => Some(StringMatch::Exact(text.as_str().into())),
        Some(HeaderMatchSpecifier::PrefixMatch(text)) => Some(StringMatch::Prefix(text.as_str().into())),
        Some(HeaderMatchSpecifier::SuffixMatch(text)) => Some(StringMatch::Suffix(text.as_str().into())),
        Some(HeaderMatchSpecifier::SafeRegexMatch(regex)) => Some(StringMatch::Regex(pattern(&regex.regex)?)),
        Some(HeaderMatchSpecifier::ContainsMatch(_) | HeaderMatchSpecifier::RangeMatch(_)) => {
            return Err("a condition on a part or a range of a header's value".into());
        }
    };
    Ok(HeaderMatch {
        name: said.name.to_ascii_lowercase().into(),
        value: match (is, said.invert_match) {
            (None, false) => ValueMatch::Present,
            (None, true) => ValueMatch::Absent,
            (Some(is), false) => ValueMatch::Is(is),
            (Some(is), true) => ValueMatch::IsNot(is),
        },
    })
}

fn query(said: &QueryParameterMatcher) -> Result<QueryMatch, String> {
    Ok(QueryMatch {
        name: said.name.as_str().into(),
        value: match &said.query_parameter_match_specifier {
            None | Some(QueryParameterMatchSpecifier::PresentMatch(true)) => ValueMatch::Present,
            Some(QueryParameterMatchSpecifier::PresentMatch(false)) => ValueMatch::Absent,
            Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => ValueMatch::Is(string(matcher)?),
        },
    })
}

fn cookie(said: &CookieMatcher) -> Result<CookieMatch, String> {
    let matcher = said.string_match.as_ref().ok_or("a cookie without a condition")?;
    let is = string(matcher)?;
    let any = matches!(&is, StringMatch::Regex(pattern) if matches!(pattern.source(), ".*" | "(?s).*"));
    Ok(CookieMatch {
        name: said.name.as_str().into(),
        value: match (any, said.invert_match) {
            (true, false) => ValueMatch::Present,
            (true, true) => ValueMatch::Absent,
            (false, false) => ValueMatch::Is(is),
            (false, true) => ValueMatch::IsNot(is),
        },
    })
}
