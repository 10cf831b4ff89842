//! `seaway translate --to model`

use seaway_testkit::certs::Ca;

use crate::support::command::{seaway_in, seaway_with};
use crate::support::files::Folder;
use crate::support::manifests;

const HOST: &str = "a.example.com";

fn manifests_with_a_secret() -> (Folder, String) {
    let leaf = Ca::new("test").leaf(&[HOST]);
    let parts = [
        manifests::route(HOST, crate::backend()),
        manifests::https_cert(HOST, "cert"),
        leaf.secret("test", "cert"),
    ];
    (
        Folder::with(&[("a.yaml", &manifests::documents(&parts))]),
        leaf.key,
    )
}

#[test]
fn yaml_and_json_are_the_same_model_with_ports_and_addresses_mapped() {
    let (folder, _) = manifests_with_a_secret();
    let args = [
        "translate",
        "a.yaml",
        "--to",
        "model",
        "--map-port",
        "80:8080",
        "--address",
        "127.0.0.1",
    ];
    let yaml = seaway_in(folder.path(), &args);
    assert_eq!(yaml.code, Some(0), "{}", yaml.err);
    let json = seaway_in(folder.path(), &[&args[..], &["-o", "json"]].concat()).json();
    assert_eq!(json["listeners"][0]["port"], 8080);
    assert_eq!(json["listeners"][1]["port"], 443);
    assert_eq!(json["listeners"][0]["address"], "127.0.0.1");
    let same: serde_json::Value = serde_saphyr::from_str(&yaml.out).expect("YAML");
    assert_eq!(same, json);
}

#[test]
fn the_model_says_the_names_that_the_manifests_gave() {
    let (folder, _) = manifests_with_a_secret();
    let model = seaway_in(
        folder.path(),
        &["translate", "a.yaml", "--to", "model", "-o", "json"],
    )
    .json();
    assert_eq!(model["listeners"][0]["virtualHosts"][0]["host"], HOST);
    let origin = &model["listeners"][0]["virtualHosts"][0]["routes"][0]["origin"];
    assert_eq!(
        (origin["kind"].as_str(), origin["name"].as_str()),
        (Some("HttpRoute"), Some("a-example-com"))
    );
}

#[test]
fn secrets_are_hidden_in_every_form() {
    let (folder, key) = manifests_with_a_secret();
    let lines: Vec<_> = key.lines().filter(|l| !l.starts_with("-----")).collect();
    assert!(!lines.is_empty());
    for output in ["text", "json"] {
        let done = seaway_in(
            folder.path(),
            &["translate", "a.yaml", "--to", "model", "-o", output],
        );
        assert!(done.out.contains("cert"), "{}", done.out);
        for line in &lines {
            assert!(!done.out.contains(line), "{output}: {line}");
        }
        assert!(!done.out.contains("PRIVATE KEY"), "{output}");
    }
}

#[test]
fn what_could_not_be_carried_over_is_on_standard_error_and_the_rest_on_standard_output() {
    let text = manifests::route(HOST, crate::backend())
        + "---\n"
        + &manifests::route_to("b.example.com", "nobody:80");
    let done = seaway_with(
        Folder::new().path(),
        &["translate", "-", "--to", "model", "-o", "json"],
        &text,
    );
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("SW0201"), "{}", done.err);
    assert_eq!(done.json()["listeners"][0]["virtualHosts"][0]["host"], HOST);
}
