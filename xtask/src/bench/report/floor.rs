//! What the kernel alone costs, beside Envoy: a part of Envoy that is promised and smaller than this cannot be kept.

use super::verdict::{ratios, row};
use crate::bench::compare::{Comparison, Metric};
use crate::bench::figure::median;
use crate::bench::peer::KERNEL;

/// As a part of Envoy's processor time; the middle one of the rounds.
pub fn of_envoy(comparison: &Comparison) -> Option<f64> {
    let (kernel, envoy) = (row(comparison, KERNEL)?, row(comparison, "envoy")?);
    ratios(kernel, envoy, Metric::CpuMicros).map(median)
}

/// A line for each scenario that has both.
pub fn notes(comparisons: &[Comparison]) -> Vec<String> {
    let note = |comparison: &Comparison| {
        let part = of_envoy(comparison)?;
        Some(format!(
            "{}: the kernel alone is {part:.2} of envoy",
            comparison.scenario
        ))
    };
    comparisons.iter().filter_map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::{Row, Samples};

    fn row(peer: &'static str, cpu: &[f64]) -> Row {
        Row {
            peer,
            version: String::new(),
            samples: Samples::from([(Metric::CpuMicros, cpu.to_vec())]),
        }
    }

    fn comparison(rows: Vec<Row>) -> Comparison {
        Comparison {
            scenario: "h1",
            about: "",
            rate: None,
            rows,
        }
    }

    #[test]
    fn the_kernel_is_told_as_a_part_of_envoy_in_the_same_round() {
        // The second round was slow for both.
        let both = comparison(vec![
            row("envoy", &[100.0, 1_000.0, 100.0]),
            row(KERNEL, &[31.0, 310.0, 32.0]),
        ]);
        assert_eq!(notes(&[both]), ["h1: the kernel alone is 0.31 of envoy"]);
    }

    #[test]
    fn nothing_is_told_where_one_of_them_is_missing() {
        let alone = |name| comparison(vec![row(name, &[1.0])]);
        assert!(notes(&[alone("envoy"), alone(KERNEL)]).is_empty());
    }
}
