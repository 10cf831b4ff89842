//! Regular expressions, from the words of Rust's engine into those of RE2.
//!
//! The two come from one family: both are linear and know no look-around. What only Rust's has (set operations, the
//! verbose flag, Unicode's escapes) is written anew from what the expression means; what only RE2 refuses (a repetition of
//! more than a thousand) cannot be said at all.

use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::{Hir, HirKind};
use seaway_model::Pattern;

/// RE2's limit for `{n}`.
const MOST_REPEATED: u32 = 1_000;

/// The same expression for RE2, or why there is none.
pub(crate) fn re2(pattern: &Pattern) -> Result<String, String> {
    let source = pattern.source();
    let parsed = ast::parse::Parser::new()
        .parse(source)
        .map_err(|e| e.to_string())?;
    let hir = regex_syntax::Parser::new()
        .parse(source)
        .map_err(|e| e.to_string())?;
    if repeats_too_often(&hir) {
        return Err(format!("Envoy repeats at most {MOST_REPEATED} times"));
    }
    if is_common(&parsed) {
        return Ok(source.to_owned());
    }
    Ok(hir.to_string())
}

/// Whether it matches the empty text, as far as its length tells.
pub(crate) fn may_be_empty(pattern: &Pattern) -> bool {
    let parsed = regex_syntax::Parser::new().parse(pattern.source());
    parsed.is_ok_and(|hir| hir.properties().minimum_len() == Some(0))
}

/// How many groups it has.
pub(crate) fn groups(pattern: &Pattern) -> usize {
    let parsed = regex_syntax::Parser::new().parse(pattern.source());
    parsed.map_or(0, |hir| hir.properties().explicit_captures_len())
}

fn repeats_too_often(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            repetition.min.max(repetition.max.unwrap_or_default()) > MOST_REPEATED
                || repeats_too_often(&repetition.sub)
        }
        HirKind::Capture(capture) => repeats_too_often(&capture.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().any(repeats_too_often),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

/// Whether both engines read the source in the same way.
fn is_common(ast: &Ast) -> bool {
    match ast {
        Ast::Empty(_) | Ast::Dot(_) | Ast::ClassPerl(_) => true,
        Ast::Flags(set) => are_common_flags(&set.flags),
        Ast::Literal(literal) => is_common_literal(literal),
        Ast::Assertion(assertion) => matches!(
            assertion.kind,
            ast::AssertionKind::StartLine
                | ast::AssertionKind::EndLine
                | ast::AssertionKind::StartText
                | ast::AssertionKind::EndText
        ),
        Ast::ClassUnicode(_) => false,
        Ast::ClassBracketed(class) => is_common_set(&class.kind),
        Ast::Repetition(repetition) => is_common(&repetition.ast),
        Ast::Group(group) => {
            let kind = match &group.kind {
                ast::GroupKind::CaptureIndex(_) | ast::GroupKind::CaptureName { .. } => true,
                ast::GroupKind::NonCapturing(flags) => are_common_flags(flags),
            };
            kind && is_common(&group.ast)
        }
        Ast::Alternation(alternation) => alternation.asts.iter().all(is_common),
        Ast::Concat(concat) => concat.asts.iter().all(is_common),
    }
}

fn are_common_flags(flags: &ast::Flags) -> bool {
    flags.items.iter().all(|item| {
        matches!(
            item.kind,
            ast::FlagsItemKind::Negation
                | ast::FlagsItemKind::Flag(
                    ast::Flag::CaseInsensitive
                        | ast::Flag::MultiLine
                        | ast::Flag::DotMatchesNewLine
                        | ast::Flag::SwapGreed
                )
        )
    })
}

fn is_common_literal(literal: &ast::Literal) -> bool {
    matches!(
        literal.kind,
        ast::LiteralKind::Verbatim | ast::LiteralKind::Meta | ast::LiteralKind::Superfluous
    ) && literal.c.is_ascii()
}

fn is_common_set(set: &ast::ClassSet) -> bool {
    match set {
        ast::ClassSet::BinaryOp(_) => false,
        ast::ClassSet::Item(item) => is_common_item(item),
    }
}

fn is_common_item(item: &ast::ClassSetItem) -> bool {
    match item {
        ast::ClassSetItem::Empty(_) | ast::ClassSetItem::Ascii(_) | ast::ClassSetItem::Perl(_) => true,
        ast::ClassSetItem::Literal(literal) => is_common_literal(literal),
        ast::ClassSetItem::Range(range) => is_common_literal(&range.start) && is_common_literal(&range.end),
        ast::ClassSetItem::Union(union) => union.items.iter().all(is_common_item),
        ast::ClassSetItem::Unicode(_) | ast::ClassSetItem::Bracketed(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(source: &str) -> Pattern {
        Pattern::new(source).unwrap()
    }

    #[test]
    fn what_both_engines_read_alike_stays_as_it_is() {
        for source in ["/v[0-9]+/.*", "(?i)a|b", r"\d+\.\w*", "(?P<x>a)$", "[[:alpha:]_]"] {
            assert_eq!(re2(&pattern(source)).unwrap(), source);
        }
    }

    #[test]
    fn what_only_rust_reads_is_said_otherwise() {
        assert_eq!(re2(&pattern("(?x) a  b # c")).unwrap(), "(?:ab)");
        assert_eq!(re2(&pattern("[a-c&&[^b]]")).unwrap(), "[ac]");
    }

    #[test]
    fn what_re2_refuses_is_refused() {
        assert!(re2(&pattern("a{2000}")).is_err());
    }

    #[test]
    fn the_empty_text_is_known() {
        assert!(may_be_empty(&pattern("a*")) && !may_be_empty(&pattern("a+")));
        assert_eq!(groups(&pattern("(a)(?:b)(c)")), 2);
    }
}
