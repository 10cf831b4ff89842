//! What happens to a request, in order.
//!
//! [`handle`] is the order of the stages and the reason for each place; a stage is a small file of its own. What matching
//! and the effects of a route are is decided in `seaway-route`, by the functions that `explain` calls too; here they are
//! carried out. Endpoints are chosen and spoken to in [`crate::upstream`].
//!
//! State between requests is kept per thread: the counters of splits and mirrors, the generator, the sink of finished
//! requests, timers. A request takes no lock of ours. What it allocates: the exchange, which becomes the response's body, and
//! what it copies of the head for the record; the box of the answer; the target and the header values that go upstream anew;
//! and, towards HTTP/2, a copy of its fields where it may have to be sent again, which is always so for a request that may
//! happen twice and has no body.

mod answer;
mod attempts;
mod chance;
mod clock;
mod exchange;
mod fault;
mod fields;
mod finish;
mod forward;
mod forwarded;
mod hop;
mod identity;
mod max_forwards;
mod mirror;
mod outgoing;
pub(crate) mod proof;
mod redirect;
mod retry;
mod shares;
mod shed;
mod sink;
mod split;
pub(crate) mod timer;
mod tunnel;
mod upgrade;

use std::sync::Arc;

use http::{Request, Response, StatusCode, Version};
use seaway_model::DirectResponse;
use seaway_route::{Decision, Does, PreflightAnswer, normalize};

use self::answer::{Answer, answer};
use self::exchange::Exchange;
use self::fields::Fields;
use self::finish::Finish;
use self::forward::Stage;
use self::upgrade::Upgrade;
use crate::body::Body;
use crate::challenges;
use crate::context::Connection;
use crate::downstream::Handler;
use crate::error::Failure;
use crate::text;

pub use self::shares::connection as l4_destination;

pub use self::mirror::{MirrorCounts, counts as mirror_counts};
pub use self::sink::install as install_sink;

/// The handler that answers by [`handle`].
#[derive(Clone, Copy, Debug)]
pub struct Pipeline;

impl Handler for Pipeline {
    fn handle(
        &self,
        connection: Arc<Connection>,
        request: Box<Request<Body>>,
    ) -> impl Future<Output = Box<Response<Body>>> + Send + 'static + use<> {
        handle(connection, request)
    }
}

