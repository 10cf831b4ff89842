//! `seaway check`: every mistake, before traffic finds it.

use std::io::{self, Write as _};

use crate::Exit;
use crate::cli::{Output, PathArgs};
use crate::run::{not_issued, objects};
use crate::{load, render};

/// Runs the command.
pub fn check(args: &PathArgs, output: Output) -> anyhow::Result<Exit> {
    let resources = load::read(&args.paths);
    let (model, mut report) = load::compile(&resources, &args.compile);
    // The compiler opens no files, and a certificate that is not there is a mistake all the same.
    not_issued(&mut report, seaway_certs::file_problems(&model));
    let out = io::stdout().lock();
    match output {
        Output::Json => render::json(&mut io::BufWriter::new(out), &report.diagnostics)?,
        Output::Text => {
            render::text(&mut anstream::AutoStream::auto(out), &report.diagnostics)?;
            // So that nobody takes a folder in which nothing was found for one in which nothing is wrong.
            let objects: u64 = objects::count(&resources).values().sum();
            let plural = if objects == 1 { "" } else { "s" };
            writeln!(
                io::stderr(),
                "{} in {objects} object{plural}",
                render::summary(&report.diagnostics)
            )?;
        }
    }
    Ok(if report.has_errors() {
        Exit::BadConfiguration
    } else {
        Exit::Fine
    })
}
