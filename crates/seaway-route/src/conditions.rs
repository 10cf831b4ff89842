//! The conditions of a route, made ready, and the one function that says whether they hold.
//!
//! The meaning of each is written at its type in the model (`Conditions`, `ValueMatch`, ...). The index in
//! [`crate::index`] only proposes routes; what is said here decides, so a mistake in the index can hide a route but never
//! let a wrong one through.

use std::net::IpAddr;
use std::sync::Arc;

use seaway_model::{Match, PathMatch, StringMatch, ValueMatch};
use smallvec::SmallVec;

use crate::RequestHead;
use crate::expression::{Expression, Expressions};
use crate::values::Source;

/// A condition on a text.
#[derive(Debug)]
pub(crate) enum Text {
    Exact(Arc<str>),
    Prefix(Arc<str>),
    Suffix(Arc<str>),
    Regex(Arc<Expression>),
}

/// A condition on a value that may be absent.
#[derive(Debug)]
pub(crate) enum Expected {
    Present,
    Absent,
    Is(Text),
    IsNot(Text),
}

/// A condition on a header, a query parameter or a cookie.
#[derive(Debug)]
pub(crate) struct Check {
    /// As configured, for people.
    pub(crate) name: Arc<str>,
    pub(crate) source: Source,
    pub(crate) expected: Expected,
}

/// The first condition that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// The route can never match.
    Never,
    Path,
    Method,
    Source,
    /// By its place among [`Ready::checks`].
    Check(usize),
}

/// A route's conditions, made ready. Nothing of the model's route is touched while deciding: what is read here lies
/// together, and that is what a decision among many routes costs.
#[derive(Debug)]
pub(crate) struct Ready {
    path: Path,
    /// Elsewhere, since most routes ask for nothing but a path.
    more: Option<Box<More>>,
}

/// What else a route asks for.
#[derive(Debug)]
struct More {
    methods: Box<[Arc<str>]>,
    /// Sorted.
    sources: Option<Arc<[IpAddr]>>,
    checks: Box<[Check]>,
}

/// A condition on the path.
#[derive(Debug)]
enum Path {
    Any,
    Exact(PathText),
    /// Without a slash at its end.
    Elements(PathText),
    Prefix(PathText),
    ExactIgnoringCase(PathText),
    PrefixIgnoringCase(PathText),
    Regex(Arc<Expression>),
    /// No path will do.
    Never,
}

/// Bytes of a path. Most are so short that they lie in the route, where looking at them costs nothing more.
type PathText = SmallVec<[u8; 16]>;

impl Ready {
    pub(crate) fn new(matches: &Match, expressions: &mut Expressions) -> Self {
        let Match::When(conditions) = matches else {
            return Self {
                path: Path::Never,
                more: None,
            };
        };
        let headers = conditions
            .headers
            .iter()
            .map(|c| (&c.name, Source::header(&c.name), &c.value));
        let query = conditions
            .query
            .iter()
            .map(|c| (&c.name, Source::Query(Arc::clone(&c.name)), &c.value));
        let cookies = conditions
            .cookies
            .iter()
            .map(|c| (&c.name, Source::Cookie(Arc::clone(&c.name)), &c.value));
        let checks = headers
            .chain(query)
            .chain(cookies)
            .map(|(name, source, value)| Check {
                name: Arc::clone(name),
                source,
                expected: Expected::new(value, expressions),
            });
        let more = More {
            checks: checks.collect(),
            methods: conditions.methods.iter().cloned().collect(),
            sources: conditions.sources.clone(),
        };
        Self {
            path: Path::new(&conditions.path, expressions),
            more: (!more.is_empty()).then(|| Box::new(more)),
        }
    }

    /// One of these; any if there are none.
    pub(crate) fn methods(&self) -> &[Arc<str>] {
        self.more.as_ref().map_or(&[], |more| &more.methods)
    }

    /// All of these.
    pub(crate) fn checks(&self) -> &[Check] {
        self.more.as_ref().map_or(&[], |more| &more.checks)
    }

    /// Whether nothing is asked but a path that the index decides by itself. An expression is not: the index only knows
    /// what its matches begin with.
    pub(crate) fn are_settled_by_path(&self) -> bool {
        let by_index = match self.path {
            Path::Any | Path::Exact(_) | Path::Elements(_) | Path::Prefix(_) => true,
            Path::ExactIgnoringCase(_) | Path::PrefixIgnoringCase(_) | Path::Regex(_) | Path::Never => false,
        };
        by_index && self.more.is_none()
    }

    /// Whether all conditions hold: how many bytes of the path were matched, or the first condition that does not hold.
    pub(crate) fn evaluate(&self, request: &RequestHead<'_>) -> Result<usize, Miss> {
        let matched = self.path.matched(request.path)?;
        if let Some(more) = &self.more {
            more.evaluate(request)?;
        }
        Ok(matched)
    }
}

