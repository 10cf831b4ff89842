//! Making connections.

use std::net::SocketAddr;
use std::time::Duration;

use seaway_model::ConnectionPool;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::breakers::{ConnectionPermit, Grant, Turn};
use super::cluster::ClusterState;
use super::http2::{self, StreamGuard};
use super::members::Member;
use super::outlier::Event;
use super::pool::{self, Http1Connection, Http2Sender};
use super::stream::{Bytes, Stream};
use super::tls::Within;
use super::transport::Label;
use super::{classify, proxy_header};
use crate::error::Failure;

/// Why a connection was not made, and what an operator should know beside.
#[derive(Debug)]
pub(super) struct Trouble {
    failure: Failure,
    detail: Option<String>,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            detail: None,
        }
    }
}

/// A connection for who found none idle, and whether it was there already: where connections are limited, one may have
/// come free meanwhile.
pub(super) async fn http1(
    cluster: &ClusterState,
    member: &Member,
    label: &Label,
) -> Result<(Box<Http1Connection>, bool), Failure> {
    let permit = match turn(cluster, member, label, pool::seek_http1).await? {
        Grant::Http1(connection) => return Ok((connection, true)),
        Grant::Permit(permit) => permit,
        Grant::Http2(..) => return Err(Failure::Overflow),
    };
    let made = async {
        let stream = open(member, label, Within::Http1, permit).await?;
        Ok(Box::new(Http1Connection::new(
            stream,
            &member.place.transport,
            label,
        )))
    };
    Ok((in_time(cluster, member, made).await?, false))
}

/// A place on an HTTP/2 connection, for who found none free. Requests that come while one is being made wait for it
/// instead of making their own; where connections are limited, as many are made as are needed and allowed. Whether it
/// was there already.
pub(super) async fn http2(
    cluster: &ClusterState,
    member: &Member,
    label: &Label,
) -> Result<(Http2Sender, StreamGuard, bool), Failure> {
    let place = &member.place;
    if place.common.is_some() {
        return match turn(cluster, member, label, pool::seek_http2).await? {
            Grant::Http2(sender, guard) => Ok((sender, guard, true)),
            Grant::Permit(permit) => in_time(cluster, member, new_http2(member, label, permit)).await,
            Grant::Http1(_) => Err(Failure::Overflow),
        };
    }
    let made = async {
        let connecting = pool::connecting(place);
        let _only_one = connecting.lock().await;
        if let Some((sender, guard)) = pool::take_http2(place, label).await {
            return Ok((sender, guard, true));
        }
        let permit = cluster.live().breakers.try_connect(None);
        new_http2(member, label, permit.ok_or(Failure::Overflow)?).await
    };
    in_time(cluster, member, made).await
}

async fn new_http2(
    member: &Member,
    label: &Label,
    permit: ConnectionPermit,
) -> Result<(Http2Sender, StreamGuard, bool), Trouble> {
    let stream = open(member, label, Within::Http2, permit).await?;
    let (sender, guard) = http2::handshake(stream, &member.place).await?;
    pool::add_http2(&member.place, &sender, label);
    Ok((sender, guard, false))
}

/// Leave to make a connection, or what makes it needless. Waits only where connections are limited.
async fn turn(
    cluster: &ClusterState,
    member: &Member,
    label: &Label,
    seek: super::breakers::Seek,
) -> Result<Grant, Failure> {
    let breakers = &cluster.live().breakers;
    let Some(common) = &member.place.common else {
        let permit = breakers.try_connect(None);
        return permit.map(Grant::Permit).ok_or(Failure::Overflow);
    };
    let limits = &cluster.config().circuit_breakers;
    match common.turn(&member.place, label, limits, seek)? {
        Turn::Now(grant) => Ok(grant),
        Turn::Later(waiting) => waiting.grant().await,
    }
}

