//! `seaway check`: every mistake, before traffic finds it.

use std::io::{self, Write as _};

use crate::Exit;
use crate::cli::{Output, PathArgs};
use crate::{load, render};

/// Runs the command.
pub fn check(args: &PathArgs, output: Output) -> anyhow::Result<Exit> {
    let (_, report) = load::load(&args.paths);
    let out = io::stdout().lock();
    match output {
        Output::Json => render::json(&mut io::BufWriter::new(out), &report.diagnostics)?,
        Output::Text => {
            render::text(&mut anstream::AutoStream::auto(out), &report.diagnostics)?;
            writeln!(io::stderr(), "{}", render::summary(&report.diagnostics))?;
        }
    }
    Ok(if report.has_errors() { Exit::BadConfiguration } else { Exit::Fine })
}
