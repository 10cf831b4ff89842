//! What the tests of this crate share: manifests in, readable facts out.

use seaway_api::Resources;
use seaway_model::{
    Action, Code, Diagnostic, HostMatch, Listener, Match, Model, PathMatch, Protocol, Report, Route, Target,
};

use crate::{Options, compile};

/// Compiles manifests that are expected to be readable.
pub(crate) fn compiled(manifests: &str) -> (Model, Report) {
    compiled_with(manifests, &Options::default())
}

pub(crate) fn compiled_with(manifests: &str, options: &Options) -> (Model, Report) {
    compile(&parsed(manifests), options)
}

pub(crate) fn parsed(manifests: &str) -> Resources {
    let mut resources = Resources::default();
    resources.parse_into("test.yaml", manifests);
    let fatal: Vec<_> = resources.problems.iter().filter(|p| p.is_fatal()).collect();
    assert!(fatal.is_empty(), "the test's manifests do not parse: {fatal:#?}");
    resources
}

/// The codes of a report, in order, without `NoEndpoints`: tests seldom have pods.
pub(crate) fn codes(report: &Report) -> Vec<Code> {
    report
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .filter(|code| *code != Code::NoEndpoints)
        .collect()
}

/// The only diagnostic with this code.
pub(crate) fn only(report: &Report, code: Code) -> &Diagnostic {
    let found: Vec<_> = report.diagnostics.iter().filter(|d| d.code == code).collect();
    assert_eq!(found.len(), 1, "{:#?}", report.diagnostics);
    found[0]
}

/// `spec.hosts[0] 7:11` of a diagnostic.
pub(crate) fn at(diagnostic: &Diagnostic) -> String {
    let position = diagnostic.origin.position.as_ref().expect("a position");
    format!(
        "{} {}:{}",
        diagnostic.origin.field, position.line, position.column
    )
}

pub(crate) fn listener(model: &Model, protocol: Protocol) -> &Listener {
    model
        .listeners
        .iter()
        .find(|listener| listener.protocol == protocol)
        .expect("the listener")
}

/// The hosts of the HTTP listener, in order.
pub(crate) fn hosts(model: &Model) -> Vec<String> {
    let listener = listener(model, Protocol::Http);
    listener
        .virtual_hosts
        .iter()
        .map(|host| host.host.to_string())
        .collect()
}

/// The routes of a host on the HTTP listener.
pub(crate) fn routes<'m>(model: &'m Model, host: &str) -> Vec<&'m Route> {
    routes_on(model, Protocol::Http, host)
}

pub(crate) fn routes_on<'m>(model: &'m Model, protocol: Protocol, host: &str) -> Vec<&'m Route> {
    let hosts = &listener(model, protocol).virtual_hosts;
    let found = hosts.iter().find(|virtual_host| match &virtual_host.host {
        HostMatch::Any => host == "*",
        other => other.to_string() == host,
    });
    found
        .map(|host| host.routes.iter().map(|route| &**route).collect())
        .unwrap_or_default()
}

/// The only route of the model's HTTP listener.
pub(crate) fn only_route(model: &Model) -> &Route {
    let hosts = &listener(model, Protocol::Http).virtual_hosts;
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0].routes.len(), 1);
    &hosts[0].routes[0]
}

/// `name path` of each route of a host, in order.
pub(crate) fn names(model: &Model, host: &str) -> Vec<String> {
    routes(model, host)
        .iter()
        .map(|route| match &route.matches {
            Match::Never { .. } => format!("{} never", route.origin.name),
            Match::When(conditions) => format!("{} {}", route.origin.name, path(&conditions.path)),
        })
        .collect()
}

fn path(path: &PathMatch) -> String {
    match path {
        PathMatch::Any => "/".to_owned(),
        PathMatch::Exact(text) => format!("={text}"),
        PathMatch::Elements(text) => text.to_string(),
        PathMatch::Prefix(text) => format!("{text}*"),
        PathMatch::ExactIgnoringCase(text) => format!("=i{text}"),
        PathMatch::PrefixIgnoringCase(text) => format!("i{text}*"),
        PathMatch::Regex(pattern) => format!("~{pattern}"),
    }
}

/// The clusters and failures that a route leads to: `shop/shop:8080 1`.
pub(crate) fn targets(route: &Route) -> Vec<String> {
    match &route.action {
        Action::Forward(forward) => forward
            .destinations
            .iter()
            .map(|destination| match &destination.target {
                Target::Cluster(name) => format!("{name} {}", destination.weight),
                Target::Fail(failure) => format!("{} {}", failure.status, destination.weight),
            })
            .collect(),
        Action::Fail(failure) => vec![format!("fail {} {}", failure.status, failure.reason.as_str())],
        other => vec![format!("{other:?}")],
    }
}

/// A Service with one port, which most tests need one of.
pub(crate) const SHOP: &str = "---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {clusterIP: 10.96.0.1, ports: [{port: 8080}]}
";

/// An HttpRoute in namespace `shop` with this spec, in YAML's flow style.
pub(crate) fn http_route(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\n\
         metadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n"
    )
}

/// The same with a time of creation, in seconds after noon of a day.
pub(crate) fn http_route_created(name: &str, second: u8, spec: &str) -> String {
    format!(
        "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\n\
         metadata: {{name: {name}, namespace: shop, creationTimestamp: \"2026-01-02T12:00:{second:02}Z\"}}\n\
         spec: {{{spec}}}\n"
    )
}

/// An HttpRoute of Kalm's group.
pub(crate) fn kalm_route(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: core.kalm.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

/// An Ingress in namespace `shop`.
pub(crate) fn ingress(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\n\
         metadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n"
    )
}
