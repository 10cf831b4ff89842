//! One attempt of a request: choose an endpoint, take or make a connection, send, and wait for the response's head.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use seaway_model::{FailureReason, UpstreamProtocol};
use smallvec::SmallVec;

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
    let cluster = attempt.cluster;
    cluster.resolved().await;
    let mut avoid: SmallVec<[SocketAddr; 4]> = SmallVec::from_slice(attempt.avoid);
    let mut request = request;
    let mut tries = 0;
    loop {
        let Some(endpoint) = cluster.choose(attempt.hash, &avoid, &mut || fastrand::u64(..)) else {
            return Err(SendError {
                failure: Failure::NoEndpoints,
                endpoint: None,
                request: Some(request),
                reused: false,
            });
        };
        let address = endpoint.address;
        let in_flight = InFlight::begin(cluster.live(), endpoint);
        let failed = match exchange(cluster, in_flight, request).await {
            Ok((response, in_flight, reused)) => {
                return Ok(Sent {
                    response,
                    endpoint: address,
                    in_flight,
                    reused,
                });
            }
            Err(failed) => failed,
        };
        tries += 1;
        match failed.request {
            Some(back) if goes_on(cluster, failed.failure, tries) && !avoid.contains(&address) => {
                avoid.push(address);
                request = back;
            }
            request => {
                return Err(SendError {
                    failure: failed.failure,
                    endpoint: Some(address),
                    request,
                    reused: failed.reused,
                });
            }
        }
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
    request: Option<Request<Body>>,
    reused: bool,
}

type Exchanged = Result<(Response<Incoming>, InFlight, bool), Failed>;

async fn exchange(cluster: &ClusterState, in_flight: InFlight, request: Request<Body>) -> Exchanged {
    match cluster.config().protocol {
        UpstreamProtocol::Http1 => exchange_http1(cluster, in_flight, request).await,
        UpstreamProtocol::Http2 => exchange_http2(cluster, in_flight, request).await,
    }
}

async fn exchange_http1(
    cluster: &ClusterState,
    mut in_flight: InFlight,
    mut request: Request<Body>,
) -> Exchanged {
    shape::for_http1(&mut request);
    let upgrade = shape::is_upgrade(&request);
    loop {
        let pooled = pool::take_http1(&in_flight.endpoint().place).await;
        let reused = pooled.is_some();
        let mut sender = match pooled {
            Some(sender) => sender,
            None => match connect::http1(cluster, in_flight.endpoint()).await {
                Ok(sender) => sender,
                Err(failure) => return Err(given_back(failure, request)),
            },
        };
        match sender.try_send_request(request).await {
            Ok(mut response) => {
                shape::check_response(&mut response, upgrade).map_err(|failure| lost(failure, reused))?;
                in_flight.hold(Lease::Http1(sender));
                return Ok((response, in_flight, reused));
            }
            Err(mut error) => match error.take_message() {
                Some(back) if reused => request = back,
                Some(back) => return Err(given_back(classify::exchange(error.error()), back)),
                None => return Err(lost(classify::exchange(error.error()), reused)),
            },
        }
    }
}

async fn exchange_http2(
    cluster: &ClusterState,
    mut in_flight: InFlight,
    mut request: Request<Body>,
) -> Exchanged {
    if shape::is_upgrade(&request) {
        let failure = Failure::Configuration(FailureReason::UnsupportedBackend, 502);
        return Err(given_back(failure, request));
    }
    if let Err(failure) = shape::for_http2(&mut request) {
        return Err(given_back(failure, request));
    }
    loop {
        let (mut sender, guard, reused) = match connect::http2(cluster, in_flight.endpoint()).await {
            Ok(taken) => taken,
            Err(failure) => return Err(given_back(failure, request)),
        };
        match sender.try_send_request(request).await {
            Ok(mut response) => {
                shape::check_response(&mut response, false).map_err(|failure| lost(failure, reused))?;
                in_flight.hold(Lease::Http2(guard));
                return Ok((response, in_flight, reused));
            }
            Err(mut error) => {
                let failure = classify::exchange(error.error());
                let back = error.take_message();
                if back.is_some() {
                    pool::drop_http2(&in_flight.endpoint().place, guard.link());
                }
                match back {
                    Some(back) if reused => request = back,
                    Some(back) => return Err(given_back(failure, back)),
                    None => return Err(lost(failure, reused)),
                }
            }
        }
    }
}

/// Nothing was sent.
fn given_back(failure: Failure, request: Request<Body>) -> Failed {
    Failed {
        failure,
        request: Some(request),
        reused: false,
    }
}

/// Something was sent.
fn lost(failure: Failure, reused: bool) -> Failed {
    Failed {
        failure,
        request: None,
        reused,
    }
}
