//! testssl, and what it needs to run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::gateway::{Gateway, HOST};
use crate::{parts, project};

/// After this many seconds the scan is ended. It takes fifty to ninety on two cores that have nothing else to do.
const SECONDS: &str = "400";

/// Programs that testssl calls and this task does not bring, with the package of Debian that has them. Any of a line is
/// enough.
const NEEDED: &[(&[&str], &str)] = &[
    (&["bash"], "bash"),
    (&["openssl"], "openssl"),
    (&["timeout"], "coreutils"),
    (&["hexdump"], "bsdextrautils"),
    (&["ps"], "procps"),
    (&["awk"], "mawk"),
    // It refuses to start without one, though no name is looked up here.
    (&["dig", "host", "drill", "nslookup"], "bind9-dnsutils"),
];

/// A testssl that can run here.
pub struct Scanner {
    program: PathBuf,
    /// Where its tables are, when it does not find them itself.
    tables: Option<PathBuf>,
}

impl Scanner {
    /// The one that was named, or the part.
    pub fn find(named: Option<&Path>) -> Result<Self> {
        let missing = missing(NEEDED, is_in_path);
        ensure!(
            missing.is_empty(),
            "testssl needs programs that are not in PATH: {}",
            missing.join("; ")
        );
        if let Some(program) = named {
            let program = program
                .canonicalize()
                .with_context(|| format!("{} is not there", program.display()))?;
            return Ok(Self {
                program,
                tables: None,
            });
        }
        parts::install(&["testssl"])?;
        let home = project::path(".cache/parts/testssl");
        let program = home.join("usr/bin/testssl");
        Ok(if program.exists() {
            Self {
                program,
                tables: Some(home.join("etc/testssl")),
            }
        } else {
            Self {
                program: "testssl".into(),
                tables: None,
            }
        })
    }

    pub fn shown(&self) -> String {
        let program = self.program.strip_prefix(project::root());
        program.unwrap_or(&self.program).display().to_string()
    }

    /// Scans, and gives the findings as JSON. `timeout` ends the whole group of processes, which killing the shell alone
    /// would not.
    pub fn scan(&self, gateway: &mut Gateway) -> Result<String> {
        let findings = gateway.folder().join("findings.json");
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", SECONDS]).arg(&self.program);
        command.args(["--ip", "127.0.0.1", "--nodns", "none", "--warnings", "off"]);
        command.args(["--quiet", "--color", "0"]);
        command.arg("--add-ca").arg(gateway.authority());
        command.arg("--jsonfile").arg(&findings);
        command.arg(format!("https://{HOST}:{}/", gateway.address().port()));
        if let Some(tables) = &self.tables {
            command.env("TESTSSL_INSTALL_DIR", tables);
        }
        let output = command
            .current_dir(gateway.folder())
            .stdin(Stdio::null())
            .output()
            .context("timeout (of coreutils) could not be started")?;
        gateway.still_runs()?;
        // testssl's own status counts its findings, so only that of `timeout` says something here.
        if output.status.code() == Some(124) {
            bail!("the scan did not end within {SECONDS} s:\n{}", tail(&output));
        }
        std::fs::read_to_string(&findings)
            .with_context(|| format!("testssl wrote no findings; it said:\n{}", tail(&output)))
    }
}

/// One sentence for each thing that is not there.
fn missing(needed: &[(&[&str], &str)], is_there: impl Fn(&str) -> bool) -> Vec<String> {
    needed
        .iter()
        .filter(|(programs, _)| !programs.iter().any(|program| is_there(program)))
        .map(|(programs, package)| format!("{} (Debian: {package})", programs.join(" or ")))
        .collect()
}

fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The end of what it said, where the reason stands.
fn tail(output: &Output) -> String {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let end: Vec<&str> = lines
        .iter()
        .skip(lines.len().saturating_sub(15))
        .copied()
        .collect();
    end.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let missing = missing(NEEDED, |program| program != "hexdump");
        assert_eq!(missing, ["hexdump (Debian: bsdextrautils)"]);
    }

    #[test]
    fn one_of_several_is_enough() {
        assert!(
            missing(NEEDED, |program| !["host", "drill", "nslookup"]
                .contains(&program))
            .is_empty()
        );
    }
}
