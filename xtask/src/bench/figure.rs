//! A figure by itself, with what was promised of it.

use serde::Serialize;

/// A figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// What was promised, in the same unit.
    pub promise: Option<Promise>,
    /// What else is worth knowing: the spread, the conditions.
    pub note: String,
}

/// What a figure must keep.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Promise {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    pub fn is_kept(&self) -> bool {
        match self.promise {
            Some(Promise::AtLeast(least)) => self.value >= least,
            Some(Promise::AtMost(most)) => self.value <= most,
            None => true,
        }
    }
}

/// Prints figures one below the other; those that break a promise are marked.
pub fn print(figures: &[Figure]) {
    let width = figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
    for figure in figures {
        let promise = match figure.promise {
            Some(Promise::AtLeast(least)) => format!("promised at least {least}"),
            Some(Promise::AtMost(most)) => format!("promised at most {most}"),
            None => String::new(),
        };
        let kept = if figure.is_kept() { " " } else { "!" };
        println!(
            "{kept} {:width$}  {:>12.2} {:8} {promise:26} {}",
            figure.name, figure.value, figure.unit, figure.note
        );
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Smallest and largest, for a note.
pub fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{least:.1} to {most:.1} in {} runs", values.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_figure_keeps_its_promise_or_not() {
        let figure = |promise| Figure {
            name: "x".into(),
            value: 2.0,
            unit: "ms",
            promise,
            note: String::new(),
        };
        assert!(figure(Some(Promise::AtMost(2.0))).is_kept());
        assert!(!figure(Some(Promise::AtMost(1.0))).is_kept());
        assert!(!figure(Some(Promise::AtLeast(3.0))).is_kept());
        assert!(figure(None).is_kept());
    }
}
