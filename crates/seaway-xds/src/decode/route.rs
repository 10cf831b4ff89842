//! Route configurations, from Envoy's words.

use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3::route::Action as XdsAction;
use envoy_types::pb::envoy::config::route::v3::{Route as XdsRoute, VirtualHost as XdsVirtualHost};
use envoy_types::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use envoy_types::pb::envoy::extensions::filters::http::fault::v3::HttpFault;
use seaway_model::{
    Action, Cors, DirectResponse, Failure, Fault, HeaderMutation, HostMatch, Match, Redirect, Route,
    VirtualHost,
};

use super::{action, filters, matching};
use crate::encode::filters::{CORS, FAULT};
use crate::encode::hosts::{BOTH, ONE_LABEL};
use crate::notes::Notes;
use crate::words::{from_any, mutation};

/// What could not be read of a resource; all else of it is kept.
pub(crate) type Refusals = Vec<String>;

/// Reads hosts, most specific first, each once.
pub(crate) fn virtual_hosts(said: &[XdsVirtualHost], refusals: &mut Refusals) -> Vec<VirtualHost> {
    let mut hosts: Vec<VirtualHost> = Vec::new();
    for host in said {
        for read in virtual_host(host, refusals) {
            if hosts.iter().all(|known| known.host != read.host) {
                hosts.push(read);
            }
        }
    }
    hosts.sort_by(|a, b| a.host.cmp(&b.host));
    hosts
}

fn virtual_host(said: &XdsVirtualHost, refusals: &mut Refusals) -> Vec<VirtualHost> {
    let notes = Notes::of(said.metadata.as_ref());
    if let Some(own) = notes.get::<usize>(ONE_LABEL) {
        return one_label(said, own, notes.get(BOTH).unwrap_or_default(), refusals);
    }
    let routes = routes(&said.routes, false, refusals);
    let dotted = |domain: &str| {
        domain
            .strip_suffix('.')
            .is_some_and(|plain| said.domains.iter().any(|other| other == plain))
    };
    said.domains
        .iter()
        .filter(|domain| !dotted(domain))
        .filter_map(|domain| match host(domain) {
            Some(host) => Some(VirtualHost {
                host,
                routes: routes.clone(),
            }),
            None => {
                refusals.push(format!("the domain {domain:?} of {}", said.name));
                None
            }
        })
        .collect()
}

/// A host whose first routes are for one label.
fn one_label(said: &XdsVirtualHost, own: usize, both: bool, refusals: &mut Refusals) -> Vec<VirtualHost> {
    let Some(suffix) = said.domains.first().and_then(|domain| domain.strip_prefix('*')) else {
        refusals.push(format!("{} is for one label and has no wildcard", said.name));
        return Vec::new();
    };
    let (first, rest) = said.routes.split_at(own.min(said.routes.len()));
    let mut hosts = vec![VirtualHost {
        host: HostMatch::OneLabel(suffix.into()),
        routes: routes(first, true, refusals),
    }];
    if both {
        hosts.push(VirtualHost {
            host: HostMatch::Suffix(suffix.into()),
            routes: routes(rest, false, refusals),
        });
    }
    hosts
}

/// A domain; `None` for one of Envoy's wildcards at the end.
pub(crate) fn host(domain: &str) -> Option<HostMatch> {
    let domain = domain.to_ascii_lowercase();
    match domain.strip_prefix('*') {
        Some("") => Some(HostMatch::Any),
        Some(suffix) => Some(HostMatch::Suffix(suffix.into())),
        None if domain.ends_with('*') || domain.is_empty() => None,
        None => {
            let bare = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            Some(HostMatch::Exact(bare.unwrap_or(&domain).into()))
        }
    }
}

