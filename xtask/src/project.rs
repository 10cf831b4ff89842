//! Where the project is, and how its cargo is called.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root. Tasks do not depend on the folder that they are called from.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// A path below the root.
pub fn path(relative: &str) -> PathBuf {
    root().join(relative)
}

/// The cargo that runs us, in the project's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}
