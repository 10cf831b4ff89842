//! The tables in docs/performance.md: between two marks, so that what is written around them stays.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::{Report, floor, table, verdict};
use crate::bench::figure::{Figure, Promise};
use crate::project;

const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- written by `cargo xtask bench --write` -->\n";
const END: &str = "<!-- end of what is written -->";

/// Writes them.
pub fn write(report: &Report) -> Result<()> {
    let path = project::path(PAGE);
    let old = std::fs::read_to_string(&path).context(PAGE)?;
    let new = replaced(&old, &tables(report))
        .with_context(|| format!("{PAGE} has not both marks, {} and {END}", BEGIN.trim()))?;
    std::fs::write(&path, new).context(PAGE)
}

/// The page with something else between the marks.
fn replaced(page: &str, between: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{between}\n{END}{after}"))
}

fn tables(report: &Report) -> String {
    let mut text = format!("{}.\n", machine());
    if !report.figures.is_empty() {
        text.push_str("\n| figure | measured | promised | |\n|---|---|---|---|\n");
    }
    for figure in &report.figures {
        // A String takes whatever is written.
        let _ = writeln!(text, "{}", line(figure));
    }
    for comparison in &report.comparisons {
        let _ = write!(
            text,
            "\n**{}**\n\n{}",
            table::title(comparison),
            table::markdown(comparison)
        );
    }
    let verdicts = verdict::all(&report.comparisons);
    if !verdicts.is_empty() {
        text.push_str("\n### Promises\n\n| | promise | seen |\n|---|---|---|\n");
    }
    for verdict in verdicts {
        let word = match verdict.outcome {
            verdict::Outcome::Kept => "kept",
            verdict::Outcome::Tie => "tie",
            verdict::Outcome::Broken => "**broken**",
        };
        let _ = writeln!(text, "| {word} | {} | {} |", verdict.promise, verdict.seen);
    }
    for note in floor::notes(&report.comparisons) {
        let _ = writeln!(text, "| note | {note} | |");
    }
    text
}

fn line(figure: &Figure) -> String {
    let promise = match figure.promise {
        Some(Promise::AtLeast(least)) => format!("at least {least} {}", figure.unit),
        Some(Promise::AtMost(most)) => format!("at most {most} {}", figure.unit),
        None => String::new(),
    };
    format!(
        "| {} | {:.2} {} | {promise} | {} |",
        figure.name, figure.value, figure.unit, figure.note
    )
}

/// The machine in a few words.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let information = read("/proc/cpuinfo");
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let model = model.map_or("processors of an unknown make", str::trim);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    // This process is held to one of them, which is not what the machine has.
    let cores = information
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count()
        .max(cores);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores of {model}, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_the_marks_stays() {
        let page = format!("before\n{BEGIN}old\n{END}\nafter\n");
        let new = replaced(&page, "new\n").expect("both marks");
        assert_eq!(new, format!("before\n{BEGIN}\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&new, "new\n").expect("both marks"), new);
        assert_eq!(replaced("no marks", "new"), None);
    }

    #[test]
    fn the_page_has_the_marks() {
        let page = std::fs::read_to_string(project::path(PAGE)).expect("the page");
        assert!(replaced(&page, "").is_some());
    }
}
