//! What was measured, for people and for programs.

mod floor;
mod page;
mod table;
mod verdict;

use anyhow::Result;
use serde_json::json;

use super::compare::Comparison;
use super::figure::{self, Figure};
use verdict::Verdict;

/// All that was measured in one run.
#[derive(Default)]
pub struct Report {
    pub figures: Vec<Figure>,
    pub comparisons: Vec<Comparison>,
}

impl Report {
    /// Everything, with each round's values.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&json!({
            "machine": page::machine(),
            "figures": self.figures,
            "scenarios": self.comparisons,
            "notes": floor::notes(&self.comparisons),
            "promises": verdict::all(&self.comparisons),
        }))?)
    }

    /// Tables, then promises.
    pub fn print(&self) {
        figure::print(&self.figures);
        for comparison in &self.comparisons {
            println!("\n{}", table::text(comparison));
        }
        let verdicts = verdict::all(&self.comparisons);
        if !verdicts.is_empty() {
            println!();
        }
        for verdict in verdicts {
            println!("{verdict}");
        }
        for note in floor::notes(&self.comparisons) {
            println!("note    {note}");
        }
    }

    /// Puts the tables into the page on performance.
    pub fn write(&self) -> Result<()> {
        page::write(self)
    }

    /// The promises that were not kept, in words.
    pub fn broken(&self) -> Vec<String> {
        let figures = self.figures.iter().filter(|figure| !figure.is_kept());
        let figures = figures.map(|figure| format!("{} is {:.1} {}", figure.name, figure.value, figure.unit));
        let verdicts = verdict::all(&self.comparisons);
        let verdicts = verdicts
            .iter()
            .filter(|verdict| verdict.is_broken())
            .map(Verdict::to_string);
        figures.chain(verdicts).collect()
    }
}
