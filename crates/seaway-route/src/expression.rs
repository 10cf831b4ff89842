//! Regular expressions, compiled once for each distinct source, when a request first needs them.
//!
//! Why lazily: ten thousand routes with expressions of their own would take most of a second to compile and hundreds of
//! MiB to keep, at every change of the configuration, and few of them ever see a request. One that does costs some tens
//! of microseconds, once in a version. That it compiles is known: `Pattern::new` has tried.
//!
//! Why not the `regex` crate: the anchors are added to the parsed expression and not to its text, since text that ends in
//! a comment (`(?x) a # b`) would swallow them; and the lazy automaton's cache is bounded far below that crate's 2 MiB.

use std::sync::{Arc, OnceLock};

use regex_automata::meta::{Builder, Config, Regex};
use regex_syntax::hir::{Hir, Look};
use rustc_hash::FxHashMap;
use seaway_model::Pattern;

/// Four times what `Pattern::new` accepts, since the engine's own automaton carries groups and both directions.
const MAX_AUTOMATON: usize = 4 << 20;
/// Kept for each expression and thread that uses it. Below it the engine falls back to slower, smaller methods.
const CACHE: usize = 256 << 10;
const ONE_PASS: usize = 128 << 10;

/// An expression, compiled when it is first used.
#[derive(Debug)]
pub(crate) struct Expression {
    pattern: Pattern,
    whole: bool,
    compiled: OnceLock<Option<Box<Regex>>>,
}

impl Expression {
    pub(crate) fn new(pattern: Pattern, whole: bool) -> Self {
        Self {
            pattern,
            whole,
            compiled: OnceLock::new(),
        }
    }

    pub(crate) fn source(&self) -> &str {
        self.pattern.source()
    }

    /// Whether it matches: the whole value, or any part of it, as it was made.
    pub(crate) fn is_match(&self, value: &[u8]) -> bool {
        self.regex().is_some_and(|r| r.is_match(value))
    }

    /// `None` only for an expression that `Pattern::new` would have refused; it then matches nothing.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        self.compiled
            .get_or_init(|| self.compile().map(Box::new))
            .as_ref()
            .map(Box::as_ref)
    }

    fn compile(&self) -> Option<Regex> {
        let mut hir = regex_syntax::Parser::new().parse(self.pattern.source()).ok()?;
        if self.whole {
            hir = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
        }
        let config = Config::new()
            .nfa_size_limit(Some(MAX_AUTOMATON))
            .onepass_size_limit(Some(ONE_PASS))
            .hybrid_cache_capacity(CACHE);
        Builder::new().configure(config).build_from_hir(&hir).ok()
    }
}

/// Shares expressions by their source while a table is built.
#[derive(Debug, Default)]
pub(crate) struct Expressions {
    known: FxHashMap<(Pattern, bool), Arc<Expression>>,
}

impl Expressions {
    /// One that must match the whole value.
    pub(crate) fn whole(&mut self, pattern: &Pattern) -> Arc<Expression> {
        self.get(pattern, true)
    }

    /// One that is searched for.
    pub(crate) fn anywhere(&mut self, pattern: &Pattern) -> Arc<Expression> {
        self.get(pattern, false)
    }

    fn get(&mut self, pattern: &Pattern, whole: bool) -> Arc<Expression> {
        let known = self.known.entry((pattern.clone(), whole));
        Arc::clone(known.or_insert_with(|| Arc::new(Expression::new(pattern.clone(), whole))))
    }
}

/// The text that every match must begin with, as far as it is easily known: it is how an index finds expressions.
pub(crate) fn literal_prefix(pattern: &Pattern) -> Vec<u8> {
    let Ok(hir) = regex_syntax::Parser::new().parse(pattern.source()) else {
        return Vec::new();
    };
    let literals = regex_syntax::hir::literal::Extractor::new().extract(&hir);
    literals
        .longest_common_prefix()
        .map(<[u8]>::to_vec)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(source: &str) -> Pattern {
        Pattern::new(source).unwrap()
    }

    fn whole(source: &str, value: &[u8]) -> bool {
        Expression::new(pattern(source), true).is_match(value)
    }

    #[test]
    fn an_expression_matches_the_whole_value() {
        assert!(whole("a|ab", b"ab"));
        assert!(!whole("a|ab", b"abc"));
        assert!(!whole("b", b"ab"));
        assert!(whole(".*iPhone.*", b"Mozilla (iPhone; x)"));
        assert!(!whole("a", b"a\n"));
        assert!(!whole("(?m)^a$", b"a\nb"));
    }

    #[test]
    fn a_comment_does_not_swallow_the_anchor() {
        assert!(whole("(?x) a # b", b"a"));
        assert!(!whole("(?x) a # b", b"ab"));
    }

    #[test]
    fn bytes_that_are_not_utf8_do_not_match_and_do_not_panic() {
        assert!(!whole(".*", b"\xff\xfe"));
        assert!(whole("a?", b""));
    }

    #[test]
    fn an_expression_is_compiled_once_for_each_source() {
        let mut known = Expressions::default();
        assert!(Arc::ptr_eq(
            &known.whole(&pattern("a+")),
            &known.whole(&pattern("a+"))
        ));
        assert!(!Arc::ptr_eq(
            &known.whole(&pattern("a+")),
            &known.anywhere(&pattern("a+"))
        ));
    }

    #[test]
    fn the_literal_prefix_is_what_every_match_begins_with() {
        for (source, prefix) in [
            ("/v[0-9]+/.*", "/v"),
            ("/a/b", "/a/b"),
            ("/ab?", "/a"),
            ("/(foo|fab)", "/f"),
            (".*", ""),
            ("/a|b", ""),
            ("(?i)/a", "/"),
            ("^/a.*", "/a"),
            ("/a{0}b", "/b"),
        ] {
            assert_eq!(
                String::from_utf8(literal_prefix(&pattern(source))).unwrap(),
                prefix,
                "{source}"
            );
        }
    }
}
