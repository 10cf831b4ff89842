//! `Ingress` (`networking.k8s.io/v1`).
//!
//! `ImplementationSpecific` means `Prefix` here, and an empty path means everything. A default backend takes what no rule
//! takes: on every host that has rules of the Ingress, and on every host that nobody names. A host that has Ingress rules
//! but no default backend of its own falls back to the oldest one of any Ingress: "nothing matches" is said of all
//! Ingress objects together. A host that only HttpRoutes name does not: there, nothing matched is 404.
//!
//! Ingress rules serve on both listeners: `tls` says which certificate HTTPS presents, not that HTTP stops.

mod annotations;
pub(crate) mod class;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use seaway_api::ingress::{Backend, Ingress, IngressPath, IngressRule, PathType};
use seaway_api::{Object, Pos, Spanned, idle_escape};
use seaway_model::{
    Action, Code, Conditions, Destination, Failure, FailureReason, Forward, HeaderMutation, HostMatch, Match,
    Origin, PathMatch, Route, Target,
};

use crate::draft::{Claim, Draft, Purpose, Served};
use crate::findings::{Findings, Reporter, origin_of, place};
use crate::http_route::elements;
use crate::order::{ObjectRank, Rank};
use crate::resolve::Resolver;

/// What an Ingress contributes.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// Its rules.
    pub(crate) drafts: Vec<Draft>,
    /// Its default backend, with the hosts of its rules.
    pub(crate) fallback: Option<Draft>,
    /// Every host of its rules, also of those that have no route of their own.
    pub(crate) hosts: HashSet<HostMatch>,
}

/// Compiles one object that is Seaway's to serve.
pub(crate) fn compile(
    object: &Object<Ingress>,
    resolver: &mut Resolver<'_>,
    findings: &mut Findings,
) -> Compiled {
    let origin = origin_of(&object.meta);
    let mut reporter = Reporter::new(&origin, findings);
    annotations::warn_of_foreign(object, &mut reporter);
    let rank = Arc::new(ObjectRank::new(&object.meta));
    let mut drafts = Vec::new();
    let mut claims: Vec<Claim> = Vec::new();
    for (index, rule) in object.spec.rules.iter().enumerate() {
        let Some(claim) = host(rule, index, &mut reporter) else {
            continue;
        };
        drafts.extend(rule_drafts(rule, index, &claim, &rank, resolver, &mut reporter));
        if claims.iter().all(|other| other.host != claim.host) {
            claims.push(claim);
        }
    }
    let hosts: HashSet<HostMatch> = claims.iter().map(|claim| claim.host.clone()).collect();
    let fallback = object
        .spec
        .default_backend
        .as_ref()
        .map(|backend| fallback(object, backend, claims, &rank, resolver, &mut reporter));
    report_rules_without_backend(&object.spec, &mut reporter);
    if reporter.left_out() {
        return Compiled::default();
    }
    Compiled {
        drafts,
        fallback,
        hosts,
    }
}

fn host(rule: &Spanned<IngressRule>, index: usize, reporter: &mut Reporter<'_>) -> Option<Claim> {
    let field = format!("spec.rules[{index}].host");
    let Some(text) = rule.host.as_ref().filter(|text| !text.is_empty()) else {
        return Some(Claim {
            host: HostMatch::Any,
            origin: place(reporter.origin, &format!("spec.rules[{index}]"), rule.pos),
        });
    };
    let wrong = match HostMatch::parse_one_label(text) {
        Ok(HostMatch::Any) => "a bare \"*\" is not allowed here".to_owned(),
        Ok(HostMatch::Exact(name)) if name.parse::<std::net::IpAddr>().is_ok() => {
            "an Ingress names hosts, not addresses".to_owned()
        }
        Ok(host) => {
            let origin = place(reporter.origin, &field, text.pos);
            return Some(Claim { host, origin });
        }
        Err(error) => error.to_string(),
    };
    reporter.report(
        Code::InvalidValue,
        &field,
        text.pos,
        format!("\"{}\" is not a host of an Ingress: {wrong}", text.value),
        "write a DNS name, or one with \"*.\" before it; leave host out to serve every host",
    );
    None
}

