//! One attempt of a request: choose an endpoint, take or make a connection, send, and wait for the response's head.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use http::uri::Authority;
use http::{Request, Response, StatusCode, header};
use seaway_model::{FailureReason, UpstreamProtocol};

use super::cluster::ClusterState;
use super::connect;
use super::dial::ClientAddress;
use super::http1::Call;
use super::in_flight::InFlight;
use super::members::Member;
use super::outlier::Event;
use super::slot::Slot;
use super::transport::Label;
use super::{pool, shape};
use crate::body::Body;
use crate::error::Failure;

/// Addresses of a name that one attempt tries to connect to.
const NAME_ADDRESSES: usize = 4;

/// Where an attempt goes.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The cluster.
    pub cluster: &'a Arc<ClusterState>,
    /// What a hashing policy goes by ([`super::hash_key`]); `None`: chance.
    pub hash: Option<u64>,
    /// Endpoints that were tried before; others are preferred.
    pub avoid: &'a [SocketAddr],
    /// Who asks, for clusters whose endpoints want to know by the PROXY protocol.
    pub client: Option<Client<'a>>,
}

/// Who asks. Borrowed, since hardly any cluster wants to know, and every future on the way would keep room for it.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The client.
    pub peer: &'a SocketAddr,
    /// What it connected to.
    pub local: &'a SocketAddr,
}

/// An attempt that was answered.
#[derive(Debug)]
pub struct Sent {
    /// The answer. After a 101, [`crate::switch::of`] gives the tunnel.
    pub response: Box<Response<Body>>,
    /// Who answered.
    pub endpoint: SocketAddr,
    /// Keep it until the body, or the tunnel, has ended.
    pub in_flight: InFlight,
    /// Whether the connection had served before.
    pub reused: bool,
}

/// An attempt that was not.
#[derive(Debug)]
pub struct SendError {
    /// Why.
    pub failure: Failure,
    /// Who failed; `None` when there was nobody to choose.
    pub endpoint: Option<SocketAddr>,
    /// The request, whenever nothing of it was sent; in the form that the wire wants, fit to be sent again.
    pub request: Option<Box<Request<Body>>>,
    /// Whether the connection had served before. If so, an idle one was probably just being closed.
    pub reused: bool,
}

/// Where an attempt is: stays with the caller when it gives the attempt up, which drops everything else.
#[derive(Debug)]
pub(crate) struct Trail<'a> {
    /// Where it is noted who was asked last. The caller's, so that no future keeps room for it.
    endpoint: &'a mut Option<SocketAddr>,
    /// Where somebody wants to know how it ends.
    member: Option<Arc<Member>>,
}

impl<'a> Trail<'a> {
    pub(crate) fn new(endpoint: &'a mut Option<SocketAddr>) -> Self {
        Self {
            endpoint,
            member: None,
        }
    }

    /// The request is about to be sent.
    fn sends(&mut self, cluster: &ClusterState, member: &Arc<Member>) {
        *self.endpoint = Some(member.address);
        self.member = cluster.judges_answers().then(|| Arc::clone(member));
    }

    /// The caller has waited too long for an answer.
    pub(crate) fn timed_out(&mut self, cluster: &ClusterState) {
        if let Some(member) = self.member.take() {
            cluster.report(&member.state, Event::Unanswered);
        }
    }
}

/// An attempt that was not answered, where the request stays with the caller.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) failure: Failure,
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) reused: bool,
}

/// Sends a request once and returns when the head of its response is here.
///
/// The request has its final path and Host. A pooled connection that was closed before anything was written is
/// replaced without a word. Where the cluster is a DNS name, an address that cannot be connected to is followed by
/// the name's others, as every client of names does; where it is a list of endpoints, trying another is the
/// caller's decision. There is no time-out but that of connecting; dropping the future gives the attempt up.
///
/// # Errors
/// [`SendError`] says what failed, and gives the request back when nothing of it was sent.
pub async fn send(attempt: Attempt<'_>, request: impl Into<Box<Request<Body>>>) -> Result<Sent, SendError> {
    let mut slot = Slot::once(request.into());
    let mut endpoint = None;
    let result = send_from(attempt, &mut slot, &mut Trail::new(&mut endpoint)).await;
    result.map_err(|unanswered| SendError {
        failure: unanswered.failure,
        endpoint: unanswered.endpoint,
        request: slot.take(),
        reused: unanswered.reused,
    })
}

