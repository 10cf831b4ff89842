//! The order of HttpRoute is that of Ingress: D.1's "longest path, then Exact" against the order of the model.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use seaway_model::{Match, PathMatch, Route};

use crate::testing::{SHOP, compiled, ingress, routes};

/// What Kubernetes says of one rule and one path.
fn kubernetes_matches(kind: &str, rule: &str, path: &str) -> bool {
    if kind == "Exact" {
        return rule == path;
    }
    let elements = |text: &str| -> Vec<String> {
        text.trim_end_matches('/')
            .split('/')
            .skip(1)
            .map(str::to_owned)
            .collect()
    };
    elements(path).starts_with(&elements(rule))
}

/// What the model says of one route and one path.
fn model_matches(route: &Route, path: &str) -> bool {
    let Match::When(conditions) = &route.matches else {
        return false;
    };
    match &conditions.path {
        PathMatch::Any => true,
        PathMatch::Exact(text) => **text == *path,
        PathMatch::Elements(text) => path
            .strip_prefix(&**text)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        other => panic!("an Ingress makes no {other:?}"),
    }
}

const PATHS: [&str; 8] = ["/", "/a", "/a/", "/a/b", "/a/b/", "/ab", "/a/b/c", "/b"];

proptest! {
    #[test]
    fn the_first_route_that_matches_is_the_longest_and_exact_before_prefix(
        rules in vec((select(vec!["Exact", "Prefix"]), select(PATHS.to_vec())), 1..8),
        request in select(PATHS.to_vec()),
    ) {
        let paths: Vec<String> = rules
            .iter()
            .map(|(kind, path)| format!("{{path: {path}, pathType: {kind}, backend: {{service: {{name: shop, port: {{number: 8080}}}}}}}}"))
            .collect();
        let (model, _) = compiled(&format!("{}{SHOP}", ingress("i", &format!("rules: [{{http: {{paths: [{}]}}}}]", paths.join(", ")))));
        let chosen = routes(&model, "*")
            .iter()
            .find(|route| model_matches(route, request))
            .map(|route| route.origin.field.to_string());
        // Length without a trailing slash for Prefix, which ignores it; the first of equals.
        let expected = rules
            .iter()
            .enumerate()
            .filter(|(_, (kind, rule))| kubernetes_matches(kind, rule, request))
            .max_by_key(|(index, (kind, rule))| {
                let exact = *kind == "Exact";
                let length = if exact { rule.len() } else { rule.trim_end_matches('/').len() };
                (length, exact, usize::MAX - index)
            })
            .map(|(index, _)| format!("spec.rules[0].http.paths[{index}]"));
        prop_assert_eq!(chosen, expected);
    }
}
