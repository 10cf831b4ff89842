//! `seaway explain` where nothing takes the request: it says why, and what to do.

use crate::support::command::{Done, seaway_in};
use crate::support::files::Folder;

const GATEWAY: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
";

/// The Gateway, and a VirtualService with this rule.
fn with_rule(rule: &str) -> String {
    format!(
        "{GATEWAY}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: shop}}
spec:
  hosts: [shop.example.com]
  gateways: [gw]
  {rule}
"
    )
}

fn explain(manifests: &str, url: &str) -> Done {
    let folder = Folder::with(&[("shop.yaml", manifests)]);
    seaway_in(folder.path(), &["explain", "shop.yaml", "--request", url])
}

const SHOP: &str = "GET http://shop.example.com/";

#[test]
fn manifests_in_which_nothing_can_be_used_end_with_1() {
    let folder = Folder::with(&[("broken.yaml", "kind: [\n")]);
    let done = seaway_in(
        folder.path(),
        &["explain", "broken.yaml", "--request", "GET http://a/"],
    );
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""));
    assert!(
        done.err.contains("SW0001") && done.err.contains("nothing in these manifests"),
        "{}",
        done.err
    );
}

#[test]
fn a_gateway_without_rules_says_that_it_wants_one() {
    let done = explain(GATEWAY, SHOP);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let because = "because       no route is for the host \"shop.example.com\": no rule that can be used is served by \
                   Gateway shop/gw (shop.yaml:7); add one that names it, or mend what `seaway check` finds";
    assert!(done.out.lines().any(|line| line == because), "{}", done.out);
}

#[test]
fn a_gateway_whose_rules_are_all_broken_answers_and_names_the_mistakes_and_ends_with_1() {
    let done = explain(
        &with_rule("http: [{match: [{uri: {regex: '('}}], redirect: {uri: /x}}]"),
        SHOP,
    );
    assert_eq!(done.code, Some(1));
    assert!(done.out.contains("respond, 404 (no_route)"), "{}", done.out);
    assert!(
        done.err.contains("SW0104") && done.err.contains("this rule takes no requests"),
        "{}",
        done.err
    );
    let last =
        "seaway: no rule in these manifests can be used, so nothing is served: mend what is named above";
    assert_eq!(done.err.lines().last(), Some(last));
}

#[test]
fn where_nothing_is_served_warnings_are_told_too_since_they_may_be_why() {
    let tcp = GATEWAY.replace("protocol: HTTP", "protocol: TCP");
    let rules = with_rule("http: [{redirect: {uri: /x}}]").replace(GATEWAY, &tcp);
    let done = explain(&rules, "tcp://shop.example.com:80");
    assert!(done.err.contains("warning[SW0605]"), "{}", done.err);
    let because = "because       no rule that can be used is served by Gateway shop/gw (shop.yaml:7); add one that \
                   names it, or mend what `seaway check` finds";
    assert!(done.out.lines().any(|line| line == because), "{}", done.out);
}

#[test]
fn a_port_without_a_listener_says_which_have_one() {
    let rules = with_rule("http: [{redirect: {uri: /x}}]");
    let done = explain(&rules, "GET http://shop.example.com:8080/");
    let because = "because       no listener on port 8080; there is on 80";
    assert!(done.out.lines().any(|line| line == because), "{}", done.out);
}
