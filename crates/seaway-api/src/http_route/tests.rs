mod mistakes;

use super::*;
use crate::Resource;
use crate::parse::{parse, tests::line};

/// Reads a route with these lines in its spec, each indented by two.
fn read_in(group: &str, spec: &str) -> (Option<HttpRoute>, Vec<String>) {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("apiVersion: {group}/v1alpha1\nkind: HttpRoute\nmetadata: {{name: r}}\nspec:\n{spec}");
    let (resources, problems) = parse("f", &text);
    let route = resources.into_iter().find_map(|resource| match resource {
        Resource::HttpRoute(object) => Some(object.spec.clone()),
        _ => None,
    });
    (route, problems.iter().map(line).collect())
}

fn read(spec: &str) -> (Option<HttpRoute>, Vec<String>) {
    read_in("seaway.dev", &format!("destinations: [{{host: a}}]\n{spec}"))
}

/// Without a single problem.
fn good(spec: &str) -> HttpRoute {
    let (route, problems) = read(spec);
    assert_eq!(problems, [""; 0], "{spec}");
    route.unwrap()
}

fn kalm(spec: &str) -> HttpRoute {
    let (route, problems) = read_in("core.kalm.dev", &format!("destinations: [{{host: a}}]\n{spec}"));
    assert_eq!(problems, [""; 0], "{spec}");
    route.unwrap()
}

#[test]
fn a_route_without_anything_but_a_destination_has_the_defaults() {
    let route = good("");
    assert_eq!(&*route.hosts[0].value, "*");
    assert_eq!(route.hosts[0].pos, crate::Pos::default());
    assert_eq!(route.paths[0].value, PathSpec::Prefix("/".into()));
    assert_eq!(
        (route.methods.len(), route.schemes.len(), *route.strip_path),
        (0, 0, false)
    );
    assert_eq!((*route.destinations[0].weight, route.timeout.clone()), (1, None));
    assert_eq!(good("hosts: []\npaths: []\nmethods: []\nschemes: null"), route);
}

#[test]
fn every_field_is_read_with_its_place() {
    let route = good("timeout: 1m30s");
    assert_eq!(
        route.timeout,
        Some(Spanned::new(90_000, crate::Pos { line: 6, column: 12 }))
    );
    assert_eq!(*good("timeout: 15").timeout.unwrap(), 15_000);
    assert_eq!(&*good("methods: [get, pUrGe]").methods[1].value, "PURGE");
    assert_eq!(good("schemes: [https]").schemes[0].value, Scheme::Https);
    assert!(*good("stripPath: true").strip_path);
    assert!(*good("httpRedirectToHttps: true").http_redirect_to_https);
    assert_eq!(
        good("paths: [{regex: '/v[0-9]'}]").paths[0].value,
        PathSpec::Regex("/v[0-9]".into())
    );
    assert_eq!(
        good("paths: [{exact: /a%20b}]").paths[0].value,
        PathSpec::Exact("/a%20b".into())
    );
    let condition = &good("conditions: [{type: cookie, name: a, operator: absent}]").conditions[0];
    assert_eq!(
        (condition.source, *condition.operator),
        (ConditionSource::Cookie, Operator::Absent)
    );
    let retries = good("retries: {attempts: 3, perTryTimeout: 200ms, retryOn: [5xx, 503]}")
        .retries
        .unwrap();
    assert_eq!(
        (*retries.attempts, *retries.per_try_timeout.clone().unwrap()),
        (3, 200)
    );
    assert_eq!(&*retries.retry_on[1].value, "503");
    let mirror = good("mirror: {percentage: 0.1, destination: {host: b}}")
        .mirror
        .unwrap();
    assert_eq!(
        (*mirror.percentage, &*mirror.destination.host.value),
        (1_000, "b")
    );
    let fault = good("fault: {errorStatus: 503}").fault.unwrap();
    assert_eq!((*fault.percentage, *fault.error_status), (1_000_000, 503));
    let delay = good("delay: {percentage: '33.3333%', delay: 1.5s}")
        .delay
        .unwrap();
    assert_eq!((*delay.percentage, *delay.delay), (333_333, 1500));
    let cors = good("cors: {allowOrigins: ['https://*.a.com:8443'], maxAgeSeconds: 0}")
        .cors
        .unwrap();
    assert_eq!((cors.allow_origins.len(), cors.max_age_seconds), (1, Some(0)));
    let headers = good("headers: {request: {set: {X-A: '1'}, remove: [b]}}")
        .headers
        .unwrap();
    assert_eq!(&*headers.request.set["X-A"].value, "1");
    let rewrite = good("rewrite: {regex: '^/a(.*)', substitution: '/b\\1'}")
        .rewrite
        .unwrap();
    assert_eq!(&*rewrite.substitution.clone().unwrap().value, "/b\\1");
    assert_eq!(*good("").destinations[0].weight, 1);
    let balancing = good("loadBalancing: {policy: consistentHash, hashOn: {sourceIP: true}}")
        .load_balancing
        .unwrap();
    assert_eq!(balancing.hash_on.clone().unwrap().value, HashOn::SourceIp);
    let balancing = good("loadBalancing: {}").load_balancing.unwrap();
    assert_eq!(*balancing.policy, Policy::LeastRequest);
}

