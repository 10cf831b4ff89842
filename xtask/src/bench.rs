//! `cargo xtask bench`: the figures that the project promises, measured on this machine.
//!
//! The first step builds release binaries of the gateway and of this task and continues in the latter: a load generator
//! built for debugging would measure itself. The gateway runs on core 0, load and upstream on core 1. Where a figure is
//! compared with nginx, both run by turns in the same minute, since absolute figures drift and ratios hold.

mod cpu;
mod explain;
mod gateway;
mod load;
mod manifests;
mod nginx;
mod startup;
mod xds;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;

use crate::project;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How the figures are written.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Only these, by the beginning of their names.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The same, as a flag.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Measures this gateway instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Runs as it is, without building this task for speed first.
    #[arg(long, hide = true)]
    built: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

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
    fn is_kept(&self) -> bool {
        match self.promise {
            Some(Promise::AtLeast(least)) => self.value >= least,
            Some(Promise::AtMost(most)) => self.value <= most,
            None => true,
        }
    }
}

/// A group of figures: its name, and what measures it.
type Row = (&'static str, fn(&gateway::Binary) -> Result<Vec<Figure>>);

const ROWS: &[Row] = &[
    ("explain", explain::rate),
    ("decision", explain::decision_cost),
    ("start", startup::ready),
    ("memory", startup::memory),
    ("change", startup::change),
    ("cpu", cpu::against_nginx),
    ("xds", xds::scale),
];

/// The task.
pub fn run(options: &Options) -> Result<()> {
    if !options.built {
        return build_and_continue(options);
    }
    let binary = gateway::Binary(
        options
            .binary
            .clone()
            .unwrap_or_else(|| project::path("target/release/seaway")),
    );
    let (mut figures, mut failures) = (Vec::new(), Vec::new());
    for (name, measure) in ROWS {
        let mut only = options.names.iter().chain(&options.only).peekable();
        if only.peek().is_some() && !only.any(|only| name.starts_with(only.as_str())) {
            continue;
        }
        eprintln!("bench: {name}");
        // A row that cannot be measured does not take the others with it.
        match measure(&binary) {
            Ok(some) => figures.extend(some),
            Err(error) => failures.push(format!("{name} could not be measured: {error:#}")),
        }
    }
    match options.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&figures)?),
        Output::Text => print_table(&figures),
    }
    let broken = figures.iter().filter(|figure| !figure.is_kept());
    failures.extend(broken.map(|figure| format!("{} is {:.1} {}", figure.name, figure.value, figure.unit)));
    if !failures.is_empty() {
        bail!("not as promised:\n  {}", failures.join("\n  "));
    }
    Ok(())
}

fn print_table(figures: &[Figure]) {
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

fn build_and_continue(options: &Options) -> Result<()> {
    let mut build = project::cargo();
    build.args(["build", "--release", "--locked", "--package", "xtask"]);
    if options.binary.is_none() {
        build.args(["--package", "seaway"]);
    }
    if !build.status().context("cargo could not be started")?.success() {
        bail!("the release build failed");
    }
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", "1"])
        .arg(project::path("target/release/xtask"));
    command.args(std::env::args_os().skip(1)).arg("--built");
    let status = command
        .status()
        .context("taskset (of util-linux) is needed to keep load and gateway on cores of their own")?;
    if !status.success() {
        bail!("see above");
    }
    Ok(())
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Smallest and largest, for a note.
fn spread(values: &[f64]) -> String {
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
