//! A package of Debian, downloaded and unpacked without rights.
//!
//! apt finds the package, fetches it and checks it against the archive's signature. The system's package lists are used
//! where there are some. Otherwise lists of our own are fetched into the workshop, so that `apt-get update` needs no
//! rights either and changes nothing for the rest of the machine. Dependencies are not followed: the table names those
//! libraries that a bare Debian may lack, and scripts need programs that their task looks for; each part is run before it
//! counts as installed, so what was forgotten shows at once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Unpacks `packages` into `goal`; `workshop` is a folder for what is only needed on the way.
pub(super) fn unpack(packages: &[&str], workshop: &Path, goal: &Path) -> Result<()> {
    if let Err(first) = download(packages, workshop, &[]) {
        eprintln!(
            "{}: the system's package lists do not have it; fetching lists of our own",
            packages.join(", ")
        );
        let lists = own_lists(workshop)?;
        run(apt(workshop, &lists).arg("update"))
            .and_then(|()| download(packages, workshop, &lists))
            .with_context(|| format!("with the system's lists: {first:#}; with lists of our own"))?;
    }
    for archive in archives(workshop)? {
        run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(goal))?;
    }
    Ok(())
}

fn download(packages: &[&str], workshop: &Path, options: &[String]) -> Result<()> {
    run(apt(workshop, options).arg("download").args(packages))
}

/// apt as root would hand downloads to a user that may not be allowed to write here; the sandbox is apt's own
/// precaution against a hostile mirror, and the signature is checked either way.
fn apt(workshop: &Path, options: &[String]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .current_dir(workshop)
        .args(["-q", "-o", "APT::Sandbox::User=root"])
        .args(options);
    command
}

/// Options that keep lists and caches in the workshop.
fn own_lists(workshop: &Path) -> Result<Vec<String>> {
    let mut options = Vec::new();
    for (setting, folder) in [
        ("Dir::State::lists", "lists"),
        ("Dir::Cache::archives", "archives"),
    ] {
        let path = workshop.join(folder);
        std::fs::create_dir_all(path.join("partial"))
            .with_context(|| format!("{} could not be made", path.display()))?;
        options.extend(["-o".to_owned(), format!("{setting}={}", path.display())]);
    }
    for setting in ["Dir::Cache::pkgcache", "Dir::Cache::srcpkgcache"] {
        options.extend(["-o".to_owned(), format!("{setting}=")]);
    }
    Ok(options)
}

fn archives(workshop: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(workshop).context("the downloads could not be listed")?;
    let archives: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    ensure!(!archives.is_empty(), "apt-get said yes but left no package");
    Ok(archives)
}

/// Runs a command quietly; its output belongs to the error.
fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!(
                "{name} was not found: parts come from Debian's packages, so this needs Debian or a relative of it"
            )
        }
        output => output.with_context(|| format!("{name} could not be started"))?,
    };
    ensure!(
        output.status.success(),
        "{name} said {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
