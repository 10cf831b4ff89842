//! `docs/diagnostics.md`, from the one table of codes.

use std::fmt::Write as _;

use seaway_model::Code;

const HEAD: &str = "# Diagnostics

<!-- Made from the code by `cargo xtask docs`. Do not edit. -->

Everything that `seaway check` can say, and that `seaway run` says while it runs. An *error* leaves the object, or the part
that is named, out; a *warning* is applied as stated; an *info* changes nothing. Whatever is valid serves all the same. A code
never changes its meaning.

| code | severity | meaning |
|---|---|---|
";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for code in Code::ALL {
        let info = code.info();
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| [{id}](#{anchor}) | {severity} | {title} |",
            id = info.id,
            anchor = info.id.to_ascii_lowercase(),
            severity = info.severity.as_str(),
            title = plain(info.title),
        );
    }
    for code in Code::ALL {
        let info = code.info();
        let _ = write!(
            page,
            "\n## {}\n\n**{}** ({})\n\n{}\n",
            info.id,
            plain(info.title),
            info.severity.as_str(),
            plain(info.explanation)
        );
        if let Some((condition, reason)) = info.condition {
            let _ = write!(
                page,
                "\nCondition `{condition}` becomes `False` with the reason `{reason}`.\n"
            );
        }
    }
    page
}

/// A bar would end a cell of the table.
fn plain(text: &str) -> String {
    text.trim().replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_row_and_a_section() {
        let page = page();
        for code in Code::ALL {
            let id = code.info().id;
            assert!(page.contains(&format!("| [{id}](#")), "{id}");
            assert!(page.contains(&format!("\n## {id}\n")), "{id}");
        }
    }
}
