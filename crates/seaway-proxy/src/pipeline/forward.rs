//! The stage that sends a request on.

use std::sync::Arc;

use http::header::HOST;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use seaway_model::{Balancing, Target, UpstreamProtocol};
use seaway_route::effect::{self, HashInput};
use seaway_route::{CompiledDestination, CompiledRoute, Matched, RequestHead};

use super::answer::{Answer, answer};
use super::attempts::Plan;
use super::exchange::Exchange;
use super::finish::Finish;
use super::identity::Identity;
use super::outgoing::{Outgoing, origin_form};
use super::upgrade::Upgrade;
use super::{chance, forwarded, hop, mirror, shares, sink};
use crate::body::{Body, Transfer};
use crate::error::Failure;
use crate::snapshot::Snapshot;
use crate::text;
use crate::upstream::{self, ClusterState, Sent};

/// What the stages before have found out.
pub(crate) struct Stage<'a> {
    /// The configuration that the request lives in.
    pub(crate) snapshot: &'a Arc<Snapshot>,
    /// The route.
    pub(crate) matched: Matched<'a>,
    /// Who the request is for.
    pub(crate) identity: &'a Identity<'a>,
    /// Whether the peer may speak for others.
    pub(crate) trusted: bool,
    /// What is done to the response.
    pub(crate) finish: Finish<'a>,
}

/// Where one request goes.
struct Chosen<'a> {
    cluster: &'a Arc<ClusterState>,
    destination: &'a CompiledDestination,
}

/// A request that is ready to be tried.
pub(crate) struct Ready<'a> {
    pub(crate) plan: Plan<'a>,
    pub(crate) outgoing: Outgoing,
    pub(crate) upgrade: Option<Upgrade>,
    pub(crate) finish: Finish<'a>,
}

/// Everything that comes before the tries. Not an `async fn`, whose future would keep room for all of its arguments
/// twice.
///
/// # Errors
/// Why it cannot be sent, and what is done to the answer that says so.
pub(crate) fn prepare<'a>(
    exchange: &mut Exchange,
    stage: Stage<'a>,
    request: Box<Request<Body>>,
    upgrade: Option<Upgrade>,
) -> Result<Ready<'a>, (Failure, Finish<'a>)> {
    let Stage {
        snapshot,
        matched,
        identity,
        trusted,
        finish,
    } = stage;
    let chosen = match choose(exchange, snapshot, matched.route) {
        Ok(chosen) => chosen,
        Err(failure) => return Err((failure, finish)),
    };
    let finish = finish.with_destination(&chosen.destination.response_headers);
    let config = chosen.cluster.config();
    exchange.cluster = Some(Arc::clone(config));
    let upgrade = match upgrade {
        Some(upgrade) if config.protocol == UpstreamProtocol::Http2 => {
            if upgrade.is_required() {
                return Err((Failure::ConnectRefused, finish));
            }
            None
        }
        other => other,
    };
    let (hash, cookie) = match config.balancing {
        Balancing::RingHash | Balancing::Maglev => hash(exchange, matched.route, &request, identity, trusted),
        Balancing::LeastRequest | Balancing::RoundRobin | Balancing::Random => (None, None),
    };
    let finish = finish.with_cookie(cookie);
    let client = Client {
        trusted,
        upgrade: upgrade.is_some(),
    };
    let outgoing = outgoing(exchange, &matched, &chosen, identity, request, client);
    let mut outgoing = match outgoing {
        Ok(outgoing) => outgoing,
        Err(failure) => return Err((failure, finish)),
    };
    if upgrade.is_none() {
        send_copies(exchange, snapshot, matched.route, &mut outgoing);
    }
    let policy = matched.route.retry();
    if policy.is_some_and(|policy| policy.attempts > 0) {
        outgoing.record(exchange.connection.shared.options.limits.replay_bytes);
    }
    let plan = Plan {
        cluster: chosen.cluster,
        policy,
        hash,
    };
    Ok(Ready {
        plan,
        outgoing,
        upgrade,
        finish,
    })
}

/// The split's next destination. A share that the configuration sends nowhere fails, and only that share.
fn choose<'a>(
    exchange: &mut Exchange,
    snapshot: &'a Arc<Snapshot>,
    route: &'a CompiledRoute,
) -> Result<Chosen<'a>, Failure> {
    let index = shares::destination(snapshot, route);
    let destination = route.destinations.get(index).ok_or(Failure::NoEndpoints)?;
    if let Some((number, _)) = &destination.cluster {
        return Ok(Chosen {
            cluster: snapshot.clusters.at(*number).ok_or(Failure::NoEndpoints)?,
            destination,
        });
    }
    let forward = route.forward();
    match forward.and_then(|forward| Some(&forward.destinations.get(index)?.target)) {
        Some(Target::Fail(failure)) => Err(exchange.blame(failure)),
        _ => Err(Failure::NoEndpoints),
    }
}

/// What a hashing balancer goes by, and the cookie that says it next time where it had to be made up.
fn hash<B>(
    exchange: &Exchange,
    route: &CompiledRoute,
    request: &Request<B>,
    identity: &Identity<'_>,
    trusted: bool,
) -> (Option<u64>, Option<HeaderValue>) {
    let hash_on = route.hash_on();
    if hash_on.is_empty() {
        return (None, None);
    }
    let head = request_head(exchange, request, identity, trusted);
    let client = forwarded::client(&exchange.connection, trusted, request.headers());
    match effect::hash_input(hash_on, &head, client) {
        None => (None, None),
        Some(HashInput::Value(value)) => (Some(upstream::hash_key(&value)), None),
        Some(HashInput::Make(made)) => {
            let value = format!("{:016x}{:016x}", chance::next_u64(), chance::next_u64());
            let cookie = effect::set_cookie(made, &value);
            (Some(upstream::hash_key(value.as_bytes())), cookie)
        }
    }
}