/// The same with the request in a place of the caller's. It is there again after an error, if nothing of it was sent.
///
/// A request is some 260 bytes. Passed by value, each future on the way keeps room for it twice and moves it; and rare
/// ways (a new connection) are boxed, so that the future of the usual one is small. See the test of its size.
pub(crate) async fn send_from(
    attempt: Attempt<'_>,
    slot: &mut Slot,
    trail: &mut Trail<'_>,
) -> Result<Sent, Unanswered> {
    let cluster = attempt.cluster;
    if !cluster.is_resolved() {
        Box::pin(cluster.resolved()).await;
    }
    // Grows only where connecting failed.
    let mut tried: Vec<SocketAddr> = Vec::new();
    let mut tries = 0;
    loop {
        let avoid = if tried.is_empty() {
            attempt.avoid
        } else {
            tried.as_slice()
        };
        let Some(member) = cluster.choose(attempt.hash, avoid, &mut || fastrand::u64(..)) else {
            return Err(nowhere(Failure::NoEndpoints));
        };
        let address = member.address;
        let limit = cluster.config().circuit_breakers.max_requests;
        let mut in_flight = InFlight::begin(cluster.live(), member, limit).map_err(nowhere)?;
        let exchanged = match cluster.config().protocol {
            UpstreamProtocol::Http1 => exchange_http1(&attempt, &mut in_flight, slot, trail).await,
            UpstreamProtocol::Http2 => exchange_http2(&attempt, &mut in_flight, slot, trail).await,
        };
        trail.member = None;
        let failed = match exchanged {
            Ok((response, reused)) => {
                answered(cluster, &mut in_flight, &response);
                return Ok(Sent {
                    response,
                    endpoint: address,
                    in_flight,
                    reused,
                });
            }
            Err(failed) => failed,
        };
        if is_of_local_origin(failed.failure) {
            cluster.report(&in_flight.member().state, Event::Unanswered);
        }
        drop(in_flight);
        tries += 1;
        let again = !slot.is_empty() && goes_on(cluster, failed.failure, tries) && !avoid.contains(&address);
        if !again {
            return Err(Unanswered {
                failure: failed.failure,
                endpoint: Some(address),
                reused: failed.reused,
            });
        }
        if tried.is_empty() {
            tried.extend_from_slice(attempt.avoid);
        }
        tried.push(address);
    }
}

/// Whether another address of the same name is tried.
fn goes_on(cluster: &ClusterState, failure: Failure, tries: usize) -> bool {
    let addresses = cluster.live().set.load().members.len().min(NAME_ADDRESSES);
    failure.is_unreachable() && cluster.is_name() && tries < addresses
}

/// Tells the outlier detection what the answer was. That of a gRPC request is in its trailers, unless it has none.
fn answered(cluster: &Arc<ClusterState>, in_flight: &mut InFlight, response: &Response<Body>) {
    if !cluster.judges_answers() {
        return;
    }
    let headers = response.headers();
    let grpc = headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if grpc && response.status() == StatusCode::OK {
        in_flight.await_status(cluster);
        let status = headers.get("grpc-status").and_then(|status| status.to_str().ok());
        if let Some(status) = status.and_then(|status| status.parse().ok()) {
            in_flight.grpc_status(status);
        }
        return;
    }
    let status = response.status().as_u16();
    cluster.report(&in_flight.member().state, Event::Answered(status));
}

/// Whether a failure after the connection was made is the endpoint's. One while it is being made has been counted.
fn is_of_local_origin(failure: Failure) -> bool {
    matches!(
        failure,
        Failure::UpstreamReset | Failure::RefusedStream | Failure::UpstreamProtocol
    )
}

/// Nobody was asked.
fn nowhere(failure: Failure) -> Unanswered {
    Unanswered {
        failure,
        endpoint: None,
        reused: false,
    }
}

