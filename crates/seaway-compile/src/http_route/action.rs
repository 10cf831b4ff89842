//! What an HttpRoute does with the requests it takes.

use seaway_api::Pos;
use seaway_api::http_route::{Destination as ApiDestination, HashOn as ApiHashOn, HttpRoute, Policy, Scheme};
use seaway_model::{
    Action, Balancing, Code, Destination, Failure, FailureReason, Forward, Fraction, HashOn, HeaderMutation,
    HostRewrite, Mirror, PathMatch, PathRewrite, Redirect, RedirectPath, Rewrite, Target,
};

use super::{matching, policy, takes_everything};
use crate::findings::Reporter;
use crate::resolve::{HostTarget, Reference, Resolver};

/// The action of a route. An action of an object that is left out is never used.
pub(super) fn action(
    route: &HttpRoute,
    rewrite: Rewrite,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Action {
    if let Some(spec) = &route.redirect {
        return Action::Redirect(Redirect {
            status: spec.status.value,
            scheme: spec
                .scheme
                .as_ref()
                .map(|scheme| scheme_name(scheme.value).into()),
            host: spec.host.as_ref().map(|host| host.value.clone()),
            port: spec.port.as_ref().map(|port| port.value),
            path: spec
                .path
                .as_ref()
                .map(|path| RedirectPath::Full(path.value.clone())),
        });
    }
    let (destinations, rule_hash_on) = destinations(route, resolver, reporter);
    if destinations.is_empty() {
        return nowhere(route, reporter);
    }
    if let Some(failure) = total_failure(&destinations) {
        return Action::Fail(failure);
    }
    Action::Forward(Forward {
        destinations,
        rewrite,
        timeout: policy::timeout(route),
        retry: policy::retry(route).map(Box::new),
        hash_on: hash_on(route).unwrap_or(rule_hash_on),
    })
}

/// No destination is fine only where every request is redirected before it would need one. Decoding refuses it too; this
/// keeps the model from ever holding a split without destinations.
fn nowhere(route: &HttpRoute, reporter: &mut Reporter<'_>) -> Action {
    let only_http = !route.schemes.is_empty() && route.schemes.iter().all(|s| s.value == Scheme::Http);
    if route.destinations.is_empty() && !(route.http_redirect_to_https.value && only_http) {
        reporter.report(
            Code::MissingField,
            "spec.destinations",
            Pos::default(),
            "the route has no destination",
            "add one, as in \"destinations: [{host: \"shop:8080\"}]\"",
        );
    }
    Action::Fail(Failure {
        status: 500,
        reason: FailureReason::InvalidRule,
        message: "the route has no destination".into(),
    })
}

/// From the listener without TLS to the one with it. A scheme's own port is left out of the location.
pub(super) fn to_https(port: u16) -> Action {
    Action::Redirect(Redirect {
        status: 301,
        scheme: Some("https".into()),
        host: None,
        port: (port != 443).then_some(port),
        path: None,
    })
}

/// `stripPath` on `/` changes nothing, and is left out so that the model shows that.
pub(super) fn for_path(action: &Action, path: &PathMatch) -> Action {
    let mut action = action.clone();
    if let Action::Forward(forward) = &mut action
        && takes_everything(path)
        && matches!(&forward.rewrite.path, Some(PathRewrite::Prefix(text)) if **text == *"/")
    {
        forward.rewrite.path = None;
    }
    action
}

fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    }
}

/// A path that is written in `rewrite` wins over `stripPath`, which it includes.
pub(super) fn rewrite(route: &HttpRoute, reporter: &mut Reporter<'_>) -> Rewrite {
    let strip = || route.strip_path.value.then(|| PathRewrite::Prefix("/".into()));
    let Some(spec) = &route.rewrite else {
        return Rewrite {
            path: strip(),
            host: None,
        };
    };
    let path = match (&spec.path, &spec.regex) {
        (Some(path), _) => Some(PathRewrite::Prefix(path.value.clone())),
        (None, Some(regex)) => matching::pattern(&regex.value, "spec.rewrite.regex", regex.pos, reporter)
            .map(|pattern| PathRewrite::Regex {
                pattern,
                substitution: spec
                    .substitution
                    .as_ref()
                    .map_or_else(|| "".into(), |text| text.value.clone()),
            }),
        (None, None) => strip(),
    };
    Rewrite {
        path,
        host: spec
            .host
            .as_ref()
            .map(|host| HostRewrite::Literal(host.value.clone())),
    }
}

