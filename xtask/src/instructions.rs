//! `cargo xtask instructions`: how many instructions the hot paths take, held against what is stored.
//!
//! Time on a shared machine proves nothing; instructions nearly do. One optimised binary walks a path N times and then
//! 2N times under valgrind, and what the second run takes more, divided by N, is the figure: neither the start of the
//! process nor the preparation counts. What could make it differ from machine to machine is taken care of:
//!
//! - The processor is valgrind's and not the machine's. It has the same features on every x86-64 machine that has AVX2,
//!   so the C library and memchr choose the same routines everywhere.
//! - The paths are given their randomness and walk the same inputs; header maps and our own tables hash without a seed.
//! - The environment is empty, and there is one worker thread.
//!
//! What is left is what the clock decides (whether a thread sleeps before its answer is there: up to two per cent of a
//! whole way), and how the compiler inlines, which moved a path of 900 instructions by nine per cent between builds that
//! did not change it. Another compiler may move figures further; whoever moves to it blesses them.
//!
//! Figures may only rise on purpose: `cargo xtask instructions --bless` writes `instructions.json` beside the
//! benchmarks, and the change of that file is seen in review.

mod count;
mod verdict;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::{parts, project};
use verdict::Verdict;

/// Instructions by the name of the path.
type Figures = BTreeMap<String, u64>;

const STORED: &str = "crates/seaway-proxy/benches/instructions.json";

/// What can be chosen.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Stores what is counted, in place of holding it against what is stored.
    #[arg(long)]
    bless: bool,
    /// Only paths whose names contain one of these.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|part| name.contains(part.as_str()))
    }
}

/// The task.
pub fn run(options: &Options) -> Result<()> {
    parts::install(&["valgrind"])?;
    let binary = count::build()?;
    let (paths, others): (Vec<_>, Vec<_>) = count::paths(&binary)?
        .into_iter()
        .partition(|path| options.wants(&path.name));
    if paths.is_empty() {
        let names: Vec<_> = others.iter().map(|path| path.name.as_str()).collect();
        bail!("no path has such a name; there are: {}", names.join("; "));
    }
    let counted = count::all(&binary, &paths)?;
    let file = project::path(STORED);
    let mut stored: Figures = match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{STORED} cannot be read"))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Figures::new(),
        Err(error) => return Err(error).with_context(|| format!("{STORED} cannot be read")),
    };
    print(&stored, &counted);
    if options.bless {
        stored.retain(|name, _| others.iter().any(|path| path.name == *name));
        stored.extend(counted);
        let text = serde_json::to_string_pretty(&stored)? + "\n";
        return std::fs::write(&file, text).with_context(|| format!("{STORED} cannot be written"));
    }
    stored.retain(|name, _| others.iter().all(|path| path.name != *name));
    let Verdict { failures, hints } = verdict::judge(&stored, &counted);
    for hint in &hints {
        println!("{hint}");
    }
    if !failures.is_empty() {
        bail!(
            "{}\nIf it is worth it, store it: cargo xtask instructions --bless",
            failures.join("\n")
        );
    }
    Ok(())
}

fn print(stored: &Figures, counted: &[(String, u64)]) {
    for (name, figure) in counted {
        let change = stored
            .get(name)
            .map(|stored| verdict::change(*stored, *figure))
            .unwrap_or_default();
        println!("{name:<36} {figure:>8} {change:>8}");
    }
}
