//! HttpRoutes: what they match, and what they do.

mod action;
mod matching;

use seaway_model::{
    Action, Code, Conditions, Fraction, HashOn, HeaderMatch, HostRewrite, Match, Millis, OriginMatch,
    PathMatch, PathRewrite, Protocol, RetryOn, Route, StringMatch, ValueMatch,
};

use crate::Options;
use crate::testing::{
    SHOP, at, codes, compiled, compiled_with, hosts, http_route, kalm_route, names, only, only_route, routes,
    routes_on, targets,
};

const TO_SHOP: &str = "destinations: [{host: \"shop:8080\"}]";

fn one(spec: &str) -> Route {
    let (model, report) = compiled(&format!("{}{SHOP}", http_route("r", spec)));
    assert_eq!(codes(&report), [], "{:#?}", report.diagnostics);
    only_route(&model).clone()
}

fn conditions(route: &Route) -> &Conditions {
    match &route.matches {
        Match::When(conditions) => conditions,
        Match::Never { because } => panic!("never, because {because}"),
    }
}

fn forward(route: &Route) -> &seaway_model::Forward {
    match &route.action {
        Action::Forward(forward) => forward,
        other => panic!("not a forward: {other:?}"),
    }
}

const CERT: &str = "---
apiVersion: seaway.dev/v1alpha1
kind: HttpsCert
metadata: {name: c, namespace: shop}
spec: {domains: [shop.example.com], httpsCertIssuer: default-cert-issuer}
";
