use seaway_model::{Code, HostMatch, PathMatch, Protocol};

use crate::testing::{
    SHOP, at, codes, compiled, hosts, http_route, ingress, listener, names, only, only_route, routes, targets,
};

const BACKEND: &str = "backend: {service: {name: shop, port: {number: 8080}}}";

fn path(path: &str, kind: &str) -> String {
    format!("{{path: \"{path}\", pathType: {kind}, {BACKEND}}}")
}

fn rule(host: &str, paths: &[String]) -> String {
    format!("{{host: \"{host}\", http: {{paths: [{}]}}}}", paths.join(", "))
}

fn class(name: &str, controller: &str, default: bool) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\n\
         metadata: {{name: {name}, annotations: {{ingressclass.kubernetes.io/is-default-class: \"{default}\"}}}}\n\
         spec: {{controller: {controller}}}\n"
    )
}

const OURS: &str = "seaway.dev/ingress-controller";
const THEIRS: &str = "k8s.io/ingress-nginx";

fn simple(name: &str, more: &str) -> String {
    ingress(
        name,
        &format!("{more}rules: [{}]", rule("a.example.com", &[path("/", "Prefix")])),
    )
}

#[test]
fn each_path_becomes_a_route_that_knows_its_rule() {
    let rules = [
        rule("a.example.com", &[path("/x", "Exact"), path("/x", "Prefix")]),
        rule(
            "b.example.com",
            &[path("/y/", "Prefix"), path("", "ImplementationSpecific")],
        ),
    ];
    let (model, report) = compiled(&format!(
        "{}{SHOP}",
        ingress("i", &format!("rules: [{}]", rules.join(", ")))
    ));
    assert_eq!(codes(&report), []);
    assert_eq!(names(&model, "a.example.com"), ["i =/x", "i /x"]);
    assert_eq!(names(&model, "b.example.com"), ["i /y", "i /"]);
    let route = routes(&model, "b.example.com")[0];
    assert_eq!(
        (route.rule, &*route.origin.field),
        (1, "spec.rules[1].http.paths[0]")
    );
    assert_eq!(targets(route), ["shop/shop:8080 1"]);
}

#[test]
fn an_exact_path_keeps_its_trailing_slash() {
    let (model, _) = compiled(&format!(
        "{}{SHOP}",
        ingress(
            "i",
            &format!("rules: [{}]", rule("a.com", &[path("/foo/", "Exact")]))
        )
    ));
    assert_eq!(names(&model, "a.com"), ["i =/foo/"]);
}

#[test]
fn a_wildcard_covers_exactly_one_label() {
    let (model, _) = compiled(&format!(
        "{}{SHOP}",
        ingress(
            "i",
            &format!("rules: [{}]", rule("*.foo.com", &[path("/", "Prefix")]))
        )
    ));
    let hosts = &listener(&model, Protocol::Http).virtual_hosts;
    assert_eq!(hosts[0].host, HostMatch::OneLabel(".foo.com".into()));
}

#[test]
fn a_port_may_be_named() {
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\n\
                   spec: {clusterIP: 10.96.0.1, ports: [{name: web, port: 81}]}\n";
    let rules = "rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {name: web}}}}]}}]";
    let (model, _) = compiled(&format!("{}{service}", ingress("i", rules)));
    assert_eq!(targets(only_route(&model)), ["shop/s:81 1"]);
    let (model, report) = compiled(&format!(
        "{}{service}",
        ingress("i", &rules.replace("name: web", "name: wbe"))
    ));
    assert_eq!(targets(only_route(&model)), ["fail 503 port_not_found"]);
    let diagnostic = only(&report, Code::PortNotFound);
    assert_eq!(
        diagnostic.message,
        "Service shop/s has no port named \"wbe\"; it has 81 (web)"
    );
    assert!(at(diagnostic).starts_with("spec.rules[0].http.paths[0].backend.service.port 5:"));
}

#[test]
fn a_missing_service_is_answered_503_and_a_resource_500() {
    let rules = "rules: [{host: a.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shpo, port: {number: 80}}}}]}}, \
                 {host: b.com, http: {paths: [{path: /, pathType: Prefix, backend: {resource: {apiGroup: x.io, kind: Bucket, name: b}}}]}}]";
    let (model, report) = compiled(&format!("{}{SHOP}", ingress("i", rules)));
    assert_eq!(
        targets(routes(&model, "a.com")[0]),
        ["fail 503 service_not_found"]
    );
    assert_eq!(
        targets(routes(&model, "b.com")[0]),
        ["fail 500 unsupported_backend"]
    );
    assert_eq!(codes(&report), [Code::ServiceNotFound, Code::UnsupportedBackend]);
    assert!(only(&report, Code::ServiceNotFound).help.contains("\"shop\""));
}

#[test]
fn a_path_that_no_request_has_never_matches() {
    for never in ["/a//b", "/a/..", "/%61"] {
        let rules = format!(
            "rules: [{}]",
            rule("a.com", &[path(never, "ImplementationSpecific")])
        );
        let (model, report) = compiled(&format!("{}{SHOP}", ingress("i", &rules)));
        assert_eq!(names(&model, "a.com"), ["i never"], "{never}");
        assert!(at(only(&report, Code::IgnoredField)).starts_with("spec.rules[0].http.paths[0].path 5:"));
    }
}

#[test]
fn an_expression_of_another_controller_is_said_to_be_none() {
    let rules = format!(
        "rules: [{}]",
        rule("a.com", &[path("/a(/|$)(.*)", "ImplementationSpecific")])
    );
    let (model, report) = compiled(&format!("{}{SHOP}", ingress("i", &rules)));
    assert_eq!(names(&model, "a.com"), ["i /a(/|$)(.*)"]);
    assert!(only(&report, Code::IgnoredField).help.contains("regex"));
}

#[test]
fn the_default_backend_takes_what_no_rule_and_no_host_takes() {
    let spec = format!(
        "defaultBackend: {{service: {{name: shop, port: {{number: 8080}}}}}}, rules: [{}]",
        rule("a.com", &[path("/x", "Prefix")])
    );
    let (model, report) = compiled(&format!("{}{SHOP}", ingress("i", &spec)));
    assert_eq!(codes(&report), []);
    assert_eq!(names(&model, "a.com"), ["i /x", "i /"]);
    assert_eq!(names(&model, "*"), ["i /"]);
    assert_eq!(&*routes(&model, "*")[0].origin.field, "spec.defaultBackend");
}

#[test]
fn a_rule_without_http_goes_to_the_default_backend() {
    let spec = "defaultBackend: {service: {name: shop, port: {number: 8080}}}, rules: [{host: a.com}]";
    let (model, _) = compiled(&format!("{}{SHOP}", ingress("i", spec)));
    assert_eq!(names(&model, "a.com"), ["i /"]);
    let (model, report) = compiled(&ingress("i", "rules: [{host: a.com}]"));
    assert_eq!(
        hosts(&model),
        ["a.com"],
        "the host is the Ingress's, with nothing behind it"
    );
    assert!(routes(&model, "a.com").is_empty());
    assert_eq!(codes(&report), [Code::IgnoredField]);
}

fn default_backend(name: &str, second: u8) -> String {
    ingress(
        name,
        "defaultBackend: {service: {name: shop, port: {number: 8080}}}",
    )
    .replace(
        "namespace: shop}",
        &format!("namespace: shop, creationTimestamp: \"2026-01-02T12:00:{second:02}Z\"}}"),
    )
}

#[test]
fn the_oldest_default_backend_wins_and_the_other_is_reported() {
    let (model, report) = compiled(&format!(
        "{}{}{SHOP}",
        default_backend("young", 9),
        default_backend("zold", 1)
    ));
    assert_eq!(names(&model, "*"), ["zold /"]);
    let diagnostic = only(&report, Code::SharedHost);
    assert_eq!(&*diagnostic.origin.name, "young");
    assert!(
        diagnostic.message.contains("Ingress shop/zold"),
        "{}",
        diagnostic.message
    );
}

#[test]
fn a_host_of_another_ingress_falls_back_to_the_default_backend_too() {
    let other = ingress(
        "other",
        &format!("rules: [{}]", rule("b.com", &[path("/x", "Prefix")])),
    );
    let (model, _) = compiled(&format!("{}{other}{SHOP}", default_backend("i", 1)));
    assert_eq!(names(&model, "b.com"), ["other /x", "i /"]);
}

#[test]
fn a_host_of_http_routes_alone_has_no_default_backend() {
    let route = http_route(
        "r",
        "hosts: [c.com], paths: [/x], destinations: [{host: \"shop:8080\"}]",
    );
    let (model, _) = compiled(&format!("{}{route}{SHOP}", default_backend("i", 1)));
    assert_eq!(names(&model, "c.com"), ["r /x"]);
}

#[test]
fn of_two_ingresses_with_one_path_the_older_wins_and_the_other_is_unreachable() {
    let old = simple("zold", "").replace(
        "namespace: shop}",
        "namespace: shop, creationTimestamp: \"2026-01-02T12:00:00Z\"}",
    );
    let (model, report) = compiled(&format!("{}{old}{SHOP}", simple("a", "")));
    assert_eq!(names(&model, "a.example.com"), ["zold /", "a /"]);
    let diagnostic = only(&report, Code::Unreachable);
    assert_eq!(&*diagnostic.origin.name, "a");
    assert!(
        diagnostic.message.contains("GET http://a.example.com/"),
        "{}",
        diagnostic.message
    );
}

fn served(manifests: &str) -> (bool, Vec<Code>) {
    let (model, report) = compiled(&format!("{manifests}{SHOP}"));
    (!hosts(&model).is_empty(), codes(&report))
}

#[test]
fn without_any_class_object_an_ingress_without_class_or_with_ours_is_served() {
    assert_eq!(served(&simple("i", "")), (true, vec![]));
    assert_eq!(served(&simple("i", "ingressClassName: seaway, ")), (true, vec![]));
}

#[test]
fn an_unknown_class_is_left_alone_and_the_help_says_what_to_write() {
    let manifests = simple("i", "ingressClassName: nginx, ");
    assert_eq!(served(&manifests), (false, vec![Code::ClassNotFound]));
    let (_, report) = compiled(&manifests);
    let diagnostic = only(&report, Code::ClassNotFound);
    assert_eq!(at(diagnostic), "spec.ingressClassName 5:26");
    assert!(diagnostic.help.contains("ingressClassName: seaway"));
    assert!(diagnostic.help.contains("seaway.dev/ingress-controller"));
}

#[test]
fn the_class_that_is_named_decides() {
    let ingress = simple("i", "ingressClassName: web, ");
    assert_eq!(
        served(&format!("{ingress}{}", class("web", OURS, false))),
        (true, vec![])
    );
    assert_eq!(
        served(&format!("{ingress}{}", class("web", THEIRS, false))),
        (false, vec![Code::ForeignClass])
    );
}

#[test]
fn a_class_named_seaway_of_another_controller_is_not_ours() {
    let ingress = simple("i", "ingressClassName: seaway, ");
    assert_eq!(
        served(&format!("{ingress}{}", class("seaway", THEIRS, false))),
        (false, vec![Code::ForeignClass])
    );
}

#[test]
fn the_default_class_decides_about_an_ingress_without_one() {
    let ingress = simple("i", "");
    let both = format!("{}{}", class("a", OURS, true), class("b", THEIRS, false));
    assert_eq!(served(&format!("{ingress}{both}")), (true, vec![]));
    let theirs = format!("{}{}", class("a", OURS, false), class("b", THEIRS, true));
    assert_eq!(
        served(&format!("{ingress}{theirs}")),
        (false, vec![Code::ForeignClass])
    );
}

#[test]
fn without_a_default_class_an_ingress_is_ours_when_nobody_elses_class_is_there() {
    let ingress = simple("i", "");
    assert_eq!(
        served(&format!("{ingress}{}", class("a", OURS, false))),
        (true, vec![])
    );
    assert_eq!(
        served(&format!("{ingress}{}", class("b", THEIRS, false))),
        (false, vec![Code::ForeignClass])
    );
}

#[test]
fn two_default_classes_leave_an_ingress_without_class_alone() {
    let classes = format!("{}{}", class("a", OURS, true), class("b", OURS, true));
    let (served, codes) = served(&format!("{}{classes}", simple("i", "")));
    assert!(!served);
    assert_eq!(
        codes,
        [Code::TwoDefaultClasses; 2],
        "of the Ingress, and of the second class"
    );
}

#[test]
fn the_old_annotation_counts_like_the_field() {
    let annotated = |class: &str| {
        simple("i", "").replace(
            "namespace: shop}",
            &format!("namespace: shop, annotations: {{kubernetes.io/ingress.class: {class}}}}}"),
        )
    };
    assert_eq!(served(&annotated("seaway")), (true, vec![]));
    assert_eq!(served(&annotated("nginx")), (false, vec![Code::ClassNotFound]));
}

#[test]
fn an_ingress_of_another_controller_gets_no_status() {
    let manifests = format!(
        "{}{}",
        simple("i", "ingressClassName: web, "),
        class("web", THEIRS, false)
    );
    let (_, report) = compiled(&manifests);
    assert!(report.statuses.is_empty());
}

#[test]
fn a_prefix_of_a_slash_takes_everything() {
    let (model, _) = compiled(&format!("{}{SHOP}", simple("i", "")));
    assert!(matches!(&only_route(&model).matches, seaway_model::Match::When(c) if c.path == PathMatch::Any));
}
