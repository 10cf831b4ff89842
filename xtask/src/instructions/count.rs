//! Building the binary, and counting what it does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{parts, project};

/// A path that the binary knows.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    pub name: String,
    /// How often to walk it.
    pub times: u64,
}

/// Builds it, without the last tenth of optimisation, which takes most of the time.
pub fn build() -> Result<PathBuf> {
    let mut cargo = project::cargo();
    cargo.args(["build", "--profile", "quick", "--locked"]);
    cargo.args(["--package", "seaway-proxy", "--bench", "instructions"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be started")?;
    ensure!(output.status.success(), "cargo said {}", output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    let binary = said.lines().find_map(executable);
    binary.context("cargo did not say where the binary is")
}

/// Where the binary is, if this line says it.
fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let name = message.get("target")?.get("name")?;
    let path = message.get("executable")?.as_str()?;
    (name == "instructions").then(|| path.into())
}

/// What the binary knows.
pub fn paths(binary: &Path) -> Result<Vec<Known>> {
    let output = Command::new(binary).output().context("it could not be started")?;
    ensure!(output.status.success(), "the binary said {}", output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().map(known).collect()
}

fn known(line: &str) -> Result<Known> {
    let (name, times) = line.split_once('\t').context("a line without a number")?;
    Ok(Known {
        name: name.to_owned(),
        times: times.parse().context("a line without a number")?,
    })
}

/// Counts them all, as many at once as there are cores.
pub fn all(binary: &Path, paths: &[Known]) -> Result<Vec<(String, u64)>> {
    let (next, counted) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            let figure = one(binary, path).with_context(|| path.name.clone());
            let mut counted = counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            counted.push((path.name.clone(), figure));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let counted = counted
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut figures: Vec<(String, u64)> = Vec::new();
    for (name, figure) in counted {
        figures.push((name, figure?));
    }
    figures.sort_by_key(|(name, _)| paths.iter().position(|path| path.name == *name));
    Ok(figures)
}

/// What one walk takes.
fn one(binary: &Path, path: &Known) -> Result<u64> {
    let once = instructions(binary, path, path.times)?;
    let twice = instructions(binary, path, 2 * path.times)?;
    let more = twice.checked_sub(once).context("walking further took less")?;
    Ok(more / path.times)
}

fn instructions(binary: &Path, path: &Known, times: u64) -> Result<u64> {
    let mut valgrind = parts::command("valgrind", "valgrind.bin");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name != "PATH" && name != "VALGRIND_LIB") {
        valgrind.env_remove(name);
    }
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(binary).arg(&path.name).arg(times.to_string());
    let output = valgrind.output().context("valgrind could not be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    match collected(&said) {
        Some(count) if output.status.success() => Ok(count),
        _ => bail!("valgrind said {}: {said}", output.status),
    }
}

/// Of `==7== Collected : 123`.
fn collected(said: &str) -> Option<u64> {
    let lines = said.lines().filter_map(|line| line.split_once("Collected : "));
    lines
        .filter_map(|(_, count)| count.trim().parse().ok())
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_last_word() {
        let said = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(said), Some(123_456));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }

    #[test]
    fn a_line_is_a_name_and_a_number() {
        let parsed = known("match among 10,000 routes\t50").expect("a path");
        assert_eq!(
            parsed,
            Known {
                name: "match among 10,000 routes".to_owned(),
                times: 50
            }
        );
        assert!(known("no number").is_err());
    }

    #[test]
    fn of_cargo_s_messages_only_the_binary_s_counts() {
        let other = r#"{"reason":"compiler-artifact","target":{"name":"seaway_proxy"},"executable":null}"#;
        let ours = r#"{"reason":"compiler-artifact","target":{"name":"instructions"},"executable":"/t/instructions-1"}"#;
        assert_eq!(executable(other), None);
        assert_eq!(executable(ours), Some("/t/instructions-1".into()));
        assert_eq!(executable("not json"), None);
    }
}
