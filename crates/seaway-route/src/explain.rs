//! Why a request, or a connection that is relayed, goes where it goes.
//!
//! The decision is the proxy's own: the same `decide`, watched, and the same functions of [`crate::effect`]. What is added
//! here is what comes before a proxy's decision (which listener, is there a certificate) and the telling of it. What an
//! explanation cannot know is what chance and health decide: it gives shares, and all endpoints.

mod answer;
mod because;
mod connection;
mod line;
mod nowhere;
mod policies;
mod request;
mod shares;
mod text;

use std::borrow::Cow;

pub use answer::{
    AbortShare, ActionKind, Answer, Considered, DelayShare, DestinationShare, Endpoints, Explanation,
    FaultShares, HeaderChanges, MirrorShare, Mode, RedirectAnswer, Retries, RouteRef, UpstreamRequest,
};
pub use line::explain_json_line;
pub use policies::Policies;
pub use request::{ExplainRequest, Scheme, UnusableRequest};
use seaway_model::{Action, Protocol};

use crate::conditions::Miss;
use crate::decide::Observer;
use crate::effect::{RedirectRequest, redirect_location};
use crate::{
    CompiledRoute, Decision, ListenerTable, Matched, PreflightAnswer, RequestHead, RouteTable, normalize,
};

/// So many routes that did not match are told; the rest is counted.
const MOST_CONSIDERED: usize = 50;

/// Explains what the gateway does with a request.
#[must_use]
pub fn explain<'a>(table: &'a RouteTable, request: &'a ExplainRequest<'a>) -> Explanation<'a> {
    let Some(listener) = find_listener(table, request) else {
        return Explanation::none(nowhere::no_listener(table, request).into());
    };
    let mut explanation = match connection::explain_connection(table, listener, request) {
        Some(explanation) => explanation,
        None => explain_request(listener, request),
    };
    explanation.listener = Some(&listener.listener().name);
    explanation
}

/// The listener on the request's port; of several the first that speaks its scheme, else the first that could take it
/// for something else. A datagram and a connection never meet the same listener.
fn find_listener<'a>(table: &'a RouteTable, request: &ExplainRequest<'_>) -> Option<&'a ListenerTable> {
    let udp = |protocol| protocol == Protocol::Udp;
    let wanted = request.scheme.protocol();
    let on_port = || {
        let listeners = table.listeners().iter();
        listeners.filter(|l| l.listener().port == request.port && udp(l.listener().protocol) == udp(wanted))
    };
    on_port()
        .find(|l| l.listener().protocol == wanted)
        .or_else(|| on_port().next())
}

fn explain_request<'a>(listener: &'a ListenerTable, request: &'a ExplainRequest<'a>) -> Explanation<'a> {
    let bad = |because: String| Explanation::respond(400, "bad_request", because.into());
    let authority = match request.authority() {
        Ok(authority) => authority,
        Err(because) => return bad(because),
    };
    if request.method == "CONNECT" {
        return Explanation::respond(
            405,
            "connect_refused",
            "CONNECT asks for a tunnel, and there are none".into(),
        );
    }
    let path = match normalize::path(request.path) {
        Ok(path) => path,
        Err(because) => return bad(because.to_string()),
    };
    if let Some(Err(because)) = request.query.map(normalize::query) {
        return bad(because.to_string());
    }
    let head = RequestHead {
        method: request.method,
        host: &authority.host,
        path: &path,
        query: request.query,
        headers: &request.headers,
        server_name: request.server_name(),
        source: request.source,
    };
    let mut watch = Watch::default();
    let decision = listener.decide_watched(&head, &mut watch);
    let mut explanation = match decision {
        Decision::Route(matched) => explain_match(&matched, request, &head, authority.port),
        Decision::Misdirected => {
            let because = format!("the connection's certificate is not the one for {}", head.host);
            Explanation::respond(421, "misdirected", because.into())
        }
        Decision::NoRoute { virtual_host } => {
            let because = match virtual_host {
                Some(host) => format!("no route of {} takes this request", host.host),
                None => nowhere::no_route_for(head.host, listener.listener()),
            };
            let mut explanation = Explanation::respond(404, "no_route", because.into());
            explanation.virtual_host = virtual_host.map(|v| &v.host);
            explanation
        }
    };
    explanation.considered = watch.tell(&head);
    explanation.considered_more = watch.more;
    explanation
}

fn explain_match<'a>(
    matched: &Matched<'a>,
    request: &'a ExplainRequest<'a>,
    head: &RequestHead<'_>,
    port: Option<u16>,
) -> Explanation<'a> {
    let route = &*matched.route.route;
    let cors = matched.route.cors.as_ref();
    let preflight = cors.and_then(|c| c.preflight(head.method, head.headers));
    let mut explanation = if let Some(preflight) = preflight {
        let because = if preflight.is_allowed {
            "CORS answers the preflight request"
        } else {
            "CORS answers the preflight request without a permission: the origin is not allowed"
        };
        Explanation::respond(PreflightAnswer::STATUS, "cors_preflight", Cow::Borrowed(because))
    } else {
        let mut explanation = match &route.action {
            Action::Forward(forward) => shares::forward(matched, forward, request, head),
            Action::Redirect(redirect) => {
                let location = redirect_location(
                    redirect,
                    &RedirectRequest {
                        scheme: request.scheme.as_str(),
                        host: head.host,
                        port,
                        path: head.path,
                        query: head.query,
                        matched_path: matched.matched_path,
                    },
                );
                Explanation {
                    redirect: Some(RedirectAnswer {
                        status: redirect.status,
                        location,
                    }),
                    ..Explanation::new(ActionKind::Redirect)
                }
            }
            Action::Respond(response) => Explanation::respond(
                response.status,
                "direct_response",
                Cow::Borrowed("the route says so"),
            ),
            Action::Fail(failure) => Explanation::fail(failure),
        };
        explanation.fault = route.fault.as_deref().map(FaultShares::new);
        explanation
    };
    explanation.virtual_host = Some(&matched.virtual_host.host);
    explanation.route = Some(RouteRef::from(route));
    explanation
}

/// Remembers the routes that were considered.
#[derive(Default)]
struct Watch<'t> {
    seen: Vec<(&'t CompiledRoute, Option<Miss>)>,
    more: usize,
}

impl<'t> Observer<'t> for Watch<'t> {
    const EVERYTHING: bool = true;

    fn considered(&mut self, route: &'t CompiledRoute, miss: Option<Miss>) {
        if miss.is_some() && self.seen.len() >= MOST_CONSIDERED {
            self.more += 1;
        } else {
            self.seen.push((route, miss));
        }
    }
}

impl<'t> Watch<'t> {
    fn tell(&self, head: &RequestHead<'_>) -> Vec<Considered<'t>> {
        let tell = |(route, miss): &(&'t CompiledRoute, Option<Miss>)| Considered {
            route: RouteRef::from(&*route.route),
            matched: miss.is_none(),
            because: because::because(route, *miss, head),
        };
        self.seen.iter().map(tell).collect()
    }
}

#[cfg(test)]
mod tests;
