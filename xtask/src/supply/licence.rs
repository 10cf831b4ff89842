//! SPDX licence expressions (SPDX 2.3, annex D), as far as manifests use them.
//!
//! `AND` binds tighter than `OR`; the slash that old manifests use means `OR`. An exception (`X WITH Y`) is allowed as a
//! whole or not at all.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::vec::IntoIter;

/// Whether an expression can be satisfied with these licences.
///
/// # Errors
/// When the text is not an expression.
pub fn allowed(expression: &str, allow: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
    let mut words = words.into_iter().peekable();
    let verdict = any(&mut words, allow);
    match (verdict, words.next()) {
        (Some(verdict), None) => Ok(verdict),
        _ => Err(format!("\"{expression}\" is not a licence expression")),
    }
}

type Words = Peekable<IntoIter<String>>;

fn any(words: &mut Words, allow: &BTreeSet<String>) -> Option<bool> {
    let mut verdict = all(words, allow)?;
    while words.next_if(|word| word == "OR").is_some() {
        verdict |= all(words, allow)?;
    }
    Some(verdict)
}

fn all(words: &mut Words, allow: &BTreeSet<String>) -> Option<bool> {
    let mut verdict = one(words, allow)?;
    while words.next_if(|word| word == "AND").is_some() {
        verdict &= one(words, allow)?;
    }
    Some(verdict)
}

fn one(words: &mut Words, allow: &BTreeSet<String>) -> Option<bool> {
    let word = words.next()?;
    match word.as_str() {
        "(" => {
            let verdict = any(words, allow)?;
            words.next_if(|word| word == ")").map(|_| verdict)
        }
        ")" | "AND" | "OR" | "WITH" => None,
        _ if words.next_if(|word| word == "WITH").is_some() => {
            let exception = words.next()?;
            Some(allow.contains(&format!("{word} WITH {exception}")))
        }
        _ => Some(allow.contains(&word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(expression: &str) -> Result<bool, String> {
        let allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
        allowed(expression, &allow.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn one_allowed_alternative_is_enough() {
        assert_eq!(judged("GPL-3.0 OR MIT"), Ok(true));
        assert_eq!(judged("GPL-3.0/MIT"), Ok(true));
        assert_eq!(judged("GPL-3.0"), Ok(false));
    }

    #[test]
    fn every_part_of_a_conjunction_counts() {
        assert_eq!(judged("MIT AND GPL-3.0"), Ok(false));
        assert_eq!(judged("(MIT OR GPL-3.0) AND Apache-2.0"), Ok(true));
        assert_eq!(judged("MIT OR Apache-2.0 AND GPL-3.0"), Ok(true));
    }

    #[test]
    fn an_exception_is_allowed_as_a_whole() {
        assert_eq!(judged("Apache-2.0 WITH LLVM-exception"), Ok(true));
        assert_eq!(judged("MIT WITH LLVM-exception"), Ok(false));
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for text in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "AND"] {
            assert!(judged(text).is_err(), "{text:?}");
        }
    }
}