/// `guarded`: each asks, last of all, for the number of labels.
fn routes(said: &[XdsRoute], guarded: bool, refusals: &mut Refusals) -> Vec<Arc<Route>> {
    let mut read = Vec::new();
    for one in said {
        let notes = Notes::of(one.metadata.as_ref());
        if notes.is_copy() {
            continue;
        }
        let unguarded = guarded.then(|| {
            let mut one = one.clone();
            if let Some(matches) = &mut one.r#match {
                matches.headers.pop();
            }
            one
        });
        match route(unguarded.as_ref().unwrap_or(one), &notes) {
            Ok(route) => read.push(Arc::new(route)),
            Err(why) => refusals.push(match one.name.as_str() {
                "" => why,
                name => format!("{name}: {why}"),
            }),
        }
    }
    read
}

fn route(said: &XdsRoute, notes: &Notes) -> Result<Route, String> {
    let matches = match notes.get::<Match>("match") {
        Some(noted) => noted,
        None => matching::matches(said.r#match.as_ref().ok_or("a route without a condition")?)?,
    };
    let response_headers = match notes.get::<HeaderMutation>("responseHeaders") {
        Some(noted) => noted,
        None => mutation(&said.response_headers_to_add, &said.response_headers_to_remove),
    };
    let request_headers = match notes.get::<HeaderMutation>("requestHeaders") {
        Some(noted) => noted,
        None => mutation(&said.request_headers_to_add, &said.request_headers_to_remove),
    };
    let mut mirrors = Vec::new();
    let action = match &said.action {
        Some(XdsAction::Route(forward)) => {
            mirrors = forward
                .request_mirror_policies
                .iter()
                .map(action::mirror)
                .collect::<Result<_, _>>()?;
            Action::Forward(action::forward(forward, notes)?)
        }
        Some(XdsAction::Redirect(redirect)) => Action::Redirect(match notes.get::<Redirect>("redirect") {
            Some(noted) => noted,
            None => action::redirect(redirect)?,
        }),
        Some(XdsAction::DirectResponse(direct)) => match notes.get::<Failure>("fail") {
            Some(failure) => Action::Fail(failure),
            None => Action::Respond(respond(direct)?),
        },
        _ => return Err("an action that is neither forwarding, a redirect nor an answer".into()),
    };
    Ok(Route {
        origin: notes.origin(),
        rule: notes.get("rule").unwrap_or_default(),
        matches,
        cors: cors(said, notes)?.map(Box::new),
        fault: fault(said, notes)?.map(Box::new),
        request_headers,
        response_headers,
        mirrors,
        action,
    })
}

fn respond(
    said: &envoy_types::pb::envoy::config::route::v3::DirectResponseAction,
) -> Result<DirectResponse, String> {
    use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
    let body = match said.body.as_ref().and_then(|body| body.specifier.as_ref()) {
        None => None,
        Some(Specifier::InlineString(text)) => Some(text.as_str().into()),
        Some(Specifier::InlineBytes(bytes)) => Some(String::from_utf8_lossy(bytes).into()),
        Some(_) => return Err("an answer from a file".into()),
    };
    let status = u16::try_from(said.status)
        .ok()
        .filter(|status| (200..600).contains(status));
    Ok(DirectResponse {
        status: status.ok_or("an answer whose status is none")?,
        body,
    })
}

fn cors(said: &XdsRoute, notes: &Notes) -> Result<Option<Cors>, String> {
    if let Some(noted) = notes.get::<Cors>("cors") {
        return Ok(Some(noted));
    }
    let policy = said
        .typed_per_filter_config
        .get(CORS)
        .and_then(from_any::<CorsPolicy>);
    policy.as_ref().map(filters::cors).transpose()
}

fn fault(said: &XdsRoute, notes: &Notes) -> Result<Option<Fault>, String> {
    if let Some(noted) = notes.get::<Fault>("fault") {
        return Ok(Some(noted));
    }
    let fault = said
        .typed_per_filter_config
        .get(FAULT)
        .and_then(from_any::<HttpFault>);
    fault.as_ref().map(filters::fault).transpose()
}
