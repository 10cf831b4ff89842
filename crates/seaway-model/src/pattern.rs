//! Regular expressions, checked when configuration is compiled so that no engine meets a bad one.
//!
//! A pattern matches the whole value (`\A(?:re)\z`). Looking at the span a search found instead is wrong: `a|ab` then
//! fails on `ab`. Syntax is RE2's in all but name, matching is in linear time, and the compiled size is bounded.

use std::fmt;
use std::sync::Arc;

use regex_automata::nfa::thompson;
use serde::{Deserialize, Serialize};

mod example;

/// Longest accepted source, in bytes.
const MAX_SOURCE: usize = 4096;
/// Largest accepted automaton, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// A regular expression known to be valid and bounded. It keeps its source; `seaway-route` compiles it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "Arc<str>", try_from = "Arc<str>")]
pub struct Pattern(Arc<str>);

/// Why a regular expression was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The source is too long.
    #[error("the regular expression is {0} bytes long, and at most {MAX_SOURCE} are allowed")]
    TooLong(usize),
    /// It does not parse, or uses what linear-time engines cannot do (look-around, back-references).
    #[error("{0}")]
    Syntax(String),
    /// It parses, but would need too much memory.
    #[error(
        "the regular expression needs more than {MAX_COMPILED} bytes once compiled; shorten its repetitions"
    )]
    TooLarge,
}

impl Pattern {
    /// Checks a regular expression as a user wrote it, without anchors.
    ///
    /// # Errors
    /// Says in one line what is wrong with it.
    pub fn new(source: impl Into<Arc<str>>) -> Result<Self, PatternError> {
        let source = source.into();
        if source.len() > MAX_SOURCE {
            return Err(PatternError::TooLong(source.len()));
        }
        let hir = regex_syntax::Parser::new().parse(&source).map_err(|error| {
            let (kind, at) = match &error {
                regex_syntax::Error::Parse(e) => (e.kind().to_string(), e.span().start.offset),
                regex_syntax::Error::Translate(e) => (e.kind().to_string(), e.span().start.offset),
                other => (other.to_string(), 0),
            };
            PatternError::Syntax(format!("{kind} (at character {} of \"{source}\")", at + 1))
        })?;
        thompson::Compiler::new()
            .configure(thompson::Config::new().nfa_size_limit(Some(MAX_COMPILED)))
            .build_from_hir(&hir)
            .map_err(|_| PatternError::TooLarge)?;
        Ok(Self(source))
    }

    /// The expression as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0
    }

    /// A short text that matches as a whole, for people to see what the expression takes. `None` where finding one is
    /// not easy.
    #[must_use]
    pub fn example(&self) -> Option<String> {
        example::of(&self.0)
    }

    /// The text that everything it matches begins with, as far as that is easily known.
    #[must_use]
    pub fn literal_prefix(&self) -> String {
        let Ok(hir) = regex_syntax::Parser::new().parse(&self.0) else {
            return String::new();
        };
        let literals = regex_syntax::hir::literal::Extractor::new().extract(&hir);
        let prefix = literals.longest_common_prefix().unwrap_or_default();
        String::from_utf8(prefix.to_vec()).unwrap_or_default()
    }

    /// Whether it matches a whole text. Slow, for deciding while configuration is compiled; `seaway-route` matches
    /// requests.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        use regex_automata::nfa::thompson::pikevm::PikeVM;
        // It was built when the pattern was made, so it can be built.
        PikeVM::new(&self.anchored()).is_ok_and(|vm| vm.is_match(&mut vm.create_cache(), text))
    }

    /// The expression that matches the whole value.
    #[must_use]
    pub fn anchored(&self) -> String {
        format!(r"\A(?:{})\z", self.0)
    }
}

impl From<Pattern> for Arc<str> {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl TryFrom<Arc<str>> for Pattern {
    type Error = PatternError;

    fn try_from(source: Arc<str>) -> Result<Self, PatternError> {
        Self::new(source)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_expression_says_where_it_is_bad() {
        let error = Pattern::new("/v[0-9").expect_err("unclosed").to_string();
        assert!(error.contains("character 3"), "{error}");
    }

    #[test]
    fn an_expression_that_would_explode_is_refused() {
        assert_eq!(Pattern::new("((a{100}){100}){100}"), Err(PatternError::TooLarge));
    }

    #[test]
    fn look_around_is_refused_because_it_is_not_linear() {
        assert!(matches!(Pattern::new("(?=a)b"), Err(PatternError::Syntax(_))));
    }

    #[test]
    fn an_alternative_is_anchored_as_a_whole() {
        assert_eq!(
            Pattern::new("a|ab").map(|p| p.anchored()),
            Ok(r"\A(?:a|ab)\z".to_owned())
        );
    }
}
