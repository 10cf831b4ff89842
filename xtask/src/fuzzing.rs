//! `cargo xtask fuzz`: the targets of [`xtask::fuzz`] on stable Rust, without coverage.
//!
//! Inputs are seeds from testdata and examples, changed at random; one that makes the code do something new (another
//! trace) becomes a seed. libFuzzer finds more and needs nightly; `fuzz/` is for that. This one needs nothing, so CI
//! runs it every time.

mod mutate;
mod seeds;

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use xtask::fuzz::{Trace, answer, config, decode, guard, http2, proxy};

use crate::project;
use mutate::Mutator;

/// No input of a page may take longer.
const SLOW: Duration = Duration::from_secs(10);
/// Seeds beyond this push out the oldest that were found.
const MOST_SEEDS: usize = 4096;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long, for each target.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Only this one.
    #[arg(long)]
    target: Option<Target>,
    /// Runs this input once instead of making any.
    #[arg(long, requires = "target")]
    input: Option<PathBuf>,
    /// The same seed and build make the same inputs.
    #[arg(long)]
    seed: Option<u64>,
    /// As CI does it.
    #[arg(skip)]
    without_turn: bool,
}

impl Options {
    /// For so long every target that CI runs. [`Target::Turn`] asks for more than a control plane of ours needs, and still
    /// finds resources of others that say the same in two ways; it is for those who look for them.
    pub fn for_seconds(seconds: u64) -> Self {
        Self {
            seconds,
            without_turn: true,
            target: None,
            input: None,
            seed: None,
        }
    }
}

/// What is fuzzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Bytes of an endpoint's answer.
    Answer,
    /// YAML, compiled and decided.
    Config,
    /// Envoy's words, read.
    Decode,
    /// The same, and whether what was read says the same after another turn over the wire.
    Turn,
    /// Bytes of a connection, judged by the guard.
    Guard,
    /// Bytes of a connection, to both sides of the HTTP/2 codec.
    Http2,
    /// Bytes of a connection, to the running proxy.
    Proxy,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Config => "config",
            Self::Decode => "decode",
            Self::Turn => "turn",
            Self::Guard => "guard",
            Self::Http2 => "http2",
            Self::Proxy => "proxy",
        }
    }

    fn run(self, input: &[u8]) -> Trace {
        match self {
            Self::Answer => answer::run(input),
            Self::Config => config::run(input),
            Self::Decode => decode::run(input),
            Self::Turn => decode::turn(input),
            Self::Guard => guard::run(input),
            Self::Http2 => http2::run(input),
            Self::Proxy => proxy::run(input),
        }
    }
}

/// The task.
pub fn run(options: &Options) -> Result<()> {
    if let (Some(target), Some(path)) = (options.target, &options.input) {
        let input = fs::read(path).with_context(|| path.display().to_string())?;
        let trace = target.run(&input);
        println!("fuzz: {} takes {} ({trace:?})", target.name(), path.display());
        return Ok(());
    }
    let targets = match options.target {
        Some(target) => vec![target],
        None => Target::value_variants()
            .iter()
            .copied()
            .filter(|target| !options.without_turn || *target != Target::Turn)
            .collect(),
    };
    for target in targets {
        fuzz(target, options)?;
    }
    Ok(())
}

fn fuzz(target: Target, options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(seed_of_the_moment);
    let mut corpus = seeds::load(target)?;
    let given = corpus.len();
    let mut mutator = Mutator::new(seed, seeds::words(target));
    let mut seen = HashSet::new();
    let started = Instant::now();
    let end = started + Duration::from_secs(options.seconds);
    let mut iterations = 0_u64;
    while iterations < given as u64 || Instant::now() < end {
        // First every seed as it is: they must pass anyway, and their traces are not news.
        let input = match usize::try_from(iterations).ok().filter(|at| *at < given) {
            Some(at) => corpus.get(at).cloned().unwrap_or_default(),
            None => mutator.next(&corpus),
        };
        iterations += 1;
        let began = Instant::now();
        let trace = attempt(|| target.run(&input))
            .or_else(|message| bail!(failure(target, seed, &input, &message)?))?;
        if began.elapsed() > SLOW {
            bail!(failure(
                target,
                seed,
                &input,
                &format!("it took {:?}", began.elapsed())
            )?);
        }
        if seen.insert(trace) && iterations > given as u64 {
            if corpus.len() == MOST_SEEDS {
                corpus.remove(given);
            }
            corpus.push(input);
        }
    }
    println!(
        "fuzz: {}: {iterations} inputs in {:.1} s, {given} seeds, {} traces, no failure (seed {seed})",
        target.name(),
        started.elapsed().as_secs_f64(),
        seen.len(),
    );
    Ok(())
}

/// Runs an input; the message of the panic, if there was one.
fn attempt(run: impl FnOnce() -> Trace) -> std::result::Result<Trace, String> {
    let message = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&message);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    panic::set_hook(before);
    outcome.map_err(|_| message.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Keeps a failing input, and says how to run it again.
fn failure(target: Target, seed: u64, input: &[u8], message: &str) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let name = target.name();
    let path = format!("fuzz/artifacts/{name}/{:016x}", hasher.finish());
    let full = project::path(&path);
    fs::create_dir_all(full.parent().context("a file has a folder")?)?;
    fs::write(&full, input)?;
    Ok(format!(
        "{name}: {message}\nthe input is kept in {path} (seed {seed}); run it again with: \
         cargo xtask fuzz --target {name} --input {path}"
    ))
}

/// Different every time; it is printed, so that a run can be repeated.
fn seed_of_the_moment() -> u64 {
    let mut hasher = DefaultHasher::new();
    std::time::SystemTime::now().hash(&mut hasher);
    std::process::id().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_panics_is_caught_with_what_it_said() {
        let said = attempt(|| panic!("a broken promise")).expect_err("caught");
        assert!(said.contains("a broken promise"), "{said}");
        assert_eq!(attempt(|| Trace(1)), Ok(Trace(1)));
    }
}
