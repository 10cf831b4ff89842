//! The runner of `testdata/cases/<dialect>/<topic>/<case>/`.
//!
//! A case is a folder with `input.yaml` (what a person writes), `model.yaml` and `status.yaml` (goldens: what it
//! compiles to, and what is said about it) and, optionally, `options.yaml` (what is said on the command line) and
//! `probes.yaml` (requests, and what must become of them).
//! One case flows through every hop, so hops cannot drift apart. With `SEAWAY_BLESS=1` in the environment the goldens
//! are rewritten and those without an input are removed; read the difference before committing it.
//!
//! Compiling is handed in: this crate knows only the model.

mod diff;
mod golden;
mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use diff::diff;
pub use golden::{Bless, check_goldens, to_yaml};
pub use probe::{Expect, OneOrMany, Probe};

/// A folder of `testdata/cases`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// `http-route/paths/prefix`
    pub id: String,
    /// Its folder.
    pub dir: PathBuf,
}

impl Case {
    /// What a person wrote.
    #[must_use]
    pub fn input(&self) -> PathBuf {
        self.dir.join("input.yaml")
    }

    /// Its requests; none if the case has no `probes.yaml`.
    ///
    /// # Errors
    /// When the file is there but cannot be read, with the place of the mistake.
    pub fn probes(&self) -> io::Result<Vec<Probe>> {
        self.read("probes.yaml")
    }

    /// What is said on the command line; nothing if the case has no `options.yaml`.
    ///
    /// # Errors
    /// When the file is there but cannot be read, with the place of the mistake.
    pub fn options(&self) -> io::Result<CaseOptions> {
        self.read("options.yaml")
    }

    fn read<T: DeserializeOwned + Default>(&self, file: &str) -> io::Result<T> {
        match fs::read_to_string(self.dir.join(file)) {
            Ok(text) => serde_saphyr::from_str(&text)
                .map_err(|error| io::Error::other(format!("{}/{file}: {error}", self.id))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(error),
        }
    }
}

/// `options.yaml`: flags of the command line, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CaseOptions {
    /// `--locality`
    pub locality: Option<String>,
    /// `--locality-label`
    pub locality_label: BTreeMap<String, String>,
    /// `--cluster-domain`
    pub cluster_domain: Option<String>,
    /// `--gateway-label`
    pub gateway_label: BTreeMap<String, String>,
    /// `--mesh-port`
    pub mesh_port: Option<u16>,
}

/// Every case below `root`, by id; and what lies there that is no part of a case.
///
/// # Errors
/// When a folder cannot be read.
pub fn list(root: &Path) -> io::Result<(Vec<Case>, Vec<Orphan>)> {
    let mut found = (Vec::new(), Vec::new());
    walk(root, root, &mut found)?;
    found.0.sort();
    Ok(found)
}

/// A file that belongs to no case, or is not one that a case has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The file.
    pub path: PathBuf,
    /// Whether it is a golden, which blessing removes.
    pub golden: bool,
}

const GOLDENS: [&str; 2] = ["model.yaml", "status.yaml"];
const OTHERS: [&str; 4] = ["input.yaml", "options.yaml", "probes.yaml", "README.md"];

fn walk(root: &Path, dir: &Path, found: &mut (Vec<Case>, Vec<Orphan>)) -> io::Result<()> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(root, &entry.path(), found)?;
        } else {
            files.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let is_case = files.contains("input.yaml");
    for file in &files {
        let golden = GOLDENS.contains(&file.as_str());
        let known = golden || OTHERS.contains(&file.as_str());
        if !(known && is_case || file == "README.md") {
            found.1.push(Orphan {
                path: dir.join(file),
                golden,
            });
        }
    }
    if is_case {
        let id = dir
            .strip_prefix(root)
            .unwrap_or(dir)
            .to_string_lossy()
            .into_owned();
        found.0.push(Case {
            id,
            dir: dir.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
