//! Traffic management for clusters, as one binary.
//!
//! Only wiring: the command line, and which room does what. Exit codes are decided here and nowhere else.

mod allocator;
mod certs;
mod check;
mod cli;
mod data_plane;
mod demo;
mod envoy_bootstrap;
mod explain;
mod load;
mod manual;
mod render;
mod run;
mod translate;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::allocator::Allocator;
use crate::cli::{Cli, Command, Output};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Fine,
    /// The configuration has errors, or cannot be used.
    BadConfiguration,
    /// The command line asks for something that cannot be.
    WrongUsage,
}

/// A fault of our own (`EX_SOFTWARE` of sysexits).
const SOFTWARE_FAULT: u8 = 70;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A panic is a fault of our own too; its message was printed when it happened.
    match std::panic::catch_unwind(|| dispatch(&cli))
        .unwrap_or_else(|_| Err(anyhow::anyhow!("a bug; please report it")))
    {
        Ok(Exit::Fine) => ExitCode::SUCCESS,
        Ok(Exit::BadConfiguration) => ExitCode::from(1),
        Ok(Exit::WrongUsage) => ExitCode::from(2),
        // Whoever reads our output has read enough (`seaway check … | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "seaway: {error:#}");
            ExitCode::from(SOFTWARE_FAULT)
        }
    }
}

fn dispatch(cli: &Cli) -> anyhow::Result<Exit> {
    match &cli.command {
        Command::Run(args) => run::run(args),
        Command::Proxy(args) => data_plane::proxy(args),
        Command::EnvoyBootstrap(args) => envoy_bootstrap::write(args, cli.output),
        Command::Demo(args) => demo::demo(args),
        Command::Check(args) => check::check(args, cli.output),
        Command::Explain(args) => explain::explain(args, cli.output),
        Command::Certs(args) => certs::certs(args, cli.output),
        Command::Translate(args) => translate::translate(args, cli.output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "seaway", &mut script);
            io::stdout().write_all(&script)?;
            Ok(Exit::Fine)
        }
        Command::Man => {
            io::stdout().write_all(&manual::page()?)?;
            Ok(Exit::Fine)
        }
        Command::Version => version(cli.output),
    }
}

fn version(output: Output) -> anyhow::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    match output {
        Output::Text => writeln!(io::stdout(), "seaway {version}")?,
        Output::Json => writeln!(
            io::stdout(),
            "{}",
            serde_json::json!({"name": "seaway", "version": version})
        )?,
    }
    Ok(Exit::Fine)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|e| e.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
    })
}
