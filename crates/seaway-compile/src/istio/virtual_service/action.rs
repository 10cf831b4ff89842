//! What a rule does with the requests it takes.

use std::sync::Arc;

use seaway_api::Spanned;
use seaway_api::istio::{
    Destination as ApiDestination, HttpRule, Redirect as ApiRedirect, RedirectPort, ResponseBody,
    WeightedDestination,
};
use seaway_model::{
    Action, Code, Destination, DirectResponse, Failure, FailureReason, Forward, Fraction, HashOn,
    HeaderMutation, HostRewrite, Mirror, PathRewrite, Redirect, RedirectPath, Rewrite, Target,
};

use super::{matching, policy, weights};
use crate::findings::Reporter;
use crate::resolve::{HostReference, HostTarget, Over, Resolver};

/// A rule that cannot be carried out answers this.
pub(super) fn failing(reason: impl Into<Arc<str>>) -> Action {
    Action::Fail(Failure {
        status: 500,
        reason: FailureReason::InvalidRule,
        message: reason.into(),
    })
}

/// Where a rule's fields are, and whose names it uses.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    /// `spec.http[0]`
    pub(super) field: &'p str,
    /// Of the object it is written in.
    pub(super) namespace: &'p str,
}

/// What a rule does, and where a redirect takes its port from.
pub(super) fn action(
    rule: &HttpRule,
    place: Place<'_>,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> (Action, Option<RedirectPort>) {
    if let Some(redirect) = &rule.redirect {
        let derive = redirect.derive_port.as_ref().map(|derive| derive.value);
        let redirect = self::redirect(redirect);
        // The port of the request belongs to its host: a new host without a port has the one of the scheme.
        let is_elsewhere = redirect.host.is_some() && redirect.port.is_none() && redirect.scheme.is_none();
        let derive = derive.or(is_elsewhere.then_some(RedirectPort::FromProtocolDefault));
        return (Action::Redirect(redirect), derive);
    }
    let action = if let Some(response) = &rule.direct_response {
        let body = response.body.as_ref().map(|body| (body.pos, &body.value));
        match body {
            Some((pos, ResponseBody::Bytes(bytes))) => match std::str::from_utf8(bytes) {
                Ok(text) => respond(response.status.value, Some(text.into())),
                Err(_) => {
                    let message = "a body that is not text in UTF-8 cannot be served";
                    reporter.report(
                        Code::InvalidValue,
                        &format!("{}.directResponse.body", place.field),
                        pos,
                        message,
                        "serve it from a service; this rule answers 500 until then",
                    );
                    failing(message)
                }
            },
            Some((_, ResponseBody::Text(text))) => respond(response.status.value, Some(text.clone())),
            None => respond(response.status.value, None),
        }
    } else {
        forward(rule, place, resolver, reporter)
    };
    (action, None)
}

fn respond(status: u16, body: Option<Arc<str>>) -> Action {
    Action::Respond(DirectResponse { status, body })
}

/// Host and port of `host:port`. Colons without brackets are an IPv6 address, or a host as somebody wrote it.
fn split(authority: &Arc<str>) -> (Arc<str>, Option<u16>) {
    let parts = authority.rsplit_once(':').and_then(|(host, port)| {
        let is_host = host.ends_with(']') || !host.contains(':');
        let port = port.parse().ok().filter(|port| *port != 0 && is_host)?;
        Some((host.into(), Some(port)))
    });
    parts.unwrap_or_else(|| (authority.clone(), None))
}

fn redirect(spec: &ApiRedirect) -> Redirect {
    let full = spec
        .uri
        .as_ref()
        .map(|path| RedirectPath::Full(path.value.clone()));
    let prefix = (spec.prefix_rewrite.as_ref()).map(|path| RedirectPath::Prefix(path.value.clone()));
    let authority = spec.authority.as_ref().map(|authority| split(&authority.value));
    let (host, written_port) = authority.map_or((None, None), |(host, port)| (Some(host), port));
    Redirect {
        status: spec.redirect_code.value,
        scheme: spec.scheme.as_ref().map(|scheme| scheme.value.clone()),
        host,
        port: spec.port.as_ref().map(|port| port.value).or(written_port),
        path: full.or(prefix),
    }
}

fn forward(
    rule: &HttpRule,
    place: Place<'_>,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Action {
    let field = format!("{}.route", place.field);
    weights::report(rule.route.iter().map(|to| to.weight.as_ref()), &field, reporter);
    let rewrite = rewrite(rule, place.field, reporter);
    let retry = policy::retry(rule, place.field, reporter).map(Box::new);
    let mut hash_on: Vec<HashOn> = Vec::new();
    let mut destinations = Vec::with_capacity(rule.route.len());
    for (index, to) in rule.route.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let target = resolve(
            &to.destination,
            &format!("{field}.destination"),
            place,
            resolver,
            reporter,
        );
        for hashed in target.hash_on {
            if !hash_on.contains(&hashed) {
                hash_on.push(hashed);
            }
        }
        destinations.push(destination(
            to,
            target.target,
            rule.route.len() == 1,
            &field,
            reporter,
        ));
    }
    let Ok(rewrite) = rewrite else {
        return failing("the rewrite of this rule is not valid");
    };
    if destinations.is_empty() {
        return failing("this rule has no destination");
    }
    if let Some(failure) = total_failure(&destinations) {
        return Action::Fail(failure);
    }
    Action::Forward(Forward {
        destinations,
        rewrite,
        timeout: policy::timeout(rule),
        retry,
        hash_on,
    })
}

