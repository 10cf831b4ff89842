//! What `cargo metadata` says of the workspace and of everything that it depends on.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::project;

/// All packages, ours and others'.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    pub workspace_members: BTreeSet<String>,
}

/// One package.
#[derive(Debug, Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    /// An SPDX expression.
    pub license: Option<String>,
    /// `None` for a path.
    pub source: Option<String>,
    pub dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependencies.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub kind: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub fn load() -> Result<Self> {
        let mut metadata = project::cargo();
        metadata.args(["metadata", "--format-version", "1", "--locked"]);
        let text = output(&mut metadata)?;
        serde_json::from_str(&text).context("cargo metadata said something else than it used to")
    }

    /// The packages of others that are really built, on any platform. The lock file, and with it the list of packages,
    /// also has those that only a feature nobody asks for would need.
    pub fn used(&self) -> Result<Vec<&Package>> {
        let mut tree = project::cargo();
        tree.args(["tree", "--workspace", "--locked", "--target", "all"]);
        tree.args([
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        let text = output(&mut tree)?;
        let used: BTreeSet<(&str, &str)> = text.lines().filter_map(name_and_version).collect();
        let others = self.packages.iter().filter(|package| {
            !self.workspace_members.contains(&package.id)
                && used.contains(&(package.name.as_str(), package.version.as_str()))
        });
        Ok(others.collect())
    }

    /// The packages of this workspace.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }
}

/// `tokio v1.54.1 (proc-macro)` and the like.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context("cargo could not be started")?;
    ensure!(
        output.status.success(),
        "cargo failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout).context("cargo wrote something that is not UTF-8")
}
