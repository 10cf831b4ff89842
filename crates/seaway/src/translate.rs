//! `seaway translate`: the manifests in another form.

use std::io::{self, Write as _};
use std::sync::Arc;

use seaway_model::Model;
use serde::Serialize;

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
    match args.to {
        Target::Model => {
            rebind(&mut model, &args.bind);
            print(&model, output)?;
        }
        Target::Envoy => print(&for_envoy(&model, &args.bind)?, output)?,
    }
    Ok(if report.has_errors() {
        Exit::BadConfiguration
    } else {
        Exit::Fine
    })
}

fn print(form: &impl Serialize, output: Output) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, form)?;
            writeln!(out)?;
        }
        Output::Text => write!(out, "{}", serde_saphyr::to_string(form)?)?,
    }
    Ok(out.flush()?)
}

/// What `envoy -c` starts with. What Envoy cannot do is listed on standard error. Keys are in it, since Envoy needs them.
fn for_envoy(model: &Model, bind: &BindArgs) -> anyhow::Result<serde_json::Value> {
    let encoded = seaway_xds::encode(
        model,
        &seaway_xds::Options {
            delivery: seaway_xds::Delivery::Static,
            port_map: bind.map_port.iter().map(|m| (m.configured, m.bound)).collect(),
            address: bind.address,
        },
    );
    let mut err = anstream::AutoStream::auto(io::stderr().lock());
    for loss in &encoded.unsupported {
        writeln!(err, "Envoy cannot do this: {loss}")?;
    }
    let bootstrap = seaway_xds::static_bootstrap(&encoded.resources, None);
    Ok(seaway_xds::json::to_value(&bootstrap)?)
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
