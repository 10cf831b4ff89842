//! `cargo xtask profile`: counts what a gateway does under the benchmark's load, for the compiler of release builds.
//!
//! Between two system calls a request runs through hundreds of small functions, and the kernel leaves little of them in the
//! processor's caches. What the compiler puts side by side, and what it inlines, decides how much of that time is waiting;
//! without counts it can only guess. A build that counts serves the scenarios, and its counts are stored in
//! `release/x86_64.profdata`, which `release/rustc` hands to the compiler whenever a release is built, on any machine.
//!
//! Counts are by function. One that has changed since is compiled as if nothing was known of it, so they are taken anew
//! before a release and after larger changes of a hot path, and not with every change. Functions are known by their
//! symbols, in which the compiler puts its own version and those of all dependencies: after an update of one of them hardly
//! any is found again. [`report`] says so when they are few. Cargo builds a release anew when the counts change. Debug builds, tests and the counted instructions of CI have nothing to
//! do with them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{bench, parts, project};

/// Where `release/rustc` looks for them.
const COUNTS: &str = "release/x86_64.profdata";

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long each scenario is served, as fast as it goes and then at a fixed rate.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

/// The task.
pub fn run(options: &Options) -> Result<()> {
    ensure!(cfg!(target_arch = "x86_64"), "counts are taken on x86-64");
    ensure!(options.seconds > 0.0, "--seconds must be above zero");
    parts::install(&["llvm"])?;
    let home = project::path("target/profile");
    let counts = home.join("counts");
    if counts.exists() {
        std::fs::remove_dir_all(&counts)?;
    }
    build(&home, &counts)?;
    bench::train(
        &home.join("release/seaway"),
        Duration::from_secs_f64(options.seconds),
    )?;
    store(&counts)
}

/// Says so when little of what was counted is found in a release build. What is inlined everywhere is never found: of a
/// build that fits, six in ten are, and of one that does not, three or four, which are the standard library's.
pub fn report(binary: &Path) {
    match fit(binary) {
        Ok((found, counted)) if found * 2 >= counted => {}
        Ok((found, counted)) => eprintln!(
            "profile: only {found} of {counted} functions that were counted are in this build, and guide it; \
             `cargo xtask profile` counts anew"
        ),
        Err(error) => eprintln!("profile: whether the counts fit this build cannot be told: {error:#}"),
    }
}

/// How many of the functions that were counted are in a build, and how many there are.
fn fit(binary: &Path) -> Result<(usize, usize)> {
    parts::install(&["llvm"])?;
    let mut show = parts::command("llvm", "llvm-profdata-19");
    show.args(["show", "--all-functions"]).arg(project::path(COUNTS));
    let shown = show.output().context("llvm-profdata could not be started")?;
    ensure!(shown.status.success(), "llvm-profdata could not read {COUNTS}");
    let program = std::fs::read(binary).with_context(|| binary.display().to_string())?;
    // Symbols end with a zero, and a release keeps them.
    let symbols: BTreeSet<&[u8]> = program.split(|byte| *byte == 0).collect();
    let names: Vec<&[u8]> = shown
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(counted)
        .collect();
    let found = names.iter().filter(|name| symbols.contains(*name)).count();
    Ok((found, names.len()))
}

/// The symbol of a line that names a function. Those that have a file before them are of one object alone, and may be
/// named otherwise in another build.
fn counted(line: &[u8]) -> Option<&[u8]> {
    let name = line.strip_prefix(b"  ")?.strip_suffix(b":")?;
    (name.starts_with(b"_") && !name.contains(&b';')).then_some(name)
}

/// Builds the gateway that counts.
fn build(home: &Path, counts: &Path) -> Result<()> {
    eprintln!("profile: building a gateway that counts, which takes minutes");
    let mut build = project::cargo();
    build
        .args(["build", "--release", "--locked", "--package", "seaway"])
        .env("CARGO_TARGET_DIR", home)
        .env("SEAWAY_PROFILE", counts);
    ensure!(build.status()?.success(), "the build that counts failed");
    Ok(())
}

/// Puts the counts where release builds find them.
fn store(counts: &Path) -> Result<()> {
    let goal = project::path(COUNTS);
    let mut merge = parts::command("llvm", "llvm-profdata-19");
    merge
        .args(["merge", "--sparse", "--output"])
        .arg(&goal)
        .arg(counts);
    let status = merge.status().context("llvm-profdata could not be started")?;
    ensure!(
        status.success(),
        "llvm-profdata could not read {}",
        counts.display()
    );
    println!(
        "{}: {} KiB",
        goal.display(),
        std::fs::metadata(&goal)?.len() / 1024
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the compiler would be called with.
    fn called(arguments: &[&str], counts_to: Option<&str>) -> String {
        let mut command = std::process::Command::new(project::path("release/rustc"));
        command.arg("echo").args(arguments).env_remove("SEAWAY_PROFILE");
        if let Some(path) = counts_to {
            command.env("SEAWAY_PROFILE", path);
        }
        let output = command.output().expect("a shell");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim_end()
            .to_owned()
    }

    #[test]
    fn what_is_not_a_release_is_compiled_as_it_was_asked_for() {
        let arguments = ["--crate-name", "x", "-C", "opt-level=3"];
        assert_eq!(called(&arguments, None), arguments.join(" "));
        assert_eq!(called(&arguments, Some("/counts")), arguments.join(" "));
    }

    #[test]
    fn a_release_is_guided_by_the_counts_that_are_stored() {
        for flag in ["linker-plugin-lto", "lto", "lto=fat"] {
            let called = called(&["-C", flag, "x.rs"], None);
            let is_guided = called.contains("release/x86_64.profdata");
            assert_eq!(is_guided, cfg!(target_arch = "x86_64"), "{called}");
        }
    }

    #[test]
    fn of_what_is_shown_the_symbols_that_any_build_would_have_are_taken() {
        let shown = "Counters:\n  _ZN1a1b17h1E:\n    Hash: 0x1\n  a.1-cgu.0;_ZN1a1c17h2E:\n    Counters: 2\nTotal functions: 2\n";
        let taken: Vec<_> = shown
            .lines()
            .filter_map(|line| counted(line.as_bytes()))
            .collect();
        assert_eq!(taken, [b"_ZN1a1b17h1E"]);
    }

    #[test]
    fn a_build_that_counts_is_not_guided() {
        let called = called(&["-C", "lto", "x.rs"], Some("/counts"));
        assert_eq!(called, "-C lto x.rs -Cprofile-generate=/counts");
    }
}