/// Answers a request.
///
/// The future never fails: what goes wrong becomes an answer. Dropping it before it is ready means that the client went away.
/// Either way exactly one record of the request reaches this thread's sink, when the response's body has ended or is
/// dropped; that of a request that is shed, at once. A request that was upgraded is recorded when its tunnel closes.
///
/// Runs on a tokio runtime of the current thread; it spawns mirrors and tunnels there.
pub async fn handle(connection: Arc<Connection>, mut request: Box<Request<Body>>) -> Box<Response<Body>> {
    // Before anything is made for it, a request that is too much is shed.
    if let Some((response, cause)) = shed::shed(&connection, &request) {
        drop(request);
        // Boxed, since those that are let in should not carry the room for it.
        Box::pin(shed::wait(&connection, cause)).await;
        return Box::new(response);
    }
    // From here on the request exists for the log, whatever becomes of it. Its configuration is loaded here, once.
    let fields = Fields::of(request.headers());
    let mut exchange = Exchange::new(connection, &request, &fields);
    let (found, host) = (fields.found, fields.the_host().map(|host| host.map(text::copy)));
    let (uri, snapshot) = (std::mem::take(request.uri_mut()), exchange.connection.snapshot());

    // Lies about the way the request came are taken out before anything can be decided by them.
    let trusted = forwarded::is_trusted(&exchange.connection);
    if !trusted {
        normalize::distrust(request.headers_mut());
    }
    // Who the client has proved to be is no lie, and a route may ask for it.
    proof::vouch(&exchange.connection, request.headers_mut());

    // Who the request is for, said in one way only. After this, all stages read the same host and path.
    let host = match host {
        Ok(host) => host,
        Err(failure) => return answer(exchange, Answer::Failure(failure), None),
    };
    let max_target = exchange.connection.shared.options.limits.head_bytes;
    let identity = match identity::identify(&request, &uri, host.as_ref(), found, max_target) {
        Ok(identity) => identity,
        Err(failure) => return answer(exchange, Answer::Failure(failure), None),
    };
    // Before anything that a configuration can say of the host. An authority cannot be redirected, or failed on purpose.
    if let Some(proof) = challenges::proof(&exchange.connection, request.method(), &identity.path) {
        exchange.because(challenges::REASON);
        let (status, body) = (200, Some(proof));
        return answer(exchange, Answer::Respond(&DirectResponse { status, body }), None);
    }
    // A route's condition on Host must not depend on the version of HTTP that the client speaks.
    identity.add_host_field(host.as_ref(), request.headers_mut());
    if request.version() == Version::HTTP_2 {
        hop::join_cookies(request.headers_mut());
    }
    // Before matching, because an extended CONNECT is matched as the GET that it stands for.
    let upgrade = Upgrade::take(&mut request, found);

    let Some(listener) = snapshot.table.listener(&exchange.connection.listener) else {
        return answer(exchange, Answer::Failure(Failure::NoRoute), None);
    };
    let decision = listener.decide(&forward::request_head(&exchange, &request, &identity, trusted));
    let matched = match decision {
        Decision::Route(matched) => matched,
        Decision::Misdirected => return answer(exchange, Answer::Failure(Failure::Misdirected), None),
        Decision::NoRoute { .. } => return answer(exchange, Answer::Failure(Failure::NoRoute), None),
    };
    let route = matched.route;
    exchange.route = Some(Arc::clone(route));
    let finish = Finish::new(route, request.headers());

    // Before faults: a browser's preflight is about the route and not a request to it, and to fail it hides the fault.
    let cors = route.cors.as_deref();
    if let Some(preflight) = cors.and_then(|c| c.preflight(request.method().as_str(), request.headers())) {
        let status = StatusCode::from_u16(PreflightAnswer::STATUS).unwrap_or(StatusCode::OK);
        return answer(
            exchange,
            Answer::Head(status, preflight.headers),
            Some(&finish.without_cors()),
        );
    }

    // The route's time runs from the head, so a delay on purpose counts, as a slow upstream would.
    let does = route.does();
    if matches!(does, Does::Forward) {
        exchange
            .clock
            .start(route.timeout().map(|limit| limit.duration()));
    }

    // Before the action, since a fault stands for an upstream that misbehaves: no split, mirror or retry sees it.
    if let Some(fault) = route.fault()
        && let Err(failure) = Box::pin(fault::inject(&mut exchange, fault)).await
    {
        return answer(exchange, Answer::Failure(failure), Some(&finish));
    }

    match does {
        Does::Redirect(redirect) => {
            let head = redirect::head(redirect, &exchange, &identity, matched.matched_path);
            answer(exchange, head, Some(&finish))
        }
        Does::Respond(direct) => {
            exchange.because("direct_response");
            answer(exchange, Answer::Respond(direct), Some(&finish))
        }
        Does::Fail(failure) => {
            let failure = exchange.blame(failure);
            answer(exchange, Answer::Failure(failure), Some(&finish))
        }
        Does::Forward => {
            if let Some(end) = max_forwards::count(&mut exchange, &mut request) {
                return answer(exchange, end, Some(&finish));
            }
            let stage = Stage {
                snapshot: &snapshot,
                matched,
                identity: &identity,
                trusted,
                finish,
            };
            let mut ready = match forward::prepare(&mut exchange, stage, request, upgrade) {
                Ok(ready) => ready,
                Err((failure, finish)) => return answer(exchange, Answer::Failure(failure), Some(&finish)),
            };
            match attempts::run(&mut exchange, &ready.plan, &mut ready.outgoing).await {
                Ok(sent) => forward::deliver(exchange, sent, ready.upgrade, &ready.finish),
                Err(failure) => answer(exchange, Answer::Failure(failure), Some(&ready.finish)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, F: Future>(_: impl FnOnce(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_future_of_a_request_stays_small() {
        let size = size_of_future(handle);
        assert!(size <= 2624, "{size} bytes");
    }
}
