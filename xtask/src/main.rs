//! `cargo xtask <task>`: everything that is done to this project, in one place, the same for a person and for CI.
//!
//! Tasks are written in Rust and not in shell, so that they run wherever the project builds and can be tested. They
//! use cargo and what the project itself is made of; a task that needs something else says so and fails, and nothing is
//! skipped in silence.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task's output is what it is for"
)]

mod bench;
mod ci;
mod docs;
mod fuzzing;
mod instructions;
mod layers;
mod metadata;
mod parts;
mod profile;
mod project;
mod soak;
mod supply;
mod tls_scan;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of this project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything that must hold before a change lands: format, layers, supply, documents, clippy, fuzz, hot paths, tests.
    #[command(visible_alias = "ci")]
    Test(ci::Options),
    /// Checks the direction of dependency between the crates.
    Layers,
    /// Checks licences, sources and bans of every dependency, as deny.toml says.
    Supply,
    /// Writes the documents that are made from the code.
    Docs {
        /// Only checks them, and every relative link.
        #[arg(long)]
        check: bool,
    },
    /// Measures what the project promises: decisions, start, changes, and requests and memory beside other proxies.
    Bench(bench::Options),
    /// Moves bytes between sockets and does nothing else; the benchmark runs it as one of its rows.
    #[command(hide = true)]
    Relay(bench::RelayOptions),
    /// Counts what a gateway does under the benchmark's load, for the compiler of release builds.
    Profile(profile::Options),
    /// Serves mixed load for minutes while everything changes, and counts what fails.
    Soak(soak::Options),
    /// Throws changed manifests and changed requests at the code, on stable Rust.
    Fuzz(fuzzing::Options),
    /// Counts the instructions of the hot paths, and fails when one takes many more than is stored.
    Instructions(instructions::Options),
    /// Brings the programs of others that tests run against into `.cache/`.
    Parts(parts::Options),
    /// Has a TLS scanner look at a gateway with nothing configured; takes about a minute.
    TlsScan(tls_scan::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test(options) => ci::run(&options),
        Task::Layers => layers::run(),
        Task::Supply => supply::run(),
        Task::Bench(options) => bench::run(&options),
        Task::Relay(options) => bench::run_relay(&options),
        Task::Profile(options) => profile::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Fuzz(options) => fuzzing::run(&options),
        Task::Instructions(options) => instructions::run(&options),
        Task::Parts(options) => parts::run(&options),
        Task::TlsScan(options) => tls_scan::run(&options),
        Task::Docs { check: true } => docs::check(),
        Task::Docs { check: false } => docs::write(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
