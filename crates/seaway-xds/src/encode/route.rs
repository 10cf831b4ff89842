//! A route, and the copies of it that Envoy needs to mean the same.

use envoy_types::pb::envoy::config::route::v3::route::Action as XdsAction;
use envoy_types::pb::envoy::config::route::v3::route_match::GrpcRouteMatchOptions;
use envoy_types::pb::envoy::config::route::v3::{DirectResponseAction, Route as XdsRoute, RouteMatch};
use seaway_model::{Action, Cors, FieldChanges, Match, OriginMatch, PathMatch, Route};

use super::headers::Changes;
use super::{Losses, Place, action, filters, matching, redirect};
use crate::decode;
use crate::notes::Notes;
use crate::words::{headers, inline, removed};

/// The route first, then its copies, which only widen what is taken or change what is done to gRPC requests.
pub(crate) fn route(route: &Route, place: &Place<'_>, losses: &mut Losses) -> Vec<XdsRoute> {
    let mut notes = Notes::new(&route.origin);
    if route.rule != 0 {
        notes.set("rule", route.rule);
    }
    let matches = matching::matches(&route.matches);
    let mut lost = matches.losses;
    notes.unless_read(
        "match",
        &route.matches,
        decode::matching::matches(&matches.first).ok().as_ref(),
    );
    let mut made = XdsRoute {
        r#match: Some(matches.first),
        ..XdsRoute::default()
    };
    act(route, place, &mut made, &mut notes, &mut lost);
    let gained = add_filters(route, &mut made, &mut notes, &mut lost);
    made.metadata = notes.into_metadata();
    losses.add(&route.origin, lost);
    let copies: Vec<XdsRoute> = matches
        .others
        .into_iter()
        .map(|other| copy(&made, other))
        .collect();
    let mut all = vec![made];
    all.extend(copies);
    with_grpc(all, gained)
}

fn copy(of: &XdsRoute, matches: RouteMatch) -> XdsRoute {
    XdsRoute {
        r#match: Some(matches),
        metadata: Notes::of_copy().into_metadata(),
        ..of.clone()
    }
}

fn matched_path(matches: &Match) -> &PathMatch {
    match matches {
        Match::When(conditions) => &conditions.path,
        Match::Never { .. } => &PathMatch::Any,
    }
}

fn act(
    route: &Route,
    place: &Place<'_>,
    made: &mut XdsRoute,
    notes: &mut Notes,
    lost: &mut Vec<(&'static str, String)>,
) {
    let path = matched_path(&route.matches);
    let forward = match &route.action {
        Action::Forward(forward) => Some(forward),
        _ => None,
    };
    let requests = Changes::of_requests(&route.request_headers, forward, lost);
    made.request_headers_to_add = headers(requests.route());
    made.request_headers_to_remove = removed(requests.route());
    let answers = Changes::of_answers(&route.response_headers, forward, lost);
    made.response_headers_to_add = headers(answers.route());
    made.response_headers_to_remove = removed(answers.route());
    if answers_depend_on_origin(route.cors.as_deref()) {
        made.response_headers_to_add.extend(headers(&FieldChanges {
            add: vec![("vary".into(), "origin".into())],
            ..FieldChanges::default()
        }));
        notes.set("responseHeaders", &route.response_headers);
    }
    let destinations = forward
        .map(|forward| forward.destinations.as_slice())
        .unwrap_or_default();
    if requests.divided {
        notes.set("requestHeaders", &route.request_headers);
        let said: Vec<_> = destinations.iter().map(|d| &d.request_headers).collect();
        notes.set("destinationRequestHeaders", said);
    }
    if answers.divided {
        notes.set("responseHeaders", &route.response_headers);
        let said: Vec<_> = destinations.iter().map(|d| &d.response_headers).collect();
        notes.set("destinationResponseHeaders", said);
    }
    made.action = Some(match &route.action {
        Action::Forward(forward) => {
            let said = action::forward(forward, &route.mirrors, path, [&requests, &answers], notes, lost);
            let read = decode::action::path_rewrite(&said);
            notes.unless_read("pathRewrite", &forward.rewrite.path, read.as_ref().ok());
            let read = decode::action::retry(said.retry_policy.as_ref()).map(Box::new);
            notes.unless_read("retry", &forward.retry, Some(&read));
            XdsAction::Route(said)
        }
        Action::Redirect(redirect) => {
            let said = redirect::redirect(redirect, path, place);
            let read = decode::action::redirect(&said);
            notes.unless_read("redirect", redirect, read.as_ref().ok());
            XdsAction::Redirect(said)
        }
        Action::Respond(direct) => XdsAction::DirectResponse(DirectResponseAction {
            status: direct.status.into(),
            body: direct.body.as_deref().and_then(inline),
            ..DirectResponseAction::default()
        }),
        Action::Fail(failure) => {
            notes.set("fail", failure);
            XdsAction::DirectResponse(DirectResponseAction {
                status: failure.status.into(),
                body: inline(&format!("{} ({})\n", failure.message, failure.reason.as_str())),
                ..DirectResponseAction::default()
            })
        }
    });
}

/// Whether caches must be told that the answer depends on the origin, which Envoy does not do.
fn answers_depend_on_origin(cors: Option<&Cors>) -> bool {
    cors.is_some_and(|cors| cors.allow_credentials || !cors.allow_origins.contains(&OriginMatch::Any))
}

/// Adds CORS and faults. What a route for gRPC requests has instead, if that is something else.
fn add_filters(
    route: &Route,
    made: &mut XdsRoute,
    notes: &mut Notes,
    lost: &mut Vec<(&'static str, String)>,
) -> Option<XdsRoute> {
    let cors = route.cors.as_ref().map(|cors| filters::cors(cors, lost));
    if cors.is_some() && !matches!(route.action, Action::Forward(_)) {
        let why = "Envoy answers redirects and direct responses without it, preflights among them";
        lost.push(("CORS of what is not forwarded", why.to_owned()));
    }
    if let (Some(said), Some(cors)) = (&route.cors, &cors) {
        notes.unless_read("cors", &**said, decode::filters::cors(cors).as_ref().ok());
    }
    let fault = route.fault.as_ref().map(|fault| filters::fault(fault, false));
    if let (Some(said), Some(fault)) = (&route.fault, &fault) {
        notes.unless_read("fault", &**said, decode::filters::fault(fault).as_ref().ok());
    }
    made.typed_per_filter_config = filters::per_filter(cors.as_ref(), fault.as_ref());
    let special = route.fault.as_ref().filter(|fault| {
        fault
            .abort
            .as_ref()
            .is_some_and(|abort| abort.grpc_status.is_some())
    })?;
    Some(XdsRoute {
        typed_per_filter_config: filters::per_filter(cors.as_ref(), Some(&filters::fault(special, true))),
        ..XdsRoute::default()
    })
}

/// Puts the routes for gRPC requests before the others.
fn with_grpc(all: Vec<XdsRoute>, gained: Option<XdsRoute>) -> Vec<XdsRoute> {
    let Some(gained) = gained else { return all };
    let mut both = Vec::new();
    for route in &all {
        let mut matches = route.r#match.clone().unwrap_or_default();
        matches.grpc = Some(GrpcRouteMatchOptions {});
        let mut grpc = copy(route, matches);
        grpc.typed_per_filter_config = gained.typed_per_filter_config.clone();
        both.push(grpc);
    }
    both.extend(all);
    both
}
