use crate::testing::{
    SHOP, codes, compiled, hosts, http_route, http_route_created, ingress, kalm_route, names,
};

const TO_SHOP: &str = "destinations: [{host: \"shop:8080\"}]";

/// The order of the routes on host `*`, of manifests without the Service.
fn order(manifests: &[String]) -> Vec<String> {
    let (model, _) = compiled(&format!("{}{SHOP}", manifests.concat()));
    names(&model, "*")
}

fn with(name: &str, more: &str) -> String {
    http_route(name, &format!("{more}, {TO_SHOP}"))
}

#[test]
fn hosts_are_sorted_most_specific_first() {
    let route = with(
        "r",
        "hosts: [\"*\", \"*.com\", \"*.example.com\", z.example.com, a.example.com]",
    );
    let (model, _) = compiled(&format!("{route}{SHOP}"));
    assert_eq!(
        hosts(&model),
        ["a.example.com", "z.example.com", "*.example.com", "*.com", "*"]
    );
}

#[test]
fn exact_then_longest_prefix_then_patterns_then_everything() {
    let route = with(
        "r",
        "paths: [/, {regex: \"/v[0-9]+/.*\"}, /a, {regex: \"/.*\"}, /a/long, {exact: /x}, {exact: /longer}]",
    );
    assert_eq!(
        order(&[route]),
        [
            "r =/longer",
            "r =/x",
            "r /a/long",
            "r /a",
            "r ~/v[0-9]+/.*",
            "r ~/.*",
            "r /"
        ]
    );
}

#[test]
fn of_two_prefixes_of_one_length_the_one_by_elements_comes_first() {
    let kalm = kalm_route("a", "paths: [/foo], destinations: [{host: shop.shop}]");
    assert_eq!(order(&[kalm, with("z", "paths: [/foo]")]), ["z /foo", "a /foo*"]);
}

#[test]
fn a_method_counts_more_than_headers_and_headers_more_than_query_parameters() {
    let header = "{type: header, name: a, operator: exists}";
    let cookie = "{type: cookie, name: a, operator: exists}";
    let query = "{type: query, name: a, operator: exists}";
    let manifests = [
        with("a", "paths: [/]"),
        with("b", &format!("conditions: [{query}]")),
        with("c", &format!("conditions: [{header}]")),
        with("d", &format!("conditions: [{header}, {cookie}]")),
        with("e", "methods: [GET]"),
        with("f", &format!("conditions: [{header}, {query}]")),
    ];
    assert_eq!(order(&manifests), ["e /", "d /", "f /", "c /", "b /", "a /"]);
}

#[test]
fn the_older_object_comes_first_and_one_without_age_last() {
    let spec =
        |header: &str| format!("conditions: [{{type: header, name: {header}, operator: exists}}], {TO_SHOP}");
    let manifests = [
        http_route("a", &spec("a")),
        http_route_created("b", 9, &spec("b")),
        http_route_created("c", 1, &spec("c")),
        http_route("b2", &spec("d")),
    ];
    assert_eq!(order(&manifests), ["c /", "b /", "a /", "b2 /"]);
}

#[test]
fn a_header_canary_beats_the_route_it_stands_beside_whatever_their_names() {
    let canary = "conditions: [{type: header, name: x-canary, operator: equal, value: \"1\"}]";
    assert_eq!(
        order(&[with("a-stable", "paths: [/]"), with("z-canary", canary)]),
        ["z-canary /", "a-stable /"]
    );
}

#[test]
fn ingress_and_http_route_are_sorted_together() {
    let path = |path: &str, kind: &str| {
        format!(
            "{{path: {path}, pathType: {kind}, backend: {{service: {{name: shop, port: {{number: 8080}}}}}}}}"
        )
    };
    let rules = [path("/a", "Prefix"), path("/a/b/c", "Exact"), path("/", "Prefix")].join(", ");
    let ingress = ingress("i", &format!("rules: [{{http: {{paths: [{rules}]}}}}]"));
    let route = with("r", "paths: [/a/b, {exact: /z}]");
    assert_eq!(
        order(&[ingress, route]),
        ["i =/a/b/c", "r =/z", "r /a/b", "i /a", "i /"]
    );
}

#[test]
fn a_wildcard_of_many_labels_also_serves_the_same_wildcard_of_one_label() {
    let path = "{path: /a, pathType: Prefix, backend: {service: {name: shop, port: {number: 8080}}}}";
    let ingress = ingress(
        "i",
        &format!("rules: [{{host: \"*.example.com\", http: {{paths: [{path}]}}}}]"),
    );
    let route = with("r", "hosts: [\"*.example.com\"], paths: [/b]");
    let (model, report) = compiled(&format!("{ingress}{route}{SHOP}"));
    let routes: Vec<Vec<String>> = model.listeners[0]
        .virtual_hosts
        .iter()
        .map(|host| {
            host.routes
                .iter()
                .map(|route| route.origin.name.to_string())
                .collect()
        })
        .collect();
    assert_eq!(routes, [vec!["i", "r"], vec!["r"]], "one label first, then many");
    assert_eq!(codes(&report), [seaway_model::Code::SharedHost]);
}

#[test]
fn both_listeners_share_the_routes_they_agree_on() {
    let cert = "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpsCert\nmetadata: {name: c, namespace: shop}\n\
                spec: {domains: [a.com], httpsCertIssuer: default-cert-issuer}\n";
    let (model, report) = compiled(&format!("{}{cert}{SHOP}", with("r", "hosts: [a.com]")));
    assert_eq!(codes(&report), []);
    let [http, https] = model.listeners.as_slice() else {
        panic!("two listeners expected");
    };
    assert_eq!((&*http.name, &*https.name), ("http-80", "https-443"));
    let (plain, tls) = (
        &http.virtual_hosts[0].routes[0],
        &https.virtual_hosts[0].routes[0],
    );
    assert!(std::sync::Arc::ptr_eq(plain, tls));
}

#[test]
fn a_gateway_without_routes_still_listens() {
    let (model, report) = compiled("");
    assert_eq!(model.listeners.len(), 1);
    assert!(model.listeners[0].virtual_hosts.is_empty());
    assert_eq!(report.diagnostics, []);
}
