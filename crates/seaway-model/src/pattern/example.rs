//! A text that a regular expression matches.
//!
//! The first alternative, the fewest repetitions, the first printable character of a class. Anchors and word boundaries are
//! not solved but given up on: an example that is none would be worse than none.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Longer examples help nobody.
const MAX_LENGTH: usize = 200;

/// A short text that the expression matches as a whole.
pub(super) fn of(source: &str) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(source).ok()?;
    let mut out = String::new();
    write(&hir, &mut out)?;
    Some(out)
}

fn write(hir: &Hir, out: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => out.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => out.push(character(class)?),
        HirKind::Look(_) => return None,
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min {
                write(&repetition.sub, out)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, out)?,
        HirKind::Concat(parts) => {
            for part in parts {
                write(part, out)?;
            }
        }
        HirKind::Alternation(alternatives) => write(alternatives.first()?, out)?,
    }
    (out.len() <= MAX_LENGTH).then_some(())
}

/// A letter or a digit if there is one, else any character that can be seen.
fn character(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else {
        return None;
    };
    let has = |wanted: &char| {
        class
            .iter()
            .any(|range| range.start() <= *wanted && *wanted <= range.end())
    };
    let known = ('a'..='z').chain('0'..='9').chain('A'..='Z');
    known.chain('!'..='~').find(has)
}

#[cfg(test)]
mod tests {
    use regex_automata::nfa::thompson::pikevm::PikeVM;

    use crate::Pattern;

    #[test]
    fn an_example_matches_its_expression_as_a_whole() {
        for source in [
            ".*",
            "/v[0-9]+/.*",
            "a|ab",
            "(?i)iphone",
            r"\d{3}-\w",
            "[^a-z]x?",
            "(foo|bar){2}",
            "[[:punct:]]",
        ] {
            let pattern = Pattern::new(source).expect("a pattern");
            let example = pattern.example().expect("an example");
            let vm = PikeVM::new(&pattern.anchored()).expect("an engine");
            assert!(
                vm.is_match(&mut vm.create_cache(), &example),
                "{source}: {example}"
            );
        }
    }

    #[test]
    fn what_needs_thought_has_no_example() {
        assert_eq!(Pattern::new(r"a\b.").map(|p| p.example()), Ok(None));
    }
}
