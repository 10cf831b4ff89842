//! The runner is what the promises of all dialects rest on, so it is tested too.

use std::fs;

use seaway_model::{Model, Report};
use serde_json::json;

use serde_json::Value;

use super::*;

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("written");
    fs::write(path, text).expect("written");
}

fn empty(_: &Case) -> (Model, Report) {
    (Model::default(), Report::default())
}

#[test]
fn a_blessed_case_passes_and_a_changed_golden_fails_with_the_line() {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), "http-route/paths/prefix/input.yaml", "");
    let blessed = check_goldens(root.path(), Bless::Yes, empty).expect("run");
    assert_eq!(blessed, Vec::<String>::new());
    let again = check_goldens(root.path(), Bless::No, empty).expect("run");
    assert_eq!(again, Vec::<String>::new());
    let golden = root.path().join("http-route/paths/prefix/status.yaml");
    let text = fs::read_to_string(&golden).expect("written by blessing");
    fs::write(golden, format!("{text}surplus: 1\n")).expect("written");
    let changed = check_goldens(root.path(), Bless::No, empty).expect("run");
    assert_eq!(changed.len(), 1);
    assert!(
        changed[0].contains("http-route/paths/prefix/status.yaml"),
        "{}",
        changed[0]
    );
    assert!(changed[0].contains("- surplus: 1"), "{}", changed[0]);
}

#[test]
fn a_case_without_goldens_fails() {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), "a/b/c/input.yaml", "");
    let failures = check_goldens(root.path(), Bless::No, empty).expect("run");
    assert_eq!(failures.len(), 2);
}

#[test]
fn a_golden_without_an_input_is_reported_and_removed_by_blessing() {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), "a/b/gone/model.yaml", "x");
    let failures = check_goldens(root.path(), Bless::No, empty).expect("run");
    assert!(
        failures[0].contains("a/b/gone/model.yaml belongs to no case"),
        "{failures:?}"
    );
    assert!(
        check_goldens(root.path(), Bless::Yes, empty)
            .expect("run")
            .is_empty()
    );
    assert!(!root.path().join("a/b/gone/model.yaml").exists());
}

#[test]
fn a_misspelt_file_of_a_case_is_reported_and_kept() {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), "a/b/c/input.yaml", "");
    write(root.path(), "a/b/c/probe.yaml", "");
    let failures = check_goldens(root.path(), Bless::Yes, empty).expect("run");
    assert_eq!(failures.len(), 1);
    assert!(root.path().join("a/b/c/probe.yaml").exists());
}

fn probe(text: &str) -> Probe {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), "probes.yaml", text);
    let case = Case {
        id: "a".into(),
        dir: root.path().to_owned(),
    };
    case.probes().expect("probes").remove(0)
}

const FORWARD: &str = "
- request: GET https://shop.example.com/cart
  headers: {cookie: a=1, x-many: [b, c]}
  expect:
    action: forward
    route: shop/shop
    destinations: {'shop/shop:80/v1': 0.95, 'shop/shop:80/v2': 0.05}
    path: /new
    headersSet: {x-a: '1'}
    headersRemoved: [x-b]
";

fn explanation() -> Value {
    json!({
        "action": "forward",
        "route": {"namespace": "shop", "name": "shop", "rule": 0},
        "destinations": [
            {"cluster": "shop/shop:80/v1", "share": 0.95},
            {"cluster": "shop/shop:80/v2", "share": 0.05},
        ],
        "upstreamRequest": {"path": "/new", "headersSet": {"x-a": "1"}, "headersRemoved": ["x-b"]},
    })
}

#[test]
fn a_probe_that_is_met_says_nothing() {
    assert_eq!(
        probe(FORWARD).check_explanation(&explanation()),
        Vec::<String>::new()
    );
}

#[test]
fn every_expectation_that_is_not_met_is_named() {
    let wrong = probe(FORWARD).check_explanation(&json!({"action": "respond"}));
    for what in [
        "action",
        "route",
        "destinations",
        "path",
        "headersSet.x-a",
        "headersRemoved",
    ] {
        assert!(
            wrong.iter().any(|line| line.starts_with(what)),
            "{what}: {wrong:?}"
        );
    }
}

#[test]
fn headers_of_a_probe_may_have_one_value_or_several() {
    let probe = probe(FORWARD);
    let pairs: Vec<_> = probe.header_pairs().collect();
    assert_eq!(pairs, [("cookie", "a=1"), ("x-many", "b"), ("x-many", "c")]);
}

#[test]
fn an_unknown_expectation_is_an_error_that_names_the_file() {
    let root = tempfile::tempdir().expect("a folder");
    write(
        root.path(),
        "probes.yaml",
        "- {request: GET http://a/, expect: {acton: forward}}",
    );
    let case = Case {
        id: "some/case".into(),
        dir: root.path().to_owned(),
    };
    let error = case.probes().expect_err("a mistake").to_string();
    assert!(
        error.contains("some/case/probes.yaml") && error.contains("acton"),
        "{error}"
    );
}

#[test]
fn a_difference_shows_the_lines_that_changed_with_their_neighbours() {
    let old: String = (0..50).map(|n| format!("line {n}\n")).collect();
    let new = old.replace("line 25\n", "line xxv\n");
    let text = diff(&old, &new);
    assert!(text.contains("- line 25\n+ line xxv\n"), "{text}");
    assert!(
        text.contains("  line 22\n") && !text.contains("line 21\n"),
        "{text}"
    );
}
