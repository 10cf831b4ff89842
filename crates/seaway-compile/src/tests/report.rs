use seaway_api::Resources;
use seaway_model::{Code, ConditionStatus, Report};

use crate::testing::{SHOP, at, codes, compiled, http_route, http_route_created, ingress, names, only};
use crate::{Options, compile};

const TO_SHOP: &str = "destinations: [{host: \"shop:8080\"}]";

fn with(name: &str, more: &str) -> String {
    http_route(name, &format!("{more}, {TO_SHOP}"))
}

/// `Accepted=True Programmed=True ResolvedRefs=False/BackendNotFound` of the first object of a kind.
fn status(report: &Report, kind: &str) -> String {
    let status = report
        .statuses
        .iter()
        .find(|status| &*status.object.kind == kind)
        .expect("a status");
    let conditions: Vec<String> = status
        .conditions
        .iter()
        .map(|condition| match condition.status {
            ConditionStatus::True => format!("{}=True", condition.kind),
            _ => format!("{}={:?}/{}", condition.kind, condition.status, condition.reason),
        })
        .collect();
    conditions.join(" ")
}

#[test]
fn a_good_route_is_accepted_resolved_and_programmed() {
    let (_, report) = compiled(&format!("{}{SHOP}", http_route("r", TO_SHOP)));
    assert_eq!(
        status(&report, "HttpRoute"),
        "Accepted=True Programmed=True ResolvedRefs=True"
    );
}

#[test]
fn a_missing_service_is_not_resolved_but_accepted() {
    let (_, report) = compiled(&http_route("r", TO_SHOP));
    let expected = "Accepted=True Programmed=True ResolvedRefs=False/BackendNotFound";
    assert_eq!(status(&report, "HttpRoute"), expected);
}

#[test]
fn an_object_that_could_not_be_read_is_not_accepted() {
    let mut resources = Resources::default();
    resources.parse_into("r.yaml", &with("r", "paths: 7"));
    assert!(resources.http_routes.is_empty());
    let (_, report) = compile(&resources, &Options::default());
    let status = status(&report, "HttpRoute");
    assert!(
        status.starts_with("Accepted=False/Invalid Programmed=False/Invalid"),
        "{status}"
    );
    assert_eq!(report.diagnostics[0].code, Code::WrongType);
}

#[test]
fn a_problem_keeps_its_code_place_and_help() {
    let mut resources = Resources::default();
    resources.parse_into(
        "r.yaml",
        &format!("{}{SHOP}", http_route("r", &format!("pathz: [/], {TO_SHOP}"))),
    );
    let (_, report) = compile(&resources, &Options::default());
    let diagnostic = only(&report, Code::UnknownField);
    assert_eq!(
        diagnostic
            .origin
            .position
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("r.yaml:5:8")
    );
    assert!(!diagnostic.help.is_empty());
}

#[test]
fn of_two_objects_of_one_name_the_first_is_used() {
    let mut resources = Resources::default();
    resources.parse_into("b.yaml", &with("r", "paths: [/second]"));
    resources.parse_into("a.yaml", &format!("{}{SHOP}", with("r", "paths: [/first]")));
    let (model, report) = compile(&resources, &Options::default());
    assert_eq!(names(&model, "*"), ["r /first"]);
    let diagnostic = only(&report, Code::DuplicateObject);
    assert!(
        diagnostic.message.contains("a.yaml:2:1"),
        "{}",
        diagnostic.message
    );
    assert_eq!(
        diagnostic.origin.position.as_ref().map(|p| &*p.file),
        Some("b.yaml")
    );
    assert_eq!(
        status(&report, "HttpRoute"),
        "Accepted=True Programmed=True ResolvedRefs=True"
    );
}

#[test]
fn routes_of_two_groups_with_one_name_are_two_objects() {
    let kalm = crate::testing::kalm_route("r", "paths: [/kalm], destinations: [{host: shop.shop}]");
    let ours = with("r", "hosts: [a.com]");
    let (_, report) = compiled(&format!("{kalm}{ours}{SHOP}"));
    assert_eq!(codes(&report), []);
    assert_eq!(report.statuses.len(), 2);
}

#[test]
fn a_host_of_two_kinds_is_a_warning_that_names_both() {
    let ingress = ingress(
        "i",
        "rules: [{host: a.com, http: {paths: [{path: /x, pathType: Prefix, backend: {service: {name: shop, port: {number: 8080}}}}]}}]",
    );
    let (_, report) = compiled(&format!("{}{ingress}{SHOP}", with("r", "hosts: [a.com]")));
    let message = &only(&report, Code::SharedHost).message;
    assert!(
        message.contains("HttpRoute shop/r") && message.contains("Ingress shop/i"),
        "{message}"
    );
}

#[test]
fn a_host_of_two_namespaces_is_a_warning() {
    let other = with("r", "hosts: [a.com], paths: [/x]").replace("namespace: shop", "namespace: cart");
    let (_, report) = compiled(&format!("{}{other}{SHOP}", with("r", "hosts: [a.com]")));
    assert!(codes(&report).contains(&Code::SharedHost));
}

#[test]
fn routes_of_one_namespace_share_a_host_without_a_word() {
    let (_, report) = compiled(&format!(
        "{}{}{SHOP}",
        with("a", "paths: [/a]"),
        with("b", "paths: [/b]")
    ));
    assert_eq!(codes(&report), []);
}

