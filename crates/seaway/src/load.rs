//! From paths to a model and a report: what every command begins with.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use seaway_api::Resources;
use seaway_model::{Model, Report};
use seaway_source::Files;

use crate::cli::{CompileArgs, PathArgs};

/// Reads and compiles the manifests once.
pub fn load(manifests: &PathArgs) -> (Model, Report) {
    compile(&read(&manifests.paths), &manifests.compile)
}

/// Reads the manifests once.
pub fn read(paths: &[String]) -> Resources {
    Files::new(paths.to_vec()).load(Instant::now())
}

/// Compiles what was read, for the world as it is now.
pub fn compile(resources: &Resources, args: &CompileArgs) -> (Model, Report) {
    seaway_compile::compile(resources, &args.options(now()))
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}
