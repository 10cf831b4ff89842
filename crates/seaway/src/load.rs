//! From paths to a model and a report: what every command begins with.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use seaway_api::Resources;
use seaway_model::{Model, Report};
use seaway_source::Files;

use crate::cli::MeaningArgs;

/// Reads and compiles the manifests once.
pub fn load(paths: &[String], meaning: &MeaningArgs) -> (Model, Report) {
    compile(&read(paths), meaning)
}

/// Reads the manifests once.
pub fn read(paths: &[String]) -> Resources {
    Files::new(paths.to_vec()).load(Instant::now())
}

/// Compiles what was read.
pub fn compile(resources: &Resources, meaning: &MeaningArgs) -> (Model, Report) {
    seaway_compile::compile(resources, &compile_options(meaning))
}

/// Options for the world as it is now.
pub fn compile_options(meaning: &MeaningArgs) -> seaway_compile::Options {
    let labels = meaning
        .gateway_label
        .iter()
        .map(|label| (label.key.as_str().into(), label.value.as_str().into()));
    seaway_compile::Options {
        now: Some(now()),
        gateway_labels: (!meaning.gateway_label.is_empty()).then(|| labels.collect()),
        mesh_port: meaning.mesh_port,
        ..Default::default()
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}