impl More {
    fn is_empty(&self) -> bool {
        self.methods.is_empty() && self.sources.is_none() && self.checks.is_empty()
    }

    fn evaluate(&self, request: &RequestHead<'_>) -> Result<(), Miss> {
        if !self.methods.is_empty() && !self.methods.iter().any(|m| **m == *request.method) {
            return Err(Miss::Method);
        }
        if let Some(sources) = &self.sources
            && request
                .source
                .is_none_or(|source| sources.binary_search(&source).is_err())
        {
            return Err(Miss::Source);
        }
        match self.checks.iter().position(|check| !check.holds(request)) {
            Some(failed) => Err(Miss::Check(failed)),
            None => Ok(()),
        }
    }
}

impl Path {
    fn new(path: &PathMatch, expressions: &mut Expressions) -> Self {
        match path {
            PathMatch::Any => Self::Any,
            PathMatch::Exact(exact) => Self::Exact(exact.as_bytes().into()),
            PathMatch::Elements(prefix) => Self::Elements(elements(prefix).as_bytes().into()),
            PathMatch::Prefix(prefix) => Self::Prefix(prefix.as_bytes().into()),
            PathMatch::ExactIgnoringCase(exact) => Self::ExactIgnoringCase(exact.as_bytes().into()),
            PathMatch::PrefixIgnoringCase(prefix) => Self::PrefixIgnoringCase(prefix.as_bytes().into()),
            PathMatch::Regex(pattern) => Self::Regex(expressions.whole(pattern)),
        }
    }

    fn matched(&self, path: &str) -> Result<usize, Miss> {
        let path = path.as_bytes();
        let matched = match self {
            Self::Any => Some(0),
            Self::Exact(exact) => (**exact == *path).then_some(path.len()),
            Self::Elements(prefix) => {
                let rest = path.strip_prefix(&**prefix);
                rest.filter(|rest| matches!(rest.first(), None | Some(b'/')))
                    .map(|_| prefix.len())
            }
            Self::Prefix(prefix) => path.starts_with(prefix).then_some(prefix.len()),
            Self::ExactIgnoringCase(exact) => exact.eq_ignore_ascii_case(path).then_some(path.len()),
            Self::PrefixIgnoringCase(prefix) => path
                .get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
                .then_some(prefix.len()),
            Self::Regex(expression) => expression.is_match(path).then_some(path.len()),
            Self::Never => return Err(Miss::Never),
        };
        matched.ok_or(Miss::Path)
    }
}

/// A prefix by elements is written without a trailing slash; one that has it means the same.
pub(crate) fn elements(prefix: &str) -> &str {
    prefix.strip_suffix('/').unwrap_or(prefix)
}

impl Expected {
    fn new(value: &ValueMatch, expressions: &mut Expressions) -> Self {
        match value {
            ValueMatch::Present => Self::Present,
            ValueMatch::Absent => Self::Absent,
            ValueMatch::Is(text) => Self::Is(Text::new(text, expressions)),
            ValueMatch::IsNot(text) => Self::IsNot(Text::new(text, expressions)),
        }
    }

    fn holds(&self, value: Option<&[u8]>) -> bool {
        match self {
            Self::Present => value.is_some(),
            Self::Absent => value.is_none(),
            Self::Is(text) => value.is_some_and(|v| text.holds(v)),
            Self::IsNot(text) => !value.is_some_and(|v| text.holds(v)),
        }
    }
}

impl Text {
    pub(crate) fn new(text: &StringMatch, expressions: &mut Expressions) -> Self {
        match text {
            StringMatch::Exact(exact) => Self::Exact(Arc::clone(exact)),
            StringMatch::Prefix(prefix) => Self::Prefix(Arc::clone(prefix)),
            StringMatch::Suffix(suffix) => Self::Suffix(Arc::clone(suffix)),
            StringMatch::Regex(pattern) => Self::Regex(expressions.whole(pattern)),
        }
    }

    pub(crate) fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => value == exact.as_bytes(),
            Self::Prefix(prefix) => value.starts_with(prefix.as_bytes()),
            Self::Suffix(suffix) => value.ends_with(suffix.as_bytes()),
            Self::Regex(expression) => expression.is_match(value),
        }
    }
}

impl Check {
    fn holds(&self, request: &RequestHead<'_>) -> bool {
        self.expected.holds(self.source.value(request).as_deref())
    }

    /// The only value that lets this condition hold, where there is only one.
    pub(crate) fn only_value(&self) -> Option<&str> {
        match &self.expected {
            Expected::Is(Text::Exact(exact)) => Some(exact),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
