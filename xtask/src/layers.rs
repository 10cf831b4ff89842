//! The direction of dependency, checked.
//!
//! The table below is the one of ARCHITECTURE.md. It lists what each crate may use of ours; what is not listed is
//! refused, so a new edge needs a change here, where a reviewer sees it. Tests may use anything: only normal and build
//! dependencies count. Whether a dependency is direct is what matters: a crate cannot name what it does not depend on.

use anyhow::{Result, bail};

use crate::metadata::Metadata;

/// A crate of ours and which of ours it may use. The binary and xtask, which wire everything, may use all.
const ROOMS: &[(&str, &[&str])] = &[
    ("seaway-model", &[]),
    ("seaway-route", &["seaway-model"]),
    ("seaway-http2", &[]),
    ("seaway-api", &[]),
    ("seaway-compile", &["seaway-api", "seaway-model"]),
    (
        "seaway-proxy",
        &["seaway-route", "seaway-model", "seaway-telemetry", "seaway-http2"],
    ),
    ("seaway-xds", &["seaway-model"]),
    ("seaway-render", &["seaway-model", "seaway-api"]),
    ("seaway-certs", &["seaway-model"]),
    ("seaway-source", &["seaway-api", "seaway-compile", "seaway-model"]),
    ("seaway-node", &["seaway-model", "seaway-api"]),
    ("seaway-telemetry", &["seaway-model"]),
    ("seaway-testkit", &["seaway-model"]),
];

/// Crates that stand above all rooms: they may use every room, and no room may use them.
const ROOFS: &[&str] = &["seaway", "xtask"];

/// Crates of others that only some of ours may use: name, who may, why.
const RESERVED: &[(&str, &[&str], &str)] = &[(
    "kube",
    &["seaway-source"],
    "everything behind the sources must work without a cluster",
)];

/// Crates of others that some of ours may never use: who, names, why.
const BANNED: &[(&[&str], &[&str], &str)] = &[
    (
        &["seaway-model"],
        &[
            "saphyr-parser",
            "serde-saphyr",
            "serde_yaml",
            "http",
            "prost",
            "tonic",
            "rustls",
            "k8s-openapi",
        ],
        "the model is plain data, without a type of an API, of a protocol or of an engine",
    ),
    (
        &[
            "seaway-model",
            "seaway-route",
            "seaway-api",
            "seaway-compile",
            "seaway-render",
        ],
        &["tokio", "hyper", "hyper-util", "rand", "notify", "reqwest"],
        "between the sources and the engines everything is a pure, synchronous function",
    ),
];

/// Who uses what.
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
}

/// The task.
pub fn run() -> Result<()> {
    let metadata = Metadata::load()?;
    let mut members = 0;
    let mut edges = Vec::new();
    let mut wrong = Vec::new();
    for package in metadata.members() {
        members += 1;
        wrong.extend(unknown(&package.name));
        edges.extend(
            package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
                .map(|dependency| Edge {
                    from: &package.name,
                    to: &dependency.name,
                }),
        );
    }
    wrong.extend(edges.iter().filter_map(violation));
    if !wrong.is_empty() {
        bail!(
            "the direction of dependency is broken (the table is in xtask/src/layers.rs and ARCHITECTURE.md):\n  {}",
            wrong.join("\n  ")
        );
    }
    println!(
        "layers: {members} crates, {} dependencies, all as they should be",
        edges.len()
    );
    Ok(())
}

fn room(name: &str) -> Option<&'static [&'static str]> {
    ROOMS
        .iter()
        .find(|(room, _)| *room == name)
        .map(|(_, may_use)| *may_use)
}

fn unknown(name: &str) -> Option<String> {
    (room(name).is_none() && !ROOFS.contains(&name))
        .then(|| format!("{name} is not in the table; say there what it may use"))
}

/// What is wrong with a dependency, if anything.
fn violation(edge: &Edge<'_>) -> Option<String> {
    let Edge { from, to } = edge;
    if ROOFS.contains(to) {
        return Some(format!("{from} uses {to}, which nothing may use"));
    }
    if room(to).is_some() {
        let may_use = room(from)?;
        return (!may_use.contains(to)).then(|| {
            let allowed = if may_use.is_empty() {
                "none of ours".to_owned()
            } else {
                may_use.join(", ")
            };
            format!("{from} uses {to}, but may use only {allowed}")
        });
    }
    let reserved = RESERVED
        .iter()
        .find(|(name, who, _)| name == to && !who.contains(from))
        .map(|(_, who, why)| format!("{from} uses {to}, which only {} may: {why}", who.join(", ")));
    reserved.or_else(|| {
        BANNED
            .iter()
            .find(|(who, names, _)| who.contains(from) && names.contains(to))
            .map(|(_, _, why)| format!("{from} uses {to}, but {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(from: &str, to: &str) -> Option<String> {
        violation(&Edge { from, to })
    }

    #[test]
    fn an_edge_of_the_table_is_fine() {
        assert_eq!(judged("seaway-compile", "seaway-api"), None);
        assert_eq!(judged("seaway-proxy", "seaway-route"), None);
        assert_eq!(judged("seaway", "seaway-testkit"), None);
        assert_eq!(judged("xtask", "seaway-proxy"), None);
    }

    #[test]
    fn an_engine_that_uses_a_dialect_is_refused_with_what_it_may_use() {
        let said = judged("seaway-proxy", "seaway-api").expect("refused");
        assert_eq!(
            said,
            "seaway-proxy uses seaway-api, but may use only seaway-route, seaway-model, seaway-telemetry, seaway-http2"
        );
    }

    #[test]
    fn a_front_end_that_uses_an_engine_is_refused() {
        assert!(judged("seaway-compile", "seaway-proxy").is_some());
        assert!(judged("seaway-model", "seaway-route").is_some());
    }

    #[test]
    fn nothing_may_use_the_binary_or_the_tasks() {
        assert!(judged("seaway-testkit", "xtask").is_some());
        assert!(judged("seaway-source", "seaway").is_some());
    }

    #[test]
    fn only_the_sources_may_use_the_kubernetes_client() {
        assert_eq!(judged("seaway-source", "kube"), None);
        assert!(judged("seaway-node", "kube").is_some());
        assert!(judged("seaway", "kube").is_some());
    }

    #[test]
    fn the_model_and_the_pure_crates_know_neither_runtime_nor_protocol() {
        for banned in ["prost", "hyper", "tokio", "rustls", "serde-saphyr"] {
            assert!(judged("seaway-model", banned).is_some(), "{banned}");
        }
        assert!(judged("seaway-compile", "tokio").is_some());
        assert_eq!(judged("seaway-route", "http"), None);
        assert_eq!(judged("seaway-proxy", "tokio"), None);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_refused() {
        assert!(unknown("seaway-attic").is_some());
        assert_eq!(unknown("seaway-model"), None);
        assert_eq!(unknown("xtask"), None);
    }
}
