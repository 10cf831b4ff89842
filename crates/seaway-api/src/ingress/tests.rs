use super::*;
use crate::Resource;
use crate::parse::{parse, tests::line};

/// Reads an Ingress with these lines in its spec, which starts on line 5, column 3.
fn read(spec: &str) -> (Option<Ingress>, Vec<String>) {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text =
        format!("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: i}}\nspec:\n{spec}");
    let (resources, problems) = parse("f", &text);
    let ingress = resources.into_iter().find_map(|resource| match resource {
        Resource::Ingress(object) => Some(object.spec.clone()),
        _ => None,
    });
    (ingress, problems.iter().map(line).collect())
}

/// A spec with one path.
fn path(path: &str) -> String {
    format!(
        "rules: [{{http: {{paths: [{{{path}, backend: {{service: {{name: a, port: {{number: 80}}}}}}}}]}}}}]"
    )
}

fn good(spec: &str) -> Ingress {
    let (ingress, problems) = read(spec);
    assert_eq!(problems, [""; 0], "{spec}");
    ingress.unwrap()
}

fn bad(spec: &str, expected: &str) {
    let (ingress, problems) = read(spec);
    assert_eq!(ingress, None, "{spec}: {problems:?}");
    assert!(
        problems[0].contains(expected),
        "{spec}\n  {problems:?}\n  not {expected}"
    );
}

#[test]
fn a_path_needs_a_type() {
    bad(
        &path("path: /"),
        "5:27 spec.rules[0].http.paths[0].pathType MissingField",
    );
    bad(
        &path("path: /, pathType: prefix"),
        "InvalidValue: \"prefix\" is not one of the values of this field (did you mean \"Prefix\"?)",
    );
}

#[test]
fn paths_are_checked_as_kubernetes_does() {
    for ok in ["/a/", "/", "/a.b/..c"] {
        good(&path(&format!("path: {ok}, pathType: Exact")));
    }
    for wrong in ["a", "/a//b", "/a/./b", "/a/../b", "/a/..", "/a%2fb"] {
        bad(
            &path(&format!("path: {wrong}, pathType: Prefix")),
            "http.paths[0].path InvalidValue",
        );
    }
    bad(
        &path("pathType: Exact"),
        "spec.rules[0].http.paths[0].path MissingField",
    );
    bad(
        &path("path: a, pathType: ImplementationSpecific"),
        "path InvalidValue",
    );
    let ingress = good(&path("pathType: ImplementationSpecific"));
    assert_eq!(&*ingress.rules[0].paths.as_ref().unwrap()[0].path.value, "");
    good(&path("path: '/a(/|$)(.*)', pathType: ImplementationSpecific"));
}

#[test]
fn hosts_are_dns_names_or_wildcards_for_a_label() {
    for ok in ["a.com", "'*.a.com'", "A.com", "localhost"] {
        assert!(
            good(&format!(
                "defaultBackend: {{resource: {{kind: a, name: b}}}}\nrules: [{{host: {ok}}}]"
            ))
            .rules[0]
                .host
                .is_some()
        );
    }
    assert_eq!(
        good("defaultBackend: {resource: {kind: a, name: b}}\nrules: [{host: ''}]").rules[0].host,
        None
    );
    for wrong in [
        "'*'",
        "10.0.0.1",
        "'[::1]'",
        "'a.com:80'",
        "'a*.com'",
        "'*.*.com'",
        "a_b.com",
        "'*.'",
    ] {
        bad(
            &format!("rules: [{{host: {wrong}}}]"),
            "5:18 spec.rules[0].host InvalidValue",
        );
        bad(
            &format!("tls: [{{hosts: [{wrong}]}}]\nrules: [{{}}]"),
            "spec.tls[0].hosts[0] InvalidValue",
        );
    }
}

#[test]
fn there_are_rules_or_a_default_backend() {
    bad("rules: []", "5:3 spec.defaultBackend MissingField");
    bad("ingressClassName: x", "spec.defaultBackend MissingField");
    bad(
        "rules: [{http: {paths: []}}]",
        "spec.rules[0].http.paths MissingField",
    );
    assert_eq!(good("rules: [{host: a.com}]").rules[0].paths, None);
}

#[test]
fn a_backend_is_a_service_or_a_resource() {
    for (backend, expected) in [
        ("{}", "5:19 spec.defaultBackend.service MissingField"),
        (
            "{service: {name: a}}",
            "5:29 spec.defaultBackend.service.port MissingField",
        ),
        (
            "{service: {name: a, port: {}}}",
            "spec.defaultBackend.service.port.number MissingField",
        ),
        (
            "{service: {name: a, port: {number: 0}}}",
            "spec.defaultBackend.service.port.number InvalidValue",
        ),
        (
            "{service: {name: a, port: {number: 1, name: b}}}",
            "spec.defaultBackend.service.port.name ConflictingFields",
        ),
        (
            "{service: {name: a, port: {number: 1}}, resource: {kind: a, name: b}}",
            "spec.defaultBackend.resource ConflictingFields",
        ),
        (
            "{serviceName: a, servicePort: 80}",
            "spec.defaultBackend.serviceName MissingField: \"serviceName\" and \"servicePort\" are of",
        ),
    ] {
        let (ingress, problems) = read(&format!("defaultBackend: {backend}"));
        assert_eq!(ingress, None, "{backend}");
        assert!(
            problems.iter().any(|p| p.contains(expected)),
            "{backend}: {problems:?}"
        );
    }
    let ingress = good("defaultBackend: {service: {name: a, port: {name: http}}}");
    let Backend::Service { port, .. } = ingress.default_backend.unwrap().value else {
        panic!("not a service");
    };
    assert_eq!(port.value, BackendPort::Name("http".into()));
}