/// A connection that is not HTTP. At the limit it is refused.
pub(super) async fn relay(cluster: &ClusterState, member: &Member, label: &Label) -> Result<Stream, Failure> {
    let limit = cluster.config().circuit_breakers.max_connections;
    let permit = cluster
        .live()
        .breakers
        .try_connect(limit)
        .ok_or(Failure::Overflow)?;
    in_time(cluster, member, open(member, label, Within::Anything, permit)).await
}

/// Waits as long as connecting may take, and tells the endpoint's state how it went.
async fn in_time<T>(
    cluster: &ClusterState,
    member: &Member,
    made: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Failure> {
    let made = timeout(cluster.config().connect_timeout.duration(), made).await;
    let made = made.unwrap_or_else(|_| Err(Failure::ConnectTimeout.into()));
    made.inspect(|_| cluster.report(&member.state, Event::Connected))
        .map_err(|Trouble { failure, detail }| {
            if !is_ours(failure) {
                member
                    .state
                    .connect_failed(detail.or_else(|| Some(failure.to_string())));
                cluster.report(&member.state, Event::Unreachable);
            }
            failure
        })
}

/// Whether the endpoint is not to blame.
fn is_ours(failure: Failure) -> bool {
    match failure {
        Failure::Overload | Failure::Overflow => true,
        Failure::UpstreamTls(fault) => fault.is_ours(),
        _ => false,
    }
}

/// A new connection, ready for the first byte of whoever uses it.
async fn open(
    member: &Member,
    label: &Label,
    within: Within,
    permit: ConnectionPermit,
) -> Result<Stream, Trouble> {
    let transport = &member.place.transport;
    let mut tcp = connect(member).await?;
    set_options(&tcp, transport.pool());
    if let Some(version) = transport.proxy_protocol() {
        let client = label.as_ref().and_then(|bound| bound.client);
        let header = proxy_header::header(version, client);
        tcp.write_all(&header)
            .await
            .map_err(|error| classify::connect(&error))?;
    }
    let bytes = match &transport.tls {
        None => Bytes::Plain(tcp),
        Some(tls) => {
            let shaken = tls.connect(tcp, label, within).await;
            Bytes::Tls(Box::new(shaken.map_err(|error| Trouble {
                failure: error.failure,
                detail: Some(error.detail),
            })?))
        }
    };
    Ok(Stream::new(bytes, &member.place, permit))
}

/// To its address, or to the first of the others of the same name that can be reached.
async fn connect(member: &Member) -> Result<TcpStream, Trouble> {
    let first = to(member.address).await;
    let mut result = match first {
        Err(trouble) if !is_ours(trouble.failure) && !member.others.is_empty() => Err(trouble),
        made => return made,
    };
    for address in &member.others {
        result = Box::pin(to(*address)).await;
        if result.is_ok() {
            break;
        }
    }
    result
}

async fn to(address: SocketAddr) -> Result<TcpStream, Trouble> {
    TcpStream::connect(address).await.map_err(|error| Trouble {
        failure: classify::connect(&error),
        detail: Some(error.to_string()),
    })
}

/// A connection without these options still serves.
fn set_options(tcp: &TcpStream, pool: &ConnectionPool) {
    let _ = tcp.set_nodelay(true);
    let mut keepalive = TcpKeepalive::new();
    match &pool.tcp_keepalive {
        None => {
            keepalive = keepalive
                .with_time(Duration::from_secs(30))
                .with_interval(Duration::from_secs(10))
                .with_retries(3);
        }
        Some(wanted) => {
            if let Some(time) = wanted.time {
                keepalive = keepalive.with_time(time.duration());
            }
            if let Some(interval) = wanted.interval {
                keepalive = keepalive.with_interval(interval.duration());
            }
            if let Some(probes) = wanted.probes {
                keepalive = keepalive.with_retries(probes);
            }
        }
    }
    let socket = SockRef::from(tcp);
    let _ = socket.set_keepalive(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
}
