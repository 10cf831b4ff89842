//! Making connections.

use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::classify;
use super::cluster::ClusterState;
use super::endpoint::EndpointState;
use super::http2::{self, StreamGuard};
use super::pool::{self, Http1Sender, Http2Sender};
use super::stream::Stream;
use crate::error::Failure;
use crate::small_writes::SmallWrites;

/// A response head must fit; bodies are read in pieces of at most this.
const HTTP1_BUFFER: usize = 256 << 10;
const HTTP1_HEAD: usize = 64 << 10;

/// A new HTTP/1.1 connection.
pub(super) async fn http1(cluster: &ClusterState, endpoint: &EndpointState) -> Result<Http1Sender, Failure> {
    let made = async {
        let stream = tcp(endpoint).await?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HTTP1_BUFFER)
            .max_header_size(HTTP1_HEAD)
            .handshake(TokioIo::new(SmallWrites(stream)))
            .await
            .map_err(|error| classify::connecting(&error))?;
        tokio::spawn(async move {
            // How it ends is told to the request on it; between requests nobody needs to know.
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    };
    let made = timeout(cluster.config().connect_timeout.duration(), made).await;
    judged(cluster, endpoint, made.unwrap_or(Err(Failure::ConnectTimeout)))
}

/// A place on a new HTTP/2 connection, for who found none free. Requests that come while one is being made wait for it
/// instead of making their own. Whether it was there already.
pub(super) async fn http2(
    cluster: &ClusterState,
    endpoint: &EndpointState,
) -> Result<(Http2Sender, StreamGuard, bool), Failure> {
    let made = async {
        let connecting = pool::connecting(&endpoint.place);
        let _only_one = connecting.lock().await;
        if let Some((sender, guard)) = pool::take_http2(&endpoint.place).await {
            return Ok((sender, guard, true));
        }
        let stream = tcp(endpoint).await?;
        let (sender, guard) = http2::handshake(stream).await?;
        pool::add_http2(&endpoint.place, &sender, guard.link());
        Ok((sender, guard, false))
    };
    let made = timeout(cluster.config().connect_timeout.duration(), made).await;
    judged(cluster, endpoint, made.unwrap_or(Err(Failure::ConnectTimeout)))
}

/// Tells the endpoint's state how it went.
pub(super) fn judged<T>(
    cluster: &ClusterState,
    endpoint: &EndpointState,
    made: Result<T, Failure>,
) -> Result<T, Failure> {
    match &made {
        Ok(_) => endpoint.connected(),
        Err(Failure::Overload) => {}
        Err(_) => cluster.connect_failed(endpoint),
    }
    made
}

/// A new connection, ready for the first byte of whoever uses it.
pub(super) async fn tcp(endpoint: &EndpointState) -> Result<Stream, Failure> {
    let stream = TcpStream::connect(endpoint.address)
        .await
        .map_err(|error| classify::connect(&error))?;
    // A connection without these options still serves.
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    Ok(Stream::plain(stream, &endpoint.place))
}
