//! `cargo xtask bench`: the figures that the project promises, measured on this machine.
//!
//! Rows are figures of ours alone: how fast it decides, starts, changes. Scenarios put it beside other proxies, which are
//! installed into the project's own folder. The proxies run on core 0, load and upstream on core 1, by turns in the same
//! minutes, since absolute figures drift and ratios hold.
//!
//! The first step builds the gateway and this task for speed and continues in the latter: a load generator built for
//! debugging would measure itself.

mod certificate;
mod compare;
mod explain;
mod figure;
mod gateway;
mod load;
mod manifests;
mod peer;
mod process;
mod relay;
mod report;
mod scenario;
mod site;
mod startup;
mod upstream;
mod xds;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::{profile, project};
use compare::{Settings, Stage};
use figure::Figure;
pub use relay::{Options as RelayOptions, run as run_relay};
use report::Report;
use scenario::SCENARIOS;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How the figures are written.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Only these rows and scenarios, by their names or the beginnings of names.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The same, as a flag.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Compares with these alone: nginx, haproxy, envoy, traefik, caddy; and kernel, a relay that does nothing but move
    /// bytes, which shows what the system alone costs and is no peer. All of them unless some are named.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    peers: Vec<String>,
    /// How often every proxy is measured in a scenario.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long each time: once with as much load as is answered, and once at the fixed rate.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Measures this gateway instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Measures this build of ours beside it, in the same rounds: what a change was worth.
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Puts the tables into docs/performance.md.
    #[arg(long)]
    write: bool,
    /// Runs as it is, without building this task for speed first.
    #[arg(long, hide = true)]
    built: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// A group of figures: its name, and what measures it.
type Row = (&'static str, fn(&gateway::Binary) -> Result<Vec<Figure>>);

const ROWS: &[Row] = &[
    ("explain", explain::rate),
    ("decision", explain::decision_cost),
    ("start", startup::ready),
    ("memory", startup::memory),
    ("change", startup::change),
    ("xds", xds::scale),
];

/// Names of before, and what they mean now.
const OTHER_NAMES: &[(&str, &str)] = &[("cpu", "h1")];

impl Options {
    /// What was named, by today's names.
    fn asked(&self) -> Vec<&str> {
        let names = self.names.iter().chain(&self.only).map(String::as_str);
        let renamed = |name| OTHER_NAMES.iter().find(|(old, _)| *old == name);
        names
            .map(|name| renamed(name).map_or(name, |(_, new)| *new))
            .collect()
    }

    fn rows(&self) -> Vec<&'static Row> {
        let asked = self.asked();
        let is_meant = |row: &&Row| asked.is_empty() || asked.iter().any(|name| row.0.starts_with(name));
        ROWS.iter().filter(is_meant).collect()
    }

    fn is_nothing(&self) -> bool {
        self.rows().is_empty() && compare::chosen(&self.asked()).is_empty()
    }
}

/// The task.
pub fn run(options: &Options) -> Result<()> {
    if options.is_nothing() {
        let rows = ROWS.iter().map(|row| row.0);
        let known: Vec<&str> = rows
            .chain(SCENARIOS.iter().map(|scenario| scenario.name))
            .collect();
        bail!("nothing is called so; there are: {}", known.join(", "));
    }
    ensure!(options.seconds > 0.0, "--seconds must be above zero");
    if !options.built {
        return build_and_continue(options);
    }
    let binary = options.binary.clone();
    let binary = binary.unwrap_or_else(|| project::path("target/release/seaway"));
    let (mut report, mut failures) = (Report::default(), Vec::new());
    let mut keep = |name: &str, error: anyhow::Error| {
        // What cannot be measured does not take the others with it.
        failures.push(format!("{name} could not be measured: {error:#}"));
    };
    for (name, measure) in options.rows() {
        eprintln!("bench: {name}");
        match measure(&gateway::Binary(binary.clone())) {
            Ok(some) => report.figures.extend(some),
            Err(error) => keep(name, error),
        }
    }
    let scenarios = compare::chosen(&options.asked());
    if !scenarios.is_empty() {
        let peers = peer::chosen(&options.peers, binary, options.before.clone())?;
        let stage = Stage::new(Settings {
            rounds: usize::from(options.rounds),
            time: Duration::from_secs_f64(options.seconds),
        })?;
        for scenario in scenarios {
            eprintln!("bench: {}", scenario.name);
            match stage.measure(scenario, &peers) {
                Ok(comparison) => report.comparisons.push(comparison),
                Err(error) => keep(scenario.name, error),
            }
        }
    }
    match options.output {
        Output::Json => println!("{}", report.json()?),
        Output::Text => report.print(),
    }
    if options.write {
        report.write()?;
    }
    failures.extend(report.broken());
    if !failures.is_empty() {
        bail!("not as promised:\n  {}", failures.join("\n  "));
    }
    Ok(())
}

/// Has a gateway do everything that is measured here, for what it counts meanwhile.
///
/// # Errors
/// It fails at something.
pub fn train(binary: &Path, time: Duration) -> Result<()> {
    for (name, measure) in ROWS
        .iter()
        .filter(|(name, _)| !["decision", "xds"].contains(name))
    {
        eprintln!("profile: {name}");
        measure(&gateway::Binary(binary.to_owned()))?;
    }
    let ours = peer::chosen(&[peer::OURS.to_owned()], binary.to_owned(), None)?;
    let stage = Stage::new(Settings { rounds: 1, time })?;
    for scenario in SCENARIOS {
        eprintln!("profile: {}", scenario.name);
        stage.measure(scenario, &ours)?;
    }
    Ok(())
}

fn build_and_continue(options: &Options) -> Result<()> {
    // What decides in this process is measured as it is released. A load generator need not be, which saves minutes.
    let is_quick = options.binary.is_some() && !options.rows().iter().any(|row| row.0 == "decision");
    let (profile, folder) = if is_quick {
        ("quick", "quick")
    } else {
        ("release", "release")
    };
    let build = |package: &str| {
        // One by one: together they would share the features of what they depend on, and the gateway would not be the one
        // that is published.
        let mut build = project::cargo();
        build.args(["build", "--profile", profile, "--locked", "--package", package]);
        let status = build.status().context("cargo could not be started")?;
        ensure!(status.success(), "the {profile} build of {package} failed");
        Ok(())
    };
    build("xtask")?;
    if options.binary.is_none() {
        build("seaway")?;
        profile::report(&project::path("target/release/seaway"));
    }
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", "1"])
        .arg(project::path("target").join(folder).join("xtask"));
    command.args(std::env::args_os().skip(1)).arg("--built");
    let status = command
        .status()
        .context("taskset (of util-linux) is needed to keep load and gateway on cores of their own")?;
    if !status.success() {
        bail!("see above");
    }
    Ok(())
}