/// What matching and hashing see of a request.
pub(crate) fn request_head<'a, B>(
    exchange: &'a Exchange,
    request: &'a Request<B>,
    identity: &'a Identity<'_>,
    trusted: bool,
) -> RequestHead<'a> {
    RequestHead {
        method: request.method().as_str(),
        host: &identity.host,
        path: &identity.path,
        query: identity.query,
        headers: request.headers(),
        server_name: exchange
            .connection
            .tls
            .as_ref()
            .and_then(|tls| tls.server_name.as_deref()),
        source: Some(forwarded::client(
            &exchange.connection,
            trusted,
            request.headers(),
        )),
    }
}

/// What is known of the client.
#[derive(Clone, Copy)]
struct Client {
    /// It may speak for others.
    trusted: bool,
    /// It asks to leave HTTP.
    upgrade: bool,
}

/// The request as the upstream gets it. The order: what is not meant for it goes, what we say of the client comes, then
/// the route's changes, which may overrule all that, then the destination's.
fn outgoing(
    exchange: &mut Exchange,
    matched: &Matched<'_>,
    chosen: &Chosen<'_>,
    identity: &Identity<'_>,
    mut request: Box<Request<Body>>,
    client: Client,
) -> Result<Outgoing, Failure> {
    let target = effect::upstream_target(matched, &identity.path, identity.query, identity.authority);
    let (version, body) = (request.version(), std::mem::take(request.body_mut()));
    let headers = request.headers_mut();
    hop::strip_request(headers, client.upgrade);
    forwarded::announce(&exchange.connection, client.trusted, headers);
    // What the client sent is still there: no connection header can take it away.
    if exchange.host_field() != Some(target.host) {
        let host = HeaderValue::from_str(target.host);
        headers.insert(
            HOST,
            host.map_err(|_| Failure::BadRequest("the host is not a field value"))?,
        );
    }
    let edits = [
        &matched.route.request_headers,
        &chosen.destination.request_headers,
    ];
    if edits.iter().any(|edit| !edit.is_empty()) {
        edits.iter().for_each(|edit| edit.apply(headers));
    }
    if sink::logs() {
        exchange.request_id = headers.get(forwarded::X_REQUEST_ID).map(text::copy);
        exchange.forwarded_for = headers.get(forwarded::X_FORWARDED_FOR).map(text::copy);
    }
    let uri = origin_form(&target.path_and_query);
    *request.uri_mut() = uri.ok_or(Failure::BadRequest("the target is not a path"))?;
    let outgoing = Outgoing::new(request);
    if body.is_end_stream() {
        return Ok(outgoing);
    }
    let now = tokio::time::Instant::now();
    let transfer = Arc::new(Transfer::new(now));
    exchange.clock.watch(Arc::clone(&transfer));
    if body.size_hint().exact().is_some() {
        let rate = exchange.connection.shared.options.limits.rate;
        exchange.clock.hurry(now, rate);
    }
    exchange.upload = Some(Arc::clone(&transfer));
    let mut outgoing = outgoing.with_body(body, transfer);
    if chosen.cluster.config().protocol == UpstreamProtocol::Http1 {
        outgoing.wait_for_continue(version);
    }
    Ok(outgoing)
}

fn send_copies(
    exchange: &Exchange,
    snapshot: &Arc<Snapshot>,
    route: &CompiledRoute,
    outgoing: &mut Outgoing,
) {
    let limit = exchange.connection.shared.options.limits.replay_bytes;
    for index in shares::mirrors(snapshot, route) {
        let mirror = route.mirrors().get(index);
        let Some(cluster) = mirror.and_then(|mirror| snapshot.cluster(&mirror.cluster)) else {
            continue;
        };
        if let Some(place) = mirror::Place::take() {
            let timeout = route.timeout().map(|limit| limit.duration());
            mirror::send(place, Arc::clone(cluster), outgoing.copy(limit), timeout);
        }
    }
}

/// The upstream's answer on its way to the client.
pub(crate) fn deliver(
    mut exchange: Box<Exchange>,
    sent: Sent,
    upgrade: Option<Upgrade>,
    finish: &Finish<'_>,
) -> Box<Response<Body>> {
    exchange.head_arrived();
    exchange.keep(sent.in_flight);
    let mut response = sent.response;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return match upgrade {
            Some(upgrade) => upgrade.accept(exchange, &mut response, finish),
            None => answer(exchange, Answer::Failure(Failure::UpstreamProtocol), Some(finish)),
        };
    }
    if response.status().is_success() && upgrade.is_some_and(|upgrade| upgrade.is_required()) {
        // To the client a success would say that there is a tunnel.
        return answer(exchange, Answer::Failure(Failure::UpstreamProtocol), Some(finish));
    }
    // RFC 9110, 9.3.2: HEAD has no content. Over HTTP/1.1 that goes without saying; an HTTP/2 upstream may send some, and
    // a client must not get it.
    if exchange.method == Method::HEAD {
        *response.body_mut() = Body::Empty;
    }
    *response.version_mut() = Version::HTTP_11;
    response.extensions_mut().clear();
    // RFC 9110, 15.5.22: a 426 says to what the client should upgrade.
    let names_protocol = response.status() == StatusCode::UPGRADE_REQUIRED;
    hop::strip_response(response.headers_mut(), names_protocol);
    finish.apply(response.headers_mut());
    exchange.respond(response)
}
