//! `seaway translate`

use seaway_testkit::certs::Ca;
use seaway_testkit::client::{Client, Wire};
use seaway_testkit::echo::Backend;
use seaway_testkit::envoy::Envoy;

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

#[tokio::test]
async fn envoy_runs_what_is_written_for_it_and_answers() {
    let backend = Backend::start("shop").expect("a backend");
    let folder = Folder::with(&[("b.yaml", &manifests::route(HOST, backend.addr()))]);
    for output in ["text", "json"] {
        let args = [
            "translate",
            "b.yaml",
            "--to",
            "envoy",
            "--map-port",
            "80:0",
            "--address",
            "127.0.0.1",
            "-o",
            output,
        ];
        let done = seaway_in(folder.path(), &args);
        assert_eq!(done.code, Some(0), "{}", done.err);
        // The test asks where it listens; people may do without.
        let admin = "{\"address\":{\"socket_address\":{\"address\":\"127.0.0.1\",\"port_value\":0}}}";
        let (name, text) = match output {
            "json" => (
                "envoy.json",
                done.out.replacen('{', &format!("{{\"admin\":{admin},"), 1),
            ),
            _ => ("envoy.yaml", format!("{}admin: {admin}\n", done.out)),
        };
        let envoy = Envoy::run(name, &text).await.expect("an Envoy");
        let bound = envoy.listeners().await.expect("listeners");
        let address = *bound.get("http-80").expect("a listener");
        let mut client = Client::open(address, Wire::Http1).await.expect("a connection");
        let request = http::Request::get("/").header("host", HOST);
        let answer = client.send(request, "").await.expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-echo-backend"), Some("shop"));
    }
}

#[test]
fn what_envoy_cannot_do_is_on_standard_error() {
    let condition = "conditions: [{type: query, name: q, operator: matchRegexp, value: \"[0-9]+\"}]";
    let text = manifests::route_with(HOST, crate::backend(), condition);
    let done = seaway_with(
        Folder::new().path(),
        &["translate", "-", "--to", "envoy", "-o", "json"],
        &text,
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.err.contains("Envoy cannot do this: HttpRoute"),
        "{}",
        done.err
    );
    assert!(done.err.contains("query parameter"), "{}", done.err);
    assert!(done.json()["static_resources"]["listeners"].is_array());
}