fn resolve(
    to: &Spanned<ApiDestination>,
    field: &str,
    place: Place<'_>,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> HostTarget {
    resolver.host(
        &HostReference {
            host: &to.host,
            subset: to.subset.as_ref(),
            port: to.port.as_ref(),
            namespace: place.namespace,
            origin: reporter.origin,
            field,
            over: Over::Http,
        },
        reporter.findings,
    )
}

/// A single destination gets everything, whatever its weight.
fn destination(
    to: &WeightedDestination,
    target: Target,
    is_only: bool,
    field: &str,
    reporter: &mut Reporter<'_>,
) -> Destination {
    let headers = to.headers.as_ref();
    if let Some(host) = headers
        .and_then(|headers| headers.host.as_ref())
        .filter(|_| !is_only)
    {
        reporter.report(
            Code::IgnoredField,
            &format!("{field}.headers.request.set"),
            host.pos,
            format!(
                "the host is not changed to \"{}\" for one of several destinations",
                host.value
            ),
            "change it for all of them with a rewrite, or give this destination a rule of its own",
        );
    }
    Destination {
        target,
        weight: match (is_only, &to.weight) {
            (true, _) => 1,
            (false, weight) => weight.as_ref().map_or(0, |weight| weight.value),
        },
        request_headers: headers
            .map(|headers| policy::mutation(&headers.request))
            .unwrap_or_default(),
        response_headers: headers
            .map(|headers| policy::mutation(&headers.response))
            .unwrap_or_default(),
    }
}

/// The first failure, when every destination that would get a request fails.
fn total_failure(destinations: &[Destination]) -> Option<Failure> {
    let mut first = None;
    for destination in destinations.iter().filter(|to| to.weight > 0) {
        match &destination.target {
            Target::Cluster(_) => return None,
            Target::Fail(failure) => first = first.or_else(|| Some(failure.clone())),
        }
    }
    first
}

/// An error is reported.
fn rewrite(rule: &HttpRule, field: &str, reporter: &mut Reporter<'_>) -> Result<Rewrite, ()> {
    let spec = rule.rewrite.as_ref();
    let path = match spec.map(|spec| (&spec.uri, &spec.uri_regex_rewrite)) {
        Some((Some(uri), _)) => Some(PathRewrite::Prefix(uri.value.clone())),
        Some((None, Some(regex))) => {
            let field = format!("{field}.rewrite.uriRegexRewrite.match");
            let pattern =
                matching::pattern(&regex.pattern, &field, matching::RULE_FAILS, reporter).ok_or(())?;
            Some(PathRewrite::Regex {
                pattern,
                substitution: regex.rewrite.value.clone(),
            })
        }
        _ => None,
    };
    // To set the header is to change the host; of the two, what is named for it counts, then the rule before its only
    // destination.
    let only = match rule.route.as_slice() {
        [only] => only.headers.as_ref(),
        _ => None,
    };
    let in_headers = [rule.headers.as_ref(), only].into_iter().flatten();
    let host = spec
        .and_then(|spec| spec.authority.as_ref())
        .or_else(|| in_headers.into_iter().find_map(|headers| headers.host.as_ref()));
    Ok(Rewrite {
        path,
        host: host.map(|host| HostRewrite::Literal(host.value.clone())),
    })
}

/// Copies go out only beside a request that is sent on. A mirror that cannot be resolved is reported and left out: it
/// must never disturb what it copies.
pub(super) fn mirrors(
    rule: &HttpRule,
    place: Place<'_>,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    for (index, copy) in rule.copies().iter().enumerate() {
        let field = if rule.mirror.is_some() {
            format!("{}.mirror", place.field)
        } else {
            format!("{}.mirrors[{index}].destination", place.field)
        };
        let target = resolve(&copy.destination, &field, place, resolver, reporter);
        let fraction = Fraction::from_millionths(copy.percentage.value);
        if let (Target::Cluster(cluster), false) = (target.target, fraction.is_zero()) {
            mirrors.push(Mirror { cluster, fraction });
        }
    }
    mirrors
}

/// Changes of the whole rule.
pub(super) fn headers(rule: &HttpRule) -> (HeaderMutation, HeaderMutation) {
    match &rule.headers {
        Some(headers) => (
            policy::mutation(&headers.request),
            policy::mutation(&headers.response),
        ),
        None => <(HeaderMutation, HeaderMutation)>::default(),
    }
}
