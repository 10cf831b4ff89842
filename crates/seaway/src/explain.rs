//! `seaway explain`: why a request goes where it goes, said by the code that routes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::sync::Arc;

use seaway_model::{Listener, Report, Severity};
use seaway_route::RouteTable;
use seaway_route::explain::{ExplainRequest, explain as explain_one, explain_json_line};

use crate::Exit;
use crate::cli::{ExplainArgs, Output};
use crate::{load, render};

/// Runs the command.
pub fn explain(args: &ExplainArgs, output: Output) -> anyhow::Result<Exit> {
    let (model, report) = load::load(&args.manifests);
    let is_idle = model.listeners.iter().all(|listener| listener.routes_nothing());
    tell(&report, is_idle)?;
    let is_unusable = is_idle && report.has_errors();
    let is_written = |listener: &Arc<Listener>| !listener.origin.is_default_gateway();
    if is_unusable && !model.listeners.iter().any(is_written) {
        let what = "nothing in these manifests can be used: mend what is named above";
        writeln!(io::stderr(), "seaway: {what}")?;
        return Ok(Exit::BadConfiguration);
    }
    let table = RouteTable::build(&Arc::new(model));
    let exit = match (&args.request, &args.requests) {
        (Some(request), _) => single(&table, request, args, output)?,
        (None, Some(file)) => many(&table, file)?,
        (None, None) => Exit::WrongUsage,
    };
    if is_unusable && exit == Exit::Fine {
        let what = "no rule in these manifests can be used, so nothing is served: mend what is named above";
        writeln!(io::stderr(), "seaway: {what}")?;
        return Ok(Exit::BadConfiguration);
    }
    Ok(exit)
}

/// Writes what is wrong to standard error: errors, and where nothing is served warnings too, since they may be why.
fn tell(report: &Report, is_idle: bool) -> io::Result<()> {
    let found = report.diagnostics.iter();
    let told: Vec<_> = found
        .filter(|found| match found.severity() {
            Severity::Error => true,
            Severity::Warning => is_idle,
            Severity::Info => false,
        })
        .cloned()
        .collect();
    render::text(&mut anstream::AutoStream::auto(io::stderr().lock()), &told)
}

fn single(table: &RouteTable, request: &str, args: &ExplainArgs, output: Output) -> anyhow::Result<Exit> {
    let (method, url) = request
        .trim()
        .split_once(char::is_whitespace)
        .unwrap_or(("GET", request.trim()));
    let mut headers = Vec::with_capacity(args.headers.len());
    for header in &args.headers {
        let Some((name, value)) = header.split_once(':') else {
            return usage(&format!("-H \"{header}\": write a header as 'name: value'"));
        };
        headers.push((name.trim(), value.trim()));
    }
    let request = match ExplainRequest::parse(method, url.trim(), headers, args.port) {
        Ok(request) => request,
        Err(error) => return usage(&format!("--request: {error}")),
    };
    let request = request.from_source(args.source);
    let explanation = explain_one(table, &request);
    let mut out = io::stdout().lock();
    match output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, &explanation)?;
            writeln!(out)?;
        }
        Output::Text => writeln!(out, "{explanation}")?,
    }
    Ok(Exit::Fine)
}

/// One line in, one line out, in order. Reads ahead and writes behind in large pieces: a decision takes about a
/// microsecond, a system call as long.
fn many(table: &RouteTable, file: &str) -> anyhow::Result<Exit> {
    let input: Box<dyn io::Read> = if file == "-" {
        Box::new(io::stdin().lock())
    } else {
        match File::open(file) {
            Ok(file) => Box::new(file),
            Err(error) => return usage(&format!("--requests {file}: {error}")),
        }
    };
    let mut input = BufReader::with_capacity(1 << 18, input);
    let mut out = io::stdout().lock();
    let mut answers = Vec::with_capacity(1 << 18);
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)? {
        // What is not UTF-8 is no JSON either, and gets the same answer.
        explain_json_line(table, &String::from_utf8_lossy(&line), &mut answers);
        if answers.len() >= 1 << 17 {
            out.write_all(&answers)?;
            answers.clear();
        }
    }
    out.write_all(&answers)?;
    Ok(Exit::Fine)
}

/// Passes over lines with nothing on them.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        line.clear();
        if input.read_until(b'\n', line)? == 0 {
            return Ok(false);
        }
        if !line.trim_ascii().is_empty() {
            return Ok(true);
        }
    }
}

fn usage(message: &str) -> anyhow::Result<Exit> {
    writeln!(io::stderr(), "seaway: {message}")?;
    Ok(Exit::WrongUsage)
}
