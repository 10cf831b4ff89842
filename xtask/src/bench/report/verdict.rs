//! Whether the promises are kept, with the spread in mind.
//!
//! Ratios are taken within a round, since all proxies of a round met the same machine. The middle ratio decides. When it
//! breaks the promise and another round's ratio would have kept it, that is a tie: the difference is inside of what the
//! machine does by itself.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::floor;
use crate::bench::compare::{Comparison, Metric, Row};
use crate::bench::figure::median;
use crate::bench::peer::{BEFORE, KERNEL, ONE_ROUTE, OURS};

/// How a promise fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Kept,
    /// The middle breaks it, and the spread reaches over the limit.
    Tie,
    Broken,
}

/// A promise, and what was seen of it.
#[derive(Debug, Serialize)]
pub struct Verdict {
    pub promise: String,
    pub outcome: Outcome,
    pub seen: String,
}

impl Verdict {
    pub fn is_broken(&self) -> bool {
        self.outcome == Outcome::Broken
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.outcome {
            Outcome::Kept => "kept  ",
            Outcome::Tie => "tie   ",
            Outcome::Broken => "BROKEN",
        };
        write!(f, "{word}  {}: {}", self.promise, self.seen)
    }
}

/// Those that ours must not cost more than.
const BEST: [&str; 2] = ["nginx", "haproxy"];

/// Every promise that this run can tell of.
pub fn all(comparisons: &[Comparison]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for comparison in comparisons {
        verdicts.extend(cpu(comparison));
        verdicts.extend(envoy(comparison));
        verdicts.extend(latency(comparison, Metric::P50Micros, "p50"));
        verdicts.extend(latency(comparison, Metric::P99Micros, "p99"));
        verdicts.extend(routes(comparison));
        verdicts.extend(memory(comparison));
    }
    verdicts.extend(half(comparisons));
    verdicts
}

/// Ours as a multiple of theirs, for each round.
pub(super) fn ratios(ours: &Row, theirs: &Row, metric: Metric) -> Option<Vec<f64>> {
    let (ours, theirs) = (ours.samples.get(&metric)?, theirs.samples.get(&metric)?);
    Some(
        ours.iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours / theirs)
            .collect(),
    )
}

/// What ratios say of a limit from above.
fn judge(values: &[f64], most: f64) -> Outcome {
    if median(values.to_vec()) <= most {
        Outcome::Kept
    } else if values.iter().any(|value| *value <= most) {
        Outcome::Tie
    } else {
        Outcome::Broken
    }
}

fn shown(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = median(values.to_vec());
    format!("{middle:.2} ({least:.2} to {most:.2} in {} rounds)", values.len())
}

pub(super) fn row<'a>(comparison: &'a Comparison, name: &str) -> Option<&'a Row> {
    comparison.rows.iter().find(|row| row.peer == name)
}

/// Of these, the one with the smallest middle value.
fn best<'a>(rows: impl Iterator<Item = &'a Row>, metric: Metric) -> Option<&'a Row> {
    let middle = |row: &Row| row.samples.get(&metric).map(|values| median(values.clone()));
    rows.filter_map(|row| Some((row, middle(row)?)))
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(row, _)| row)
}

/// Ours against the better of those two, in processor time.
fn against_best(comparison: &Comparison) -> Option<(&Row, Vec<f64>)> {
    let ours = row(comparison, OURS)?;
    let others = comparison.rows.iter().filter(|row| BEST.contains(&row.peer));
    let best = best(others, Metric::CpuMicros)?;
    Some((best, ratios(ours, best, Metric::CpuMicros)?))
}

fn cpu(comparison: &Comparison) -> Option<Verdict> {
    let (best, ratios) = against_best(comparison)?;
    Some(Verdict {
        promise: format!("{}: CPU at most 1.0 of {}", comparison.scenario, best.peer),
        outcome: judge(&ratios, 1.0),
        seen: shown(&ratios),
    })
}

fn envoy(comparison: &Comparison) -> Option<Verdict> {
    let ratios = ratios(
        row(comparison, OURS)?,
        row(comparison, "envoy")?,
        Metric::CpuMicros,
    )?;
    let outcome = judge(&ratios, 0.3);
    let mut seen = shown(&ratios);
    if outcome == Outcome::Broken
        && let Some(floor) = floor::of_envoy(comparison)
    {
        // A String takes whatever is written.
        let _ = write!(seen, " (the kernel alone: {floor:.2})");
    }
    Some(Verdict {
        promise: format!("{}: CPU at most 0.3 of envoy", comparison.scenario),
        outcome,
        seen,
    })
}

/// No worse than the best peer beyond the spread.
fn latency(comparison: &Comparison, metric: Metric, word: &str) -> Option<Verdict> {
    let ours = row(comparison, OURS)?;
    let peers = comparison
        .rows
        .iter()
        .filter(|row| ![OURS, BEFORE, ONE_ROUTE, KERNEL].contains(&row.peer));
    let best = best(peers, metric)?;
    let ratios = ratios(ours, best, metric)?;
    Some(Verdict {
        promise: format!(
            "{}: {word} no worse than that of {}",
            comparison.scenario, best.peer
        ),
        outcome: judge(&ratios, 1.0),
        seen: shown(&ratios),
    })
}

/// A tenth less in half of the scenarios.
fn half(comparisons: &[Comparison]) -> Option<Verdict> {
    let all: Vec<_> = comparisons.iter().filter_map(against_best).collect();
    if all.is_empty() {
        return None;
    }
    let ahead = all
        .iter()
        .filter(|(_, ratios)| median(ratios.clone()) <= 0.9)
        .count();
    Some(Verdict {
        promise: "CPU at most 0.9 of the better of nginx and haproxy in half of the scenarios".to_owned(),
        outcome: if ahead * 2 >= all.len() {
            Outcome::Kept
        } else {
            Outcome::Broken
        },
        seen: format!("{ahead} of {}", all.len()),
    })
}

/// Many routes against one.
fn routes(comparison: &Comparison) -> Option<Verdict> {
    let (many, one) = (row(comparison, OURS)?, row(comparison, ONE_ROUTE)?);
    let ratios = ratios(many, one, Metric::CpuMicros)?;
    Some(Verdict {
        promise: format!("{}: CPU at most 1.1 of one route", comparison.scenario),
        outcome: judge(&ratios, 1.1),
        seen: shown(&ratios),
    })
}

/// What may be held.
fn memory(comparison: &Comparison) -> Vec<Verdict> {
    const LIMITS: &[(&str, Metric, f64, &str)] = &[
        ("memory", Metric::IdleMib, 16.0, "MiB idle"),
        ("memory", Metric::ManyRoutesMib, 48.0, "MiB with 10,000 routes"),
        (
            "idle-plain",
            Metric::KibPerConnection,
            8.0,
            "KiB for each connection",
        ),
        (
            "idle-tls",
            Metric::KibPerConnection,
            24.0,
            "KiB for each connection",
        ),
    ];
    let Some(ours) = row(comparison, OURS) else {
        return Vec::new();
    };
    let limits = LIMITS.iter().filter(|(name, ..)| *name == comparison.scenario);
    limits
        .filter_map(|(name, metric, most, what)| {
            let values = ours.samples.get(metric)?;
            Some(Verdict {
                promise: format!("{name}: at most {most} {what}"),
                outcome: judge(values, *most),
                seen: format!("{:.1}", median(values.clone())),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
