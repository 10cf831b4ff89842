//! One attempt of a request: choose an endpoint, take or make a connection, send, and wait for the response's head.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use seaway_model::{FailureReason, UpstreamProtocol};

use super::cluster::ClusterState;
use super::connect;
use super::in_flight::{InFlight, Lease};
use super::{classify, pool, shape};
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
}

/// An attempt that was answered.
#[derive(Debug)]
pub struct Sent {
    /// The answer. After a 101, `hyper::upgrade::on` gives the tunnel.
    pub response: Response<Incoming>,
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
    pub request: Option<Request<Body>>,
    /// Whether the connection had served before. If so, an idle one was probably just being closed.
    pub reused: bool,
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
pub async fn send(attempt: Attempt<'_>, request: Request<Body>) -> Result<Sent, SendError> {
    let mut request = Some(request);
    let result = send_from(attempt, &mut request).await;
    result.map_err(|unanswered| SendError {
        failure: unanswered.failure,
        endpoint: unanswered.endpoint,
        request: request.take(),
        reused: unanswered.reused,
    })
}

/// The same with the request in a place of the caller's. It is there again after an error, if nothing of it was sent.
///
/// A request is some 260 bytes. Passed by value, each future on the way keeps room for it twice and moves it; and rare
/// ways (a new connection) are boxed, so that the future of the usual one is small. See the test of its size.
pub(crate) async fn send_from(
    attempt: Attempt<'_>,
    request: &mut Option<Request<Body>>,
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
        let Some(endpoint) = cluster.choose(attempt.hash, avoid, &mut || fastrand::u64(..)) else {
            return Err(Unanswered {
                failure: Failure::NoEndpoints,
                endpoint: None,
                reused: false,
            });
        };
        let address = endpoint.address;
        let mut in_flight = InFlight::begin(cluster.live(), endpoint);
        let exchanged = match cluster.config().protocol {
            UpstreamProtocol::Http1 => exchange_http1(cluster, &mut in_flight, request).await,
            UpstreamProtocol::Http2 => exchange_http2(cluster, &mut in_flight, request).await,
        };
        let failed = match exchanged {
            Ok((response, reused)) => {
                return Ok(Sent {
                    response,
                    endpoint: address,
                    in_flight,
                    reused,
                });
            }
            Err(failed) => failed,
        };
        drop(in_flight);
        tries += 1;
        let again = request.is_some() && goes_on(cluster, failed.failure, tries) && !avoid.contains(&address);
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
    let unreachable = matches!(failure, Failure::ConnectFailed | Failure::ConnectTimeout);
    let addresses = cluster.live().set.load().members.len().min(NAME_ADDRESSES);
    unreachable && cluster.is_name() && tries < addresses
}

struct Failed {
    failure: Failure,
    reused: bool,
}

type Exchanged = Result<(Response<Incoming>, bool), Failed>;

async fn exchange_http1(
    cluster: &ClusterState,
    in_flight: &mut InFlight,
    slot: &mut Option<Request<Body>>,
) -> Exchanged {
    let Some(request) = slot else {
        return Err(nothing());
    };
    shape::for_http1(request);
    let upgrade = shape::is_upgrade(request);
    loop {
        let pooled = pool::take_http1(&in_flight.endpoint().place).await;
        let reused = pooled.is_some();
        let mut sender = match pooled {
            Some(sender) => sender,
            None => Box::pin(connect::http1(cluster, in_flight.endpoint()))
                .await
                .map_err(unsent)?,
        };
        let Some(request) = slot.take() else {
            return Err(nothing());
        };
        match sender.try_send_request(request).await {
            Ok(mut response) => {
                shape::check_response(&mut response, upgrade)
                    .map_err(|failure| Failed { failure, reused })?;
                in_flight.hold(Lease::Http1(sender));
                return Ok((response, reused));
            }
            Err(mut error) => {
                *slot = error.take_message();
                if slot.is_none() {
                    let failure = classify::exchange(error.error());
                    return Err(Failed { failure, reused });
                }
                if !reused {
                    return Err(unsent(classify::exchange(error.error())));
                }
            }
        }
    }
}

async fn exchange_http2(
    cluster: &ClusterState,
    in_flight: &mut InFlight,
    slot: &mut Option<Request<Body>>,
) -> Exchanged {
    let Some(request) = slot else {
        return Err(nothing());
    };
    if shape::is_upgrade(request) {
        let failure = Failure::Configuration(FailureReason::UnsupportedBackend, 502);
        return Err(unsent(failure));
    }
    shape::for_http2(request).map_err(unsent)?;
    loop {
        let pooled = pool::take_http2(&in_flight.endpoint().place).await;
        let (mut sender, guard, reused) = match pooled {
            Some((sender, guard)) => (sender, guard, true),
            None => Box::pin(connect::http2(cluster, in_flight.endpoint()))
                .await
                .map_err(unsent)?,
        };
        let Some(request) = slot.take() else {
            return Err(nothing());
        };
        match sender.try_send_request(request).await {
            Ok(mut response) => {
                shape::check_response(&mut response, false).map_err(|failure| Failed { failure, reused })?;
                in_flight.hold(Lease::Http2(guard));
                return Ok((response, reused));
            }
            Err(mut error) => {
                let failure = classify::exchange(error.error());
                *slot = error.take_message();
                if slot.is_none() {
                    return Err(Failed { failure, reused });
                }
                pool::drop_http2(&in_flight.endpoint().place, guard.link());
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
