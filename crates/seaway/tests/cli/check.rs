//! `seaway check`

use serde_json::Value;

use crate::support::command::{seaway_in, seaway_with};
use crate::support::files::Folder;
use crate::support::manifests;

/// Line 6 has a field that does not exist, line 7 a Service that is not there.
const BAD: &str = "\
apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {name: shop, namespace: test}
spec:
  hosts: [shop.example.com]
  timeot: 3s
  destinations: [{host: \"nobody:8080\"}]
";

fn good() -> String {
    manifests::route("good.example.com", crate::backend())
}

#[test]
fn manifests_without_a_mistake_are_fine() {
    let folder = Folder::with(&[("good.yaml", &good())]);
    let done = seaway_in(folder.path(), &["check", "good.yaml"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""));
    assert_eq!(done.err, "no findings in 1 object\n");
}

#[test]
fn certificate_files_that_are_not_there_are_found_before_traffic_does() {
    let gateway = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: test}
spec:
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      hosts: [shop.example.com]
      tls: {mode: SIMPLE, serverCertificate: not-there.crt, privateKey: not-there.key}
";
    let folder = Folder::with(&[("edge.yaml", gateway)]);
    let done = seaway_in(folder.path(), &["check", "edge.yaml", "--output", "json"]);
    let found = done.json_lines();
    let found = found
        .iter()
        .find(|finding| finding["code"] == "SW0313")
        .expect("it is said");
    assert_eq!(found["file"], "edge.yaml");
    assert!(
        found["message"]
            .as_str()
            .is_some_and(|text| text.contains("not-there.crt")),
        "{found}"
    );
}

#[test]
fn text_says_severity_code_place_and_what_to_do() {
    let folder = Folder::with(&[("bad.yaml", BAD)]);
    let done = seaway_in(folder.path(), &["check", "bad.yaml"]);
    assert_eq!(done.code, Some(1));
    assert_eq!(
        done.out,
        "\
warning[SW0006]: unknown field \"timeot\"
  --> bad.yaml:6:3  (HttpRoute test/shop, spec.timeot)
  |
6 |   timeot: 3s
  |   ^
  = help: did you mean \"timeout\"?

error[SW0201]: there is no Service test/nobody
  --> bad.yaml:7:25  (HttpRoute test/shop, spec.destinations[0].host)
  |
7 |   destinations: [{host: \"nobody:8080\"}]
  |                         ^
  = help: create the Service, or correct its name or namespace

"
    );
    assert_eq!(done.err, "1 error, 1 warning in 1 object\n");
}

#[test]
fn json_is_one_object_a_line_with_every_key() {
    let folder = Folder::with(&[("bad.yaml", BAD)]);
    let done = seaway_in(folder.path(), &["check", "bad.yaml", "-o", "json"]);
    assert_eq!((done.code, done.err.as_str()), (Some(1), ""));
    let lines = done.json_lines();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let keys: Vec<_> = line
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        let mut expected = [
            "severity", "code", "message", "help", "object", "field", "file", "line", "column",
        ];
        expected.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(
            line["object"],
            serde_json::json!({"apiVersion": "seaway.dev/v1alpha1", "kind": "HttpRoute", "namespace": "test",
                "name": "shop"})
        );
        assert_eq!(line["file"], "bad.yaml");
    }
    let place = |l: &Value| (l["severity"].clone(), l["line"].clone(), l["column"].clone());
    let places: Vec<_> = lines.iter().map(place).collect();
    assert_eq!(
        places,
        [
            ("warning".into(), 6.into(), 3.into()),
            ("error".into(), 7.into(), 25.into())
        ]
    );
    assert_eq!(lines[1]["field"], "spec.destinations[0].host");
}

#[test]
fn warnings_alone_are_no_error() {
    let folder = Folder::with(&[("warn.yaml", &(good() + "  nonsense: 1\n"))]);
    let done = seaway_in(folder.path(), &["check", "warn.yaml"]);
    assert_eq!(done.code, Some(0), "{}", done.out);
    assert!(done.out.starts_with("warning[SW0006]"), "{}", done.out);
}

#[test]
fn a_folder_is_searched_to_its_end_for_yaml_yml_and_json() {
    let json = r#"{"apiVersion":"seaway.dev/v1alpha1","kind":"HttpRoute","metadata":{"name":"j","namespace":"test"},
        "spec":{"hosts":["j.example.com"],"destinations":[{"host":"nobody-json:80"}]}}"#;
    let folder = Folder::with(&[
        ("a.yaml", &manifests::route_to("a.example.com", "nobody-yaml:80")),
        (
            "deep/er/b.yml",
            &manifests::route_to("b.example.com", "nobody-yml:80"),
        ),
        ("deep/c.json", json),
        ("README.md", "kind: [not a manifest"),
        ("deep/notes.txt", "kind: [not a manifest"),
    ]);
    let lines = seaway_in(folder.path(), &["check", ".", "-o", "json"]).json_lines();
    let mut found: Vec<_> = lines
        .iter()
        .map(|l| l["file"].as_str().unwrap_or_default().to_owned())
        .collect();
    found.sort_unstable();
    let found: Vec<_> = found.iter().map(|f| f.trim_start_matches("./")).collect();
    assert_eq!(found, ["a.yaml", "deep/c.json", "deep/er/b.yml"]);
}

#[test]
fn several_paths_are_one_configuration() {
    let folder = Folder::with(&[
        ("route.yaml", &manifests::route_to("a.example.com", "shop:8080")),
        (
            "elsewhere/shop.yaml",
            &manifests::service("shop", crate::backend()),
        ),
    ]);
    assert_eq!(seaway_in(folder.path(), &["check", "route.yaml"]).code, Some(1));
    assert_eq!(
        seaway_in(folder.path(), &["check", "route.yaml", "elsewhere"]).code,
        Some(0)
    );
}

#[test]
fn a_mistake_on_standard_input_has_its_line() {
    let done = seaway_with(Folder::new().path(), &["check", "-", "-o", "json"], BAD);
    assert_eq!(done.json_lines()[1]["line"], 7);
    assert_eq!(done.code, Some(1));
}

#[test]
fn a_kind_that_is_not_known_is_a_note_and_no_error() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    let folder = Folder::with(&[("web.yaml", text)]);
    let lines = seaway_in(folder.path(), &["check", "web.yaml", "-o", "json"]);
    assert_eq!(lines.code, Some(0));
    let line = &lines.json_lines()[0];
    assert_eq!(
        (&line["severity"], &line["code"]),
        (&Value::from("info"), &Value::from("SW0004"))
    );
    let text = seaway_in(folder.path(), &["check", "web.yaml"]);
    assert!(text.err.contains("1 note"), "{}", text.err);
}