/// With what DestinationRules would hash, each once.
fn destinations(
    route: &HttpRoute,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> (Vec<Destination>, Vec<HashOn>) {
    let total: u64 = route.destinations.iter().map(|d| u64::from(d.weight.value)).sum();
    if let (Some(first), 0) = (route.destinations.first(), total) {
        reporter.report(
            Code::ZeroWeights,
            "spec.destinations",
            first.pos,
            "the weights of all destinations are zero, so no request could be sent anywhere",
            "give at least one destination a weight above zero",
        );
    }
    let balancing = balancing(route);
    let mut hash_on = Vec::new();
    let mut destinations = Vec::with_capacity(route.destinations.len());
    for (index, spec) in route.destinations.iter().enumerate() {
        let field = format!("spec.destinations[{index}]");
        let Some(resolved) = target(spec, field, balancing, resolver, reporter) else {
            continue;
        };
        destinations.push(Destination {
            target: resolved.target,
            weight: spec.weight.value,
            request_headers: HeaderMutation::default(),
            response_headers: HeaderMutation::default(),
        });
        for on in resolved.hash_on {
            if !hash_on.contains(&on) {
                hash_on.push(on);
            }
        }
    }
    (destinations, hash_on)
}

fn target(
    destination: &ApiDestination,
    field: String,
    balancing: Option<Balancing>,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Option<HostTarget> {
    let reference = Reference {
        destination,
        field,
        balancing,
    };
    resolver.destination(&reference, reporter)
}

/// The first failure, when every destination that would get a request fails.
fn total_failure(destinations: &[Destination]) -> Option<Failure> {
    let mut first = None;
    for destination in destinations.iter().filter(|d| d.weight > 0) {
        match &destination.target {
            Target::Cluster(_) => return None,
            Target::Fail(failure) => first = first.or_else(|| Some(failure.clone())),
        }
    }
    first
}

fn balancing(route: &HttpRoute) -> Option<Balancing> {
    Some(match route.load_balancing.as_ref()?.policy.value {
        Policy::LeastRequest => Balancing::LeastRequest,
        Policy::RoundRobin => Balancing::RoundRobin,
        Policy::Random => Balancing::Random,
        Policy::ConsistentHash => Balancing::RingHash,
    })
}

/// What the route hashes; `None` where it leaves the balancing to others.
fn hash_on(route: &HttpRoute) -> Option<Vec<HashOn>> {
    if balancing(route)? != Balancing::RingHash {
        return Some(Vec::new());
    }
    let spec = route.load_balancing.as_ref().and_then(|lb| lb.hash_on.as_ref());
    let hashed = spec.map(|hash_on| match &hash_on.value {
        ApiHashOn::Header(name) => HashOn::Header(name.to_ascii_lowercase().into()),
        ApiHashOn::Cookie(name) => HashOn::Cookie(name.value.clone()),
        ApiHashOn::Query(name) => HashOn::Query(name.value.clone()),
        ApiHashOn::SourceIp => HashOn::SourceIp,
    });
    Some(hashed.into_iter().collect())
}

/// Copies go out only beside a request that is sent on. A mirror that cannot be resolved is reported and left out: it
/// must never disturb what it copies.
pub(super) fn mirrors(
    route: &HttpRoute,
    action: &Action,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Vec<Mirror> {
    let Some(mirror) = &route.mirror else {
        return Vec::new();
    };
    let field = "spec.mirror.destination".to_owned();
    let resolved = target(&mirror.destination, field, balancing(route), resolver, reporter);
    match (resolved.map(|resolved| resolved.target), action) {
        (Some(Target::Cluster(cluster)), Action::Forward(_)) => vec![Mirror {
            cluster,
            fraction: Fraction::from_millionths(mirror.percentage.value),
        }],
        _ => Vec::new(),
    }
}
