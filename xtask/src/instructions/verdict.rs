//! Whether figures may stand beside those that are stored.

use super::Figures;

/// By so many per cent a figure may grow unasked.
const SLACK: u64 = 10;

/// What is to be said of some figures.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Not one may be left.
    pub failures: Vec<String>,
    /// Good to know.
    pub hints: Vec<String>,
}

/// Holds all figures against all that are stored.
pub fn judge(stored: &Figures, counted: &[(String, u64)]) -> Verdict {
    let mut verdict = Verdict::default();
    for (name, figure) in counted {
        let Some(before) = stored.get(name) else {
            verdict.failures.push(format!("{name}: no figure is stored"));
            continue;
        };
        let change = change(*before, *figure);
        if figure * 100 > before * (100 + SLACK) {
            verdict.failures.push(format!(
                "{name}: {figure} instructions instead of {before} ({change})"
            ));
        } else if figure * (100 + SLACK) < before * 100 {
            verdict.hints.push(format!(
                "{name}: only {figure} instructions instead of {before} ({change}); \
                 hold on to it: cargo xtask instructions --bless"
            ));
        }
    }
    let gone = stored
        .keys()
        .filter(|name| counted.iter().all(|(other, _)| other != *name));
    verdict
        .failures
        .extend(gone.map(|name| format!("{name}: is stored, but there is no such path any more")));
    verdict
}

/// `+1.5%`.
#[expect(clippy::cast_precision_loss, reason = "a percentage to look at")]
pub fn change(before: u64, after: u64) -> String {
    let before = before.max(1) as f64;
    format!("{:+.1}%", (after as f64 - before) / before * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(before: u64, after: u64) -> Verdict {
        judge(&[("a".to_owned(), before)].into(), &[("a".to_owned(), after)])
    }

    #[test]
    fn ten_per_cent_more_or_less_are_nothing() {
        for after in [1100, 1000, 910] {
            assert_eq!(verdict(1000, after), Verdict::default());
        }
    }

    #[test]
    fn more_than_ten_per_cent_more_is_a_failure() {
        let said = verdict(1000, 1101);
        assert_eq!(said.failures, ["a: 1101 instructions instead of 1000 (+10.1%)"]);
        assert!(said.hints.is_empty());
    }

    #[test]
    fn far_less_is_a_hint() {
        let said = verdict(1000, 500);
        assert!(said.failures.is_empty());
        assert!(said.hints.iter().any(|hint| hint.contains("--bless")), "{said:?}");
    }

    #[test]
    fn a_path_without_a_figure_and_a_figure_without_a_path_are_failures() {
        let said = judge(&[("old".to_owned(), 1)].into(), &[("new".to_owned(), 1)]);
        assert_eq!(
            said.failures,
            [
                "new: no figure is stored",
                "old: is stored, but there is no such path any more"
            ]
        );
    }
}
