//! Relative links of every Markdown file, and the headings that they point to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold nothing of ours.
const PASSED_OVER: [&str; 4] = ["target", ".git", ".cache", "artifacts"];

/// What following them gave.
#[derive(Debug, Default)]
pub struct Links {
    pub followed: usize,
    pub broken: Vec<String>,
}

/// Follows every relative link of every Markdown file below `root`. Addresses are not asked: tests use no network.
pub fn check(root: &Path) -> Result<Links> {
    let mut pages = Vec::new();
    collect(root, &mut pages)?;
    let mut links = Links::default();
    for page in pages {
        let text = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        let shown = page.strip_prefix(root).unwrap_or(&page).display().to_string();
        for link in links_of(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            links.followed += 1;
            if let Some(why) = broken(&page, &text, link) {
                links.broken.push(format!("{shown}: {link} leads nowhere: {why}"));
            }
        }
    }
    Ok(links)
}

fn collect(dir: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if !PASSED_OVER.iter().any(|passed| name == *passed) {
                collect(&path, pages)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(())
}

fn broken(page: &Path, text: &str, link: &str) -> Option<String> {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() {
        page.to_owned()
    } else {
        page.parent()?.join(file)
    };
    if !target.exists() {
        return Some("there is no such file".to_owned());
    }
    if heading.is_empty() || target.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let other = fs::read_to_string(&target).unwrap_or_default();
    let headings = headings_of(if file.is_empty() { text } else { &other });
    (!headings.contains(heading)).then(|| format!("there is no heading #{heading}"))
}

/// Lines outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What stands between `](` and `)`, outside code.
fn links_of(text: &str) -> Vec<&str> {
    prose(text)
        // Every second piece between backquotes is code.
        .flat_map(|line| line.split('`').step_by(2))
        .flat_map(|piece| piece.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.split_whitespace().next().unwrap_or_default())
        .collect()
}

/// Headings as they are linked to: lower case, spaces as hyphens, punctuation gone.
fn headings_of(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(readme: &str) -> Vec<String> {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join("README.md"), readme).expect("written");
        fs::create_dir(root.path().join("docs")).expect("made");
        fs::write(
            root.path().join("docs/a.md"),
            "# One, two\n\n```\n# not a heading\n```\n",
        )
        .expect("written");
        check(root.path()).expect("read").broken
    }

    #[test]
    fn a_link_to_a_file_or_a_heading_that_is_there_is_fine() {
        let fine = "[a](docs/a.md) [b](docs/a.md#one-two) [c](#here) [d](https://example.com/x)\n# Here\n";
        assert_eq!(checked(fine), Vec::<String>::new());
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named_with_its_page() {
        let broken = checked("[a](docs/b.md)");
        assert_eq!(
            broken,
            ["README.md: docs/b.md leads nowhere: there is no such file"]
        );
        assert_eq!(checked("[a](docs/a.md#three)").len(), 1);
        assert_eq!(checked("[a](docs/a.md#not-a-heading)").len(), 1);
    }

    #[test]
    fn what_stands_in_code_is_no_link() {
        assert_eq!(
            checked("`[a](b.md)`\n```\n[a](b.md)\n```\n"),
            Vec::<String>::new()
        );
    }
}
