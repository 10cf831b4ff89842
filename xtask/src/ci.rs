//! `cargo xtask test`: everything that must hold, in the order in which a mistake costs least time to find.
//!
//! The first failure ends it, with the command that repeats the step. The tests come last, so that the end of the
//! output is what their runner said, followed by one line with the sums.

mod tally;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::{docs, fuzzing, instructions, layers, parts, project, soak, supply};
use tally::Tally;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Everything but the tests.
    #[arg(long)]
    no_tests: bool,
}

/// A step: its heading, how a person repeats it, and what it does.
struct Step {
    name: &'static str,
    repeat: &'static str,
    work: fn(&mut Tally) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        repeat: "cargo fmt --all --check",
        work: |_| cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "layers",
        repeat: "cargo xtask layers",
        work: |_| layers::run(),
    },
    Step {
        name: "supply",
        repeat: "cargo xtask supply",
        work: |_| supply::run(),
    },
    Step {
        name: "docs",
        repeat: "cargo xtask docs --check",
        work: |_| docs::check(),
    },
    Step {
        name: "clippy",
        repeat: "cargo clippy --workspace --all-targets --locked -- -D warnings",
        work: |_| {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ])
        },
    },
    Step {
        name: "fuzz",
        repeat: "cargo xtask fuzz --seconds 10",
        work: |_| fuzzing::run(&fuzzing::Options::for_seconds(10)),
    },
    Step {
        name: "instructions",
        repeat: "cargo xtask instructions",
        work: |_| instructions::run(&instructions::Options::default()),
    },
    Step {
        name: "parts",
        repeat: "cargo xtask parts",
        work: |_| parts::install(&["pebble", "envoy"]),
    },
    Step {
        name: "soak",
        repeat: "cargo xtask soak --minutes 1 --profile dev",
        work: |_| soak::run(&soak::Options::short()),
    },
    Step {
        name: "tests",
        repeat: "cargo test --workspace --locked",
        work: |tally| {
            tally::watch(
                project::cargo().args(["test", "--workspace", "--locked", "--no-fail-fast"]),
                tally,
            )
        },
    },
];

/// The task.
pub fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut times = Vec::new();
    for step in STEPS {
        // The parts are there for the tests alone.
        if options.no_tests && matches!(step.name, "parts" | "soak" | "tests") {
            println!("\n== {}: left out, as --no-tests says", step.name);
            continue;
        }
        println!("\n== {}", step.name);
        let began = Instant::now();
        (step.work)(&mut tally)
            .with_context(|| format!("{} failed; repeat it with: {}", step.name, step.repeat))?;
        times.push(format!("{} {}", step.name, seconds(began.elapsed())));
    }
    println!(
        "\nall steps passed in {}: {}",
        seconds(start.elapsed()),
        times.join(", ")
    );
    if !options.no_tests {
        ensure!(tally.passed > 0, "no test ran");
        println!("total: {tally}");
    }
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    succeed(project::cargo().args(arguments))
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().context("cargo could not be started")?;
    if !status.success() {
        bail!("cargo said {status}");
    }
    Ok(())
}
