//! What others' code we take in: licences, sources and bans, as deny.toml says.
//!
//! deny.toml is written for cargo-deny, and whoever has it may run it. Building it takes longer than all our tests, so
//! CI checks the three things that matter from `cargo metadata`. Advisories are not checked here: that needs a database
//! from the network.

mod licence;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::metadata::{Metadata, Package};
use crate::project;

/// The parts of deny.toml that are checked.
#[derive(Debug, Default, Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
}

#[derive(Debug, Default, Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// The task.
pub fn run() -> Result<()> {
    let text = std::fs::read_to_string(project::path("deny.toml")).context("deny.toml")?;
    let rules: Rules = toml::from_str(&text).context("deny.toml")?;
    let metadata = Metadata::load()?;
    let others = metadata.used()?;
    let wrong: Vec<_> = others.iter().flat_map(|package| check(package, &rules)).collect();
    if !wrong.is_empty() {
        bail!("deny.toml does not allow this:\n  {}", wrong.join("\n  "));
    }
    println!(
        "supply: {} packages, all licences, sources and names are allowed",
        others.len()
    );
    Ok(())
}

fn check(package: &Package, rules: &Rules) -> Vec<String> {
    let Package { name, version, .. } = package;
    let mut wrong = Vec::new();
    match package.license.as_deref() {
        Some(licence) => match licence::allowed(licence, &rules.licenses.allow) {
            Ok(true) => {}
            Ok(false) => wrong.push(format!("{name} {version} is under \"{licence}\"")),
            Err(error) => wrong.push(format!("{name} {version}: {error}")),
        },
        None => wrong.push(format!("{name} {version} does not say what licence it is under")),
    }
    let from_registry =
        |source: &String| source.starts_with("registry+") && source.contains("crates.io-index");
    if !package.source.as_ref().is_some_and(from_registry) {
        let source = package.source.as_deref().unwrap_or("a path");
        wrong.push(format!(
            "{name} {version} comes from {source}, and only cargo's own registry is allowed"
        ));
    }
    let banned = rules.bans.deny.iter().find(|ban| ban.name == *name);
    wrong.extend(banned.map(|ban| format!("{name} {version} is banned: {}", ban.reason)));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn package(name: &str, license: Option<&str>, source: Option<&str>) -> Package {
        Package {
            id: name.into(),
            name: name.into(),
            version: "1.0.0".into(),
            license: license.map(Into::into),
            source: source.map(Into::into),
            dependencies: Vec::new(),
        }
    }

    fn rules() -> Rules {
        toml::from_str(
            "licenses.allow = ['MIT', 'Apache-2.0']\n\
             bans.deny = [{crate = 'openssl-sys', reason = 'TLS is rustls'}]",
        )
        .expect("rules")
    }

    #[test]
    fn a_package_from_the_registry_under_an_allowed_licence_is_fine() {
        let fine = package("a", Some("MIT OR Apache-2.0"), Some(CRATES_IO));
        assert_eq!(check(&fine, &rules()), Vec::<String>::new());
    }

    #[test]
    fn a_licence_that_is_not_allowed_or_not_there_is_refused() {
        let strict = package("a", Some("AGPL-3.0-only"), Some(CRATES_IO));
        assert_eq!(check(&strict, &rules()), ["a 1.0.0 is under \"AGPL-3.0-only\""]);
        assert_eq!(check(&package("a", None, Some(CRATES_IO)), &rules()).len(), 1);
    }

    #[test]
    fn a_package_from_git_or_a_path_is_refused() {
        let git = package("a", Some("MIT"), Some("git+https://example.com/a#1"));
        assert_eq!(check(&git, &rules()).len(), 1);
        assert_eq!(check(&package("a", Some("MIT"), None), &rules()).len(), 1);
    }

    #[test]
    fn a_banned_package_is_refused_with_the_reason() {
        let banned = package("openssl-sys", Some("MIT"), Some(CRATES_IO));
        assert_eq!(
            check(&banned, &rules()),
            ["openssl-sys 1.0.0 is banned: TLS is rustls"]
        );
    }

    #[test]
    fn the_projects_own_rules_can_be_read() {
        let text = std::fs::read_to_string(project::path("deny.toml")).expect("deny.toml");
        let rules: Rules = toml::from_str(&text).expect("rules");
        assert!(rules.licenses.allow.contains("Apache-2.0"));
        assert!(rules.bans.deny.iter().any(|ban| ban.name == "openssl-sys"));
    }
}
