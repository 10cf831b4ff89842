//! A VirtualService with one bad rule, and a Gateway with one bad server.

use serde_json::Value;

use crate::says;
use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;
use seaway_testkit::echo::Backend;

const FRONT: &str = "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: test}
spec:
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ['*']
    tls: {mode: ISTIO_MUTUAL}
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: test}
spec:
  hosts: [shop.example.com]
  gateways: [front]
  http:
  - match: [{uri: {prefix: /before}}]
    route: [{destination: {host: one}}]
  - match: [{uri: {prefix: /bad}}]
    route: [{destination: {host: one}}]
    timeout: 5x
  - route: [{destination: {host: one}}]
---
";

#[tokio::test]
async fn a_bad_rule_answers_500_with_its_reason_in_the_log_and_the_others_serve() {
    let one = Backend::start("one").expect("a port");
    let folder = Folder::with(&[(
        "shop.yaml",
        &(FRONT.to_owned() + &manifests::service("one", one.addr())),
    )]);
    let gateway = Gateway::start_with(folder.path(), &["--access-log", "json"]).await;
    let host = "shop.example.com";
    for path in ["/before", "/", "/after"] {
        assert_eq!(
            gateway.get(host, path).await.header("x-echo-backend"),
            Some("one"),
            "{path}"
        );
    }
    assert_eq!(gateway.get(host, "/bad/x").await.status, 500);
    let line = gateway.process.out_line("\"/bad/x\"").await;
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["reason"], "invalid_rule", "{line}");
    says(&line, "message", "spec.http[1].timeout: \"5x\" is not a duration");
    assert_eq!(line["route"]["rule"], 1, "{line}");
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_and_with_a_server_is_found_at_its_place_and_mended_by_itself() {
    let one = Backend::start("one").expect("a port");
    let text = FRONT.to_owned() + &manifests::service("one", one.addr());
    let folder = Folder::with(&[("shop.yaml", &text)]);
    let gateway = Gateway::start(folder.path()).await;
    let findings = gateway.findings("SW0103").await;
    let found = |field: &str| {
        findings
            .iter()
            .find(|f| f["field"] == field)
            .cloned()
            .unwrap_or_default()
    };
    let rule = found("spec.http[1].timeout");
    assert_eq!(
        (&rule["line"], &rule["column"]),
        (&23.into(), &14.into()),
        "{findings:?}"
    );
    says(&rule, "help", "this rule answers 500, and the others serve");
    let server = found("spec.servers[0].tls.mode");
    assert_eq!(server["line"], 8, "{findings:?}");
    says(&server, "help", "this server is left out, and the others serve");

    folder.replace("shop.yaml", &text.replace("5x", "5s"));
    gateway
        .until("the rule is mended", async || {
            gateway.get("shop.example.com", "/bad").await.status == 200
        })
        .await;
}
