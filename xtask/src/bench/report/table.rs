//! One table for each scenario.

use std::fmt::Write as _;

use crate::bench::compare::{Comparison, Metric, Row};
use crate::bench::figure::median;
use crate::bench::peer::OURS;

/// A column: what it shows, and whether with its ratio to ours.
struct Column {
    head: &'static str,
    metric: Metric,
    digits: usize,
    has_ratio: bool,
}

const fn column(head: &'static str, metric: Metric, digits: usize, has_ratio: bool) -> Column {
    Column {
        head,
        metric,
        digits,
        has_ratio,
    }
}

/// All columns; those that a scenario does not measure are left out.
const COLUMNS: &[Column] = &[
    column("CPU us/request", Metric::CpuMicros, 1, true),
    column("p50 us", Metric::P50Micros, 0, true),
    column("p99 us", Metric::P99Micros, 0, true),
    column("busy %", Metric::BusyPercent, 0, false),
    column("KiB/connection", Metric::KibPerConnection, 1, true),
    column("MiB idle", Metric::IdleMib, 1, true),
    column("MiB loaded", Metric::LoadedMib, 1, true),
    column("MiB 10,000 routes", Metric::ManyRoutesMib, 1, true),
];

/// Rows of cells, the heads first.
pub fn cells(comparison: &Comparison) -> Vec<Vec<String>> {
    let ours = comparison.rows.iter().find(|row| row.peer == OURS);
    let is_measured = |metric| {
        comparison
            .rows
            .iter()
            .any(|row| row.samples.contains_key(&metric))
    };
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| is_measured(column.metric))
        .collect();
    let mut heads = vec![String::new()];
    for column in &columns {
        heads.push(column.head.to_owned());
        if column.has_ratio {
            heads.push("to ours".to_owned());
        }
    }
    let mut rows = vec![heads];
    for row in &comparison.rows {
        let mut cells = vec![format!("{} {}", row.peer, row.version)];
        for column in &columns {
            cells.push(value(row, column));
            if column.has_ratio {
                cells.push(ratio(row, ours, column.metric));
            }
        }
        rows.push(cells);
    }
    rows
}

/// The middle value, and the smallest and largest where there are several.
fn value(row: &Row, column: &Column) -> String {
    let Some(values) = row.samples.get(&column.metric) else {
        return "-".to_owned();
    };
    let digits = column.digits;
    let mut text = format!("{:.digits$}", median(values.clone()));
    if values.len() > 1 {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A String takes whatever is written.
        let _ = write!(text, " ({least:.digits$}-{most:.digits$})");
    }
    text
}

/// This peer's middle value as a multiple of ours.
fn ratio(row: &Row, ours: Option<&Row>, metric: Metric) -> String {
    let middle = |row: &Row| row.samples.get(&metric).map(|values| median(values.clone()));
    match (middle(row), ours.and_then(middle)) {
        (Some(theirs), Some(ours)) if ours > 0.0 => format!("{:.2}", theirs / ours),
        _ => "-".to_owned(),
    }
}

/// What is above a table.
pub fn title(comparison: &Comparison) -> String {
    let rate = comparison.rate.map_or_else(String::new, |rate| {
        format!("; latency at {rate:.0} requests a second")
    });
    format!("{}: {}{rate}", comparison.scenario, comparison.about)
}

/// For a terminal.
pub fn text(comparison: &Comparison) -> String {
    let rows = cells(comparison);
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(String::len)
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = title(comparison);
    for row in rows {
        text.push('\n');
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if at == 0 {
                write!(text, "  {cell:width$}")
            } else {
                write!(text, "  {cell:>width$}")
            };
        }
    }
    text
}

/// For a page.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (number, row) in cells(comparison).iter().enumerate() {
        let _ = writeln!(text, "| {} |", row.join(" | "));
        if number == 0 {
            let _ = writeln!(text, "|{}", "---|".repeat(row.len()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::Samples;

    fn row(peer: &'static str, cpu: &[f64]) -> Row {
        let mut samples = Samples::new();
        if !cpu.is_empty() {
            samples.insert(Metric::CpuMicros, cpu.to_vec());
        }
        Row {
            peer,
            version: "1".to_owned(),
            samples,
        }
    }

    #[test]
    fn a_row_shows_the_middle_the_spread_and_the_ratio_to_ours() {
        let comparison = Comparison {
            scenario: "x",
            about: "y",
            rate: None,
            rows: vec![
                row(OURS, &[20.0, 10.0, 30.0]),
                row("nginx", &[30.0, 29.0, 31.0]),
                row("caddy", &[]),
            ],
        };
        assert_eq!(
            cells(&comparison),
            [
                ["", "CPU us/request", "to ours"],
                ["seaway 1", "20.0 (10.0-30.0)", "1.00"],
                ["nginx 1", "30.0 (29.0-31.0)", "1.50"],
                ["caddy 1", "-", "-"],
            ]
        );
    }
}
