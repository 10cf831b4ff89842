//! `seaway translate`: the manifests in another form.

use std::io::{self, Write as _};
use std::sync::Arc;

use seaway_model::Model;

use crate::Exit;
use crate::cli::{BindArgs, Output, Target, TranslateArgs};
use crate::{load, render};

/// Runs the command.
pub fn translate(args: &TranslateArgs, output: Output) -> anyhow::Result<Exit> {
    let (mut model, report) = load::load(&args.manifests);
    render::text(
        &mut anstream::AutoStream::auto(io::stderr().lock()),
        &report.diagnostics,
    )?;
    rebind(&mut model, &args.bind);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match (args.to, output) {
        (Target::Model, Output::Json) => {
            serde_json::to_writer_pretty(&mut out, &model)?;
            writeln!(out)?;
        }
        (Target::Model, Output::Text) => write!(out, "{}", serde_saphyr::to_string(&model)?)?,
    }
    out.flush()?;
    Ok(if report.has_errors() {
        Exit::BadConfiguration
    } else {
        Exit::Fine
    })
}

/// Applies `--map-port` and `--address`, as `run` would.
fn rebind(model: &mut Model, bind: &BindArgs) {
    for listener in &mut model.listeners {
        let listener = Arc::make_mut(listener);
        if let Some(mapping) = bind.map_port.iter().find(|m| m.configured == listener.port) {
            listener.port = mapping.bound;
        }
        listener.address = bind.address.or(listener.address);
    }
}
