//! `examples/bookinfo`, step by step: the real binary, the manifests as they are published, and the services of the test
//! kit behind them. Only the ports of the pods are others, since the system picks them.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod circuit;
mod egress;
mod mirroring;
mod pages;
#[path = "../support/mod.rs"]
mod support;
mod tcp;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use support::command::seaway_in;

/// The folder of the example.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/bookinfo")
}

/// The files of every step, as the README puts them together.
const STEPS: &[&[&str]] = &[
    &["platform.yaml", "gateway.yaml"],
    pages::ALL_V1,
    pages::BY_USER,
    pages::DELAY,
    pages::ABORT,
    pages::HALF_V3,
    pages::ALL_V3,
    mirroring::V1,
    mirroring::MIRROR,
    tcp::V1,
    tcp::SHIFT,
    circuit::RULE,
    egress::ENTRY,
    egress::TIMEOUT,
];

#[test]
fn every_step_is_free_of_errors_and_warnings() {
    for step in STEPS {
        let args = [&["check", "--mesh-port", "15080", "-o", "json"], *step].concat();
        let done = seaway_in(&example(), &args);
        let bad: Vec<_> = done
            .json_lines()
            .into_iter()
            .filter(|finding| finding["severity"] != "info")
            .collect();
        assert!(done.code == Some(0) && bad.is_empty(), "{step:?}: {bad:#?}");
    }
}

#[test]
fn every_file_of_the_example_belongs_to_a_step() {
    let used: BTreeSet<PathBuf> = STEPS.concat().iter().map(PathBuf::from).collect();
    let mut there = BTreeSet::new();
    let mut folders = vec![example()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                there.insert(path.strip_prefix(example()).expect("below").to_owned());
            }
        }
    }
    assert_eq!(there, used);
}
