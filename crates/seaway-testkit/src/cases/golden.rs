//! Goldens: compared as text, rewritten on demand.

use std::fs;
use std::io;
use std::path::Path;

use seaway_model::{Model, Report};
use serde::Serialize;

use super::{Case, diff, list};

/// Whether goldens are compared or rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bless {
    /// Compare.
    No,
    /// Rewrite.
    Yes,
}

impl Bless {
    /// `SEAWAY_BLESS=1` rewrites.
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var_os("SEAWAY_BLESS") {
            Some(value) if value != "0" && !value.is_empty() => Self::Yes,
            _ => Self::No,
        }
    }
}

/// Compiles every case below `root` and compares `model.yaml` and `status.yaml`. Gives one text per failure; none when
/// all is well.
///
/// # Errors
/// When a folder or file cannot be read or written.
pub fn check_goldens(
    root: &Path,
    bless: Bless,
    mut compile: impl FnMut(&Case) -> (Model, Report),
) -> io::Result<Vec<String>> {
    let (cases, orphans) = list(root)?;
    let mut failures = Vec::new();
    for orphan in orphans {
        if orphan.golden && bless == Bless::Yes {
            fs::remove_file(&orphan.path)?;
        } else {
            let path = orphan.path.strip_prefix(root).unwrap_or(&orphan.path).display();
            failures.push(format!(
                "{path} belongs to no case; remove it, or add input.yaml beside it"
            ));
        }
    }
    for case in cases {
        let (model, report) = compile(&case);
        failures.extend(check(&case, "model.yaml", &model, bless)?);
        failures.extend(check(&case, "status.yaml", &report, bless)?);
    }
    Ok(failures)
}

fn check<T: Serialize>(case: &Case, file: &str, value: &T, bless: Bless) -> io::Result<Option<String>> {
    let path = case.dir.join(file);
    let got = to_yaml(value)?;
    let golden = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    if golden == got {
        return Ok(None);
    }
    if bless == Bless::Yes {
        fs::write(&path, got)?;
        return Ok(None);
    }
    let id = &case.id;
    let difference = diff(&golden, &got);
    Ok(Some(format!(
        "{id}/{file} is not what compiling gives (- golden, + now; SEAWAY_BLESS=1 accepts it):\n{difference}"
    )))
}

/// Any value as YAML, as goldens have it.
///
/// # Errors
/// When the value cannot be written as YAML; none of the model's can fail.
pub fn to_yaml<T: Serialize>(value: &T) -> io::Result<String> {
    let mut text = serde_saphyr::to_string(value).map_err(io::Error::other)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}