#[test]
fn a_route_that_only_redirects_needs_no_destination() {
    for spec in [
        "redirect: {host: b}",
        "httpRedirectToHttps: true\nschemes: [http]",
    ] {
        let (route, problems) = read_in("seaway.dev", spec);
        assert_eq!((route.is_some(), problems), (true, vec![]), "{spec}");
    }
}

#[test]
fn every_mistake_of_a_route_is_found_at_once() {
    let (_, problems) = read("timeout: x\nfault: {}\nhosts: [1, '']\ncolour: red");
    let kinds: Vec<&str> = problems.iter().map(|p| p.split(' ').nth(2).unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "UnknownField:",
            "WrongType:",
            "InvalidValue:",
            "InvalidValue:",
            "MissingField:"
        ]
    );
}

#[test]
fn a_field_without_effect_is_a_warning() {
    for (spec, expected) in [
        (
            "conditions: [{type: header, name: a, operator: exists, value: b}]",
            "6:58 spec.conditions[0].value IgnoredField",
        ),
        (
            "mirror: {destination: {host: a, weight: 1}}",
            "6:35 spec.mirror.destination.weight IgnoredField",
        ),
        (
            "loadBalancing: {hashOn: {header: a}}",
            "6:19 spec.loadBalancing.hashOn IgnoredField",
        ),
        ("rewrite: {}", "6:12 spec.rewrite IgnoredField"),
        (
            "schemes: [https]\nhttpRedirectToHttps: true",
            "7:3 spec.httpRedirectToHttps IgnoredField",
        ),
        (
            "timout: 1s",
            "6:3 spec.timout UnknownField: unknown field \"timout\" (did you mean \"timeout\"?)",
        ),
        (
            "retries: {attempts: 1, retry_on: []}",
            "6:26 spec.retries.retry_on UnknownField: unknown field \"retry_on\" (did you mean \"retryOn\"?)",
        ),
        (
            "zzz: 1",
            "6:3 spec.zzz UnknownField: unknown field \"zzz\" (remove it; the fields here are hosts, paths",
        ),
    ] {
        let (route, problems) = read(spec);
        assert!(route.is_some(), "{spec}: {problems:?}");
        assert_eq!(problems.len(), 1, "{spec}: {problems:?}");
        assert!(
            problems[0].starts_with(expected),
            "{spec}\n  {problems:?}\n  not {expected}"
        );
    }
    let (route, problems) = read_in("seaway.dev", "redirect: {host: b}\ntimeout: 1s");
    assert!(
        route.is_some() && problems[0].contains("spec.timeout IgnoredField"),
        "{problems:?}"
    );
}

#[test]
fn a_plain_path_means_characters_in_kalm_and_elements_in_seaway() {
    assert_eq!(
        kalm("paths: [/a]").paths[0].value,
        PathSpec::StringPrefix("/a".into())
    );
    assert_eq!(good("paths: [/a]").paths[0].value, PathSpec::Prefix("/a".into()));
    assert_eq!(
        kalm("paths: [{prefix: /a}]").paths[0].value,
        PathSpec::Prefix("/a".into())
    );
}

#[test]
fn kalms_fields_are_read_in_seconds_and_with_its_spelling() {
    let route = kalm(
        "timeout: 5\nretries: {attempts: 3, perTtyTimeoutSeconds: 2, retryOn: [gateway-error]}\ndelay: {percentage: 10, delaySeconds: 3}",
    );
    assert_eq!(*route.timeout.unwrap(), 5_000);
    assert_eq!(*route.retries.unwrap().value.per_try_timeout.unwrap(), 2_000);
    assert_eq!(*route.delay.unwrap().value.delay, 3_000);
    let route = kalm("retries: {attempts: 3, perTryTimeoutSeconds: 4}");
    assert_eq!(*route.retries.unwrap().value.per_try_timeout.unwrap(), 4_000);
}

#[test]
fn kalm_has_three_operators_and_writes_a_weight_in_every_mirror() {
    kalm("conditions: [{type: query, name: a, operator: withPrefix, value: b}]");
    kalm("mirror: {percentage: 100, destination: {host: a, weight: 1}}");
    let spec = "destinations: [{host: a}]\nconditions: [{type: query, name: a, operator: exists}]";
    let (route, problems) = read_in("core.kalm.dev", spec);
    assert_eq!(route, None);
    assert!(
        problems[0].starts_with("6:49 spec.conditions[0].operator InvalidValue"),
        "{problems:?}"
    );
}

#[test]
fn manifests_as_kalm_wrote_them_are_read_without_a_word() {
    let (resources, problems) = parse("kalm.yaml", include_str!("../../testdata/kalm.yaml"));
    assert_eq!(problems, []);
    assert_eq!(resources.len(), 6);
    assert!(
        resources
            .iter()
            .all(|resource| resource.meta().namespace.is_empty())
    );
}