fn rule_drafts(
    rule: &IngressRule,
    index: usize,
    claim: &Claim,
    rank: &Arc<ObjectRank>,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Vec<Draft> {
    let hosts: Arc<[Claim]> = Arc::new([claim.clone()]);
    let number = u32::try_from(index).unwrap_or(u32::MAX);
    let mut drafts = Vec::new();
    for (path_index, path) in rule.paths.iter().flatten().enumerate() {
        let field = format!("spec.rules[{index}].http.paths[{path_index}]");
        let conditions = Conditions {
            path: path_match(path),
            ..Conditions::default()
        };
        let action = forward(&path.backend, &format!("{field}.backend"), resolver, reporter);
        let rank = Rank::new(&conditions, rank, number, path_index);
        let origin = place(reporter.origin, &field, path.pos);
        let matches = possible(path, conditions, &field, reporter);
        drafts.push(draft(rank, hosts.clone(), route(origin, number, matches, action)));
    }
    drafts
}

/// Only `ImplementationSpecific` may hold a path that no request has: those of the other types are checked when they are
/// read. Whoever wrote an expression for another controller should hear that it is none here.
fn possible(path: &IngressPath, conditions: Conditions, field: &str, reporter: &mut Reporter<'_>) -> Match {
    let text = &path.path;
    let field = format!("{field}.path");
    if let Some(because) = never(text) {
        reporter.report(
            Code::IgnoredField,
            &field,
            text.pos,
            format!("this rule never matches: {because}"),
            "write the path as it stands in a request; ImplementationSpecific means the same as Prefix here",
        );
        return Match::Never {
            because: because.into(),
        };
    }
    if [".*", "|", "[", "^", "(?"].iter().any(|sign| text.contains(sign)) {
        reporter.report(
            Code::IgnoredField,
            &field,
            text.pos,
            format!(
                "\"{}\" is read as a prefix, not as a regular expression",
                text.value
            ),
            "use an HttpRoute with \"paths: [{regex: ...}]\" for an expression",
        );
    }
    Match::When(conditions)
}

/// Why no request has this path, after paths were normalised.
fn never(path: &str) -> Option<String> {
    if path.is_empty() {
        return None;
    }
    if !path.starts_with('/') {
        return Some(format!(
            "\"{path}\" does not start with a slash, and every path does"
        ));
    }
    let inside = ["//", "/./", "/../"].into_iter().find(|part| path.contains(part));
    let at_end = || ["/.", "/.."].into_iter().find(|end| path.ends_with(end));
    let part = inside.or_else(at_end).or_else(|| idle_escape(path))?;
    Some(format!(
        "\"{path}\" holds \"{part}\", which no path has once it is normalised"
    ))
}

fn path_match(path: &IngressPath) -> PathMatch {
    match path.path_type.value {
        PathType::Exact => PathMatch::Exact(path.path.value.clone()),
        PathType::Prefix | PathType::ImplementationSpecific => elements(&path.path.value),
    }
}

/// The default backend is no rule, so it is numbered after the last one. A rule without `http` sends its host there too.
fn fallback(
    object: &Object<Ingress>,
    backend: &Spanned<Backend>,
    mut claims: Vec<Claim>,
    rank: &Arc<ObjectRank>,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Draft {
    let field = "spec.defaultBackend";
    let action = forward(backend, field, resolver, reporter);
    let origin = place(reporter.origin, field, backend.pos);
    if claims.iter().all(|claim| claim.host != HostMatch::Any) {
        claims.push(Claim {
            host: HostMatch::Any,
            origin: origin.clone(),
        });
    }
    let number = u32::try_from(object.spec.rules.len()).unwrap_or(u32::MAX);
    draft(
        Rank::fallback(rank, number),
        claims.into(),
        route(origin, number, Match::When(Conditions::default()), action),
    )
}

fn forward(
    backend: &Spanned<Backend>,
    field: &str,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Action {
    let resolved = match &backend.value {
        Backend::Service { name, port } => resolver.backend(name, port, field, reporter),
        Backend::Resource { kind, name } => {
            let message = format!(
                "{} \"{}\" is not a kind of backend that can be forwarded to",
                kind.value, name.value
            );
            reporter.report(
                Code::UnsupportedBackend,
                &format!("{field}.resource"),
                kind.pos,
                message.clone(),
                "use a Service as the backend",
            );
            return Action::Fail(Failure {
                status: 500,
                reason: FailureReason::UnsupportedBackend,
                message: message.into(),
            });
        }
    };
    match resolved.target {
        Target::Fail(failure) => Action::Fail(failure),
        Target::Cluster(cluster) => Action::Forward(Forward {
            destinations: vec![Destination {
                target: Target::Cluster(cluster),
                weight: 1,
                request_headers: HeaderMutation::default(),
                response_headers: HeaderMutation::default(),
            }],
            hash_on: resolved.hash_on,
            ..Forward::default()
        }),
    }
}

fn route(origin: Origin, rule: u32, matches: Match, action: Action) -> Arc<Route> {
    Arc::new(Route {
        origin,
        rule,
        matches,
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action,
    })
}

fn draft(rank: Rank, hosts: Arc<[Claim]>, route: Arc<Route>) -> Draft {
    Draft {
        rank,
        hosts,
        served: Served::ByDefault {
            http: Some(route.clone()),
            https: Some(route),
        },
        purpose: Purpose::Rule,
        pos: Pos::default(),
    }
}

fn report_rules_without_backend(ingress: &Ingress, reporter: &mut Reporter<'_>) {
    if ingress.default_backend.is_some() {
        return;
    }
    for (index, rule) in ingress.rules.iter().enumerate() {
        if rule.paths.is_none() {
            reporter.report(
                Code::IgnoredField,
                &format!("spec.rules[{index}]"),
                rule.pos,
                "a rule without paths goes to the default backend, and this Ingress has none",
                "add paths to the rule, or a spec.defaultBackend",
            );
        }
    }
}
