//! Every folder of `examples/` compiles without a word said about it, and its requests go where its probes say
//! (`testdata/examples/<folder>/probes.yaml`). What a newcomer copies must be right, so a folder without probes fails.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seaway_api::Resources;
use seaway_compile::{Options, compile};
use seaway_model::{Model, Report, Severity};
use seaway_route::{ExplainRequest, RouteTable, explain};
use seaway_testkit::cases::{Case, Probe};

fn below(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Names of the folders in a folder.
fn folders(path: &Path) -> BTreeSet<String> {
    fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.expect("an entry of a folder"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Its files stand for each other, one a step, and `tests/bookinfo` takes the steps.
const TUTORIAL: &str = "bookinfo";

fn examples() -> BTreeSet<String> {
    let mut all = folders(&below("examples"));
    assert!(all.remove(TUTORIAL), "the tutorial is there");
    all
}

fn read_into(resources: &mut Resources, example: &str) {
    let folder = below("examples").join(example);
    for entry in fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry of a folder").path();
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("a manifest");
        resources.parse_into(&format!("{example}/{file}"), &text);
    }
}

fn compiled<'a>(examples: impl IntoIterator<Item = &'a String>) -> (Model, Report) {
    let mut resources = Resources::default();
    for example in examples {
        read_into(&mut resources, example);
    }
    compile(&resources, &Options::default())
}

/// What is said that is at least so bad, one line each.
fn said(report: &Report, least: Severity) -> Vec<String> {
    let bad = |severity| match least {
        Severity::Error => severity == Severity::Error,
        _ => severity != Severity::Info,
    };
    let diagnostics = report.diagnostics.iter().filter(|d| bad(d.severity()));
    diagnostics
        .map(|d| format!("{} {}: {}", d.code.info().id, d.origin, d.message))
        .collect()
}

fn probes(example: &str) -> Vec<Probe> {
    let dir = below("testdata/examples").join(example);
    let id = example.to_owned();
    Case { id, dir }
        .probes()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn wrong_in(table: &RouteTable, probe: &Probe) -> Vec<String> {
    let (method, url) = probe.method_and_url();
    let request = ExplainRequest::parse(method, url, probe.header_pairs(), probe.port);
    let request = request.unwrap_or_else(|error| panic!("{}: {error}", probe.title()));
    let explanation = serde_json::to_value(explain(table, &request)).expect("JSON");
    probe.check_explanation(&explanation)
}

#[test]
fn every_example_compiles_without_an_error_or_a_warning() {
    for example in examples() {
        let (_, report) = compiled([&example]);
        assert_eq!(
            said(&report, Severity::Warning),
            Vec::<String>::new(),
            "{example}"
        );
    }
}

#[test]
fn requests_go_where_the_probes_of_every_example_say() {
    let mut wrong = Vec::new();
    for example in examples() {
        let table = RouteTable::build(&Arc::new(compiled([&example]).0));
        for probe in probes(&example) {
            let differences = wrong_in(&table, &probe);
            wrong.extend(
                differences
                    .iter()
                    .map(|d| format!("{example}: {}: {d}", probe.title())),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_example_has_probes_and_no_probes_are_left_of_one_that_is_gone() {
    let with_probes = folders(&below("testdata/examples"));
    let with_probes: BTreeSet<_> = with_probes
        .into_iter()
        .filter(|e| !probes(e).is_empty())
        .collect();
    assert_eq!(examples(), with_probes);
}

/// As `seaway demo` serves them.
#[test]
fn all_examples_together_compile_without_errors_and_keep_their_answers() {
    let all = examples();
    let (model, report) = compiled(&all);
    assert_eq!(said(&report, Severity::Error), Vec::<String>::new());
    let table = RouteTable::build(&Arc::new(model));
    for example in &all {
        for probe in probes(example) {
            let wrong = wrong_in(&table, &probe);
            assert_eq!(wrong, Vec::<String>::new(), "{example}: {}", probe.title());
        }
    }
}