#[test]
fn a_path_that_does_not_exist_is_an_error_that_names_it() {
    let done = seaway_in(Folder::new().path(), &["check", "nowhere/at-all.yaml"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.out
            .starts_with("error[SW0002]: there is no file or folder \"nowhere/at-all.yaml\"\n"),
        "{}",
        done.out
    );
    assert!(!done.out.contains(":0"), "a line that is none: {}", done.out);
    let line = &seaway_in(Folder::new().path(), &["check", "nowhere", "-o", "json"]).json_lines()[0];
    assert_eq!(
        (&line["code"], &line["file"]),
        (&Value::from("SW0002"), &Value::from("nowhere"))
    );
}

#[test]
fn a_folder_without_manifests_is_fine_but_not_silent() {
    let done = seaway_in(Folder::new().path(), &["check", "."]);
    assert_eq!(
        (done.code, done.err.as_str()),
        (Some(0), "no findings in 0 objects\n")
    );
}

#[test]
fn broken_yaml_is_shown_at_its_place_and_the_rest_is_checked() {
    let folder = Folder::with(&[("bad.yaml", BAD), ("broken.yaml", "kind: [\n")]);
    let lines = seaway_in(folder.path(), &["check", ".", "-o", "json"]).json_lines();
    let codes: Vec<_> = lines.iter().filter_map(|l| l["code"].as_str()).collect();
    assert!(
        codes.contains(&"SW0001") && codes.contains(&"SW0201"),
        "{codes:?}"
    );
    let broken = lines.iter().find(|l| l["code"] == "SW0001").expect("it is found");
    assert!(broken["line"].as_u64() > Some(0), "{broken}");
    assert!(broken["object"].is_object(), "{broken}");
}
