//! A difference that a person can read: the lines that differ, with a few around them.

use std::fmt::Write as _;

/// Lines shown before and after a difference.
const CONTEXT: usize = 3;
/// A longer difference is cut here: past that, one reads the files.
const MOST: usize = 120;
/// The table below grows with the product of the lengths; past this only the differing middle is shown as a block.
const TABLE: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Expected(&'a str),
    Got(&'a str),
}

/// `-` is what the golden says, `+` is what came. Empty if they are equal.
#[must_use]
pub fn diff(expected: &str, got: &str) -> String {
    if expected == got {
        return String::new();
    }
    let lines = compare(expected, got);
    let near = |at: usize| {
        let from = at.saturating_sub(CONTEXT);
        lines
            .iter()
            .skip(from)
            .take(at + CONTEXT + 1 - from)
            .any(|line| !matches!(line, Line::Same(_)))
    };
    let mut text = String::new();
    let mut shown = 0;
    let mut skipping = false;
    for (at, line) in lines.iter().enumerate() {
        if !near(at) {
            skipping = true;
            continue;
        }
        if shown == MOST {
            text.push_str("  (and more)\n");
            break;
        }
        if std::mem::take(&mut skipping) {
            text.push_str("  ...\n");
        }
        shown += 1;
        // Writing to a String cannot fail.
        let _ = match line {
            Line::Same(line) => writeln!(text, "  {line}"),
            Line::Expected(line) => writeln!(text, "- {line}"),
            Line::Got(line) => writeln!(text, "+ {line}"),
        };
    }
    text
}

fn compare<'a>(expected: &'a str, got: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (head, old) = old.split_at(start);
    let (_, new) = new.split_at(start);
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old, tail) = old.split_at(old.len() - end);
    let (new, _) = new.split_at(new.len() - end);
    let mut lines: Vec<_> = head.iter().map(|line| Line::Same(line)).collect();
    if old.len() * new.len() > TABLE {
        lines.extend(old.iter().map(|line| Line::Expected(line)));
        lines.extend(new.iter().map(|line| Line::Got(line)));
    } else {
        lines.extend(middle(old, new));
    }
    lines.extend(tail.iter().map(|line| Line::Same(line)));
    lines
}

/// Longest common subsequence, by the textbook table.
#[allow(
    clippy::indexing_slicing,
    reason = "both indexes stay below the lengths the table was made with"
)]
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        let take_old =
            j == new.len() || i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1];
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if take_old {
            lines.push(Line::Expected(old[i]));
            i += 1;
        } else {
            lines.push(Line::Got(new[j]));
            j += 1;
        }
    }
    lines
}