#[test]
fn the_same_host_on_two_listeners_is_not_shared() {
    let other = with("r", "hosts: [a.com], schemes: [https]").replace("namespace: shop", "namespace: cart");
    let (_, report) = compiled(&format!(
        "{}{other}{SHOP}",
        with("r", "hosts: [a.com], schemes: [http]")
    ));
    assert!(!codes(&report).contains(&Code::SharedHost));
}

fn unreachable(first: &str, second: &str) -> bool {
    let manifests = [
        http_route_created("first", 1, &format!("{first}, {TO_SHOP}")),
        http_route_created("second", 2, &format!("{second}, {TO_SHOP}")),
    ];
    let (_, report) = compiled(&format!("{}{SHOP}", manifests.concat()));
    codes(&report).contains(&Code::Unreachable)
}

const BETA: &str = "{type: header, name: x-beta, operator: exists}";
const USER: &str = "{type: query, name: user, operator: equal, value: \"1\"}";

#[test]
fn the_same_path_twice_is_unreachable() {
    assert!(unreachable("paths: [/a]", "paths: [/a/]"));
    assert!(unreachable(
        "paths: [{regex: \"/x+\"}]",
        "paths: [{regex: \"/x+\"}]"
    ));
    assert!(unreachable("paths: [{regex: \"/.*\"}]", "paths: [/]"));
    assert!(!unreachable("paths: [/a]", "paths: [/a/b]"));
}

#[test]
fn a_route_is_hidden_only_by_one_with_fewer_conditions_before_it() {
    let both = format!("conditions: [{BETA}, {USER}]");
    let beta = format!("conditions: [{BETA}]");
    assert!(unreachable(&both, &both));
    assert!(!unreachable(&beta, &both), "more conditions go first");
    assert!(!unreachable(&beta, &format!("conditions: [{USER}]")));
    let get_beta = format!("methods: [GET], conditions: [{BETA}]");
    assert!(unreachable(&get_beta, &get_beta));
    assert!(
        !unreachable("methods: [GET]", &get_beta),
        "more conditions go first here too"
    );
}

#[test]
fn a_route_that_asks_for_any_value_hides_one_that_asks_for_a_certain_one() {
    let certain = "{type: header, name: x-beta, operator: equal, value: \"1\"}";
    let not = "{type: header, name: x-beta, operator: notEqual, value: \"1\"}";
    let any = format!("conditions: [{BETA}]");
    assert!(unreachable(&any, &format!("conditions: [{certain}]")));
    assert!(!unreachable(&format!("conditions: [{certain}]"), &any));
    assert!(!unreachable(&any, &format!("conditions: [{not}]")));
    assert!(unreachable(
        &format!("conditions: [{BETA}, {USER}]"),
        &format!("conditions: [{USER}, {certain}]")
    ));
}

#[test]
fn methods_hide_only_methods_they_include() {
    assert!(unreachable("methods: [GET, PUT]", "methods: [GET]"));
    assert!(!unreachable("methods: [GET]", "methods: [GET, PUT]"));
    assert!(!unreachable("methods: [GET]", "paths: [/]"));
}

#[test]
fn an_unreachable_route_is_told_with_a_request_that_shows_it() {
    let spec = format!(
        "hosts: [\"*.example.com\"], paths: [/a], methods: [PUT], conditions: [{BETA}, {USER}], {TO_SHOP}"
    );
    let manifests = [
        http_route_created("first", 1, &spec),
        http_route_created("second", 2, &spec),
    ];
    let (_, report) = compiled(&format!("{}{SHOP}", manifests.concat()));
    let diagnostic = only(&report, Code::Unreachable);
    assert_eq!(&*diagnostic.origin.name, "second");
    assert_eq!(at(diagnostic), "spec.paths[0] 10:42");
    let example = "for example PUT http://x.example.com/a?user=1 with x-beta: x";
    assert!(diagnostic.message.ends_with(example), "{}", diagnostic.message);
    assert!(
        diagnostic
            .message
            .contains("HttpRoute shop/first (test.yaml:2:1)"),
        "{}",
        diagnostic.message
    );
}

#[test]
fn diagnostics_are_sorted_by_place() {
    let manifests = [
        with("z", "hosts: [\"a b\"]").replace("a b", "a_.*"),
        http_route("a", "destinations: [{host: \"nothing:80\"}]"),
    ];
    let (_, report) = compiled(&manifests.concat());
    let lines: Vec<u32> = report
        .diagnostics
        .iter()
        .filter_map(|diagnostic| diagnostic.origin.position.as_ref().map(|p| p.line))
        .collect();
    assert!(lines.len() > 1 && lines.is_sorted(), "{lines:?}");
    assert!(at(&report.diagnostics[0]).starts_with("spec.hosts[0]"));
}

#[test]
fn a_service_that_was_left_out_is_not_said_to_be_missing_without_a_word() {
    let mut resources = Resources::default();
    resources.parse_into("r.yaml", &http_route("r", TO_SHOP));
    resources.parse_into("s.yaml", &SHOP.replace("port: 8080", "port: x"));
    let (_, report) = compile(&resources, &Options::default());
    let help = &only(&report, Code::ServiceNotFound).help;
    assert!(help.contains("left out for an error in it (s.yaml:5:"), "{help}");
}
