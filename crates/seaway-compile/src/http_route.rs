//! `HttpRoute`, of both groups.
//!
//! Each path becomes one model route, so that the length of each path decides its own place. What is wrong with an object
//! is collected to the end before it is left out, so that a person mends it once.
//!
//! Kalm's group keeps one habit that its manifests rely on without saying so: request headers by which a client could
//! pretend to have passed Kalm's single sign-on are removed. Kalm's own marker, `kalm-route: true`, is not set: it told
//! its filter in the same gateway, which is not here, that a route had been found.

mod action;
mod matching;
mod policy;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use seaway_api::http_route::{HttpRoute, Scheme};
use seaway_api::{Object, Pos};
use seaway_model::{
    Action, Code, Conditions, Cors, Fault, HeaderMutation, HostMatch, Match, Mirror, Origin, PathMatch, Route,
};

pub(crate) use self::matching::elements;
use crate::Options;
use crate::draft::{Claim, Draft, Purpose, Served};
use crate::findings::{Findings, Reporter, origin_of, place};
use crate::objects::is_kalm;
use crate::order::{ObjectRank, Rank};
use crate::resolve::Resolver;

/// Every path of a route shares these.
struct Policies {
    cors: Option<Box<Cors>>,
    fault: Option<Box<Fault>>,
    request_headers: HeaderMutation,
    response_headers: HeaderMutation,
    mirrors: Vec<Mirror>,
}

/// Compiles one object; empty when it is left out.
pub(crate) fn compile(
    object: &Object<HttpRoute>,
    options: &Options,
    resolver: &mut Resolver<'_>,
    findings: &mut Findings,
) -> Vec<Draft> {
    let origin = origin_of(&object.meta);
    let mut reporter = Reporter::new(&origin, findings);
    let route = &object.spec;

    let hosts = hosts(route, &mut reporter);
    let matches = matching::conditions(route, &mut reporter);
    let rewrite = action::rewrite(route, &mut reporter);
    let action = action::action(route, rewrite, resolver, &mut reporter);
    let policies = Policies {
        cors: route.cors.as_ref().map(|cors| Box::new(policy::cors(cors))),
        fault: policy::fault(route).map(Box::new),
        request_headers: request_headers(object),
        response_headers: policy::response_headers(route),
        mirrors: action::mirrors(route, &action, resolver, &mut reporter),
    };
    if reporter.left_out() {
        return Vec::new();
    }
    let listeners = Listeners::new(route, options);
    let rank = Arc::new(ObjectRank::new(&object.meta));
    let mut drafts = Vec::with_capacity(matches.len());
    for (index, conditions) in matches {
        let made = Made {
            origin: origin.at(format!("spec.paths[{index}]"), None),
            rank: Rank::new(&conditions, &rank, 0, index),
            conditions,
            hosts: &hosts,
            listeners: &listeners,
            pos: route.paths.get(index).map(|path| path.pos).unwrap_or_default(),
        };
        drafts.extend(made.preflight(&policies, &action));
        drafts.push(made.draft(&policies, &action));
    }
    drafts
}

/// The listeners that a route is for, and what the first one does instead of the route's action.
struct Listeners {
    http: bool,
    https: bool,
    redirect: Option<Action>,
}

impl Listeners {
    fn new(route: &HttpRoute, options: &Options) -> Self {
        let has = |scheme| route.schemes.is_empty() || route.schemes.iter().any(|s| s.value == scheme);
        Self {
            http: has(Scheme::Http),
            https: has(Scheme::Https),
            redirect: route
                .http_redirect_to_https
                .then(|| action::to_https(options.https_port)),
        }
    }
}

/// One path of a route, with all that makes drafts of it.
struct Made<'a> {
    origin: Origin,
    rank: Rank,
    conditions: Conditions,
    hosts: &'a Arc<[Claim]>,
    listeners: &'a Listeners,
    pos: Pos,
}

impl Made<'_> {
    fn draft(&self, policies: &Policies, action: &Action) -> Draft {
        let real = Arc::new(Route {
            origin: self.origin.clone(),
            rule: 0,
            matches: Match::When(self.conditions.clone()),
            cors: policies.cors.clone(),
            fault: policies.fault.clone(),
            request_headers: policies.request_headers.clone(),
            response_headers: policies.response_headers.clone(),
            mirrors: policies.mirrors.clone(),
            action: action::for_path(action, &self.conditions.path),
        });
        let plain = match &self.listeners.redirect {
            Some(redirect) => Arc::new(self.redirecting(redirect)),
            None => real.clone(),
        };
        Draft {
            rank: self.rank.clone(),
            hosts: self.hosts.clone(),
            served: Served::ByDefault {
                http: self.listeners.http.then_some(plain),
                https: self.listeners.https.then_some(real),
            },
            purpose: Purpose::Rule,
            pos: self.pos,
        }
    }

    /// On the listener without TLS nothing happens to a request but the redirect.
    fn redirecting(&self, redirect: &Action) -> Route {
        Route {
            origin: self.origin.clone(),
            rule: 0,
            matches: Match::When(self.conditions.clone()),
            cors: None,
            fault: None,
            request_headers: HeaderMutation::default(),
            response_headers: HeaderMutation::default(),
            mirrors: Vec::new(),
            action: redirect.clone(),
        }
    }

    /// A sibling that takes the CORS preflights of a route whose methods do not include OPTIONS. Without it no
    /// preflight would ever find the route whose CORS answer it asks for. It says so in the model, rather than in one
    /// engine, so that all engines answer alike.
    fn preflight(&self, policies: &Policies, action: &Action) -> Option<Draft> {
        policies.cors.as_ref()?;
        let conditions = matching::preflight(&self.conditions)?;
        let sibling = Made {
            origin: self.origin.clone(),
            rank: self.rank.preflight(),
            conditions,
            hosts: self.hosts,
            listeners: self.listeners,
            pos: self.pos,
        };
        let draft = sibling.draft(policies, action);
        let served = Served::ByDefault {
            // Where everything is redirected there is no CORS answer to be had.
            http: draft
                .served
                .http()
                .filter(|_| self.listeners.redirect.is_none())
                .cloned(),
            https: draft.served.https().cloned(),
        };
        Some(Draft {
            served,
            purpose: Purpose::Preflight,
            ..draft
        })
    }
}

fn hosts(route: &HttpRoute, reporter: &mut Reporter<'_>) -> Arc<[Claim]> {
    let mut seen = HashSet::new();
    let mut claims = Vec::with_capacity(route.hosts.len());
    for (index, text) in route.hosts.iter().enumerate() {
        let field = format!("spec.hosts[{index}]");
        match HostMatch::parse(text) {
            Ok(host) => {
                if seen.insert(host.clone()) {
                    let origin = place(reporter.origin, &field, text.pos);
                    claims.push(Claim { host, origin });
                }
            }
            Err(error) => reporter.report(
                Code::InvalidValue,
                &field,
                text.pos,
                format!("\"{}\" is not a host: {error}", text.value),
                "write a DNS name (\"shop.example.com\"), a wildcard (\"*.example.com\"), an IP address, or \"*\"",
            ),
        }
    }
    claims.into()
}

fn request_headers(object: &Object<HttpRoute>) -> HeaderMutation {
    let mutation = policy::request_headers(&object.spec);
    if is_kalm(&object.meta) {
        return policy::without_kalm_markers(&mutation);
    }
    mutation
}

/// Whether a path takes every request.
fn takes_everything(path: &PathMatch) -> bool {
    *path == PathMatch::Any
}