/// The host of a request, without its port.
fn host(request: &Request<Body>) -> Option<&str> {
    let field = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = field.or_else(|| request.uri().authority().map(Authority::as_str))?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address),
        None => Some(authority.split_once(':').map_or(authority, |(host, _)| host)),
    }
}

fn label(attempt: &Attempt<'_>, member: &Member, request: &Request<Body>) -> Result<Label, Failed> {
    let transport = &member.place.transport;
    let client = |client: Client<'_>| ClientAddress {
        peer: *client.peer,
        local: *client.local,
    };
    let client = attempt.client.map(client);
    transport.label(|| host(request), client).map_err(unsent)
}

struct Failed {
    failure: Failure,
    reused: bool,
}

type Exchanged = Result<(Box<Response<Body>>, bool), Failed>;

async fn exchange_http1(
    attempt: &Attempt<'_>,
    in_flight: &mut InFlight,
    slot: &mut Slot,
    trail: &mut Trail<'_>,
) -> Exchanged {
    let Some(request) = slot.request() else {
        return Err(nothing());
    };
    shape::for_http1(request);
    let label = label(attempt, in_flight.member(), request)?;
    loop {
        let pooled = pool::take_http1(&in_flight.member().place, &label).await;
        let (connection, reused) = match pooled {
            Some(connection) => (connection, true),
            None => Box::pin(connect::http1(attempt.cluster, in_flight.member(), &label))
                .await
                .map_err(unsent)?,
        };
        trail.sends(attempt.cluster, in_flight.member());
        let mut call = Call::new(connection);
        let answered = poll_fn(|cx| call.poll(cx, slot, &in_flight.member().place)).await;
        match answered {
            Ok(response) => return Ok((response, reused)),
            Err(failure) if slot.is_empty() => return Err(Failed { failure, reused }),
            // The endpoint had closed it. Whatever else keeps a request from being sent would do so again.
            Err(Failure::UpstreamReset) if reused => {}
            Err(failure) => return Err(unsent(failure)),
        }
    }
}

async fn exchange_http2(
    attempt: &Attempt<'_>,
    in_flight: &mut InFlight,
    slot: &mut Slot,
    trail: &mut Trail<'_>,
) -> Exchanged {
    slot.keep();
    let Some(request) = slot.request() else {
        return Err(nothing());
    };
    if shape::is_upgrade(request) {
        let failure = Failure::Configuration(FailureReason::UnsupportedBackend, 502);
        return Err(unsent(failure));
    }
    let encrypted = in_flight.member().place.transport.tls.is_some();
    shape::for_http2(request, encrypted).map_err(unsent)?;
    let label = label(attempt, in_flight.member(), request)?;
    loop {
        let pooled = pool::take_http2(&in_flight.member().place, &label).await;
        let (mut sender, guard, reused) = match pooled {
            Some((sender, guard)) => (sender, guard, true),
            None => Box::pin(connect::http2(attempt.cluster, in_flight.member(), &label))
                .await
                .map_err(unsent)?,
        };
        trail.sends(attempt.cluster, in_flight.member());
        let sent = poll_fn(|cx| sender.poll_sent(cx, slot)).await;
        drop(sender);
        let answered = match sent {
            Ok(sent) => sent.await,
            Err(failure) => Err(failure),
        };
        match answered {
            Ok(mut response) => {
                shape::check_response(&mut response, false).map_err(|failure| Failed { failure, reused })?;
                in_flight.hold(guard);
                return Ok((response, reused));
            }
            Err(failure) if slot.is_empty() => return Err(Failed { failure, reused }),
            Err(failure) => {
                pool::drop_http2(&in_flight.member().place, guard.link());
                if !reused {
                    return Err(unsent(failure));
                }
            }
        }
    }
}

/// Nothing was sent.
fn unsent(failure: Failure) -> Failed {
    Failed {
        failure,
        reused: false,
    }
}

/// No caller leaves the place empty; one that did would get an answer all the same.
fn nothing() -> Failed {
    unsent(Failure::UpstreamReset)
}
