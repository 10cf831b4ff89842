//! Documents that are made from the code, and links that lead somewhere.
//!
//! What the code knows is written once, in the code: fields, diagnostics, metrics. The pages are committed all the
//! same, because people read them where no cargo runs, and CI fails when they are not what the code says.

mod diagnostics;
mod links;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::project;

/// A page that is made, never edited.
struct Page {
    path: &'static str,
    make: fn() -> String,
}

const PAGES: &[Page] = &[
    Page {
        path: "docs/http-route.md",
        make: seaway_api::reference_markdown,
    },
    Page {
        path: "docs/istio.md",
        make: seaway_api::istio_markdown,
    },
    Page {
        path: "docs/metrics.md",
        make: seaway_telemetry::reference_markdown,
    },
    Page {
        path: "docs/diagnostics.md",
        make: diagnostics::page,
    },
];

/// Writes every page anew.
pub fn write() -> Result<()> {
    for Page { path, make } in PAGES {
        fs::write(project::path(path), make()).with_context(|| (*path).to_owned())?;
        println!("docs: wrote {path}");
    }
    Ok(())
}

/// Fails when a page is not what the code says, or a link of any page leads nowhere.
pub fn check() -> Result<()> {
    let mut wrong = Vec::new();
    for Page { path, make } in PAGES {
        let written = fs::read_to_string(project::path(path)).unwrap_or_default();
        if written != make() {
            wrong.push(format!(
                "{path} is not what the code says; `cargo xtask docs` writes it"
            ));
        }
    }
    let links = links::check(project::root())?;
    wrong.extend(links.broken);
    if !wrong.is_empty() {
        bail!("the documents need work:\n  {}", wrong.join("\n  "));
    }
    println!(
        "docs: {} pages as the code says, {} links lead somewhere",
        PAGES.len(),
        links.followed
    );
    Ok(())
}
